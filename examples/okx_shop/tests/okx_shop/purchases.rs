//! With keys: the same shop, settled by the OKX that they are of.

use std::sync::Arc;

use alloy_primitives::U256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::{Act, Endpoint, Repeats};
use payment_client::{BuyerError, Protocol};
use serde_json::Value;

use crate::process::{Place, Shop, buyer, http, tells_nothing};
use crate::{PARTNERS, PRICE};

#[tokio::test]
async fn a_promise_is_served_at_once_and_paid_with_the_batch() {
    let place = Place::new("batch").await;
    let shop = Shop::open(place.command()).await;
    let url = format!("{}/weather", shop.url);
    let payer = place.okx.session_wallet(&place.net.buyers[0]).unwrap();
    let http = http();

    let unpaid = http.get(&url).send().await.unwrap();
    assert_eq!(unpaid.status(), 402);
    let offered = read(&unpaid.headers()["payment-required"]);
    let offers = offered["accepts"].as_array().unwrap();
    let schemes: Vec<_> = offers.iter().map(|offer| &offer["scheme"]).collect();
    assert_eq!(schemes, ["exact", "aggr_deferred"]);
    let header = STANDARD.encode(payer.pay(&offers[1]).to_string());
    let pay = || http.get(&url).header("payment-signature", &header);

    let served = pay().send().await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(read(&served.headers()["payment-response"])["success"], true);
    assert_eq!(place.balance(place.net.seller.address), U256::ZERO);
    // One promise is served once.
    assert_eq!(pay().send().await.unwrap().status(), 402);

    let landed = place.okx.land_batch();
    assert_eq!(landed.len(), 1);
    assert_eq!(landed[0].amount, U256::from(PRICE));
    assert_eq!(place.balance(place.net.seller.address), U256::from(PRICE));
    tells(&place, shop).await;
}

#[tokio::test]
async fn a_report_is_shared_with_the_partner_that_is_named_and_with_nobody_else() {
    let place = Place::new("partner").await;
    let mpp = buyer(&place.net.buyers[0].key.to_string(), Protocol::Mpp);
    let seller = place.net.seller.address;

    let shop = Shop::open(place.command()).await;
    let reply = mpp.get(format!("{}/report", shop.url)).send().await;
    assert_eq!(reply.unwrap().status(), 200);
    assert_eq!(place.balance(seller), U256::from(PRICE));
    tells(&place, shop).await;

    let partner = place.net.buyers[6].address;
    let before = place.balance(partner);
    let mut command = place.command();
    command.env("PARTNER", partner.to_string());
    let shop = Shop::open(command).await;
    let reply = mpp.get(format!("{}/report", shop.url)).send().await;
    assert_eq!(reply.unwrap().status(), 200);
    let due = U256::from(2 * PRICE - PARTNERS);
    assert_eq!(place.balance(seller), due);
    assert_eq!(place.balance(partner) - before, U256::from(PARTNERS));
    tells(&place, shop).await;
}

#[tokio::test]
async fn a_payment_that_okx_refuses_is_not_served_and_its_words_go_to_nobody() {
    let place = Place::new("refused").await;
    let shop = Shop::open(place.command()).await;
    let key = place.net.buyers[0].key.to_string();
    let invalid = Act::Lie(Arc::new(|answer| {
        answer["isValid"] = false.into();
        answer["invalidReason"] = WORDS.into();
        answer["invalidMessage"] = WORDS.into();
    }));
    let refuse = Act::refuse(70003, WORDS);
    for (route, protocol, endpoint, act) in [
        ("weather", Protocol::X402, Endpoint::Verify, invalid),
        ("report", Protocol::Mpp, Endpoint::ChargeSettle, refuse),
    ] {
        place.okx.order(endpoint, act);
        let url = format!("{}/{route}", shop.url);
        let said = match buyer(&key, protocol).get(url).send().await {
            Ok(reply) => {
                assert!(!reply.status().is_success(), "{route}");
                let said = format!("{:?}", reply.headers());
                said + &reply.into_response().text().await.unwrap()
            }
            Err(refused) => format!("{refused:?}"),
        };
        assert!(!said.contains(WORDS), "{route}: {said}");
        let asked = place.okx.calls();
        assert!(
            asked.iter().any(|call| call.endpoint == endpoint),
            "{route}"
        );
    }
    assert_eq!(place.balance(place.net.seller.address), U256::ZERO);
    let said = shop.ended().await;
    assert!(!said.contains(WORDS), "{said}");
}

#[tokio::test]
async fn an_answer_of_okx_that_is_lost_is_asked_for_again_and_paid_once() {
    let place = Place::new("lost").await;
    let shop = Shop::open(place.command()).await;
    let key = place.net.buyers[0].key.to_string();
    for (route, protocol, endpoint, due) in [
        ("weather", Protocol::X402, Endpoint::Settle, PRICE),
        ("report", Protocol::Mpp, Endpoint::ChargeSettle, 2 * PRICE),
    ] {
        place.okx.order(endpoint, Act::CloseAfter);
        let url = format!("{}/{route}", shop.url);
        let reply = buyer(&key, protocol).get(url).send().await.unwrap();
        assert_eq!(reply.status(), 200, "{route}");
        let seller = place.net.seller.address;
        assert_eq!(place.balance(seller), U256::from(due), "{route}");
    }
    tells(&place, shop).await;
}

#[tokio::test]
async fn where_okx_does_not_answer_twice_a_lost_answer_is_neither_a_yes_nor_a_no() {
    let place = Place::with("open", Repeats::Refused).await;
    let shop = Shop::open(place.command()).await;
    let key = place.net.buyers[0].key.to_string();
    for (route, protocol, endpoint, due) in [
        ("weather", Protocol::X402, Endpoint::Settle, PRICE),
        ("report", Protocol::Mpp, Endpoint::ChargeSettle, 2 * PRICE),
    ] {
        place.okx.order(endpoint, Act::CloseAfter);
        let url = format!("{}/{route}", shop.url);
        let error = buyer(&key, protocol).get(url).send().await.unwrap_err();
        let open = matches!(error, BuyerError::OutcomeUnknown { .. });
        assert!(open, "{route}: {error:?}");
        let seller = place.net.seller.address;
        assert_eq!(place.balance(seller), U256::from(due), "{route}");
    }
    tells(&place, shop).await;
}

const WORDS: &str = "words-of-theirs";

/// What a shop says holds no key.
async fn tells(place: &Place, shop: Shop) {
    let net = &place.net;
    let said = shop.ended().await;
    tells_nothing(&said, &[&net.seller, &net.settler, &net.buyers[0]]);
}

fn read(header: &reqwest::header::HeaderValue) -> Value {
    serde_json::from_slice(&STANDARD.decode(header).unwrap()).unwrap()
}
