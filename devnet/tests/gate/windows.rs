//! Time and signatures at their edges (RULES.md, T22, T30, T31, T40 to T42).

use alloy_primitives::{U256, hex};
use serde_json::Value;

use crate::answer::Answer;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Plan, Shop};

const BEFORE: &str = "invalid_exact_evm_payload_authorization_valid_before";
const AFTER: &str = "invalid_exact_evm_payload_authorization_valid_after";

async fn x402(shop: &Shop, envelope: &Value) -> Answer {
    shop.get("/cheap", &[v2_header(envelope)]).await
}

async fn mpp(shop: &Shop, credential: &Value) -> Answer {
    shop.get("/cheap", &[mpp_header(credential)]).await
}

#[tokio::test]
async fn t22_validity_must_cover_serving_and_settling_to_the_second() {
    for margin in [6, 20] {
        let plan = Plan {
            serve_within: std::time::Duration::from_secs(margin),
            ..Plan::default()
        };
        let shop = Shop::planned(plan).await;
        let now = shop.now().seconds();
        for (end, good) in [
            (now - 1, false),
            (now, false),
            (now + margin - 1, false),
            (now + margin, true),
        ] {
            let envelope = shop.x402("/cheap").await;
            let envelope = shop.resigned(envelope, |signed| signed.valid_before = U256::from(end));
            let answer = x402(&shop, &envelope).await;
            let credential = shop.mpp("/cheap").await;
            let credential =
                shop.recharged(credential, |signed| signed.valid_before = U256::from(end));
            let charged = mpp(&shop, &credential).await;
            if good {
                answer.served("payment-response");
                charged.served("payment-receipt");
            } else {
                answer.refused(402, BEFORE);
                charged.refused(402, "payment_expired");
            }
        }
        shop.books(2, 2 * CENT);
    }
}

#[tokio::test]
async fn t40_an_authorization_for_the_far_future_is_refused() {
    let shop = Shop::open().await;
    let now = shop.now().seconds();
    for end in [
        U256::from(now + 3600),
        U256::from(now + 7 * 86_400),
        U256::MAX,
    ] {
        let envelope = shop.x402("/cheap").await;
        let envelope = shop.resigned(envelope, |signed| signed.valid_before = end);
        x402(&shop, &envelope).await.refused(402, BEFORE);
    }
    // MPP allows a day after the challenge.
    for end in [U256::from(now + 7 * 86_400), U256::MAX] {
        let credential = shop.mpp("/cheap").await;
        let credential = shop.recharged(credential, |signed| signed.valid_before = end);
        mpp(&shop, &credential)
            .await
            .refused(402, "verification_failed");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t40_an_authorization_that_is_not_valid_yet_is_refused() {
    let shop = Shop::open().await;
    let now = shop.now().seconds();
    for start in [U256::from(now + 1), U256::from(now + 100), U256::MAX] {
        let envelope = shop.x402("/cheap").await;
        let envelope = shop.resigned(envelope, |signed| signed.valid_after = start);
        x402(&shop, &envelope).await.refused(402, AFTER);
        let credential = shop.mpp("/cheap").await;
        let credential = shop.recharged(credential, |signed| signed.valid_after = start);
        mpp(&shop, &credential)
            .await
            .refused(402, "verification_failed");
    }
    // The contract wants the start to be past, not now: asked outside, and refused there.
    let envelope = shop.x402("/cheap").await;
    let envelope = shop.resigned(envelope, |signed| signed.valid_after = U256::from(now));
    assert_eq!(x402(&shop, &envelope).await.status, 402);
    let credential = shop.mpp("/cheap").await;
    let credential = shop.recharged(credential, |signed| signed.valid_after = U256::from(now));
    assert_eq!(mpp(&shop, &credential).await.status, 402);
    shop.books(0, 0);
    // A second later both are good.
    shop.advance(1);
    x402(&shop, &envelope).await.served("payment-response");
    mpp(&shop, &credential).await.served("payment-receipt");
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t41_a_challenge_ends_at_its_expiry() {
    let shop = Shop::open().await;
    let challenge = shop.get("/cheap", &[]).await.challenge();
    let credential = shop.mpp_for(&challenge).await;
    // What is signed stays good for longer than the challenge.
    let credential = shop.recharged(credential, |signed| signed.valid_before += U256::from(60));
    shop.advance(299);
    let early = shop.mpp_for(&challenge).await;
    mpp(&shop, &early).await.refused(402, "payment_expired");
    shop.advance(1);
    mpp(&shop, &credential)
        .await
        .refused(402, "payment_expired");
    shop.books(0, 0);
}

#[tokio::test]
async fn t41_a_challenge_is_good_until_its_last_second() {
    let shop = Shop::open().await;
    let credential = shop.mpp("/cheap").await;
    let credential = shop.recharged(credential, |signed| signed.valid_before += U256::from(60));
    shop.advance(299);
    mpp(&shop, &credential).await.served("payment-receipt");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t40_an_x402_payment_ends_six_seconds_before_it_expires() {
    let shop = Shop::open().await;
    let early = shop.x402("/cheap").await;
    let late = shop.x402_v1("/cheap").await;
    shop.advance(300 - 6);
    x402(&shop, &early).await.served("payment-response");
    shop.advance(1);
    shop.get("/cheap", &[v1_header(&late)])
        .await
        .refused(402, BEFORE);
    shop.books(1, CENT);
}

/// Every way to spell a signature that is not the one way.
fn misspelled(signature: &str) -> Vec<(&'static str, String)> {
    let bytes = hex::decode(signature).unwrap();
    let order = U256::from_str_radix(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141",
        16,
    )
    .unwrap();
    let text = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
    let with_v = |v: u8| {
        let mut other = bytes.clone();
        other[64] = v;
        text(&other)
    };
    let with = |at: std::ops::Range<usize>, number: U256| {
        let mut other = bytes.clone();
        other[at].copy_from_slice(&number.to_be_bytes::<32>());
        other
    };
    let s = U256::from_be_slice(&bytes[32..64]);
    let mut high = with(32..64, order - s);
    high[64] = 55 - high[64];
    let mut longer = bytes.clone();
    longer.push(0);
    let mut compact = bytes[..64].to_vec();
    compact[32] |= (bytes[64] - 27) << 7;
    vec![
        ("high s", text(&high)),
        ("v 0 or 1", with_v(bytes[64] - 27)),
        ("v 29", with_v(29)),
        ("v 255", with_v(255)),
        ("64 bytes", text(&bytes[..64])),
        ("compact", text(&compact)),
        ("66 bytes", text(&longer)),
        ("none", "0x".into()),
        ("no text", String::new()),
        ("r zero", text(&with(0..32, U256::ZERO))),
        ("s zero", text(&with(32..64, U256::ZERO))),
        ("r the order", text(&with(0..32, order))),
        ("s the order", text(&with(32..64, order))),
        ("all zero", text(&[0; 65])),
        ("all ones", text(&[0xff; 65])),
        ("odd digits", signature[..signature.len() - 1].into()),
        ("no hex", format!("0x{}", "zz".repeat(65))),
        ("no prefix", signature[2..].into()),
        ("very long", format!("0x{}", "ab".repeat(3000))),
    ]
}

#[tokio::test]
async fn t30_a_signature_has_one_spelling() {
    let shop = Shop::open().await;
    let envelope = shop.x402("/cheap").await;
    let credential = shop.mpp("/cheap").await;
    for (how, signature) in misspelled(envelope["payload"]["signature"].as_str().unwrap()) {
        let mut other = envelope.clone();
        other["payload"]["signature"] = signature.into();
        let answer = x402(&shop, &other).await;
        assert!(
            [400, 402].contains(&answer.status.as_u16()),
            "{how}: {}",
            answer.status
        );
        answer.is_the_gates();
    }
    for (how, signature) in misspelled(credential["payload"]["signature"].as_str().unwrap()) {
        let mut other = credential.clone();
        other["payload"]["signature"] = signature.into();
        let answer = mpp(&shop, &other).await;
        assert_eq!(answer.status, 402, "{how}");
        answer.is_the_gates();
    }
    assert!(shop.facilitator.calls().is_empty());
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
    x402(&shop, &envelope).await.served("payment-response");
    mpp(&shop, &credential).await.served("payment-receipt");
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t30_the_other_v_recovers_somebody_else() {
    let shop = Shop::open().await;
    let mut envelope = shop.x402("/cheap").await;
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    let mut bytes = hex::decode(signature).unwrap();
    bytes[64] = 55 - bytes[64];
    envelope["payload"]["signature"] = format!("0x{}", hex::encode(bytes)).into();
    x402(&shop, &envelope)
        .await
        .refused(402, "invalid_exact_evm_signature");
    shop.books(0, 0);
}

#[tokio::test]
async fn t32_signatures_of_contract_wallets_are_refused_by_name() {
    let shop = Shop::open().await;
    let magic = "6492".repeat(16);
    let envelope = shop.x402("/cheap").await;
    for (signature, code) in [
        (
            format!("0x{}{magic}", "00".repeat(96)),
            "eip6492_factory_not_allowed",
        ),
        (
            format!("0x{}", "11".repeat(130)),
            "unsupported_contract_signature",
        ),
    ] {
        let mut other = envelope.clone();
        other["payload"]["signature"] = signature.into();
        x402(&shop, &other).await.refused(402, code);
    }
    shop.books(0, 0);
}
