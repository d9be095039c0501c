//! Payments of which the buyer signs a maximum, and the handler says how much is charged.

use std::sync::Arc;

use payment_core::{
    Ask, ChargeError, ConfigError, Denied, Limits, Money, Payment as _, Refusal, Route, Timestamp,
    usd,
};
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::crowd::{Crowd, Outside};
use crate::payment::BoundPayment;
use crate::shop::{AnyPayment, Anything, Got, NOW, Scripted, changed, offer_of};
use crate::{Offer, Presented, Scheme, SchemePayment, Version, X402};

/// A scheme whose payments are a maximum.
struct Most(Anything);

impl Scheme for Most {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn network(&self) -> &Network {
        self.0.network()
    }

    fn asset(&self) -> &payment_core::Asset {
        self.0.asset()
    }

    fn takes_v1(&self) -> bool {
        false
    }

    fn offer(&self, route: &Route) -> Result<Offer, ConfigError> {
        self.0.offer(route)
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        let payment = AnyPayment::new(presented.offer.amount(), presented.payload);
        Ok(Box::new(payment.up_to()))
    }
}

/// At most 10000.
fn offer() -> Value {
    changed(&base_offer(), "scheme", json!("upto"))
}

fn most(x402: X402<Arc<Scripted>>) -> X402<Arc<Scripted>> {
    x402.accept(Most(Anything(offer_of(&offer()))))
}

fn shop(charge: Option<u64>) -> Shop {
    let shop = Shop::on(usd!("0.01"), Limits::default(), most);
    *shop.charge.lock().unwrap() = charge.map(Units::from);
    shop
}

async fn pay(shop: &Shop) -> Got {
    shop.get(&[(V2, pay_v2(&offer(), 1).as_bytes())]).await
}

fn moved(transaction: &str, amount: Option<u64>) -> SettleAnswer {
    SettleAnswer::Settled {
        transaction: transaction.into(),
        network: Network::eip155(84532),
        payer: None,
        amount: amount.map(Units::from),
    }
}

/// What the facilitator was asked, and for how much: required, and as the buyer has accepted.
fn asked(shop: &Shop) -> Vec<(&'static str, Value, Value)> {
    let asked = shop.facilitator.asked.lock().unwrap();
    let amounts = |body: &Value| {
        let accepted = &body["paymentPayload"]["accepted"]["amount"];
        (
            body["paymentRequirements"]["amount"].clone(),
            accepted.clone(),
        )
    };
    let calls = asked.iter().filter(|(call, _)| *call != "evidence");
    let calls = calls.map(|(call, body)| (*call, amounts(body)));
    calls.map(|(call, (due, most))| (call, due, most)).collect()
}

fn texts(calls: &[(&'static str, &str)]) -> Vec<(&'static str, Value, Value)> {
    let most = || json!("10000");
    let calls = calls.iter();
    calls
        .map(|(call, due)| (*call, json!(due), most()))
        .collect()
}

#[tokio::test]
async fn t04_what_is_charged_is_settled_and_no_more() {
    let shop = shop(Some(4_000));
    shop.facilitator
        .settles(Ok(moved(TRANSACTION, Some(4_000))));
    let got = pay(&shop).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.message("payment-response")["amount"], "4000");
    assert_eq!(
        asked(&shop),
        texts(&[("verify", "10000"), ("settle", "4000")])
    );
    assert_eq!(shop.served.lock().unwrap()[0].amount(), Units::from(10_000));
}

#[tokio::test]
async fn the_whole_is_charged_where_the_handler_says_nothing() {
    let shop = shop(None);
    let got = pay(&shop).await;
    assert_eq!(got.message("payment-response")["amount"], "10000");
    assert_eq!(
        asked(&shop),
        texts(&[("verify", "10000"), ("settle", "10000")])
    );
}

#[tokio::test]
async fn nothing_is_charged_by_no_transaction() {
    let shop = shop(Some(0));
    shop.facilitator.settles(Ok(moved("", Some(0))));
    let got = pay(&shop).await;
    assert_eq!(got.status, StatusCode::OK);
    let receipt = got.message("payment-response");
    assert_eq!(
        (&receipt["transaction"], &receipt["amount"]),
        (&json!(""), &json!("0"))
    );
    assert_eq!(receipt["success"], true);
    assert_eq!(asked(&shop)[1], texts(&[("settle", "0")])[0]);
    // And the payment is used up by it.
    let again = pay(&shop).await;
    assert_eq!(again.status, StatusCode::PAYMENT_REQUIRED);
}

#[tokio::test]
async fn an_answer_of_another_charge_is_not_believed() {
    for (charge, answer) in [
        (4_000, moved(TRANSACTION, Some(10_000))),
        (4_000, moved(TRANSACTION, Some(3_999))),
        (4_000, moved(TRANSACTION, Some(0))),
        (4_000, moved("", Some(0))),
        (4_000, moved("", Some(4_000))),
        (4_000, moved("", None)),
        (0, moved("", None)),
        (0, moved(TRANSACTION, Some(1))),
    ] {
        let shop = shop(Some(charge));
        shop.facilitator.settles(Ok(answer.clone()));
        let got = pay(&shop).await;
        let got = (got.status, got.code());
        let unknown = (StatusCode::SERVICE_UNAVAILABLE, "settlement_pending");
        assert_eq!(got, unknown, "{charge} {answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_up_to_the_handler_is_never_settled_by_nothing() {
    let shop = super::shop();
    *shop.charge.lock().unwrap() = Some(Units::ZERO);
    shop.facilitator.settles(Ok(moved("", Some(0))));
    let got = paid(&shop).await;
    assert_eq!(got.code(), "settlement_pending");
    assert_eq!(*shop.charged.lock().unwrap(), [Err(ChargeError::Fixed)]);
    let asked = shop.facilitator.asked.lock().unwrap();
    assert_eq!(asked[1].1["paymentRequirements"]["amount"], "10000");
}

#[tokio::test]
async fn t04_more_than_was_signed_is_never_charged() {
    let shop = shop(Some(10_001));
    let got = pay(&shop).await;
    assert_eq!(*shop.charged.lock().unwrap(), [Err(ChargeError::TooMuch)]);
    assert_eq!(got.message("payment-response")["amount"], "10000");
    // Whoever calls it: the facilitator is not asked for more.
    let scripted = Arc::new(Scripted::default());
    let mut payment = bound(&scripted);
    payment.charge(Units::from(10_001));
    let refused = payment.settle().await;
    assert!(matches!(refused, Err(Denied::Failed(_))), "{refused:?}");
    assert!(scripted.calls().is_empty());
}

fn bound(scripted: &Arc<Scripted>) -> BoundPayment<Arc<Scripted>> {
    let offer = offer_of(&offer());
    let payload = RawValue::from_string("{}".to_owned()).unwrap();
    let payment = AnyPayment::new(offer.amount(), &payload).up_to();
    let outside = Outside {
        facilitator: Arc::clone(scripted),
        crowd: Crowd::default(),
    };
    let ask = Ask::new(Timestamp::from_seconds(NOW), "GET", "/premium-data");
    let payment = Box::new(payment);
    BoundPayment::new(Arc::new(outside), payment, Version::V2, offer, &ask, 6)
}

#[tokio::test]
async fn a_charge_whose_outcome_was_lost_is_followed_up_as_it_was() {
    let shop = shop(Some(4_000));
    shop.facilitator.settles(Err(lost()));
    assert_eq!(pay(&shop).await.code(), "settlement_pending");
    *shop.charge.lock().unwrap() = Some(Units::from(9_000));
    for answer in [
        moved(TRANSACTION, Some(9_000)),
        moved(TRANSACTION, Some(4_000)),
    ] {
        shop.facilitator.reconciles(Ok(answer));
    }
    assert_eq!(
        pay(&shop).await.code(),
        "settlement_pending",
        "not what was asked for"
    );
    let got = pay(&shop).await;
    assert_eq!(got.message("payment-response")["amount"], "4000");
    let asked = asked(&shop);
    assert_eq!(asked[2], texts(&[("reconcile", "4000")])[0]);
    assert_eq!(
        *shop.charged.lock().unwrap(),
        [Ok(()), Err(ChargeError::Fixed)]
    );
}

#[tokio::test]
async fn a_charge_that_nobody_remembers_is_at_most_the_maximum() {
    for (amount, good) in [
        (Some(4_000), true),
        (Some(10_000), true),
        (Some(10_001), false),
    ] {
        let scripted = Arc::new(Scripted::default());
        scripted.reconciles(Ok(moved(TRANSACTION, amount)));
        let answer = bound(&scripted).reconcile(b"").await;
        assert_eq!(answer.is_ok(), good, "{amount:?}");
    }
}

#[tokio::test]
async fn a_handler_that_fails_charges_nothing() {
    let shop = shop(Some(4_000));
    *shop.status.lock().unwrap() = StatusCode::INTERNAL_SERVER_ERROR;
    assert_eq!(pay(&shop).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(shop.facilitator.calls(), ["verify"]);
}

#[test]
fn only_a_transaction_of_the_whole_proves_a_payment_that_was_not_verified() {
    let payload = RawValue::from_string(r#"{"nonce":1}"#.to_owned()).unwrap();
    let offer = offer_of(&offer());
    let proven = |payment: AnyPayment| {
        let outside = Outside {
            facilitator: Arc::new(Scripted::default()),
            crowd: Crowd::default(),
        };
        let ask = Ask::new(Timestamp::from_seconds(NOW), "GET", "/premium-data");
        let (outside, payment) = (Arc::new(outside), Box::new(payment));
        BoundPayment::new(outside, payment, Version::V2, offer.clone(), &ask, 6)
            .is_proven_by_settling()
    };
    let now = Timestamp::from_seconds(NOW);
    let presented = Presented::new(&offer, Version::V2, &payload, now).echoing(Some(&payload));
    assert!(proven(AnyPayment::new(offer.amount(), &payload)));
    assert!(!proven(AnyPayment::new(offer.amount(), &payload).up_to()));
    assert!(!proven(AnyPayment::unproven(presented)), "a batch");
}

/// The forms in which other servers take what is charged: base units, hundredths of a percent,
/// money. Here each is a type, and what is none of them can't be said.
#[tokio::test]
async fn charges_are_those_of_the_vectors() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 settlementOverrides");
    for case in vectors::cases(&file, "/settlementOverrides") {
        let base: Units = vectors::text(case, "base").parse().unwrap();
        let text = vectors::text(case, "override");
        let charge = match (text.strip_suffix('%'), text.strip_prefix('$')) {
            (Some(percent), _) => {
                let points = Money::from_decimal(percent).unwrap().to_units(2);
                let points = points.ok().map(|points| points.get().to::<u16>());
                points.and_then(|points| base.basis_points_floor(points))
            }
            (_, Some(money)) => Money::from_decimal(money).unwrap().to_units(6).ok(),
            _ => text.parse().ok(),
        };
        if case["recommended"] == "refuse" {
            assert_eq!(charge, None, "{case}");
            tally.ran();
            continue;
        }
        let Some(charge) = charge else {
            tally.left_out(
                1,
                "money that the token can't represent is refused, and not cut",
            );
            continue;
        };
        let expected: u64 = vectors::text(case, "amountSentToFacilitator")
            .parse()
            .unwrap();
        assert_eq!(charge, Units::from(expected), "{case}");
        let shop = shop(Some(expected));
        let transaction = if expected == 0 { "" } else { TRANSACTION };
        shop.facilitator
            .settles(Ok(moved(transaction, Some(expected))));
        let got = pay(&shop).await;
        assert_eq!(
            got.message("payment-response")["amount"],
            expected.to_string()
        );
        assert_eq!(asked(&shop)[1].1, case["amountSentToFacilitator"]);
        tally.ran();
    }
    assert_eq!(tally.count(), 9);
}
