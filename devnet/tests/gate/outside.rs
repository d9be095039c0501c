//! Calls to others, and time that runs backwards (RULES.md, T42, T110, T112, T113).

use std::sync::Arc;

use devnet::facilitator::{Act, Route};
use payment_core::{ManualClock, Timestamp};
use payment_evm::{LocalSigner, Settler, SettlerOptions};
use serde_json::json;
use x402_core::{HttpFacilitator, HttpOptions, Unsupported, X402};
use x402_evm::ExactEvm;

use crate::purse::{mpp_header, v2_header};
use crate::shop::{CENT, Plan, Shop, request};

#[tokio::test]
async fn t42_time_that_runs_backwards_revives_nothing() {
    let shop = Shop::open().await;
    let start = shop.now().seconds();
    let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(start)));
    let behind = shop
        .another(Plan {
            clock: Some(clock),
            ..Plan::default()
        })
        .await;
    let used = [
        v2_header(&shop.x402("/cheap").await),
        mpp_header(&shop.mpp("/cheap").await),
    ];
    for header in &used {
        assert_eq!(
            shop.get("/cheap", std::slice::from_ref(header))
                .await
                .status,
            200
        );
    }
    shop.advance(1000);
    // The others come and go, and old records with them.
    for _ in 0..3 {
        let header = v2_header(&shop.x402("/cheap").await);
        assert_eq!(shop.get("/cheap", &[header]).await.status, 200);
    }
    let calls = shop.facilitator.calls().len();
    for (header, code) in used
        .iter()
        .zip(["invalid_exact_evm_nonce_already_used", "invalid_challenge"])
    {
        let again = request("GET", "/cheap", std::slice::from_ref(header));
        Shop::send_to(&behind, again).await.refused(402, code);
    }
    assert_eq!(shop.facilitator.calls().len(), calls);
    shop.books(5, 5 * CENT);
}

#[tokio::test]
async fn t110_others_are_called_by_https_or_on_this_machine() {
    for url in [
        "http://facilitator.example",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "ftp://127.0.0.1",
        "https://user:password@facilitator.example",
        "https://facilitator.example/?key=1",
        "127.0.0.1:80",
        "",
    ] {
        assert!(
            HttpFacilitator::new(url, HttpOptions::default()).is_err(),
            "{url}"
        );
    }
    for url in ["http://node.example", "ws://127.0.0.1", ""] {
        let signer = LocalSigner::random().unwrap();
        let settler = Settler::connect(url, signer, SettlerOptions::default()).await;
        assert!(settler.is_err(), "{url}");
    }
}

#[tokio::test]
async fn t112_what_a_facilitator_supports_changes_no_offer() {
    let shop = Shop::open().await;
    let http = HttpFacilitator::new(shop.facilitator.url(), HttpOptions::default()).unwrap();
    let x402 = |http| X402::new(http).accept(ExactEvm::new(shop.token(), shop.net.seller.address));
    x402(http.clone()).check_supported().await.unwrap();
    let fresh = || HttpFacilitator::new(shop.facilitator.url(), HttpOptions::default()).unwrap();
    for kinds in [
        json!([]),
        json!([{"x402Version": 2, "scheme": "exact", "network": "eip155:1"}]),
        json!([{"x402Version": 2, "scheme": "upto", "network": "eip155:84532"}]),
        json!([{"x402Version": 1, "scheme": "exact", "network": "eip155:84532"}]),
        json!([{"x402Version": 2, "scheme": "exact", "network": "*"}]),
    ] {
        shop.facilitator
            .order(Route::Supported, Act::lie("kinds", kinds));
        let answer = x402(fresh()).check_supported().await;
        assert!(matches!(answer, Err(Unsupported::Kind { .. })));
    }
    for act in [
        Act::Status(500),
        Act::CloseBefore,
        Act::Garbage(b"{".to_vec()),
    ] {
        shop.facilitator.order(Route::Supported, act);
        let answer = x402(fresh()).check_supported().await;
        assert!(matches!(answer, Err(Unsupported::Unanswered(_))));
    }
    let offer = shop.get("/cheap", &[]).await.x402_offers().v2;
    assert_eq!(offer.accepts[0].amount, CENT.to_string());
}

#[tokio::test]
async fn t113_a_request_settles_at_most_once_whatever_comes_back() {
    let shop = Shop::open().await;
    for (sent, act) in [
        Act::CloseBefore,
        Act::CloseAfter,
        Act::Status(500),
        Act::Status(429),
        Act::Garbage(Vec::new()),
        Act::Pending,
    ]
    .into_iter()
    .enumerate()
    {
        let header = v2_header(&shop.x402("/cheap").await);
        shop.facilitator.order(Route::Settle, act);
        assert_eq!(shop.get("/cheap", &[header]).await.status, 503);
        let calls = shop.facilitator.calls();
        let of = |route| calls.iter().filter(|call| call.route == route).count();
        assert_eq!((of(Route::Verify), of(Route::Settle)), (sent + 1, sent + 1));
    }
}
