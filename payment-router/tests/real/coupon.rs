//! A protocol as somebody else would write it: paper coupons, each good for one visit.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{
    Account, Ask, BoxFuture, Challenge, Claim, ConfigError, Denied, Fault, Offering, Paid, Payment,
    PaymentProtocol, Problem, ProtocolName, Purpose, Receipt, Refusal, ReplayKey, RequestHead,
    Route, Soon, Timestamp, Units,
};

use crate::market::Market;

pub const COUPONS: ProtocolName = ProtocolName::new("coupons");

static RECEIPTS: [HeaderName; 1] = [HeaderName::from_static("x-coupon-receipt")];

/// Takes `X-Coupon: good-<number>`.
#[derive(Clone)]
pub struct Coupons;

fn refuse(status: StatusCode, code: &'static str) -> Refusal {
    let problem = Problem::new(
        "urn:coupons",
        "Coupon",
        status,
        code,
        "the coupon is no good",
    );
    Refusal::new(COUPONS, problem)
}

impl PaymentProtocol for Coupons {
    fn name(&self) -> ProtocolName {
        COUPONS
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok((!route.is_metered()).then(|| Box::new(self.clone()) as _))
    }
}

impl Offering for Coupons {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut values = Vec::new();
        head.each_value("x-coupon", &mut |value| values.push(value.to_vec()));
        match values.len() {
            0 => Ok(None),
            1 => Ok(Some(Claim::new(COUPONS, 0, values.remove(0).into()))),
            _ => Err(refuse(StatusCode::BAD_REQUEST, "several_coupons")),
        }
    }

    fn receipt_headers(&self) -> &[HeaderName] {
        &RECEIPTS
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let line = (
            WWW_AUTHENTICATE,
            HeaderValue::from_static("Coupon from=\"the counter\""),
        );
        Soon::now(Ok(Challenge::new(vec![line], "\"coupons\":1".into())))
    }

    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        if !claim.credential.starts_with(b"good-") {
            return Err(refuse(StatusCode::PAYMENT_REQUIRED, "bad_coupon").into());
        }
        Ok(Box::new(Coupon {
            key: ReplayKey::new("coupon", &[&claim.credential]),
            keep_until: ask.now.plus(std::time::Duration::from_secs(3600)),
        }))
    }
}

struct Coupon {
    key: ReplayKey,
    keep_until: Timestamp,
}

impl Payment for Coupon {
    fn keys(&self) -> &[ReplayKey] {
        std::slice::from_ref(&self.key)
    }
    fn keep_until(&self) -> Timestamp {
        self.keep_until
    }
    fn spent(&self) -> Refusal {
        refuse(StatusCode::PAYMENT_REQUIRED, "spent_coupon")
    }
    fn in_time(&self) -> Result<(), Refusal> {
        Ok(())
    }
    fn purpose(&self) -> Purpose {
        Purpose::Content
    }
    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
    fn payer(&self) -> Option<&Account> {
        None
    }
    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }
    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }
    fn paid(&self) -> Paid {
        Paid::new(COUPONS, Units::from(1))
    }
    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::now(Ok(Receipt::new("torn", &RECEIPTS[0], "torn")))
    }
    fn reconcile<'a>(&'a mut self, _: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        self.settle()
    }
    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_protocol_of_somebody_elses_is_paid_beside_the_others() {
    let market = Market::open().await;
    let stall = market.of_all();
    let unpaid = market.get(&stall, &[]).await;
    assert_eq!(unpaid.status, 402);
    // It placed itself nowhere, so that it stands last, although it was added first.
    let lines: Vec<_> = unpaid.headers.get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(lines.last().unwrap(), &"Coupon from=\"the counter\"");
    assert_eq!(unpaid.intents(), ["charge", "session"]);
    assert!(unpaid.has_x402());
    assert_eq!(unpaid.body["coupons"], 1);

    let coupon = [("x-coupon", "good-1")];
    let paid = market.get(&stall, &coupon).await;
    assert_eq!(
        (paid.status, &paid.headers["x-coupon-receipt"]),
        (200, &"torn".parse().unwrap())
    );
    let again = market.get(&stall, &coupon).await;
    assert_eq!((again.status, again.code()), (402, "spent_coupon"));
    assert!(again.has_x402() && again.intents().len() == 2);
    let bad = market.get(&stall, &[("x-coupon", "bad")]).await;
    assert_eq!((bad.status, bad.code()), (402, "bad_coupon"));

    let signed = market.sign().await;
    let (facilitator, store, served, income) = market.tally();
    assert_eq!((facilitator, served, income), (0, 1, 0));
    for other in [
        ("payment-signature", &*signed.v2),
        ("authorization", &*signed.mpp),
    ] {
        let both = market.get(&stall, &[("x-coupon", "good-2"), other]).await;
        assert_eq!((both.status, both.code()), (400, "ambiguous_payment"));
    }
    assert_eq!(market.tally(), (facilitator, store, served, income));
    assert_eq!(
        market.get(&stall, &[("x-coupon", "good-2")]).await.status,
        200
    );
}
