#![allow(clippy::unwrap_used)]

mod till;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, StatusCode};

use self::till::{Got, Stall, paid};
use crate::*;

const CHEAP: Money = usd!("0.01");
const DEAR: Money = usd!("0.02");

fn free() -> Result<Quote, BoxError> {
    Ok(Quote::Free)
}

/// The answer, and that nothing was served or looked at.
#[track_caller]
fn assert_closed(stall: &Stall, got: &Got, status: u16, code: &str) {
    assert_eq!((got.status.as_u16(), &*got.code), (status, code));
    assert_eq!((stall.served(), stall.bound()), (0, 0));
    assert_eq!(got.prices, None, "it can't be paid");
}

#[tokio::test]
async fn t03_a_price_that_fails_closes_the_gate() {
    type Fails = fn(&Ask) -> Result<Quote, BoxError>;
    let faults: [(&str, Fails, u16, &str); 6] = [
        ("error", |_| Err("no rate".into()), 503, "price_unavailable"),
        ("panic", |_| panic!("no rate"), 503, "price_unavailable"),
        (
            "no option at all",
            |_| Ok(Quote::Options(Vec::new())),
            500,
            "price_unusable",
        ),
        (
            "one of nothing",
            |_| {
                let nothing = PaymentOption::new(Money::from_decimal("0.00").unwrap());
                Ok(Quote::Options(vec![PaymentOption::new(CHEAP), nothing]))
            },
            500,
            "price_unusable",
        ),
        (
            "what no protocol can charge",
            |_| Ok(till::UNUSABLE.into()),
            500,
            "price_unusable",
        ),
        (
            "what a protocol panics at",
            |_| Ok(till::PANICS.into()),
            500,
            "price_unusable",
        ),
    ];
    for (what, fails, status, code) in faults {
        let stall = Stall::new(fails);
        println!("{what}");
        assert_closed(&stall, &stall.get("/", None).await, status, code);
        let brought = stall.get("/", Some(&paid("a", CHEAP, None))).await;
        assert_closed(&stall, &brought, status, code);
    }
}

#[tokio::test]
async fn a_pricer_that_panics_before_its_future_closes_the_gate_too() {
    struct Broken;
    impl Pricer for Broken {
        fn quote<'a>(&'a self, _: &'a Ask) -> BoxFuture<'a, Result<Quote, BoxError>> {
            panic!("not even a future")
        }
    }
    let stall = Stall::priced(Pricing::new(Broken));
    let got = stall.get("/", None).await;
    assert_closed(&stall, &got, 503, "price_unavailable");
}

#[tokio::test(start_paused = true)]
async fn t03_a_price_that_is_late_closes_the_gate() {
    let never = Pricing::by(|_| std::future::pending::<Result<Quote, BoxError>>());
    let stall = Stall::priced(never.deadline(Duration::from_millis(50)));
    for brought in [None, Some(paid("a", CHEAP, None))] {
        let got = stall.get("/", brought.as_deref()).await;
        assert_closed(&stall, &got, 503, "price_unavailable");
    }
}

#[tokio::test]
async fn free_is_served_and_leaves_a_payment_alone() {
    let stall = Stall::new(|_| free());
    let got = stall.get("/", Some(&paid("a", CHEAP, None))).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!((stall.served(), stall.bound(), stall.settled()), (1, 0, 0));
    assert!(stall.last().is_free());
    assert_eq!(stall.get("/", None).await.status, StatusCode::OK);
    // The very same payment is good afterwards.
    stall.prices(|_| Ok(CHEAP.into()));
    let got = stall.get("/", Some(&paid("a", CHEAP, None))).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(stall.settled(), 1);
    assert!(!stall.last().is_free());
}

#[tokio::test]
async fn deny_is_no_invitation_to_pay() {
    let stall = Stall::new(|_| {
        let sanctions = Denial::new("sanctions").status(StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS);
        Ok(Quote::Deny(sanctions))
    });
    for brought in [None, Some(paid("a", CHEAP, None))] {
        let got = stall.get("/", brought.as_deref()).await;
        assert_closed(&stall, &got, 451, "sanctions");
    }
}

#[tokio::test]
async fn standard_is_what_the_route_says_in_its_order() {
    let stall = Stall::on(|pricing| {
        Route::priced(usd!("7"))
            .options([PaymentOption::new(DEAR), PaymentOption::new(CHEAP)])
            .pricing(pricing)
    });
    stall.prices(|_| Ok(Quote::Standard));
    let got = stall.get("/", None).await;
    assert_eq!(got.prices.as_deref(), Some("0.02,0.01"));
    let plain = Stall::on(|pricing| Route::priced(usd!("7")).pricing(pricing));
    plain.prices(|_| Ok(Quote::Standard));
    assert_eq!(plain.get("/", None).await.prices.as_deref(), Some("7"));
}

#[tokio::test]
async fn a_price_that_moves_turns_no_buyer_away_within_grace() {
    for (quoted, now) in [(CHEAP, DEAR), (DEAR, CHEAP)] {
        let stall = Stall::new(move |_| Ok(quoted.into()));
        let quote = stall.get("/", None).await.quote.unwrap();
        stall.prices(move |_| Ok(now.into()));
        stall.clock.advance(Duration::from_secs(59));
        let got = stall.get("/", Some(&paid("a", quoted, Some(&quote)))).await;
        assert_eq!(got.status, StatusCode::OK, "{quoted} {now}");
        assert_eq!(stall.settled(), 1);
        // Whoever is refused is told the price of today, with a window of its own.
        let spent = stall.get("/", Some(&paid("a", quoted, Some(&quote)))).await;
        assert_eq!(spent.code, "spent");
        assert_eq!(spent.prices, Some(now.to_string()));
        assert_ne!(spent.quote.as_deref(), Some(&*quote));
        // Without its quote, the price of the moment counts.
        let got = stall.get("/", Some(&paid("b", quoted, None))).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(got.prices, Some(now.to_string()));
        // And after the window.
        stall.clock.advance(Duration::from_secs(1));
        let got = stall.get("/", Some(&paid("c", quoted, Some(&quote)))).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(got.prices, Some(now.to_string()));
        assert_ne!(got.quote.unwrap(), quote);
        let got = stall.get("/", Some(&paid("d", now, Some(&quote)))).await;
        assert_eq!(got.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_quote_that_has_run_out_pays_a_price_that_stands() {
    let stall = Stall::new(|_| Ok(CHEAP.into()));
    let quote = stall.get("/", None).await.quote.unwrap();
    stall.clock.advance(Duration::from_secs(10_000));
    let got = stall.get("/", Some(&paid("a", CHEAP, Some(&quote)))).await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn without_grace_the_price_of_the_moment_counts() {
    let stall = Stall::on(|pricing| Route::priced(CHEAP).pricing(pricing.grace(Duration::ZERO)));
    stall.prices(|_| Ok(CHEAP.into()));
    let quote = stall.get("/", None).await.quote.unwrap();
    stall.prices(|_| Ok(DEAR.into()));
    let got = stall.get("/", Some(&paid("a", CHEAP, Some(&quote)))).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!((stall.served(), stall.settled()), (0, 0));
}

/// Whoever may have paid is not told to pay again, though its price is not asked any more.
#[tokio::test]
async fn i4_what_was_begun_at_a_quoted_price_is_followed_up_at_it() {
    for grace in [Duration::ZERO, Duration::from_secs(60)] {
        let stall = Stall::on(|pricing| {
            Route::priced(CHEAP)
                .pricing(pricing.grace(grace))
                .timing(Timing::BeforeServing)
        });
        stall.prices(|_| Ok(CHEAP.into()));
        let quote = stall.get("/", None).await.quote.unwrap();
        stall.answers(StatusCode::INTERNAL_SERVER_ERROR);
        let begun = paid("a", CHEAP, Some(&quote));
        let got = stall.get("/", Some(&begun)).await;
        assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
        tokio::task::yield_now().await;
        // Paid, and not delivered; then the price moves and the quote runs out.
        stall.answers(StatusCode::OK);
        stall.prices(|_| Ok(DEAR.into()));
        stall.clock.advance(Duration::from_secs(61));
        let fresh = paid("b", CHEAP, Some(&quote));
        let got = stall.get("/", Some(&fresh)).await;
        assert_eq!((got.status.as_u16(), &*got.code), (402, "other_price"));
        assert_eq!(got.prices.as_deref(), Some("0.02"));
        let got = stall.get("/?other", Some(&begun)).await;
        assert_eq!(
            got.status,
            StatusCode::PAYMENT_REQUIRED,
            "of this request alone"
        );
        let got = stall.get("/", Some(&begun)).await;
        assert_eq!((got.status, stall.settled()), (StatusCode::OK, 1));
        let got = stall.get("/", Some(&begun)).await;
        assert_eq!((got.status.as_u16(), &*got.code), (402, "spent"));
    }
}

/// Prices `?size=large` at two cents, all else at one.
fn by_size(ask: &Ask) -> Result<Quote, BoxError> {
    Ok(match ask.query.as_deref() {
        Some("size=large") => DEAR.into(),
        _ => CHEAP.into(),
    })
}

#[tokio::test]
async fn t03_the_price_is_that_of_the_request_that_pays() {
    let stall = Stall::new(by_size);
    let quote = stall.get("/?size=small", None).await.quote.unwrap();
    for (uri, quote) in [
        ("/?size=large", Some(&*quote)),
        ("/?size=large", None),
        ("/?size=large", Some("junk")),
    ] {
        let got = stall.get(uri, Some(&paid("a", CHEAP, quote))).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED, "{uri} {quote:?}");
        assert_eq!(got.prices.as_deref(), Some("0.02"));
    }
    assert_eq!((stall.served(), stall.settled()), (0, 0));
    let got = stall
        .get("/?size=small", Some(&paid("a", CHEAP, Some(&quote))))
        .await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn a_quote_of_another_gate_or_method_is_none() {
    let stall = Stall::new(|_| Ok(CHEAP.into()));
    let other = Stall::new(|_| Ok(CHEAP.into()));
    let foreign = other.get("/", None).await.quote.unwrap();
    let of_get = stall.get("/", None).await.quote.unwrap();
    stall.prices(|_| Ok(DEAR.into()));
    let payment = paid("a", CHEAP, Some(&foreign));
    let got = stall.get("/", Some(&payment)).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    let payment = paid("a", CHEAP, Some(&of_get));
    let got = stall.send("POST", "/", Some(&payment), None).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    let got = stall.get("/", Some(&payment)).await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn a_quote_is_shared_by_the_gates_of_one_key() {
    let gates = [(); 2].map(|()| {
        let stall = Stall::keyed(Secret::new([9; 32]));
        stall.prices(|_| Ok(CHEAP.into()));
        stall
    });
    let quote = gates[0].get("/", None).await.quote.unwrap();
    gates[1].prices(|_| Ok(DEAR.into()));
    let payment = paid("a", CHEAP, Some(&quote));
    assert_eq!(
        gates[1].get("/", Some(&payment)).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn a_quote_of_fewer_ways_pays_none_of_more() {
    let stall = Stall::new(|_| Ok(CHEAP.into()));
    let quote = stall.get("/", None).await.quote.unwrap();
    stall.prices(|_| {
        let options = [DEAR, usd!("0.03")].map(PaymentOption::new);
        Ok(Quote::Options(options.into()))
    });
    let got = stall.get("/", Some(&paid("a", CHEAP, Some(&quote)))).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.prices.as_deref(), Some("0.02,0.03"));
}

#[tokio::test]
async fn the_payee_is_found_with_the_price_and_quoted_with_it() {
    let payee = |name: &str| Account::Other(name.into());
    let stall = Stall::new(move |_| Ok(PaymentOption::new(CHEAP).pay_to(payee("alice")).into()));
    let got = stall.get("/", None).await;
    assert_eq!(got.prices.as_deref(), Some("0.01@alice"));
    let quote = got.quote.unwrap();
    stall.prices(move |_| Ok(PaymentOption::new(DEAR).pay_to(payee("bob")).into()));
    let got = stall.get("/", Some(&paid("a", CHEAP, Some(&quote)))).await;
    assert_eq!((got.status, &*stall.payee()), (StatusCode::OK, "alice"));
    let got = stall.get("/", Some(&paid("b", DEAR, None))).await;
    assert_eq!((got.status, &*stall.payee()), (StatusCode::OK, "bob"));
}

#[tokio::test]
async fn a_pricer_sees_the_headers_it_asked_for_and_no_others() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let wanted = HeaderName::from_static("x-tier");
    let pricing = {
        let (seen, wanted) = (Arc::clone(&seen), wanted.clone());
        Pricing::by(move |ask| {
            seen.lock().unwrap().push(ask.headers.clone());
            let gold = ask.header(&wanted) == Some("gold");
            async move { Ok(if gold { CHEAP.into() } else { DEAR.into() }) }
        })
    };
    let stall = Stall::priced(pricing.reading([wanted.clone()]));
    let gold = [("x-tier", "gold"), ("authorization", "Bearer secret")];
    let got = stall.with_headers(&gold).await;
    assert_eq!(got.prices.as_deref(), Some("0.01"));
    let got = stall
        .with_headers(&[("x-tier", "gold"), ("x-tier", "gold")])
        .await;
    assert_eq!(got.prices.as_deref(), Some("0.02"), "twice is not once");
    let seen = seen.lock().unwrap();
    assert_eq!(
        (seen[0].len(), &seen[0][&wanted]),
        (1, &"gold".parse().unwrap())
    );
}

/// A cent, or two for `x-size: large`.
fn by_header() -> Pricing {
    let size = HeaderName::from_static("x-size");
    let read = size.clone();
    Pricing::by(move |ask| {
        let large = ask.header(&size) == Some("large");
        async move { Ok(if large { DEAR.into() } else { CHEAP.into() }) }
    })
    .reading([read])
}

#[tokio::test]
async fn t03_a_quote_for_one_header_is_none_for_another() {
    let stall = Stall::priced(by_header());
    let small = stall.with_headers(&[("x-size", "small")]).await;
    let payment = paid("a", CHEAP, small.quote.as_deref());
    let large = [("x-pay", &*payment), ("x-size", "large")];
    let got = stall.with_headers(&large).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.prices.as_deref(), Some("0.02"));
    assert_eq!((stall.served(), stall.settled()), (0, 0));
}

#[tokio::test]
async fn i4_what_was_settled_is_delivered_whatever_it_costs_by_then() {
    for grace in [60, 0] {
        let stall = Stall::on(|pricing| {
            Route::priced(CHEAP)
                .pricing(pricing.grace(Duration::from_secs(grace)))
                .timing(Timing::BeforeServing)
        });
        stall.prices(|_| Ok(CHEAP.into()));
        let quote = stall.get("/", None).await.quote;
        // Paid, and the handler fails: the payment waits for the same request.
        stall.answers(StatusCode::INTERNAL_SERVER_ERROR);
        let payment = paid("a", CHEAP, quote.as_deref());
        let got = stall.get("/", Some(&payment)).await;
        assert_eq!((got.status.as_u16(), stall.settled()), (500, 1));
        stall.answers(StatusCode::OK);
        tokio::task::yield_now().await;
        stall.prices(|_| Ok(DEAR.into()));
        stall.clock.advance(Duration::from_secs(61));
        let got = stall.get("/", Some(&payment)).await;
        assert_eq!(got.status, StatusCode::OK, "told to pay again: {grace}");
        assert_eq!(stall.settled(), 1);
        // Once, and no other by it.
        let got = stall.get("/", Some(&payment)).await;
        assert_eq!(got.code, "spent");
        let other = paid("b", CHEAP, quote.as_deref());
        assert_eq!(stall.get("/", Some(&other)).await.code, "other_price");
        assert_eq!((stall.served(), stall.settled()), (2, 1));
    }
}

/// A cent for each letter.
fn by_length() -> Pricing {
    Pricing::by(|ask| {
        let letters = ask.body.unwrap().len().max(1) as u64;
        async move { Ok(CHEAP.checked_mul(letters).unwrap().into()) }
    })
    .reading_body(8)
}

#[tokio::test]
async fn t07_what_is_paid_for_is_the_body_that_was_priced() {
    let stall = Stall::priced(by_length());
    assert_eq!(stall.route.body_limit(), Some(8));
    let cheap = stall.send("POST", "/", None, Some("ab")).await;
    assert_eq!(cheap.prices.as_deref(), Some("0.02"));
    let digest = "sha-256=+44g/C5MPySMYMOb1lLzwTRymLuXe4tNWQO4UFViBgM=";
    assert_eq!(cheap.digest.as_deref(), Some(digest));
    let payment = paid("a", DEAR, cheap.quote.as_deref());
    let got = stall
        .send("POST", "/", Some(&payment), Some("abcdef"))
        .await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(got.prices.as_deref(), Some("0.06"));
    let got = stall.send("POST", "/", Some(&payment), Some("ab")).await;
    assert_eq!(got.status, StatusCode::OK);
    let empty = stall.send("GET", "/", None, Some("")).await;
    assert_eq!(empty.prices.as_deref(), Some("0.01"));
}

#[tokio::test]
async fn t120_what_listens_keeps_no_body_of_a_stranger() {
    let (heard, mut told) = tokio::sync::mpsc::unbounded_channel();
    let too = heard.clone();
    let hooks = On::new()
        .protected_request(async |ask| match ask.body.as_deref() {
            Some(b"ab") => Access::Pay,
            _ => Access::Failed("it decides by the body".into()),
        })
        .challenged(move |ask, _| {
            heard.send(ask.body).unwrap();
            std::future::ready(())
        })
        .failed(move |ask, _| {
            too.send(ask.body).unwrap();
            std::future::ready(())
        });
    let stall = Stall::at(
        |gate| gate.hooks(hooks),
        |_| Route::priced(usd!("1")).pricing(by_length()),
    );
    for brought in [None, Some(paid("a", CHEAP, None))] {
        let got = stall.send("POST", "/", brought.as_deref(), Some("ab"));
        assert_eq!(got.await.status, StatusCode::PAYMENT_REQUIRED);
    }
    for _ in 0..3 {
        assert_eq!(told.recv().await, Some(None));
    }
}

#[tokio::test]
async fn a_body_that_nobody_has_gathered_is_not_priced() {
    let stall = Stall::priced(by_length());
    // Heads do not always tell that there is one.
    for head in [
        &[("content-length", "5")][..],
        &[("content-length", "0")],
        &[],
    ] {
        let got = stall.with_headers(head).await;
        assert_closed(&stall, &got, 500, "body_not_gathered");
    }
}

#[tokio::test]
async fn what_was_paid_with_one_body_is_not_fetched_with_another() {
    let stall = Stall::on(|_| {
        let flat = Pricing::by(async |_| Ok(CHEAP.into())).reading_body(8);
        Route::priced(CHEAP)
            .pricing(flat)
            .timing(Timing::BeforeServing)
    });
    // Paid, and the handler fails: the payment waits for the same request.
    stall.answers(StatusCode::INTERNAL_SERVER_ERROR);
    let payment = paid("a", CHEAP, None);
    let got = stall.send("POST", "/", Some(&payment), Some("one")).await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
    stall.answers(StatusCode::OK);
    tokio::task::yield_now().await;
    let got = stall.send("POST", "/", Some(&payment), Some("two")).await;
    assert_ne!(got.status, StatusCode::OK);
    let got = stall.send("POST", "/", Some(&payment), Some("one")).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(stall.settled(), 1);
}

#[tokio::test]
async fn fixed_routes_ask_nobody_and_carry_nothing() {
    let stall = Stall::on(|_| Route::priced(CHEAP));
    let got = stall.get("/", None).await;
    assert_eq!(
        (got.prices.as_deref(), got.quote, got.digest),
        (Some("0.01"), None, None)
    );
    assert_eq!(stall.offers(), 1, "made once");
    let got = stall
        .get("/", Some(&paid("a", CHEAP, Some("a quote"))))
        .await;
    assert_eq!((got.status, stall.offers()), (StatusCode::OK, 1));
}

#[test]
fn what_no_protocol_can_offer_is_found_at_the_start() {
    let route = |options: Vec<PaymentOption>| {
        let gate = Gate::new(till::Till::default());
        gate.route(Route::priced(CHEAP).options(options)).map(drop)
    };
    assert!(route(vec![PaymentOption::new(CHEAP)]).is_ok());
    let foreign = PaymentOption::new(CHEAP).protocol(ProtocolName::new("other"));
    let refused = route(vec![PaymentOption::new(CHEAP), foreign]).unwrap_err();
    assert!(matches!(refused, ConfigError::NoProtocol));
    let zero = PaymentOption::new(Money::from_decimal("0").unwrap());
    let refused = route(vec![PaymentOption::new(CHEAP), zero]).unwrap_err();
    assert!(matches!(refused, ConfigError::ZeroPrice));
}
