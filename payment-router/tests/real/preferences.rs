//! `Accept-Payment` where not all protocols are MPP.

use payment_core::{Route, usd};
use payment_router::{MPP_PRIORITY, X402_PRIORITY};

use crate::market::Market;

#[tokio::test]
async fn preferences_rank_what_mpp_offers_and_take_nothing_else_away() {
    let market = Market::open().await;
    let stall = market.of_all();
    for (accept, intents) in [
        ("evm/session, evm/charge;q=0.5", &["session", "charge"][..]),
        ("evm/session", &["session"]),
        ("evm/*, evm/session;q=0", &["charge"]),
        // Nothing is left, or nothing can be read: the normal offers.
        ("evm/*;q=0", &["charge", "session"]),
        ("*/*;q=0", &["charge", "session"]),
        ("tempo/charge", &["charge", "session"]),
        ("x402/exact", &["charge", "session"]),
        ("x402/*;q=0", &["charge", "session"]),
        ("evm/session;q=2", &["charge", "session"]),
        ("junk", &["charge", "session"]),
    ] {
        let got = market.get(&stall, &[("accept-payment", accept)]).await;
        assert_eq!(got.status, 402);
        assert_eq!(got.intents(), intents, "{accept}");
        assert!(got.has_x402(), "{accept}");
        assert_eq!(got.body["coupons"], 1, "{accept}");
    }
    // Twice is not once: ignored.
    let twice = [
        ("accept-payment", "evm/session"),
        ("accept-payment", "evm/session"),
    ];
    let got = market.get(&stall, &twice).await;
    assert_eq!(got.intents(), ["charge", "session"]);
}

#[tokio::test]
async fn preferences_do_not_rule_payments() {
    let market = Market::open().await;
    let (stall, signed) = (market.of_all(), market.sign().await);
    let refused = ("accept-payment", "*/*;q=0, evm/*;q=0");
    for payment in [
        ("authorization", &*signed.mpp),
        ("payment-signature", &*signed.v2),
    ] {
        assert_eq!(market.get(&stall, &[refused, payment]).await.status, 200);
    }
}

#[tokio::test]
async fn preferences_leave_a_route_of_x402_alone_payable() {
    let market = Market::open().await;
    let stall = market.stall(Route::priced(usd!("0.01")).only([x402_core::NAME]));
    for accept in ["*/*;q=0", "evm/charge", "x402/*;q=0"] {
        let got = market.get(&stall, &[("accept-payment", accept)]).await;
        assert_eq!(got.status, 402);
        assert!(got.has_x402(), "{accept}");
    }
}

#[tokio::test]
async fn the_protocols_place_themselves_where_the_constants_say() {
    assert_eq!((MPP_PRIORITY, X402_PRIORITY), (10, 20));
    assert_eq!(
        Market::open().await.placed,
        "{10: ProtocolName(\"mpp\"), 20: ProtocolName(\"x402\"), \
         100: ProtocolName(\"coupons\")}"
    );
}
