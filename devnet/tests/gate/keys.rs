//! Keys and realms of challenges (RULES.md, T50 to T54).

use mpp_core::Mpp;
use mpp_evm::Charge;
use payment_core::{ConfigError, Secret};
use payment_evm::LocalSigner;

use crate::purse::{mpp_header, v2_header};
use crate::shop::{CENT, KEY, Means, Plan, Shop, request};
use crate::stepping::Stepping;

const OTHER: &str = "another hmac key of thirty-two bytes or more";

#[tokio::test]
async fn t51_a_realm_or_key_that_cannot_work_is_refused_at_build() {
    let shop = Shop::open().await;
    let build = |realm: &str, key: &str, previous: Option<&str>| {
        let charge = Charge::new(shop.token(), shop.net.seller.address);
        let charge = charge.settle_with(Stepping::new(&shop.net));
        let mut builder = Mpp::builder(realm, Secret::new(key)).method(charge);
        if let Some(previous) = previous {
            builder = builder.previous_secret(Secret::new(previous));
        }
        builder.build().err()
    };
    assert!(build("api.example.com", KEY, None).is_none());
    assert!(build("api.example.com", &KEY[..32], Some(OTHER)).is_none());
    for (realm, key, previous) in [
        ("a|b", KEY, None),
        ("|", KEY, None),
        ("", KEY, None),
        ("a\r\nb", KEY, None),
        ("é.example.com", KEY, None),
        ("api.example.com", "", None),
        ("api.example.com", &KEY[..31], None),
        ("api.example.com", KEY, Some("short")),
    ] {
        let error = build(realm, key, previous).expect("refused");
        assert!(matches!(error, ConfigError::Setting { .. }));
        let text = format!("{error} {error:?}");
        assert!(
            key.is_empty() || !text.contains(key),
            "the key is in the error"
        );
    }
    for set in [&["MPP_REALM"][..], &["MPP_SECRET_KEY"], &[]] {
        let from = Mpp::from_lookup(|name| set.contains(&name).then(|| KEY.to_owned()));
        assert!(from.is_err(), "there is no default for either");
    }
}

#[tokio::test]
async fn t50_a_challenge_of_another_key_is_not_ours() {
    let shop = Shop::open().await;
    let other = shop
        .another(Plan {
            key: OTHER,
            ..Plan::default()
        })
        .await;
    let challenge = Shop::send_to(&other, request("GET", "/cheap", &[]))
        .await
        .challenge();
    let header = mpp_header(&shop.mpp_for(&challenge).await);
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    answer.refused(402, "invalid_challenge");
    shop.books(0, 0);
    let answer = Shop::send_to(&other, request("GET", "/cheap", &[header])).await;
    answer.served("payment-receipt");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t53_a_rotated_key_verifies_what_it_issued_and_issues_no_more() {
    let shop = Shop::open().await;
    let rotated = Plan {
        key: OTHER,
        mpp: |builder| builder.previous_secret(Secret::new(KEY)),
        ..Plan::default()
    };
    let rotated = shop.another(rotated).await;
    let old = mpp_header(&shop.mpp("/cheap").await);
    let used = mpp_header(&shop.mpp("/cheap").await);
    shop.get("/cheap", std::slice::from_ref(&used))
        .await
        .served("payment-receipt");
    let get = |header: &crate::shop::Header| request("GET", "/cheap", std::slice::from_ref(header));
    Shop::send_to(&rotated, get(&old))
        .await
        .served("payment-receipt");
    // Used before the rotation is used after it.
    Shop::send_to(&rotated, get(&used))
        .await
        .refused(402, "invalid_challenge");
    let challenge = Shop::send_to(&rotated, request("GET", "/cheap", &[]))
        .await
        .challenge();
    let new = mpp_header(&shop.mpp_for(&challenge).await);
    let answer = shop.get("/cheap", std::slice::from_ref(&new)).await;
    answer.refused(402, "invalid_challenge");
    Shop::send_to(&rotated, get(&new))
        .await
        .served("payment-receipt");
    shop.books(3, 3 * CENT);
}

#[tokio::test]
async fn t54_a_second_buyer_cannot_answer_the_same_challenge() {
    let shop = Shop::open().await;
    let challenge = shop.get("/cheap", &[]).await.challenge();
    let first = shop.mpp_for(&challenge).await;
    let second = LocalSigner::from_hex(&shop.net.buyers[1].key.to_string()).unwrap();
    let mut other = shop.recharged_by(&second, &shop.domain(), first.clone(), |signed| {
        signed.from = second.address();
    });
    other["source"] = format!("did:pkh:eip155:84532:{}", second.address()).into();
    shop.get("/cheap", &[mpp_header(&first)])
        .await
        .served("payment-receipt");
    let answer = shop.get("/cheap", &[mpp_header(&other)]).await;
    answer.refused(402, "invalid_challenge");
    shop.books(1, CENT);
    // It was good but for that.
    let challenge = shop.get("/cheap", &[]).await.challenge();
    let mut fresh = shop.recharged_by(
        &second,
        &shop.domain(),
        shop.mpp_for(&challenge).await,
        |signed| {
            signed.from = second.address();
        },
    );
    fresh["source"] = other["source"].clone();
    shop.get("/cheap", &[mpp_header(&fresh)])
        .await
        .served("payment-receipt");
    assert_eq!(shop.kitchen.runs(), 2);
}

#[tokio::test]
async fn t50_with_a_header_of_its_own_a_credential_elsewhere_is_none() {
    let plan = Plan {
        means: Means::Stepping,
        mpp: mpp_core::MppBuilder::advertise_header,
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let (_, value) = mpp_header(&shop.mpp("/cheap").await);
    let wrong = ("authorization", value.clone());
    shop.get("/cheap", &[wrong])
        .await
        .refused(402, "payment_required");
    let session = ("authorization", "Bearer the-apps-own".to_owned());
    let right = ("payment-authorization", value);
    shop.get("/cheap", &[session, right])
        .await
        .served("payment-receipt");
    shop.books(1, CENT);
}

#[tokio::test]
async fn every_402_has_a_challenge_of_its_own() {
    let shop = Shop::open().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        assert!(seen.insert(shop.get("/cheap", &[]).await.challenge().id));
    }
    // One that is refused is not in the way of the next.
    let header = v2_header(&shop.x402("/dear").await);
    let answer = shop.get("/cheap", &[header]).await;
    let fresh = mpp_header(&shop.mpp_for(&answer.challenge()).await);
    shop.get("/cheap", &[fresh]).await.served("payment-receipt");
    shop.books(1, CENT);
}
