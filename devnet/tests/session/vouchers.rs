//! Vouchers that are not worth what they say (RULES.md, T60, T61, T64, T65, T66, T70).

use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use alloy_sol_types::SolValue as _;
use devnet::{ESCROW, Wallet};
use mpp_evm::session::{ChannelId, Escrow as _};
use serde_json::{Value, json};

use crate::answer::units;
use crate::purse::{
    credential_of, flipped, header, header_of, high_s, signed, spoilt, with, with_signature,
};
use crate::shop::{CENT, Shop};
use crate::stage::{Voucher, domain};
use crate::support::in_domain;

/// A shop and a channel with three cents authorized of five, and one spent.
async fn shop_and_channel() -> (Shop, B256) {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 3 * CENT).await;
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    (shop, id)
}

/// Refused on every kind of request, and nothing has changed.
async fn refused(shop: &Shop, id: B256, payload: &Value, status: u16, problem: &str) {
    let before = shop.channel(id).await;
    let runs = shop.kitchen.runs();
    for (method, path) in [
        ("GET", "/cheap"),
        ("HEAD", "/cheap"),
        ("GET", "/metered"),
        ("POST", "/twin"),
    ] {
        let answer = shop.send_paid(method, path, payload, &[]).await;
        answer.refused(status, problem);
        assert_eq!(shop.channel(id).await, before);
    }
    shop.books(runs, 0, 5 * CENT);
}

fn voucher_in(domain: B256, signer: &Wallet, id: B256, amount: u128) -> Bytes {
    let message = Voucher {
        channelId: id,
        cumulativeAmount: amount,
    };
    signer.sign_digest(in_domain(domain, &message)).into()
}

#[tokio::test]
async fn t60_a_voucher_of_another_chain_or_escrow_or_domain_is_not_ours() {
    let (shop, id) = shop_and_channel().await;
    let payer = &shop.stage.payer;
    let other_name = keccak256(
        (
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
            keccak256("Tempo Stream Channel"),
            keccak256("1"),
            U256::from(84532),
            ESCROW,
        )
            .abi_encode(),
    );
    for foreign in [
        domain(8453, ESCROW),
        domain(1, ESCROW),
        domain(84532, Address::repeat_byte(1)),
        domain(84532, shop.stage.token()),
        other_name,
    ] {
        for amount in [CENT, 3 * CENT, 4 * CENT] {
            let payload = signed(
                "voucher",
                id,
                amount,
                &voucher_in(foreign, payer, id, amount),
            );
            refused(&shop, id, &payload, 402, "session/signer-mismatch").await;
        }
    }
    let ours = signed(
        "voucher",
        id,
        4 * CENT,
        &voucher_in(domain(84532, ESCROW), payer, id, 4 * CENT),
    );
    shop.pay("/cheap", &ours).await.served();
}

#[tokio::test]
async fn t60_a_voucher_of_another_channel_is_not_one_of_this() {
    let (shop, id) = shop_and_channel().await;
    let other = shop.channel_of(2, 5 * CENT, 0).await;
    let payload = signed(
        "voucher",
        id,
        4 * CENT,
        &shop.stage.voucher(other, 4 * CENT),
    );
    let before = shop.channel(id).await;
    shop.pay("/cheap", &payload)
        .await
        .refused(402, "session/signer-mismatch");
    assert_eq!(shop.channel(id).await, before);
    shop.counters(other, 0, 0).await;
}

#[tokio::test]
async fn t60_a_voucher_of_another_amount_or_signer_is_refused_before_it_is_found_old() {
    let (shop, id) = shop_and_channel().await;
    for amount in [
        0,
        1,
        CENT,
        3 * CENT - 1,
        3 * CENT,
        3 * CENT + 1,
        5 * CENT,
        u128::MAX,
    ] {
        let by = |wallet: &Wallet| shop.voucher_by(wallet, id, amount);
        for stranger in [
            &shop.stage.stranger,
            &shop.stage.payee,
            &shop.stage.net.buyers[1],
        ] {
            refused(&shop, id, &by(stranger), 402, "session/signer-mismatch").await;
        }
        // A good signature over another amount.
        let other = with(
            &shop.voucher(id, 2 * CENT),
            "cumulativeAmount",
            amount.to_string(),
        );
        refused(&shop, id, &other, 402, "session/signer-mismatch").await;
        refused(
            &shop,
            id,
            &spoilt(&shop.voucher(id, amount)),
            402,
            "session/invalid-signature",
        )
        .await;
        refused(
            &shop,
            id,
            &high_s(&shop.voucher(id, amount)),
            402,
            "session/invalid-signature",
        )
        .await;
    }
}

#[tokio::test]
async fn t60_signatures_of_odd_forms_are_refused() {
    let (shop, id) = shop_and_channel().await;
    let honest = shop.voucher(id, 4 * CENT);
    let text = honest["signature"].as_str().unwrap().to_owned();
    let forms = [
        String::new(),
        "0x".into(),
        text[2..].to_owned(),
        text[..130].to_owned(),
        format!("{text}00"),
        // EIP-2098.
        text[..130].to_owned(),
        // As contract wallets are asked before they are deployed.
        format!("{text}6492649264926492649264926492649264926492649264926492649264926492"),
        format!("0X{}", &text[2..]),
        format!(" {text}"),
        "0x".to_owned() + &"00".repeat(65),
        "0x".to_owned() + &"ff".repeat(65),
    ];
    for form in forms {
        let payload = with(&honest, "signature", form);
        refused(&shop, id, &payload, 402, "session/invalid-signature").await;
    }
    for v in [0, 1, 2, 26, 29, 35, 255] {
        let payload = with_signature(&honest, |bytes| bytes[64] = v);
        refused(&shop, id, &payload, 402, "session/invalid-signature").await;
    }
    let mut missing = honest.clone();
    missing.as_object_mut().unwrap().remove("signature");
    refused(&shop, id, &missing, 402, "session/invalid-signature").await;
    shop.pay(
        "/cheap",
        &with(
            &honest,
            "signature",
            text.to_uppercase().replace("0X", "0x"),
        ),
    )
    .await
    .served();
}

#[tokio::test]
async fn t60_whatever_v_a_voucher_bears_what_is_accepted_is_paid_on_chain() {
    // The first voucher of a channel is recovered, the later ones are checked against its key.
    let (shop, id) = shop_and_channel().await;
    let odd = flipped(&shop.voucher(id, 4 * CENT));
    let answer = shop.pay("/cheap", &odd).await;
    let receipt = answer.served();
    assert_eq!(units(&receipt, "acceptedCumulative"), 4 * CENT);
    let kept = shop.channel(id).await.voucher().unwrap();
    shop.escrow.settle(ChannelId::new(id), &kept).await.unwrap();
    shop.books(2, 4 * CENT, CENT);
    // And as the one a channel is closed with.
    let odd = with(&flipped(&shop.voucher(id, 5 * CENT)), "action", "close");
    shop.pay("/cheap", &odd).await.managed("close");
    shop.books(2, 5 * CENT, 0);

    // Where nothing was recovered yet, it is somebody else's.
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let open = shop.open_payload(&opening, 0);
    let text = open["voucherSignature"].as_str().unwrap().to_owned();
    let mut bytes = hex::decode(text).unwrap();
    bytes[64] = 55 - bytes[64];
    let open = with(&open, "voucherSignature", hex::encode_prefixed(bytes));
    shop.pay("/cheap", &open)
        .await
        .refused(402, "session/signer-mismatch");
    shop.books(0, 0, 0);
}

#[tokio::test]
async fn t60_an_authorized_signer_signs_and_the_payer_no_longer() {
    let shop = Shop::open().await;
    let signer = &shop.stage.net.buyers[2];
    let mut opening = shop.opening(1, 5 * CENT);
    opening.authorizedSigner = signer.address;
    let id = shop.stage.id(&opening);
    let by =
        |wallet: &Wallet, amount| hex::encode_prefixed(shop.stage.voucher_by(wallet, id, amount));
    let open = shop.open_payload(&opening, 0);
    shop.pay("/cheap", &open)
        .await
        .refused(402, "session/signer-mismatch");
    shop.books(0, 0, 0);
    let open = with(&open, "voucherSignature", by(signer, 0));
    shop.pay("/cheap", &open).await.managed("open");
    shop.pay("/cheap", &shop.voucher(id, CENT))
        .await
        .refused(402, "session/signer-mismatch");
    shop.pay("/cheap", &shop.voucher_by(signer, id, CENT))
        .await
        .served();
    shop.pay("/cheap", &shop.close(id, CENT))
        .await
        .refused(402, "session/signer-mismatch");
    let close = with(&shop.voucher_by(signer, id, CENT), "action", "close");
    shop.pay("/cheap", &close).await.managed("close");
    shop.books(1, CENT, 0);
}

#[tokio::test]
async fn t61_no_voucher_lowers_what_is_accepted() {
    let (shop, id) = shop_and_channel().await;
    let kept = shop.channel(id).await.voucher();
    for amount in [0, 1, CENT, 3 * CENT - 1, 3 * CENT] {
        let receipt = shop.note("/cheap", &shop.voucher(id, amount)).await.noted();
        assert_eq!(units(&receipt, "acceptedCumulative"), 3 * CENT);
        shop.counters(id, 3 * CENT, CENT).await;
        assert_eq!(shop.channel(id).await.voucher(), kept);
    }
}

#[tokio::test]
async fn t64_a_replayed_voucher_costs_each_time_until_nothing_is_left() {
    let (shop, id) = shop_and_channel().await;
    let challenge = shop.challenge("/cheap").await;
    let replayed = header(&challenge, None, &shop.voucher(id, 3 * CENT));
    for spent in [2, 3] {
        let receipt = shop
            .get("/cheap", std::slice::from_ref(&replayed))
            .await
            .served();
        assert_eq!(units(&receipt, "spent"), spent * CENT);
    }
    for _ in 0..3 {
        let answer = shop.get("/cheap", std::slice::from_ref(&replayed)).await;
        answer.refused(402, "session/insufficient-balance");
    }
    // An older one buys no more than the newest.
    let older = header(&challenge, None, &shop.voucher(id, CENT));
    let answer = shop.get("/cheap", &[older]).await;
    answer.refused(402, "session/insufficient-balance");
    shop.counters(id, 3 * CENT, 3 * CENT).await;
    shop.books(3, 0, 5 * CENT);
}

#[tokio::test]
async fn t64_a_voucher_on_head_or_an_empty_post_delivers_nothing_and_charges_nothing() {
    let (shop, id) = shop_and_channel().await;
    for path in ["/cheap", "/twin", "/dear", "/first", "/metered", "/stream"] {
        for method in ["HEAD", "POST"] {
            let voucher = shop.voucher(id, 4 * CENT);
            let receipt = shop.send_paid(method, path, &voucher, &[]).await.noted();
            assert_eq!(units(&receipt, "spent"), CENT);
            let empty = ("content-length", "0".to_owned());
            shop.send_paid(method, path, &voucher, &[empty])
                .await
                .noted();
        }
    }
    shop.counters(id, 4 * CENT, CENT).await;
    shop.books(1, 0, 5 * CENT);
}

#[tokio::test]
async fn t64_every_other_request_is_content_and_costs() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 100 * CENT, 50 * CENT).await;
    let mut calls = 0;
    for (method, path) in [
        ("GET", "/cheap"),
        ("PUT", "/cheap"),
        ("DELETE", "/cheap"),
        ("OPTIONS", "/cheap"),
        ("head", "/cheap"),
        ("POST", "/cheap?"),
        ("POST", "/cheap?a"),
        ("BREW", "/cheap"),
    ] {
        let answer = shop
            .send_paid(method, path, &shop.voucher(id, 50 * CENT), &[])
            .await;
        calls += 1;
        answer.served();
        shop.counters(id, 50 * CENT, calls * CENT).await;
    }
    for length in ["1", "00", "x", "-0"] {
        let length = ("content-length", length.to_owned());
        let answer = shop
            .send_paid("POST", "/cheap", &shop.voucher(id, 50 * CENT), &[length])
            .await;
        if answer.status == 204 {
            shop.counters(id, 50 * CENT, calls * CENT).await;
        } else {
            answer.served();
            calls += 1;
        }
    }
    let chunked = ("transfer-encoding", "chunked".to_owned());
    let answer = shop
        .send_paid("POST", "/cheap", &shop.voucher(id, 50 * CENT), &[chunked])
        .await;
    answer.served();
    calls += 1;
    shop.counters(id, 50 * CENT, calls * CENT).await;
    shop.books(usize::try_from(calls).unwrap(), 0, 100 * CENT);
}

#[tokio::test]
async fn t64_opening_adding_and_closing_never_run_the_handler() {
    let shop = Shop::open().await;
    for (salt, (method, path)) in (1..).zip([
        ("GET", "/cheap"),
        ("POST", "/twin?content=1"),
        ("POST", "/first"),
        ("PUT", "/dear"),
        ("GET", "/metered"),
        ("GET", "/stream"),
    ]) {
        let opening = shop.opening(salt, 200 * CENT);
        let id = shop.stage.id(&opening);
        let send = async |payload: Value| {
            let key = ("idempotency-key", "always the same".to_owned());
            shop.send_paid(method, path, &payload, &[key]).await
        };
        send(shop.open_payload(&opening, 150 * CENT))
            .await
            .managed("open");
        send(shop.top_up(id, CENT, salt)).await.managed("topUp");
        shop.counters(id, 150 * CENT, 0).await;
        send(shop.close(id, 0)).await.managed("close");
        shop.counters(id, 150 * CENT, 0).await;
    }
    shop.books(0, 0, 0);
}

#[tokio::test]
async fn t65_nobody_but_the_signer_closes_a_channel() {
    let (shop, id) = shop_and_channel().await;
    for amount in [0, CENT, 3 * CENT, 5 * CENT] {
        for stranger in [&shop.stage.stranger, &shop.stage.payee] {
            let close = with(&shop.voucher_by(stranger, id, amount), "action", "close");
            refused(&shop, id, &close, 402, "session/signer-mismatch").await;
        }
        let mut unsigned = shop.close(id, amount);
        unsigned.as_object_mut().unwrap().remove("signature");
        refused(&shop, id, &unsigned, 402, "session/invalid-signature").await;
        let empty = with(&unsigned, "signature", "");
        refused(&shop, id, &empty, 402, "session/invalid-signature").await;
    }
    assert!(!shop.stage.channel(id).finalized);
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
}

#[tokio::test]
async fn t66_unknown_channels_are_gone_and_leave_nothing() {
    let shop = Shop::open().await;
    for number in 0..200_u32 {
        let id = keccak256(number.to_be_bytes());
        let key = format!("key {number}");
        shop.pay_once("/cheap", &shop.voucher(id, CENT), &key)
            .await
            .refused(410, "session/channel-not-found");
        shop.note("/stream", &shop.voucher(id, CENT))
            .await
            .refused(410, "session/channel-not-found");
        shop.pay("/stream", &shop.close(id, CENT))
            .await
            .refused(410, "session/channel-not-found");
    }
    crate::shop::settle_down().await;
    assert_eq!(shop.store.len().await, 0);
    assert_eq!(shop.store.written(), 0);
    assert!(shop.guard.is_empty());
    shop.books(0, 0, 0);
}

#[tokio::test]
async fn t66_every_spelling_of_an_id_is_one_channel_and_no_other_spelling_is_any() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.voucher(id, 3 * CENT);
    let text = id.to_string();
    let upper = with(
        &voucher,
        "channelId",
        text.to_uppercase().replace("0X", "0x"),
    );
    shop.pay("/cheap", &upper).await.served();
    shop.counters(id, 3 * CENT, 2 * CENT).await;
    for spelling in [
        text[2..].to_owned(),
        text.replace("0x", "0X"),
        format!("{text} "),
        format!("{text}00"),
        format!("0x00{}", &text[2..]),
        text[..64].to_owned(),
        String::new(),
        "0x".into(),
    ] {
        let payload = with(&voucher, "channelId", spelling);
        refused_any(&shop, id, &payload).await;
    }
    for odd in [json!(null), json!(7), json!([text]), json!({"id": text})] {
        refused_any(&shop, id, &with(&voucher, "channelId", odd)).await;
    }
    assert_eq!(shop.store.len().await, 1);
}

async fn refused_any(shop: &Shop, id: B256, payload: &Value) {
    let before = shop.channel(id).await;
    shop.pay("/cheap", payload)
        .await
        .refused(402, "invalid-payload");
    assert_eq!(shop.channel(id).await, before);
}

#[tokio::test]
async fn t70_amounts_at_the_ends_of_u128_are_compared_without_wrapping() {
    let (shop, id) = shop_and_channel().await;
    let max = u128::MAX;
    for amount in [max, max - 1, 5 * CENT + 1, 1 << 127] {
        let exceeds = "session/amount-exceeds-deposit";
        refused(&shop, id, &shop.voucher(id, amount), 402, exceeds).await;
        shop.pay("/cheap", &shop.close(id, amount))
            .await
            .refused(402, exceeds);
    }
    for text in [
        "340282366920938463463374607431768211456",
        "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        "115792089237316195423570985008687907853269984665640564039457584007913129639936",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e3",
        "0x1",
        " 1",
        "1 ",
        "",
        "١",
    ] {
        let payload = with(&shop.voucher(id, CENT), "cumulativeAmount", text);
        shop.pay("/cheap", &payload)
            .await
            .refused(402, "invalid-payload");
        let payload = with(&shop.close(id, CENT), "cumulativeAmount", text);
        shop.pay("/cheap", &payload)
            .await
            .refused(402, "invalid-payload");
    }
    for number in [json!(1), json!(1.5), json!(null), json!([1]), json!(true)] {
        let payload = with(&shop.voucher(id, CENT), "cumulativeAmount", number);
        shop.pay("/cheap", &payload)
            .await
            .refused(402, "invalid-payload");
    }
}

#[tokio::test]
async fn t70_a_deposit_of_all_there_can_be_is_counted_to_the_last_unit() {
    let shop = Shop::open().await;
    let all = shop.stage.balance(shop.stage.payer.address);
    let id = shop.channel_of(1, all, all).await;
    shop.pay("/cheap", &shop.voucher(id, all)).await.served();
    shop.pay("/cheap", &shop.voucher(id, all + 1))
        .await
        .refused(402, "session/amount-exceeds-deposit");
    shop.pay("/cheap", &shop.close(id, CENT))
        .await
        .managed("close");
    shop.books(1, CENT, 0);
}

#[tokio::test]
async fn t64_a_challenge_of_another_route_or_price_is_not_one_of_this() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 300 * CENT, 200 * CENT).await;
    let voucher = shop.voucher(id, 200 * CENT);
    for (asked, sent) in [
        ("/cheap", "/dear"),
        ("/cheap", "/twin"),
        ("/cheap", "/first"),
        ("/metered", "/cheap"),
        ("/cheap", "/metered"),
        ("/metered", "/metered-dear"),
        ("/metered", "/stream"),
        ("/cheap?a=1", "/dear?a=1"),
    ] {
        let header = header(&shop.challenge(asked).await, None, &voucher);
        shop.get(sent, std::slice::from_ref(&header))
            .await
            .refused(402, "invalid-challenge");
        shop.head(sent, &[header])
            .await
            .refused(402, "invalid-challenge");
    }
    // Nor one whose texts were changed.
    let credential = credential_of(&shop.header("/dear", &voucher).await);
    let cheap = credential_of(&shop.header("/cheap", &voucher).await);
    for (member, value) in [
        ("request", cheap["challenge"]["request"].clone()),
        ("expires", json!("2036-01-01T00:00:00Z")),
        ("realm", json!("elsewhere.example")),
        ("opaque", cheap["challenge"]["opaque"].clone()),
        ("id", cheap["challenge"]["id"].clone()),
        ("digest", json!("sha-256=:AAAA:")),
        ("intent", json!("charge")),
    ] {
        let mut changed = credential.clone();
        changed["challenge"][member] = value;
        let answer = shop.get("/dear", &[header_of(&changed.to_string())]).await;
        assert_eq!(answer.status, 402, "{member}");
        answer.refused(402, &answer.problem());
    }
    shop.counters(id, 200 * CENT, 0).await;
    shop.books(0, 0, 300 * CENT);
}

#[tokio::test]
async fn t60_a_challenge_is_good_for_many_vouchers_and_not_a_second_longer() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 300 * CENT, 0).await;
    let challenge = shop.challenge("/cheap").await;
    for call in 1..=20 {
        let header = header(&challenge, None, &shop.voucher(id, call * CENT));
        shop.get("/cheap", &[header]).await.served();
    }
    shop.advance(299);
    let last = header(&challenge, None, &shop.voucher(id, 21 * CENT));
    shop.get("/cheap", &[last]).await.served();
    shop.advance(1);
    for payload in [
        shop.voucher(id, 22 * CENT),
        shop.close(id, 22 * CENT),
        shop.top_up(id, CENT, 1),
    ] {
        let late = header(&challenge, None, &payload);
        shop.get("/cheap", std::slice::from_ref(&late))
            .await
            .refused(402, "payment-expired");
        shop.head("/cheap", &[late])
            .await
            .refused(402, "payment-expired");
    }
    shop.counters(id, 21 * CENT, 21 * CENT).await;
    shop.books(21, 0, 300 * CENT);
}
