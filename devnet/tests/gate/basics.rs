//! The honest flows, which every attack is measured against.

use crate::kitchen::MEAL;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Means, Shop, request};

#[tokio::test]
async fn unpaid_requests_are_told_every_way_to_pay() {
    let shop = Shop::open().await;
    for path in ["/cheap", "/twin", "/dear", "/first", "/x402", "/mpp"] {
        shop.get(path, &[]).await.refused(402, "payment_required");
    }
    shop.books(0, 0);
    assert!(shop.guard.is_empty(), "an unpaid request left something");
    assert!(shop.facilitator.calls().is_empty());
}

#[tokio::test]
async fn a_payment_buys_one_meal_whoever_settles() {
    for means in [Means::Facilitator, Means::Onchain, Means::Stepping] {
        let shop = Shop::settling(means).await;
        let v2 = v2_header(&shop.x402("/cheap").await);
        let v1 = v1_header(&shop.x402_v1("/cheap").await);
        let mpp = mpp_header(&shop.mpp("/cheap").await);
        let mut paid = 0;
        for (header, receipt) in [
            (v2, "payment-response"),
            (v1, "x-payment-response"),
            (mpp, "payment-receipt"),
        ] {
            let hash = shop.get("/cheap", &[header]).await.served(receipt);
            assert!(shop.net.chain.receipt(hash).unwrap().status());
            paid += 1;
            shop.books(paid, CENT * paid as u64);
            let last = shop.kitchen.last().unwrap();
            let payer = last.payer().unwrap().evm().unwrap();
            assert_eq!(payer, shop.buyer.address());
        }
    }
}

#[tokio::test]
async fn free_routes_stay_free() {
    let shop = Shop::open().await;
    let answer = shop.get("/free", &[]).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (200, MEAL.as_bytes())
    );
    assert!(shop.kitchen.last().is_none());
    shop.books(1, 0);
}

#[tokio::test]
async fn t90_no_method_gets_around_the_gate() {
    let shop = Shop::open().await;
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW",
    ] {
        let answer = shop.send(request(method, "/cheap", &[])).await;
        assert_eq!(answer.status, 402, "{method}");
        assert!(answer.headers.contains_key("payment-required"));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    for path in ["/cheap/", "//cheap", "/CHEAP", "/cheap%2F", "/%63heap"] {
        let answer = shop.get(path, &[]).await;
        assert!([402, 404].contains(&answer.status.as_u16()), "{path}");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t96_preflight_is_free_and_never_reaches_the_handler() {
    let shop = Shop::open().await;
    let cors = [
        ("origin", "https://elsewhere.example".to_owned()),
        ("access-control-request-method", "GET".to_owned()),
    ];
    let answer = shop.send(request("OPTIONS", "/cheap", &cors)).await;
    assert_eq!(answer.status, 204);
    let half = &cors[..1];
    shop.send(request("OPTIONS", "/cheap", half))
        .await
        .refused(402, "payment_required");
    shop.books(0, 0);
}

#[tokio::test]
async fn t90_a_paid_head_is_one_request_and_does_not_buy_a_get() {
    let shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    let answer = shop
        .send(request("HEAD", "/cheap", std::slice::from_ref(&header)))
        .await;
    assert_eq!(answer.status, 200);
    shop.books(1, CENT);
    let answer = shop.get("/cheap", &[header]).await;
    answer.refused(402, "invalid_exact_evm_nonce_already_used");
    shop.books(1, CENT);
}
