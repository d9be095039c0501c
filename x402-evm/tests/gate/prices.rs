//! Prices that are found for each request, by real signatures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::address;
use http::StatusCode;
use payment_core::{
    Account, Ask, BoxError, Denial, Money, PaymentOption, Pricing, Quote, Route, usd,
};
use payment_evm::{LocalSigner, Token};
use serde_json::{Value, json};
use x402_core::X402;
use x402_core::wire::{encode, encode_ascii, v2};
use x402_evm::{ExactEvm, buyer};

use crate::shop::{Got, Offers, SELLER, Shop, YesMan};

const NOW: u64 = 1_740_672_000;
const CENT: Money = usd!("0.01");
const DEAR: Money = usd!("0.02");
const NO_MATCH: &str = "invalid_payment_requirements";
const VALUE: &str = "invalid_exact_evm_payload_authorization_value_mismatch";

type Say = Arc<dyn Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync>;

/// A shop whose price can be changed.
struct Market {
    shop: Shop,
    say: Arc<Mutex<Say>>,
    yes: Arc<YesMan>,
}

impl Market {
    fn at(price: Money) -> Self {
        let market = Self::with(|pricing| pricing);
        market.prices(move |_| Ok(price.into()));
        market
    }

    fn with(set: impl FnOnce(Pricing) -> Pricing) -> Self {
        let say: Arc<Mutex<Say>> = Arc::new(Mutex::new(Arc::new(|_| Ok(Quote::Standard))));
        let pricing = Pricing::by({
            let say = Arc::clone(&say);
            move |ask| {
                let say = Arc::clone(&say.lock().unwrap());
                async move { say(&ask) }
            }
        });
        let route = Route::priced(CENT)
            .pay_within(Duration::from_secs(300))
            .pricing(set(pricing.grace(Duration::from_secs(60))));
        let yes = Arc::new(YesMan::default());
        let token = Token::default_on(84532).unwrap();
        let x402 = X402::new(Arc::clone(&yes)).accept(ExactEvm::new(token, SELLER));
        let shop = Shop::on(x402, route, LocalSigner::random().unwrap(), NOW);
        Self { shop, say, yes }
    }

    fn prices(&self, say: impl Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync + 'static) {
        *self.say.lock().unwrap() = Arc::new(say);
    }

    async fn unpaid(&self, method: &str, uri: &str, body: Option<&'static str>) -> Offers {
        Offers::of(&self.shop.send(method, uri, body, &[]).await)
    }

    /// What an honest buyer sends for these offers.
    async fn sign(&self, offers: &v2::PaymentRequired) -> v2::PaymentPayload {
        let (resource, offer) = (&offers.resource, &offers.accepts[0]);
        let signed = buyer::pay_v2(resource, offer, &self.shop.buyer, self.shop.now());
        signed.await.unwrap()
    }

    async fn pay(
        &self,
        method: &str,
        uri: &str,
        body: Option<&'static str>,
        payment: &impl serde::Serialize,
    ) -> Got {
        let header = encode(payment).unwrap();
        let headers = [("payment-signature", &*header)];
        self.shop.send(method, uri, body, &headers).await
    }

    async fn get(&self, payment: &impl serde::Serialize) -> Got {
        self.pay("GET", "/weather", None, payment).await
    }

    fn settled(&self) -> Vec<Value> {
        let asked = self.yes.0.lock().unwrap();
        let settled = asked.iter().filter(|(call, _)| *call == "settle");
        settled.map(|(_, body)| body.clone()).collect()
    }
}

/// A refusal, and what is offered instead.
#[track_caller]
fn assert_refused(got: &Got, code: &str, amount: &str) {
    assert_eq!(
        (got.status, &*got.code()),
        (StatusCode::PAYMENT_REQUIRED, code)
    );
    assert_eq!(
        got.message("payment-required")["accepts"][0]["amount"],
        amount
    );
}

/// A payment with another quote in its echo; `null` for none.
fn with_quote(payment: &v2::PaymentPayload, quote: Value) -> Value {
    let mut payment = serde_json::to_value(payment).unwrap();
    let extra = payment["accepted"]["extra"].as_object_mut().unwrap();
    match quote {
        Value::Null => extra.remove("quote"),
        quote => extra.insert("quote".to_owned(), quote),
    };
    payment
}

#[tokio::test]
async fn a_price_that_moves_is_paid_as_it_was_quoted() {
    for (quoted, now, amount) in [(CENT, DEAR, "10000"), (DEAR, CENT, "20000")] {
        let market = Market::at(quoted);
        let offers = market.unpaid("GET", "/weather", None).await.v2;
        let payments = [market.sign(&offers).await, market.sign(&offers).await];
        market.prices(move |_| Ok(now.into()));
        market.shop.clock.advance(Duration::from_secs(59));
        assert_eq!(market.get(&payments[0]).await.status, StatusCode::OK);
        let settled = &market.settled()[0];
        assert_eq!(settled["paymentRequirements"]["amount"], amount);
        // What the facilitator sees as the echo is our own offer, quote and all.
        let echo = &settled["paymentPayload"]["accepted"];
        assert_eq!(*echo, settled["paymentRequirements"]);
        market.shop.clock.advance(Duration::from_secs(1));
        let got = market.get(&payments[1]).await;
        let today = now.to_units(6).unwrap().to_string();
        assert_refused(&got, NO_MATCH, &today);
        assert_eq!(market.settled().len(), 1);
    }
}

#[tokio::test]
async fn a_quote_that_has_run_out_or_is_none_of_ours_pays_a_price_that_stands() {
    let market = Market::at(CENT);
    let offers = market.unpaid("GET", "/weather", None).await.v2;
    market.shop.clock.advance(Duration::from_secs(70));
    for quote in [
        json!(offers.accepts[0].extra_text("quote").unwrap()),
        json!("junk"),
        Value::Null,
    ] {
        let payment = with_quote(&market.sign(&offers).await, quote);
        assert_eq!(
            market.get(&payment).await.status,
            StatusCode::OK,
            "{payment}"
        );
    }
}

#[tokio::test]
async fn t03_no_quote_but_an_honest_one_buys_the_price_of_yesterday() {
    let market = Market::at(CENT);
    let elsewhere = Market::at(CENT);
    let foreign = elsewhere.unpaid("GET", "/weather", None).await.v2;
    let foreign = foreign.accepts[0].extra_text("quote").unwrap().to_owned();
    let offers = market.unpaid("GET", "/weather", None).await.v2;
    let payment = market.sign(&offers).await;
    let quote = offers.accepts[0].extra_text("quote").unwrap().to_owned();
    let other_way = market.unpaid("POST", "/weather", None).await.v2;
    let other_way = other_way.accepts[0].extra_text("quote").unwrap().to_owned();
    let other_query = market.unpaid("GET", "/weather?q=1", None).await.v2;
    let other_query = other_query.accepts[0]
        .extra_text("quote")
        .unwrap()
        .to_owned();
    market.prices(|_| Ok(DEAR.into()));
    let (text, code) = quote.split_once('.').unwrap();
    let altered: String = quote.chars().rev().collect();
    let attacks = [
        ("none", Value::Null),
        ("another gate's", json!(foreign)),
        ("another method's", json!(other_way)),
        ("another query's", json!(other_query)),
        ("without its code", json!(text)),
        ("an empty code", json!(format!("{text}."))),
        ("half a code", json!(format!("{text}.{}", &code[..11]))),
        (
            "another text",
            json!(format!("{}.{code}", &text[..text.len() - 4])),
        ),
        ("altered", json!(altered)),
        ("a number", json!(7)),
        ("a list", json!([quote])),
        ("an object", json!({ "quote": quote })),
        ("empty", json!("")),
        ("long", json!("A".repeat(5000))),
    ];
    for (what, quote) in attacks {
        println!("{what}");
        let got = market.get(&with_quote(&payment, quote)).await;
        assert_refused(&got, NO_MATCH, "20000");
    }
    // More offers than were quoted.
    let payee = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    market.prices(move |_| {
        let second = PaymentOption::new(CENT).pay_to(payee.into());
        Ok(Quote::Options(vec![PaymentOption::new(DEAR), second]))
    });
    assert_refused(&market.get(&payment).await, NO_MATCH, "20000");
    assert!(market.yes.0.lock().unwrap().is_empty(), "nobody was asked");
    market.prices(|_| Ok(DEAR.into()));
    assert_eq!(
        market.get(&payment).await.status,
        StatusCode::OK,
        "the honest one"
    );
}

#[tokio::test]
async fn t03_the_cheap_query_does_not_pay_the_dear_one() {
    let market = Market::with(|pricing| pricing);
    market.prices(|ask| {
        Ok(match ask.query.as_deref() {
            Some("size=large") => DEAR.into(),
            _ => CENT.into(),
        })
    });
    let cheap = market.unpaid("GET", "/weather?size=small", None).await.v2;
    let payment = market.sign(&cheap).await;
    let got = market
        .pay("GET", "/weather?size=large", None, &payment)
        .await;
    assert_refused(&got, NO_MATCH, "20000");
    let got = market
        .pay("GET", "/weather?size=small", None, &payment)
        .await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn version_1_pays_the_price_of_the_moment() {
    let market = Market::at(CENT);
    let offers = market.unpaid("GET", "/weather", None).await;
    let extra = offers.v1.accepts[0].extra.clone().unwrap();
    assert!(
        !extra.contains_key("quote"),
        "it would not come back: {extra:?}"
    );
    let sign = || buyer::pay_v1(&offers.v1.accepts[0], &market.shop.buyer, market.shop.now());
    let payment = sign().await.unwrap();
    market.prices(|_| Ok(DEAR.into()));
    let got = market.shop.pay_v1(&payment).await;
    assert_refused(&got, VALUE, "20000");
    // A quote that it sends all the same is not looked at.
    let mut forged = serde_json::to_value(&payment).unwrap();
    forged["accepted"] = json!(offers.v2.accepts[0]);
    let header = encode_ascii(&forged).unwrap();
    let got = market.shop.get(&[("x-payment", &header)]).await;
    assert_refused(&got, VALUE, "20000");
    market.prices(|_| Ok(CENT.into()));
    assert_eq!(market.shop.pay_v1(&payment).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_grace_the_price_of_the_moment_counts() {
    let market = Market::with(|pricing| pricing.grace(Duration::ZERO));
    market.prices(|_| Ok(CENT.into()));
    let offers = market.unpaid("GET", "/weather", None).await.v2;
    let payment = market.sign(&offers).await;
    market.prices(|_| Ok(DEAR.into()));
    assert_refused(&market.get(&payment).await, NO_MATCH, "20000");
    market.prices(|_| Ok(CENT.into()));
    assert_eq!(market.get(&payment).await.status, StatusCode::OK);
}

#[tokio::test]
async fn t07_an_offer_is_good_for_the_body_that_was_priced() {
    for grace in [Duration::ZERO, Duration::from_secs(60)] {
        let market = Market::with(|pricing| pricing.reading_body(64).grace(grace));
        market.prices(|ask| {
            let large = ask.body.as_ref().is_some_and(|body| body.len() > 3);
            Ok(if large { DEAR.into() } else { CENT.into() })
        });
        let offers = market.unpaid("POST", "/weather", Some("one")).await;
        let digest = offers.v2.accepts[0].extra_text("bodyDigest").unwrap();
        assert!(digest.starts_with("sha-256="), "{digest}");
        let extra = offers.v1.accepts[0].extra.clone().unwrap();
        assert!(!extra.contains_key("bodyDigest"));
        let payment = market.sign(&offers.v2).await;
        // A dearer body, another body at the same price, none at all.
        for (body, amount) in [
            (Some("a longer one"), "20000"),
            (Some("two"), "10000"),
            (Some(""), "10000"),
        ] {
            let got = market.pay("POST", "/weather", body, &payment).await;
            assert_refused(&got, NO_MATCH, amount);
        }
        // Nor without a word of it.
        let mut silent = serde_json::to_value(&payment).unwrap();
        let extra = silent["accepted"]["extra"].as_object_mut().unwrap();
        extra.remove("bodyDigest");
        let got = market.pay("POST", "/weather", Some("one"), &silent).await;
        assert_refused(&got, NO_MATCH, "10000");
        let got = market.pay("POST", "/weather", Some("one"), &payment).await;
        assert_eq!(got.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_payee_is_found_with_the_price() {
    let alice = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    let bob = address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
    let market = Market::at(CENT);
    let to = |account| PaymentOption::new(CENT).pay_to(Account::from(account));
    market.prices(move |_| Ok(to(alice).into()));
    let offers = market.unpaid("GET", "/weather", None).await.v2;
    assert_eq!(offers.accepts[0].pay_to, alice.to_checksum(None));
    let (quoted, bare) = (market.sign(&offers).await, market.sign(&offers).await);
    market.prices(move |_| Ok(to(bob).into()));
    let got = market.get(&with_quote(&bare, Value::Null)).await;
    assert_refused(&got, NO_MATCH, "10000");
    assert_eq!(market.get(&quoted).await.status, StatusCode::OK);
    let settled = &market.settled()[0];
    assert_eq!(
        settled["paymentPayload"]["payload"]["authorization"]["to"],
        alice.to_checksum(None)
    );
    // What is no account there closes the gate.
    market.prices(|_| {
        let payee = Account::Other("alice".into());
        Ok(PaymentOption::new(CENT).pay_to(payee).into())
    });
    let got = market.shop.get(&[]).await;
    assert_eq!((got.status.as_u16(), &*got.code()), (500, "price_unusable"));
}

#[tokio::test]
async fn free_and_denied_leave_the_payment_as_it_is() {
    let market = Market::at(CENT);
    let offers = market.unpaid("GET", "/weather", None).await.v2;
    let payment = market.sign(&offers).await;
    market.prices(|_| Ok(Quote::Free));
    assert_eq!(market.get(&payment).await.status, StatusCode::OK);
    market.prices(|_| Ok(Quote::Deny(Denial::new("sanctions"))));
    let got = market.get(&payment).await;
    assert_eq!((got.status.as_u16(), &*got.code()), (403, "sanctions"));
    market.prices(|_| Err("no rate".into()));
    let got = market.get(&payment).await;
    assert_eq!(
        (got.status.as_u16(), &*got.code()),
        (503, "price_unavailable")
    );
    assert!(market.yes.0.lock().unwrap().is_empty(), "nobody was asked");
    market.prices(|_| Ok(CENT.into()));
    assert_eq!(market.get(&payment).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_price_that_the_token_cannot_represent_closes_the_gate() {
    let market = Market::at(usd!("0.0000001"));
    let got = market.shop.get(&[]).await;
    assert_eq!((got.status.as_u16(), &*got.code()), (500, "price_unusable"));
}
