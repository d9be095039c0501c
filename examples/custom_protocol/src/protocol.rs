use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{
    Ask, Challenge, Claim, ConfigError, Denied, Fault, Offering, Payment, PaymentProtocol, Problem,
    ProtocolName, Refusal, RequestHead, Route, Soon, Timestamp, Units,
};
use serde_json::json;

use crate::payment::{VoucherPayment, X_VOUCHER_RECEIPT};
use crate::voucher::{DECIMALS, Press, Voucher};

/// The name of the protocol at the gate.
pub(crate) const VOUCHERS: ProtocolName = ProtocolName::new("voucher");

/// Where a voucher is sent.
pub(crate) const X_VOUCHER: HeaderName = HeaderName::from_static("x-voucher");

/// Takes vouchers of one press.
pub(crate) struct Vouchers(Press);

impl Vouchers {
    pub(crate) const fn of(press: Press) -> Self {
        Self(press)
    }
}

impl PaymentProtocol for Vouchers {
    fn name(&self) -> ProtocolName {
        VOUCHERS
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        // A voucher pays one call: what is counted while it is served is not for it.
        if !route.takes(VOUCHERS) || route.is_metered() {
            return Ok(None);
        }
        let (price, header) = (route.price.to_string(), X_VOUCHER);
        let line = format!("Voucher header=\"{header}\", price=\"{price}\"");
        let line = HeaderValue::try_from(line)
            .map_err(|error| ConfigError::setting("price", error.to_string()))?;
        let member = json!({"header": header.as_str(), "price": price});
        Ok(Some(Box::new(VoucherOffer {
            press: self.0.clone(),
            price: route.price.to_units(DECIMALS)?,
            margin_seconds: route.margin_seconds(),
            challenge: Challenge::new(
                vec![(WWW_AUTHENTICATE, line)],
                format!("\"voucher\":{member}").into(),
            ),
        })))
    }
}

static RECEIPTS: [HeaderName; 1] = [X_VOUCHER_RECEIPT];

/// What one route offers: this price, by voucher.
struct VoucherOffer {
    press: Press,
    price: Units,
    margin_seconds: u64,
    challenge: Challenge,
}

impl Offering for VoucherOffer {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut values = 0;
        let mut found = None;
        head.each_value(X_VOUCHER.as_str(), &mut |value| {
            values += 1;
            found = Some(value);
        });
        // Two vouchers: taking one would be a guess with the buyer's money.
        if values > 1 {
            return Err(refuse(
                StatusCode::BAD_REQUEST,
                "voucher_repeated",
                "send one voucher",
            ));
        }
        let claim = |value| Claim::new(VOUCHERS, 0, Bytes::copy_from_slice(value));
        Ok(found.map(claim))
    }

    /// What a handler writes there itself is removed.
    fn receipt_headers(&self) -> &[HeaderName] {
        &RECEIPTS
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        Soon::now(Ok(self.challenge.clone()))
    }

    /// To our own price, by what the voucher says of itself. Whether that is true, `check` says.
    fn bind(&self, ask: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let voucher = Voucher::read(&claim.credential)
            .ok_or_else(|| unpaid("voucher_malformed", "that is no voucher"))?;
        if voucher.worth < self.price {
            return Err(unpaid("voucher_too_small", "the voucher is worth less").into());
        }
        Ok(Box::new(VoucherPayment::new(
            voucher,
            self.press.clone(),
            Timestamp::from_seconds(ask.now.seconds().saturating_add(self.margin_seconds)),
        )))
    }
}

/// A refusal that another voucher can mend: 402 with a fresh challenge.
pub(crate) fn unpaid(code: &'static str, detail: &'static str) -> Refusal {
    refuse(StatusCode::PAYMENT_REQUIRED, code, detail)
}

fn refuse(status: StatusCode, code: &'static str, detail: &'static str) -> Refusal {
    let kind = "https://shop.example/problems/voucher";
    let problem = Problem::new(kind, "Voucher Refused", status, code, detail);
    Refusal::new(VOUCHERS, problem)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use payment_core::{Tariff, usd};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn offer(press: &Press, route: impl Into<Route>) -> Box<dyn Offering> {
        let offered = Vouchers::of(press.clone()).offer(&route.into());
        offered.unwrap().unwrap()
    }

    fn bind(offer: &dyn Offering, voucher: &str) -> Result<Box<dyn Payment>, Denied> {
        let claim = Claim::new(VOUCHERS, 0, Bytes::copy_from_slice(voucher.as_bytes()));
        offer.bind(&Ask::new(NOW, "GET", "/weather"), claim)
    }

    fn code(refusal: &Refusal) -> String {
        refusal.problem().code.clone().into_owned()
    }

    #[test]
    fn a_voucher_pays_what_it_is_worth_and_no_more() {
        let press = Press::new([1; 64]);
        let hour = Duration::from_secs(3600);
        let print = |worth| press.print(Units::from(worth), NOW, hour).unwrap();
        let offer = offer(&press, usd!("0.01"));
        for (worth, enough) in [(9_999, false), (10_000, true), (10_001, true)] {
            let bound = bind(&*offer, &print(worth));
            match bound {
                Ok(mut payment) => assert!(enough && payment.check().is_ok()),
                Err(Denied::Refused(refusal)) => {
                    assert!(!enough);
                    assert_eq!(code(&refusal), "voucher_too_small");
                }
                Err(denied) => panic!("{denied:?}"),
            }
        }
    }

    #[test]
    fn a_voucher_is_good_until_the_answer_could_have_left() {
        let press = Press::new([1; 64]);
        let offer = offer(&press, usd!("0.01"));
        // Six seconds are what a route leaves for serving at least.
        for (seconds, good) in [(6, false), (7, true)] {
            let good_for = Duration::from_secs(seconds);
            let voucher = press.print(Units::from(10_000), NOW, good_for).unwrap();
            let payment = bind(&*offer, &voucher).unwrap();
            let in_time = payment.in_time();
            assert_eq!(
                in_time.err().as_ref().map(code).as_deref(),
                (!good).then_some("voucher_expired")
            );
            assert_eq!(payment.keep_until(), NOW.plus(good_for));
        }
    }

    #[test]
    fn a_second_voucher_in_one_request_is_refused() {
        let offer = offer(&Press::new([1; 64]), usd!("0.01"));
        let claim = |values: &[&str]| {
            let mut request = http::Request::get("/weather");
            for value in values {
                request = request.header(X_VOUCHER, *value);
            }
            offer.claim(&request.body(()).unwrap().into_parts().0)
        };
        assert!(claim(&[]).unwrap().is_none());
        assert!(claim(&["a"]).unwrap().is_some());
        assert_eq!(code(&claim(&["a", "a"]).unwrap_err()), "voucher_repeated");
    }

    #[test]
    fn what_is_sold_by_the_unit_is_not_for_vouchers() {
        let by_the_word = Tariff::per("word", usd!("0.01"));
        let offered = Vouchers::of(Press::new([1; 64])).offer(&by_the_word.into());
        assert!(offered.unwrap().is_none());
    }
}
