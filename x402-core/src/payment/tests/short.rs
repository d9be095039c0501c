//! Payments that move less than is asked: bound, because the price may have risen since they were
//! begun, and good for nothing else.

use std::sync::Arc;

use payment_core::{
    Ask, ConfigError, Denied, Limits, Payment as _, Refusal, Route, Timestamp, usd,
};
use serde_json::value::RawValue;

use super::*;
use crate::crowd::{Crowd, Outside};
use crate::payment::BoundPayment;
use crate::shop::{AnyPayment, Anything, NOW, Scripted, offer_of};
use crate::{Offer, Presented, Scheme, SchemePayment, Version};

/// A scheme whose payments move one unit less than is asked.
struct Less(Anything);

impl Scheme for Less {
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
        true
    }

    fn offer(&self, route: &Route) -> Result<Offer, ConfigError> {
        self.0.offer(route)
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        Ok(Box::new(AnyPayment::new(
            Units::from(9_999),
            presented.payload,
        )))
    }
}

#[tokio::test]
async fn t04_nobody_begins_with_less_than_is_asked() {
    let shop = Shop::on(usd!("0.01"), Limits::default(), |x402| {
        x402.accept(Less(Anything(offer_of(&base_offer()))))
    });
    let (v2, v1) = (pay_v2(&base_offer(), 1), pay_v1("exact", "base-sepolia", 1));
    for (name, header) in [(V2, v2), ("x-payment", v1)] {
        let got = shop.get(&[(name, header.as_bytes())]).await;
        assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
        assert_eq!(
            got.code(),
            "invalid_exact_evm_payload_authorization_value_mismatch"
        );
    }
    assert!(shop.facilitator.calls().is_empty());
}

#[tokio::test]
async fn t04_nothing_is_settled_by_less_than_is_asked_whoever_asks() {
    let scripted = Arc::new(Scripted::default());
    let offer = offer_of(&base_offer());
    let payload = RawValue::from_string("{}".to_owned()).unwrap();
    let payment = Box::new(AnyPayment::new(Units::from(9_999), &payload));
    let outside = Outside {
        facilitator: Arc::clone(&scripted),
        crowd: Crowd::default(),
    };
    let ask = Ask::new(Timestamp::from_seconds(NOW), "GET", "/premium-data");
    let mut payment = BoundPayment::new(Arc::new(outside), payment, Version::V1, offer, &ask, 6);
    assert!(matches!(payment.settle().await, Err(Denied::Refused(_))));
    // Nor does asking what became of another take away what is known of that.
    let evidence = br#"{"transaction":"0xab"}"#;
    let Err(Denied::Unknown(pending)) = payment.reconcile(evidence).await else {
        panic!("somebody knows");
    };
    assert_eq!(&pending.evidence[..], evidence);
    assert!(scripted.calls().is_empty());
}
