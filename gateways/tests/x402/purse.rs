use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x402_core::wire::{PaymentRequiredAnswer, read_payment_required, v2};
use x402_evm::buyer;

use crate::answer::Answer;
use crate::shop::{Header, Shop};

/// How a buyer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By a transaction of its own.
    Exact,
    /// In a batch.
    Deferred,
}

impl By {
    pub const BOTH: [Self; 2] = [Self::Exact, Self::Deferred];

    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Deferred => "aggr_deferred",
        }
    }
}

impl Answer {
    pub fn offers(&self) -> v2::PaymentRequired {
        match read_payment_required(&self.headers, &self.body).unwrap() {
            PaymentRequiredAnswer::V2(offers) => offers,
            other => panic!("no v2 offer: {other:?}"),
        }
    }

    /// What stands in the offer for a scheme.
    pub fn requirements(&self, by: By) -> Value {
        let offers = self.offers().accepts.into_iter();
        let mut of_scheme = offers.filter(|offer| offer.scheme == by.scheme());
        serde_json::to_value(of_scheme.next().unwrap()).unwrap()
    }
}

impl Shop {
    /// A payment for a route, as JSON, each time another one.
    pub async fn envelope(&self, by: By, path: &str) -> Value {
        let unpaid = self.get(path, &[]).await;
        let required = unpaid.requirements(by);
        if by == By::Deferred {
            return self.session.pay(&required);
        }
        let offer = serde_json::from_value(required).unwrap();
        let resource = unpaid.offers().resource;
        let paid = buyer::pay_v2(&resource, &offer, &self.buyer, self.now());
        serde_json::to_value(paid.await.unwrap()).unwrap()
    }

    /// One that does not say what it is for, in a header.
    pub async fn vague_payment(&self, by: By) -> Header {
        let mut envelope = self.envelope(by, "/cheap").await;
        envelope.as_object_mut().unwrap().remove("resource");
        header(&envelope)
    }

    /// A payment for a route, in a header.
    pub async fn payment(&self, by: By, path: &str) -> Header {
        header(&self.envelope(by, path).await)
    }
}

/// The header of an envelope.
pub fn header(envelope: &Value) -> Header {
    ("payment-signature", STANDARD.encode(envelope.to_string()))
}
