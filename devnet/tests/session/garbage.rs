//! What is no credential of a session at all: told so in the protocol's words, and forgotten.

use std::time::Duration;

use alloy_primitives::{B256, hex};
use serde_json::{Value, json};

use crate::purse::{credential_of, header, header_of, with};
use crate::shop::{CENT, Header, Plan, Shop};

async fn shop_and_channel() -> (Shop, B256) {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 3 * CENT).await;
    (shop, id)
}

async fn refused(shop: &Shop, header: Header, status: u16, problem: &str) {
    shop.get("/cheap", &[header]).await.refused(status, problem);
}

/// One honest payload of every shape.
fn payloads(shop: &Shop, id: B256) -> Vec<Value> {
    let opening = shop.opening(7, 5 * CENT);
    let new = shop.stage.id(&opening);
    let mut top_up = shop.top_up(id, CENT, 9);
    for member in ["channelId", "additionalDeposit"] {
        top_up.as_object_mut().unwrap().remove(member);
    }
    vec![
        shop.voucher(id, CENT),
        shop.close(id, 5 * CENT + 1),
        shop.open_payload(&opening, 0),
        shop.open_permit2(&opening, 3, 0),
        shop.open_hash(&opening, B256::ZERO, 0),
        shop.top_up(id, CENT, 2),
        shop.top_up_permit2(id, CENT, 4),
        shop.top_up_hash(id, CENT, B256::ZERO),
        with(
            &shop.voucher(new, CENT),
            "deposit",
            shop.open_member(&opening),
        ),
        with(&shop.voucher(id, CENT), "deposit", top_up),
    ]
}

#[tokio::test]
async fn truncated_credentials_are_malformed() {
    let (shop, id) = shop_and_channel().await;
    let whole = shop.header("/cheap", &shop.voucher(id, CENT)).await;
    let text = credential_of(&whole).to_string();
    for end in (1..text.len()).step_by(7) {
        refused(&shop, header_of(&text[..end]), 402, "malformed-credential").await;
    }
    for end in (9..whole.1.len() - 1).step_by(11) {
        let cut = ("authorization", whole.1[..end].to_owned());
        refused(&shop, cut, 402, "malformed-credential").await;
    }
    for text in ["null", "[]", "7", "\"text\"", "{}", "{} {}", "[[[[[[[["] {
        refused(&shop, header_of(text), 402, "malformed-credential").await;
    }
    let deep = "[".repeat(4000);
    refused(&shop, header_of(&deep), 402, "malformed-credential").await;
    shop.counters(id, 3 * CENT, 0).await;
}

#[tokio::test]
async fn headers_too_large_are_refused_by_their_size() {
    let (shop, id) = shop_and_channel().await;
    for size in [16 * 1024 + 1, 1 << 20, 10 << 20] {
        let answer = shop
            .get(
                "/cheap",
                &[("authorization", format!("Payment {}", "A".repeat(size)))],
            )
            .await;
        assert_eq!(answer.status, 431);
    }
    let long = with(&shop.voucher(id, CENT), "pad", "x".repeat(20_000));
    let answer = shop.pay("/cheap", &long).await;
    assert_eq!(answer.status, 431);
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn actions_and_types_that_are_none_are_refused() {
    let (shop, id) = shop_and_channel().await;
    let honest = shop.voucher(id, CENT);
    for action in [
        json!("refund"),
        json!("Voucher"),
        json!("voucher "),
        json!("topup"),
        json!("settle"),
        json!(""),
        json!(null),
        json!(1),
        json!(["voucher"]),
        json!({"voucher": 1}),
    ] {
        shop.pay("/cheap", &with(&honest, "action", action))
            .await
            .refused(402, "invalid-payload");
    }
    for kind in [
        json!("cash"),
        json!("Hash"),
        json!(""),
        json!(null),
        json!(7),
        json!(["hash"]),
    ] {
        let open = with(
            &shop.open_payload(&shop.opening(7, 5 * CENT), 0),
            "type",
            kind,
        );
        shop.pay("/cheap", &open)
            .await
            .refused(402, "invalid-payload");
    }
    let mut none = honest.clone();
    none.as_object_mut().unwrap().remove("action");
    shop.pay("/cheap", &none)
        .await
        .refused(402, "invalid-payload");
    // Not an object at all.
    let credential = credential_of(&shop.header("/cheap", &honest).await);
    for payload in [
        json!([]),
        json!(null),
        json!("voucher"),
        json!(7),
        json!([honest]),
    ] {
        let credential = with(&credential, "payload", payload);
        refused(
            &shop,
            header_of(&credential.to_string()),
            402,
            "malformed-credential",
        )
        .await;
    }
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn members_of_two_shapes_are_refused() {
    let (shop, id) = shop_and_channel().await;
    let all = payloads(&shop, id);
    let (voucher, open, hash, top_up) = (&all[0], &all[2], &all[4], &all[5]);
    for payload in [
        with(voucher, "type", "hash"),
        with(voucher, "hash", B256::ZERO.to_string()),
        with(voucher, "salt", B256::ZERO.to_string()),
        with(voucher, "topUpSalt", B256::ZERO.to_string()),
        with(voucher, "voucherSignature", voucher["signature"].clone()),
        with(voucher, "authorization", open["authorization"].clone()),
        with(voucher, "additionalDeposit", "1"),
        with(
            voucher,
            "authorizedSigner",
            shop.stage.payer.address.to_string(),
        ),
        with(&shop.close(id, CENT), "type", "authorization"),
        with(open, "hash", B256::ZERO.to_string()),
        with(open, "additionalDeposit", "1"),
        with(open, "topUpSalt", open["salt"].clone()),
        with(hash, "voucherSignature", hash["signature"].clone()),
        with(hash, "authorization", open["authorization"].clone()),
        with(top_up, "cumulativeAmount", "1"),
        with(top_up, "voucherSignature", voucher["signature"].clone()),
        with(top_up, "topUpSalt", top_up["salt"].clone()),
        with(
            top_up,
            "authorizedSigner",
            shop.stage.payer.address.to_string(),
        ),
        with(voucher, "deposit", open.clone()),
        with(voucher, "deposit", voucher.clone()),
        with(voucher, "deposit", all[8].clone()),
        with(voucher, "deposit", json!([open])),
        with(voucher, "deposit", json!("open")),
    ] {
        shop.pay("/cheap", &payload)
            .await
            .refused(402, "invalid-payload");
    }
    shop.counters(id, 3 * CENT, 0).await;
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn members_that_stand_twice_are_refused() {
    let (shop, id) = shop_and_channel().await;
    let credential = credential_of(&shop.header("/cheap", &shop.voucher(id, CENT)).await);
    let text = credential.to_string();
    for (member, again) in [
        ("\"action\":", "\"action\":\"close\",\"action\":"),
        ("\"channelId\":", "\"channelId\":\"0x00\",\"channelId\":"),
        (
            "\"cumulativeAmount\":",
            "\"cumulativeAmount\":\"1\",\"cumulativeAmount\":",
        ),
        ("\"signature\":", "\"signature\":\"0x\",\"signature\":"),
        ("\"payload\":", "\"payload\":{},\"payload\":"),
        ("\"payload\":{", "\"payload\":{\"unknown\":1,\"unknown\":2,"),
        ("\"challenge\":", "\"challenge\":{},\"challenge\":"),
    ] {
        let twice = text.replacen(member, again, 1);
        assert_ne!(twice, text);
        let answer = shop.get("/cheap", &[header_of(&twice)]).await;
        assert!(["malformed-credential", "invalid-payload"].contains(&&*answer.problem()));
        answer.refused(402, &answer.problem());
    }
    let open = credential_of(&shop.header("/cheap", &payloads(&shop, id)[2]).await).to_string();
    for (member, again) in [
        ("\"value\":", "\"value\":\"1\",\"value\":"),
        ("\"nonce\":", "\"nonce\":\"0x00\",\"nonce\":"),
    ] {
        let twice = open.replacen(member, again, 1);
        assert_ne!(twice, open);
        let answer = shop.get("/cheap", &[header_of(&twice)]).await;
        assert!(["malformed-credential", "invalid-payload"].contains(&&*answer.problem()));
    }
    shop.books(0, 0, 5 * CENT);
}

/// Each member of each shape, by each kind of value that it is not.
#[tokio::test]
async fn no_value_in_any_place_is_more_than_refused() {
    let plan = Plan {
        patience: Duration::from_millis(1),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let id = shop.channel_of(1, 5 * CENT, 3 * CENT).await;
    let odd = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(""),
        json!("0x"),
        json!("0xzz"),
        json!("x".repeat(3000)),
        json!([]),
        json!({}),
        json!([[[]]]),
        json!("340282366920938463463374607431768211456"),
        json!("\u{0}\u{feff}"),
        json!(hex::encode_prefixed([0xff; 32])),
        json!(hex::encode_prefixed([0; 20])),
    ];
    let (height, challenge) = (
        shop.stage.net.chain.height(),
        shop.challenge("/cheap").await,
    );
    let source = shop.source(shop.stage.payer.address);
    let mut tried = 0;
    for payload in payloads(&shop, id) {
        for place in places(&payload) {
            for value in &odd {
                // Absent, as null is, they stand for nothing; and these say as much. Some buyers
                // write empty texts for it where they open a channel.
                let empty = place.ends_with("/authorizedSigner") || place == "/voucherSignature";
                let absent = value.is_null() || (empty && *value == "");
                let mut changed = payload.clone();
                let slot = changed.pointer_mut(&place).unwrap();
                if slot == value {
                    continue;
                }
                *slot = value.clone();
                let source = Some(&*source);
                let header = header(&challenge, source, &changed);
                let answer = shop.head("/cheap", &[header]).await;
                let status = answer.status.as_u16();
                let refused = [402, 409, 410].contains(&status);
                // A transaction that nobody knows of may come yet.
                let refused = refused || (status == 503 && payload["hash"].is_string());
                let harmless = absent && [200, 204].contains(&status);
                assert!(
                    refused || harmless || place == "/deposit",
                    "{status}: {place} {value} of {payload}"
                );
                tried += 1;
            }
        }
    }
    assert!(tried > 1000);
    let channel = shop.channel(id).await;
    assert_eq!((channel.accepted(), channel.spent()), (3 * CENT, 0));
    assert!(shop.stage.net.chain.height() <= height + 2);
    assert_eq!(shop.kitchen.runs(), 0);
}

/// Where values stand in a payload.
fn places(payload: &Value) -> Vec<String> {
    fn visit(value: &Value, place: &str, all: &mut Vec<String>) {
        let Value::Object(members) = value else {
            return;
        };
        for (name, value) in members {
            let place = format!("{place}/{name}");
            visit(value, &place, all);
            all.push(place);
        }
    }
    let mut all = Vec::new();
    visit(payload, "", &mut all);
    all
}
