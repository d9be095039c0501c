//! Prices that rise while a payment is on its way, and buyers of version 1, who bring no quote (I4).

use devnet::facilitator::{Act, Route};
use payment_core::usd;

use crate::answer::Answer;
use crate::kitchen::Mood;
use crate::purse::v1_header;
use crate::shop::{CENT, Header, Means, Plan, Shop};

async fn pay(shop: &Shop, path: &str, header: &Header) -> Answer {
    shop.get(path, std::slice::from_ref(header)).await
}

/// A shop where a payment of version 1 was begun at a cent, and the same shop at two cents.
async fn dearer(means: Means) -> (Shop, axum::Router) {
    let shop = Shop::settling(means).await;
    let dearer = shop.another(Plan {
        means,
        first: usd!("0.02"),
        ..Plan::default()
    });
    let dearer = dearer.await;
    (shop, dearer)
}

#[tokio::test]
async fn i4_v1_payment_that_was_settled_and_not_served_is_served_when_the_price_has_risen() {
    for means in [Means::Facilitator, Means::Onchain] {
        let (shop, dearer) = dearer(means).await;
        let begun = v1_header(&shop.x402_v1("/first").await);
        let fresh = v1_header(&shop.x402_v1("/first").await);
        shop.kitchen.mood(Mood::Status(500));
        assert_eq!(pay(&shop, "/first", &begun).await.status, 500);
        crate::shop::settle_down().await;
        shop.books(1, CENT);
        // Nobody begins at a price that is not asked any more, whatever becomes of others.
        for _ in 0..2 {
            let answer = Shop::send_owned(&dearer, "/first", &fresh).await;
            answer.refused(
                402,
                "invalid_exact_evm_payload_authorization_value_mismatch",
            );
        }
        shop.books(1, CENT);
        // Nor at another request.
        let answer = Shop::send_owned(&dearer, "/first?more=1", &begun).await;
        assert_eq!(answer.status, 402);
        shop.kitchen.mood(Mood::Status(500));
        assert_eq!(
            Shop::send_owned(&dearer, "/first", &begun).await.status,
            500
        );
        crate::shop::settle_down().await;
        shop.kitchen.mood(Mood::Good);
        let served = Shop::send_owned(&dearer, "/first", &begun).await;
        served.served("x-payment-response");
        shop.books(3, CENT);
        let again = Shop::send_owned(&dearer, "/first", &begun).await;
        again.refused(402, "invalid_exact_evm_nonce_already_used");
        shop.books(3, CENT);
        // It is good where its price is asked.
        pay(&shop, "/first", &fresh)
            .await
            .served("x-payment-response");
        shop.books(4, 2 * CENT);
    }
}

/// Who shows another authorization with the nonce of what was paid gets what was paid for, and the
/// handler hears what has moved.
#[tokio::test]
async fn t11_v1_payment_that_comes_again_for_more_is_told_as_it_moved() {
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        let envelope = shop.x402_v1("/first").await;
        let begun = v1_header(&envelope);
        let fortune = shop.resigned(envelope, |authorization| {
            authorization.value = alloy_primitives::U256::from(1_000_000_000);
        });
        shop.kitchen.mood(Mood::Status(500));
        assert_eq!(pay(&shop, "/first", &begun).await.status, 500);
        crate::shop::settle_down().await;
        shop.kitchen.mood(Mood::Good);
        let again = pay(&shop, "/first", &v1_header(&fortune)).await;
        again.served("x-payment-response");
        let told = shop.kitchen.last().expect("the handler has run");
        assert_eq!(told.amount(), payment_core::Units::from(CENT));
        shop.books(2, CENT);
    }
}

#[tokio::test]
async fn i4_v1_payment_of_which_nobody_knows_is_not_settled_for_less_when_the_price_has_risen() {
    let (shop, dearer) = dearer(Means::Facilitator).await;
    let envelope = shop.x402_v1("/first").await;
    let begun = v1_header(&envelope);
    // Another authorization with the nonce of what was begun, of nearly nothing.
    let penny = shop.resigned(envelope, |authorization| {
        authorization.value = alloy_primitives::U256::from(1);
    });
    shop.facilitator.order(Route::Settle, Act::CloseBefore);
    pay(&shop, "/first", &begun).await.pending();
    crate::shop::settle_down().await;
    for header in [&begun, &v1_header(&penny)] {
        let answer = Shop::send_owned(&dearer, "/first", header).await;
        answer.pending();
        crate::shop::settle_down().await;
        shop.books(0, 0);
    }
    pay(&shop, "/first", &begun)
        .await
        .served("x-payment-response");
    shop.books(1, CENT);
}
