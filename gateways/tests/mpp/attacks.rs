//! What buyers and strangers try, and what it comes to: nothing.

use alloy_primitives::{Address, B256};
use devnet::okx::Endpoint;
use mpp_evm::session::{ChannelId, MemoryChannelStore, Opening};
use serde_json::{Value, json};

use crate::charges::{legs, split};
use crate::purse::{
    BOTH, Words, credential_of, header, header_of, promise, signed_by, source, with,
};
use crate::shop::{CENT, Header, Shop};

const DEPOSIT: u128 = 10 * CENT;

/// Refused without a word to OKX, and nothing done.
async fn refused_here(shop: &Shop, path: &str, paid: &[Header], word: &str, name: &str) {
    let (calls, held) = (shop.okx.calls().len(), shop.purses());
    let runs = shop.kitchen.runs();
    let answer = shop.get(path, paid).await;
    assert_eq!(answer.word(), word, "{name}");
    answer.is_a_no();
    assert_eq!(shop.okx.calls().len(), calls, "{name}: OKX was asked");
    assert_eq!((shop.purses(), shop.kitchen.runs()), (held, runs), "{name}");
}

#[tokio::test]
async fn what_a_buyer_says_of_its_deposit_and_voucher_never_counts() {
    let shop = Shop::open().await;
    let mut open = shop.town.open(Words::Okx, 1, CENT, None);
    // Ours is what is signed and what the chain holds.
    open["deposit"] = Value::Null;
    open["acceptedCumulative"] = "90000".into();
    open["spent"] = "0".into();
    shop.pay("/cheap", &open).await.managed("open");
    let id = shop.id(1);
    shop.counters(id, [CENT, 0, 0, 0]).await;
    // A voucher that nobody has signed is no credit.
    for amount in ["10000", "1"] {
        let unsigned = with(
            &shop.town.open(Words::Okx, 2, CENT, None),
            "cumulativeAmount",
            amount,
        );
        for signature in [None, Some("")] {
            let mut payload = unsigned.clone();
            if let Some(signature) = signature {
                payload["voucherSignature"] = signature.into();
            }
            let paid = shop.header("/cheap", &payload).await;
            let word = "402 session_invalid_signature";
            refused_here(&shop, "/cheap", &[paid], word, amount).await;
        }
    }
    let more = shop.header("/cheap", &shop.voucher(id, CENT + 1)).await;
    let word = "402 session_amount_exceeds_deposit";
    refused_here(&shop, "/cheap", &[more], word, "above the deposit").await;
    let additional = with(
        &shop.top_up(Words::Okx, id, CENT, 1),
        "additionalDeposit",
        (1000 * CENT).to_string(),
    );
    let paid = shop.header("/cheap", &additional).await;
    refused_here(
        &shop,
        "/cheap",
        &[paid],
        "402 verification_failed",
        "top-up",
    )
    .await;
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
    shop.counters(id, [CENT, CENT, CENT, 0]).await;
    shop.holds(0, 0, CENT);
}

/// The payer's own signed opening, but of another channel than the route's.
#[tokio::test]
async fn an_opening_for_somebody_else_is_refused_before_okx_hears_of_it() {
    let shop = Shop::open().await;
    let ours = shop.opening(1);
    let other = Address::repeat_byte(9);
    let foreign: [(&str, Opening); 5] = [
        (
            "payee",
            Opening {
                payee: other,
                ..ours
            },
        ),
        (
            "token",
            Opening {
                token: other,
                ..ours
            },
        ),
        (
            "escrow",
            Opening {
                escrow: other,
                ..ours
            },
        ),
        (
            "chain",
            Opening {
                chain_id: 1,
                ..ours
            },
        ),
        (
            "payer",
            Opening {
                payer: other,
                ..ours
            },
        ),
    ];
    for (name, opening) in foreign {
        for words in BOTH {
            let payload = shop.open_of(words, &opening, DEPOSIT, None);
            let paid = shop.header("/cheap", &payload).await;
            refused_here(&shop, "/cheap", &[paid], "402 verification_failed", name).await;
        }
    }
    // The name of ours with the rest of another.
    let payload = with(
        &shop.town.open(Words::Okx, 1, DEPOSIT, None),
        "channelId",
        json!(shop.id(2)),
    );
    let paid = shop.header("/cheap", &payload).await;
    refused_here(&shop, "/cheap", &[paid], "402 verification_failed", "name").await;
    // The pull goes elsewhere.
    let mut payload = shop.town.open(Words::Okx, 1, DEPOSIT, None);
    payload["authorization"]["to"] = json!(other);
    let paid = shop.header("/cheap", &payload).await;
    refused_here(&shop, "/cheap", &[paid], "402 verification_failed", "to").await;
    // More than is signed.
    let mut payload = shop.town.open(Words::Okx, 1, DEPOSIT, None);
    payload["authorization"]["value"] = (2 * DEPOSIT).to_string().into();
    let paid = shop.header("/cheap", &payload).await;
    let answer = shop.get("/cheap", &[paid]).await;
    answer.refused("402 session_signer_mismatch");
    // Another source than who has signed.
    let challenge = shop.challenge("session", "/cheap").await;
    let payload = shop.town.open(Words::Okx, 1, DEPOSIT, None);
    let stranger = source(shop.stranger.address());
    let paid = header(&challenge, Some(&stranger), &payload);
    refused_here(
        &shop,
        "/cheap",
        &[paid],
        "402 verification_failed",
        "source",
    )
    .await;
    assert_eq!(shop.okx.calls().len(), 0);
}

#[tokio::test]
async fn a_shown_opening_of_something_else_is_no_channel() {
    let shop = Shop::open().await;
    let hash = shop.opens(1, DEPOSIT);
    let other = shop.opens(2, DEPOSIT);
    let transfer = shop.transfers_itself(shop.seller(), DEPOSIT);
    for (salt, shown) in [(3, hash), (3, transfer), (3, B256::repeat_byte(1))] {
        let answer = shop
            .pay("/cheap", &shop.open_shown(salt, shown, None))
            .await;
        assert_ne!(answer.status, 200, "{salt} by {shown}");
        answer.is_a_no();
    }
    // The channel is there whatever is shown for it: what counts is what it holds.
    let answer = shop.pay("/cheap", &shop.open_shown(1, other, None)).await;
    answer.managed("open");
    shop.counters(shop.id(1), [DEPOSIT, 0, 0, 0]).await;
    // Another's transaction is not the stranger's channel.
    let challenge = shop.challenge("session", "/cheap").await;
    let payload = shop.open_shown(2, other, None);
    let stranger = source(shop.stranger.address());
    let answer = shop
        .get("/cheap", &[header(&challenge, Some(&stranger), &payload)])
        .await;
    answer.refused("402 verification_failed");
}

/// A stranger knows the name of the channel, and has a key and money of its own.
#[tokio::test]
async fn somebody_elses_channel_is_neither_spent_nor_filled_nor_closed() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, DEPOSIT, CENT).await;
    for action in ["voucher", "close"] {
        for amount in [0, CENT, 2 * CENT, DEPOSIT] {
            let forged = promise(action, id, &signed_by(&shop.stranger, id, amount));
            let paid = shop.header("/cheap", &forged).await;
            let word = "402 session_signer_mismatch";
            refused_here(&shop, "/cheap", &[paid], word, action).await;
        }
        // Without a signature, or with none that is one.
        for signature in [json!(""), json!("0x"), Value::Null, json!("0x00")] {
            let unsigned = with(&shop.voucher(id, CENT), "signature", signature);
            let unsigned = with(&unsigned, "action", action);
            let paid = shop.header("/cheap", &unsigned).await;
            let word = "402 session_invalid_signature";
            refused_here(&shop, "/cheap", &[paid], word, action).await;
        }
        let mut bare = with(&shop.voucher(id, CENT), "action", action);
        bare.as_object_mut().unwrap().remove("signature");
        let paid = shop.header("/cheap", &bare).await;
        let word = "402 session_invalid_signature";
        refused_here(&shop, "/cheap", &[paid], word, action).await;
    }
    // A voucher of one channel is none of another.
    let other = shop.channel_of(2, DEPOSIT, 0).await;
    let moved = with(&shop.voucher(other, CENT), "channelId", json!(id));
    let paid = shop.header("/cheap", &moved).await;
    let word = "402 session_signer_mismatch";
    refused_here(&shop, "/cheap", &[paid], word, "another's").await;
    // A top-up by somebody else is refused though it would be a gift: it is not signed for this
    // payer.
    let mut gift = shop.top_up(Words::Okx, id, CENT, 1);
    gift["authorization"]["from"] = json!(shop.stranger.address());
    let challenge = shop.challenge("session", "/cheap").await;
    let paid = header(&challenge, None, &gift);
    refused_here(&shop, "/cheap", &[paid], "402 verification_failed", "gift").await;
    let shown = shop.top_up_shown(id, CENT, shop.tops_up(id, CENT));
    let challenge = shop.challenge("session", "/cheap").await;
    let stranger = source(shop.stranger.address());
    let paid = header(&challenge, Some(&stranger), &shown);
    refused_here(&shop, "/cheap", &[paid], "402 verification_failed", "shown").await;
    // A channel that nobody has opened here.
    let nowhere = ChannelId::new(B256::repeat_byte(7));
    for payload in [
        shop.voucher(nowhere, CENT),
        shop.close(nowhere, CENT),
        shop.top_up(Words::Okx, nowhere, CENT, 2),
    ] {
        let paid = shop.header("/cheap", &payload).await;
        let word = "410 session_channel_not_found";
        refused_here(&shop, "/cheap", &[paid], word, "nowhere").await;
    }
    shop.counters(id, [DEPOSIT, CENT, 0, 0]).await;
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
}

/// A close for less than was used pays what was used.
#[tokio::test]
async fn nobody_closes_for_less_than_was_used() {
    for said in [0, CENT, 2 * CENT] {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        for cents in 1..=3 {
            shop.pay("/cheap", &shop.voucher(id, cents * CENT))
                .await
                .served();
        }
        shop.pay("/cheap", &shop.close(id, said))
            .await
            .managed("close");
        shop.holds(3 * CENT, 0, 0);
    }
}

// Charges

#[tokio::test]
async fn legs_that_are_not_the_ones_asked_for_are_refused_before_okx_hears_of_them() {
    let shop = Shop::planned(split()).await;
    let [(seller, rest), (partner, share)] = legs(&shop);
    let cases: Vec<(&str, Vec<(Address, u128)>)> = vec![
        ("swapped", vec![(partner, share), (seller, rest)]),
        ("amounts swapped", vec![(seller, share), (partner, rest)]),
        ("one", vec![(seller, CENT)]),
        ("part", vec![(seller, rest)]),
        ("twice the seller", vec![(seller, rest), (seller, share)]),
        ("less", vec![(seller, rest - 1), (partner, share)]),
        ("more", vec![(seller, rest + 1), (partner, share)]),
        (
            "a third",
            vec![(seller, rest), (partner, share), (partner, 1)],
        ),
        (
            "a stranger",
            vec![(seller, rest), (shop.stranger.address(), share)],
        ),
    ];
    for (name, legs) in cases {
        let challenge = shop.challenge("charge", "/cheap").await;
        let payload = shop.transfers(&legs, 1);
        let paid = header(&challenge, Some(&shop.source()), &payload);
        let answer = shop.get("/cheap", std::slice::from_ref(&paid)).await;
        assert!([402, 400].contains(&answer.status.as_u16()), "{name}");
        refused_here(&shop, "/cheap", &[paid], &answer.word(), name).await;
    }
    // The same signature for both legs.
    let mut payload = shop.transfers(&legs(&shop), 1);
    let first = payload["authorization"].clone();
    payload["authorization"]["splits"][0]["nonce"] = first["nonce"].clone();
    let challenge = shop.challenge("charge", "/cheap").await;
    let paid = header(&challenge, Some(&shop.source()), &payload);
    let answer = shop.get("/cheap", &[paid]).await;
    assert_eq!(answer.status, 402);
    shop.holds(0, 0, 0);
    assert_eq!((shop.kitchen.runs(), shop.okx.calls().len()), (0, 0));
}

#[tokio::test]
async fn one_authorization_pays_one_request_of_one_route() {
    let shop = Shop::open().await;
    // The two forms of one authorization, at every route.
    let challenge = shop.challenge("charge", "/cheap").await;
    let draft = shop.authorized(&challenge, CENT);
    let mut inner = draft.clone();
    inner["type"] = "eip-3009".into();
    let okx = json!({"type": "transaction", "authorization": inner});
    shop.get("/cheap", &[header(&challenge, None, &draft)])
        .await
        .served();
    for path in ["/cheap", "/twin", "/first"] {
        let fresh = shop.challenge("charge", path).await;
        for (challenge, payload) in [
            (&challenge, &draft),
            (&challenge, &okx),
            (&fresh, &draft),
            (&fresh, &okx),
        ] {
            let answer = shop.get(path, &[header(challenge, None, payload)]).await;
            assert_eq!(answer.status, 402, "{path}");
        }
    }
    assert_eq!(shop.kitchen.runs(), 1);
    shop.holds(CENT, 0, 0);
}

/// What was settled elsewhere, as by another service of the same payee, pays nothing here: the
/// token takes it once.
#[tokio::test]
async fn an_authorization_that_was_used_elsewhere_pays_nothing_here() {
    for path in ["/cheap", "/first"] {
        let shop = Shop::open().await;
        let elsewhere = Shop::keeping(
            std::sync::Arc::clone(&shop.town),
            &crate::shop::Plan::default(),
            std::sync::Arc::new(MemoryChannelStore::default()),
        );
        let payload = shop.transfers(&[(shop.seller(), CENT)], 1);
        let challenge = elsewhere.challenge("charge", "/twin").await;
        let paid = header(&challenge, None, &payload);
        elsewhere.get("/twin", &[paid]).await.served();
        let challenge = shop.challenge("charge", path).await;
        let paid = header(&challenge, None, &payload);
        for _ in 0..2 {
            let answer = shop.settled(path, &paid).await;
            answer.refused("402 malformed_credential");
        }
        shop.holds(CENT, 0, 0);
    }
}

#[tokio::test]
async fn a_charge_of_another_amount_payee_or_challenge_is_refused_before_okx_hears_of_it() {
    let shop = Shop::open().await;
    let challenge = shop.challenge("charge", "/cheap").await;
    let source = shop.source();
    let nonce = B256::repeat_byte(1);
    let seller = shop.seller();
    let okx = |to, value| {
        let mut first = shop.transfer(to, value, nonce);
        first["type"] = "eip-3009".into();
        json!({"type": "transaction", "authorization": first})
    };
    let mut late = okx(seller, CENT);
    late["authorization"]["validBefore"] = (shop.now().seconds() + 300).to_string().into();
    let cases = [
        ("less", okx(seller, CENT - 1)),
        ("more", okx(seller, CENT + 1)),
        ("payee", okx(shop.stranger.address(), CENT)),
        ("itself", okx(shop.payer.address(), CENT)),
        ("shorter than the challenge", late),
        ("unsigned", with(&okx(seller, CENT), "signature", "0x00")),
        (
            "not of this challenge",
            with(&shop.transfer(seller, CENT, nonce), "type", "authorization"),
        ),
    ];
    for (name, payload) in cases {
        let paid = header(&challenge, Some(&source), &payload);
        let answer = shop.get("/cheap", std::slice::from_ref(&paid)).await;
        assert!([400, 402].contains(&answer.status.as_u16()), "{name}");
        refused_here(&shop, "/cheap", &[paid], &answer.word(), name).await;
    }
    // A challenge that is not ours, or of a dearer route.
    let paid = header(&challenge, Some(&source), &okx(seller, CENT));
    for (member, value) in [
        ("id", json!("another")),
        ("realm", json!("other.example.com")),
        ("expires", json!("2099-01-01T00:00:00Z")),
        ("method", json!("svm")),
    ] {
        let mut credential = credential_of(&paid);
        credential["challenge"][member] = value;
        let answer = shop.get("/cheap", &[header_of(&credential)]).await;
        assert!([400, 402].contains(&answer.status.as_u16()), "{member}");
    }
    let answer = shop.get("/dear", std::slice::from_ref(&paid)).await;
    assert_eq!(answer.status, 402);
    assert_eq!((shop.kitchen.runs(), shop.okx.calls().len()), (0, 0));
    shop.get("/cheap", &[paid]).await.served();
    assert_eq!(shop.asked(Endpoint::ChargeSettle), 1);
    shop.holds(CENT, 0, 0);
}
