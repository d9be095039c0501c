//! What a request may carry (T91, T94).

use payment_core::{ProtocolName, Route, usd};

use crate::coupon::COUPONS;
use crate::market::{Market, PRICE, Stall};

fn only(market: &Market, name: ProtocolName) -> Stall {
    market.stall(Route::priced(usd!("0.01")).only([name]))
}

/// Junk that each protocol would refuse if it were asked.
const JUNK: [(&str, &str); 6] = [
    ("authorization", "Payment %%%"),
    ("authorization", "Payment eyJub3QiOiJhIGNyZWRlbnRpYWwifQ"),
    ("payment-signature", "%%%"),
    ("payment-signature", "e30="),
    ("x-payment", "e30="),
    ("x-coupon", "junk"),
];

fn belongs(header: &str) -> ProtocolName {
    match header {
        "authorization" => mpp_core::MPP,
        "x-coupon" => COUPONS,
        _ => x402_core::NAME,
    }
}

#[tokio::test]
async fn each_payment_is_taken_once_where_it_stands_alone() {
    let market = Market::open().await;
    let (stall, signed) = (market.of_all(), market.sign().await);
    for payment in [
        ("payment-signature", &*signed.v2),
        ("authorization", &*signed.mpp),
        ("x-payment", &*signed.v1),
    ] {
        assert_eq!(market.get(&stall, &[payment]).await.status, 200);
        assert_eq!(market.get(&stall, &[payment]).await.status, 402);
    }
    assert_eq!(market.income(), 3 * PRICE);
}

#[tokio::test]
async fn t94_payments_of_two_protocols_are_refused_and_neither_is_spent() {
    let market = Market::open().await;
    let (stall, signed) = (market.of_all(), market.sign().await);
    let (v2, v1) = (
        ("payment-signature", &*signed.v2),
        ("x-payment", &*signed.v1),
    );
    let mpp = ("authorization", &*signed.mpp);
    let before = market.tally();
    for both in [[v2, mpp], [mpp, v2], [v1, mpp]] {
        let got = market.get(&stall, &both).await;
        assert_eq!((got.status, got.code()), (400, "ambiguous_payment"));
        assert!(!got.has_x402() && got.mpp().is_empty());
    }
    // Junk in the other's header is no less of a second payment: it may be one that broke.
    for (header, value) in JUNK {
        for good in [v2, mpp] {
            if belongs(header) != belongs(good.0) {
                let got = market.get(&stall, &[good, (header, value)]).await;
                assert_eq!(
                    (got.status, got.code()),
                    (400, "ambiguous_payment"),
                    "{value}"
                );
            }
        }
    }
    assert_eq!(market.tally(), before);
    for good in [v2, mpp] {
        assert_eq!(market.get(&stall, &[good]).await.status, 200);
    }
    assert_eq!(market.income(), 2 * PRICE);
}

#[tokio::test]
async fn t91_a_payment_of_a_protocol_that_the_route_does_not_take_is_none() {
    let market = Market::open().await;
    let signed = market.sign().await;
    let good = [
        ("payment-signature", &*signed.v2),
        ("x-payment", &*signed.v1),
        ("authorization", &*signed.mpp),
        ("x-coupon", "good-1"),
    ];
    let before = market.tally();
    for name in [x402_core::NAME, mpp_core::MPP, COUPONS] {
        let stall = only(&market, name);
        let unpaid = market.get(&stall, &[]).await;
        for payment in good.into_iter().chain(JUNK) {
            if belongs(payment.0) == name {
                continue;
            }
            let got = market.get(&stall, &[payment]).await;
            assert_eq!((got.status, &got.body), (402, &unpaid.body), "{payment:?}");
            assert_eq!(got.has_x402(), name == x402_core::NAME);
            assert_eq!(!got.mpp().is_empty(), name == mpp_core::MPP);
        }
    }
    assert_eq!(market.tally(), before);

    // Nor does it stand in the way of one that the route takes.
    for (name, payment) in [
        (x402_core::NAME, good[0]),
        (mpp_core::MPP, good[2]),
        (COUPONS, good[3]),
    ] {
        let others = good.into_iter().chain(JUNK);
        let others = others.filter(|(header, _)| belongs(header) != name);
        // One line a header, as the others' own rules would have it.
        let mut headers = vec![payment];
        for other in others {
            if headers.iter().all(|(header, _)| *header != other.0) {
                headers.push(other);
            }
        }
        let got = market.get(&only(&market, name), &headers).await;
        assert_eq!(got.status, 200, "{name} {:?}", got.body);
    }
    assert_eq!(market.income(), 2 * PRICE);
}

#[tokio::test]
async fn t94_several_payments_of_one_protocol_are_refused_and_none_is_spent() {
    let market = Market::open().await;
    let (first, second) = (market.sign().await, market.sign().await);
    let (signature, legacy, login) = ("payment-signature", "x-payment", "authorization");
    let together = format!("{}, {}", first.mpp, second.mpp);
    let quoted = format!("{}, Digest uri=\"/, Payment x\", {}", first.mpp, second.mpp);
    let before = market.tally();
    for stall in [
        market.of_all(),
        market.stall(Route::priced(usd!("0.01")).only([x402_core::NAME, mpp_core::MPP])),
    ] {
        for headers in [
            &[(signature, &*first.v2), (signature, &*second.v2)][..],
            &[(signature, &*first.v2), (signature, &*first.v2)],
            &[(signature, &*first.v2), (signature, "")],
            &[(signature, &*first.v2), (legacy, &*first.v1)],
            &[(legacy, &*first.v1), (legacy, &*second.v1)],
            &[(login, &*first.mpp), (login, &*second.mpp)],
            &[(login, &*first.mpp), (login, &*first.mpp)],
            &[
                (login, &*first.mpp),
                (login, "Basic YTpi"),
                (login, &*second.mpp),
            ],
            &[(login, &*together)],
            &[(login, &*quoted)],
        ] {
            let got = market.get(&stall, headers).await;
            assert_eq!(got.status, 400, "{headers:?}");
            assert!(!got.has_x402() && got.mpp().is_empty());
        }
    }
    assert_eq!(market.tally(), before);
}

#[tokio::test]
async fn t94_one_payment_among_other_logins_is_the_payment() {
    let market = Market::open().await;
    let stall = market.of_all();
    let login = "authorization";
    let (basic, bearer) = ("Basic YWxpY2U6c2VjcmV0", "Bearer Payment.x.y");
    let no_payment = [
        vec![(login, basic)],
        vec![(login, bearer)],
        vec![(login, basic), (login, bearer)],
        vec![(login, "Digest username=\"Payment abc, Payment def\"")],
        vec![(login, "Payments abc")],
        vec![(login, "Payment")],
    ];
    let before = market.tally();
    for headers in &no_payment {
        let got = market.get(&stall, headers).await;
        assert_eq!(
            (got.status, got.code()),
            (402, "payment_required"),
            "{headers:?}"
        );
        assert!(got.has_x402() && got.mpp().len() == 2);
    }
    assert_eq!(market.tally(), before);

    for (at, form) in [
        "lines",
        "lines turned",
        "one line",
        "one line turned",
        "lower case",
    ]
    .into_iter()
    .enumerate()
    {
        let mpp = market.sign().await.mpp;
        let joined = match form {
            "one line" => format!("{basic}, {mpp}"),
            _ => format!("{mpp} , {basic}"),
        };
        let lower = mpp.replacen("Payment", "payment", 1);
        let headers = match form {
            "lines" => vec![(login, basic), (login, &*mpp)],
            "lines turned" => vec![(login, &*mpp), (login, basic)],
            "lower case" => vec![(login, &*lower)],
            _ => vec![(login, &*joined)],
        };
        let got = market.get(&stall, &headers).await;
        assert_eq!(got.status, 200, "{form} {:?}", got.body);
        assert_eq!(market.income(), PRICE * (at as u64 + 1));
    }
    // Beside an x402 payment a login is a login.
    let v2 = market.sign().await.v2;
    let headers = [(login, basic), ("payment-signature", &*v2)];
    assert_eq!(market.get(&stall, &headers).await.status, 200);
}
