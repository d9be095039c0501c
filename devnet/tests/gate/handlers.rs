//! What the handler does to a payment, and may not do to it (RULES.md, T21, T22, T23, T92, T95,
//! T123).

use crate::answer::Answer;
use crate::kitchen::{MEAL, Mood};
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Header, Means, Shop};

async fn pay(shop: &Shop, path: &str, header: &Header) -> Answer {
    shop.get(path, std::slice::from_ref(header)).await
}

/// One payment of every kind for a route, with the header its receipt stands in.
async fn each(shop: &Shop, path: &str) -> [(Header, &'static str); 3] {
    [
        (v2_header(&shop.x402(path).await), "payment-response"),
        (v1_header(&shop.x402_v1(path).await), "x-payment-response"),
        (mpp_header(&shop.mpp(path).await), "payment-receipt"),
    ]
}

fn has_no_receipt(answer: &Answer) {
    for name in ["payment-response", "x-payment-response", "payment-receipt"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn t23_handler_error_settles_nothing_and_the_payment_stays_good() {
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        let mut runs = 0;
        let mut sold = 0;
        for (header, receipt) in each(&shop, "/cheap").await {
            for status in [400, 404, 500, 503] {
                shop.kitchen.mood(Mood::Status(status));
                let answer = pay(&shop, "/cheap", &header).await;
                assert_eq!(answer.status, status);
                assert_eq!(&*answer.body, b"no meal");
                has_no_receipt(&answer);
                runs += 1;
                shop.books(runs, CENT * sold);
                crate::shop::settle_down().await;
                assert_eq!(shop.guard.len() as u64, keys(sold), "released");
            }
            shop.kitchen.mood(Mood::Good);
            pay(&shop, "/cheap", &header).await.served(receipt);
            runs += 1;
            sold += 1;
            shop.books(runs, CENT * sold);
        }
    }
}

/// Records that sold meals leave: one a payment.
const fn keys(sold: u64) -> u64 {
    sold
}

#[tokio::test]
async fn t123_handler_panic_settles_nothing_and_poisons_nothing() {
    let shop = Shop::open().await;
    let mut sold = 0;
    for (header, receipt) in each(&shop, "/cheap").await {
        shop.kitchen.mood(Mood::Panic);
        let running = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
        assert!(running.await.unwrap_err().is_panic());
        crate::shop::settle_down().await;
        shop.books(2 * sold + 1, CENT * sold as u64);
        shop.kitchen.mood(Mood::Good);
        pay(&shop, "/cheap", &header).await.served(receipt);
        sold += 1;
        shop.books(2 * sold, CENT * sold as u64);
    }
}

#[tokio::test]
async fn t23_settle_first_handler_error_runs_again_without_a_second_transfer() {
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        let mut runs = 0;
        let mut sold = 0;
        for kind in 0..3 {
            // Each signed when the one before was delivered: time moves on here.
            let (header, receipt) = each(&shop, "/first").await[kind].clone();
            sold += 1;
            for status in [500, 404] {
                shop.kitchen.mood(Mood::Status(status));
                let answer = pay(&shop, "/first", &header).await;
                assert_eq!(answer.status, status);
                runs += 1;
                shop.books(runs, CENT * sold);
                crate::shop::settle_down().await;
            }
            shop.kitchen.mood(Mood::Panic);
            let running = tokio::spawn(Shop::send_owned(&shop.app, "/first", &header));
            assert!(running.await.unwrap_err().is_panic());
            runs += 1;
            crate::shop::settle_down().await;
            shop.kitchen.mood(Mood::Good);
            // Paid in time is delivered late.
            shop.advance(3600);
            pay(&shop, "/first", &header).await.served(receipt);
            runs += 1;
            shop.books(runs, CENT * sold);
            assert_eq!(pay(&shop, "/first", &header).await.status, 402);
            shop.books(runs, CENT * sold);
        }
    }
}

#[tokio::test]
async fn t05_what_settled_first_and_failed_is_good_on_its_own_request_alone() {
    let shop = Shop::open().await;
    let header = v1_header(&shop.x402_v1("/first").await);
    shop.kitchen.mood(Mood::Status(500));
    assert_eq!(pay(&shop, "/first", &header).await.status, 500);
    crate::shop::settle_down().await;
    shop.kitchen.mood(Mood::Good);
    for path in ["/cheap", "/twin", "/first?more=1"] {
        let answer = pay(&shop, path, &header).await;
        answer.refused(402, "invalid_exact_evm_nonce_already_used");
    }
    pay(&shop, "/first", &header)
        .await
        .served("x-payment-response");
    shop.books(2, CENT);
}

#[tokio::test]
async fn t95_receipts_forged_by_a_handler_are_removed() {
    let shop = Shop::open().await;
    for (mood, status) in [(Mood::Forge, 200), (Mood::ForgeAndFail, 500)] {
        shop.kitchen.mood(mood);
        for path in ["/cheap", "/first"] {
            for (header, receipt) in each(&shop, path).await {
                let answer = pay(&shop, path, &header).await;
                assert_eq!(answer.status, status);
                if status == 200 {
                    // Checks that there is one receipt, and that it names a transaction.
                    let hash = answer.served(receipt);
                    assert!(shop.net.chain.receipt(hash).is_some());
                } else {
                    let forged = answer.headers.iter().any(|(name, value)| {
                        name.as_str().contains("payment")
                            && value.as_bytes().starts_with(b"eyJzd")
                            && answer.message(name.as_str()).as_object().unwrap().len() == 1
                    });
                    assert!(!forged);
                }
            }
        }
    }
}

#[tokio::test]
async fn t92_a_paid_answer_is_kept_by_no_shared_cache_whatever_the_handler_says() {
    let shop = Shop::open().await;
    shop.kitchen.mood(Mood::Forge);
    let header = v2_header(&shop.x402("/cheap").await);
    let answer = pay(&shop, "/cheap", &header).await;
    answer.served("payment-response");
    assert_eq!(answer.header("cache-control"), "private, max-age=600");
    assert!(answer.header("vary").starts_with("accept, "));
}

#[tokio::test]
async fn t21_a_body_too_large_to_hold_is_not_charged_and_does_not_leave() {
    let limits = {
        let mut limits = payment_core::Limits::default();
        limits.held_body = 1024;
        limits
    };
    let shop = Shop::planned(crate::shop::Plan {
        limits,
        ..crate::shop::Plan::default()
    })
    .await;
    let header = v2_header(&shop.x402("/cheap").await);
    shop.kitchen.mood(Mood::Large(1025));
    let answer = pay(&shop, "/cheap", &header).await;
    answer.refused(500, "response_not_holdable");
    crate::shop::settle_down().await;
    shop.books(1, 0);
    shop.kitchen.mood(Mood::Large(1024));
    let answer = pay(&shop, "/cheap", &header).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 1024));
    shop.books(2, CENT);
    // Settled first, it may be of any size.
    shop.kitchen.mood(Mood::Large(100_000));
    let header = v2_header(&shop.x402("/first").await);
    let answer = pay(&shop, "/first", &header).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 100_000));
    shop.books(3, 2 * CENT);
}

#[tokio::test]
async fn a_redirect_of_the_handler_is_a_service_and_is_settled() {
    let shop = Shop::open().await;
    shop.kitchen.mood(Mood::Status(303));
    let header = v2_header(&shop.x402("/cheap").await);
    let answer = pay(&shop, "/cheap", &header).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.message("payment-response")["success"], true);
    shop.books(1, CENT);
    assert_ne!(answer.body, MEAL);
}
