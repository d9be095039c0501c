//! Charges that go well, to the last unit.

use devnet::okx::Endpoint;
use mpp_evm::CredentialType;

use crate::kitchen::Mood;
use crate::purse::{BOTH, Words, credential_of, header};
use crate::shop::{CENT, Plan, Shop};

/// What of a cent is the partner's.
const SHARE: u128 = 3_000;

pub fn split() -> Plan {
    Plan {
        split: true,
        ..Plan::default()
    }
}

/// The legs of a cent that is split.
pub fn legs(shop: &Shop) -> [(alloy_primitives::Address, u128); 2] {
    [(shop.seller(), CENT - SHARE), (shop.partner, SHARE)]
}

#[tokio::test]
async fn a_charge_in_either_form_is_settled_and_served_once() {
    for words in BOTH {
        for path in ["/cheap", "/first"] {
            let shop = Shop::open().await;
            let paid = shop.charged(words, path, 1).await;
            let receipt = shop.get(path, std::slice::from_ref(&paid)).await.served();
            let hash = receipt["reference"].as_str().unwrap().parse().unwrap();
            assert!(shop.net.chain.receipt(hash).unwrap().status());
            shop.holds(CENT, 0, 0);
            for path in [path, "/twin"] {
                let again = shop.get(path, std::slice::from_ref(&paid)).await;
                assert_eq!(again.status, 402, "{words:?} {path}");
                again.is_a_no();
            }
            assert_eq!(shop.kitchen.runs(), 1);
            shop.holds(CENT, 0, 0);
            assert_eq!(shop.asked(Endpoint::ChargeSettle), 1);
        }
    }
}

#[tokio::test]
async fn okx_is_sent_the_challenge_as_we_have_made_it() {
    let shop = Shop::open().await;
    let paid = shop.charged(Words::Okx, "/cheap", 1).await;
    let mut odd = credential_of(&paid);
    let minted = odd["challenge"].clone();
    // What the buyer adds beside it stays here.
    odd["challenge"]["recipient"] = "0x00".into();
    shop.get("/cheap", &[crate::purse::header_of(&odd)])
        .await
        .served();
    let sent = &shop.okx.calls()[0].body;
    let members = sent["challenge"].as_object().unwrap();
    for (name, value) in members {
        assert_eq!(*value, minted[name], "{name}");
    }
    assert_eq!(sent["source"], shop.source());
}

#[tokio::test]
async fn a_split_charge_pays_each_part_to_the_unit() {
    let shop = Shop::planned(split()).await;
    let challenge = shop.challenge("charge", "/cheap").await;
    let payload = shop.transfers(&legs(&shop), 1);
    let paid = header(&challenge, Some(&shop.source()), &payload);
    shop.get("/cheap", std::slice::from_ref(&paid))
        .await
        .served();
    shop.holds(CENT - SHARE, SHARE, 0);
    assert_eq!(shop.get("/cheap", &[paid]).await.status, 402);
    // The draft's form can't split.
    let challenge = shop.challenge("charge", "/cheap").await;
    let whole = header(&challenge, None, &shop.authorized(&challenge, CENT));
    shop.get("/cheap", &[whole])
        .await
        .refused("402 invalid_payload");
    shop.holds(CENT - SHARE, SHARE, 0);
    assert_eq!(shop.kitchen.runs(), 1);
}

#[tokio::test]
async fn a_transfer_of_the_buyers_own_pays_once_where_the_route_takes_it() {
    let plan = Plan {
        charges: Some(vec![CredentialType::Transfers, CredentialType::Hash]),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let hash = shop.transfers_itself(shop.seller(), CENT);
    let payload = serde_json::json!({"type": "hash", "hash": hash.to_string()});
    let challenge = shop.challenge("charge", "/cheap").await;
    let paid = header(&challenge, Some(&shop.source()), &payload);
    let receipt = shop
        .get("/cheap", std::slice::from_ref(&paid))
        .await
        .served();
    assert_eq!(receipt["reference"], hash.to_string());
    assert_eq!(shop.get("/cheap", &[paid]).await.status, 402);
    // Nor on another challenge.
    let challenge = shop.challenge("charge", "/twin").await;
    let paid = header(&challenge, Some(&shop.source()), &payload);
    assert_eq!(shop.get("/twin", &[paid]).await.status, 402);
    assert_eq!(shop.kitchen.runs(), 1);
    shop.holds(CENT, 0, 0);
    // Elsewhere it is not taken.
    let other = Shop::open().await;
    let hash = other.transfers_itself(other.seller(), CENT);
    let payload = serde_json::json!({"type": "hash", "hash": hash.to_string()});
    let challenge = other.challenge("charge", "/cheap").await;
    let paid = header(&challenge, Some(&other.source()), &payload);
    other
        .get("/cheap", &[paid])
        .await
        .refused("402 invalid_payload");
    assert_eq!((other.kitchen.runs(), other.okx.calls().len()), (0, 0));
}

#[tokio::test]
async fn a_handler_that_fails_costs_nothing() {
    for words in BOTH {
        let shop = Shop::open().await;
        shop.kitchen.mood(Mood::Status(500));
        let paid = shop.charged(words, "/cheap", 1).await;
        assert_eq!(
            shop.get("/cheap", std::slice::from_ref(&paid)).await.status,
            500
        );
        shop.holds(0, 0, 0);
        shop.kitchen.mood(Mood::Good);
        shop.settled("/cheap", &paid).await.served();
        shop.holds(CENT, 0, 0);
    }
}
