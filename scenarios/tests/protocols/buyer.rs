use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use mpp_core::Challenge;
use mpp_evm::buyer::{Bill, Consent};
use payment_core::{Clock as _, ManualClock, Units};
use payment_evm::LocalSigner;
use scenarios::{Reply, Request, Stack};
use x402_core::wire::{PaymentRequiredAnswer, encode, read_payment_required};
use x402_evm::buyer;

/// A request header, by name and value.
pub(crate) type Header = (&'static str, String);

/// Pays what is asked, in each way.
pub(crate) struct Buyer {
    pub(crate) signer: LocalSigner,
    pub(crate) clock: Arc<ManualClock>,
}

impl Buyer {
    /// Pays for a path by x402, version 2.
    pub(crate) async fn x402<S: Stack>(&self, stack: &S, path: &str) -> Header {
        let unpaid = unpaid(stack, path).await;
        let required = read_payment_required(&headers(&unpaid), unpaid.body.as_bytes());
        let PaymentRequiredAnswer::V2(required) = required.unwrap() else {
            panic!("no v2 offer");
        };
        let (offer, now) = (&required.accepts[0], self.clock.now());
        let paid = buyer::pay_v2(&required.resource, offer, &self.signer, now).await;
        ("payment-signature", encode(&paid.unwrap()).unwrap())
    }

    /// Pays for a path by x402, version 1.
    pub(crate) async fn x402_v1<S: Stack>(&self, stack: &S, path: &str) -> Header {
        let unpaid = unpaid(stack, path).await;
        let required = read_payment_required(&HeaderMap::new(), unpaid.body.as_bytes());
        let PaymentRequiredAnswer::V1(required) = required.unwrap() else {
            panic!("no v1 offer");
        };
        let (offer, now) = (&required.accepts[0], self.clock.now());
        let paid = buyer::pay_v1(offer, &self.signer, now).await;
        ("x-payment", encode(&paid.unwrap()).unwrap())
    }

    /// Pays for a path by MPP.
    pub(crate) async fn mpp<S: Stack>(&self, stack: &S, path: &str) -> Header {
        let unpaid = unpaid(stack, path).await;
        let lines = unpaid.header("www-authenticate");
        let challenges = Challenge::parse_all(lines.iter().map(|line| line.as_bytes()));
        let bill = Bill::read(&challenges[0], &[]).unwrap();
        let consent = Consent::up_to(Units::from(10_000_000), self.clock.now());
        let header = bill.authorize(&self.signer, consent).await.unwrap();
        ("authorization", header.to_str().unwrap().to_owned())
    }
}

async fn unpaid<S: Stack>(stack: &S, path: &str) -> Reply {
    let reply = stack.send(&Request::get(path)).await.unwrap();
    assert_eq!(reply.status, 402);
    reply
}

fn headers(reply: &Reply) -> HeaderMap {
    let pairs = reply.headers.iter();
    pairs
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect()
}
