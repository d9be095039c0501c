//! A payment in several parts at the gate: one payment it is, and its parts are parts of no other.

#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use bytes::Bytes;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, StatusCode};
use mpp_core::{Challenge, Mpp};
use mpp_evm::{Charge, ChargeBackend, CheckedCharge, CredentialType, Proof, Split};
use payment_core::{
    Admission, BoxFuture, Denied, Gate, HoldError, ManualClock, Outcome, Pending, RouteGate,
    Secret, Served, Spawn, Timer, Timestamp, usd,
};
use payment_evm::Authorization;
use serde_json::{Value, json};
use support::*;
use tokio::sync::Semaphore;

const DEADLINE: Duration = Duration::from_secs(10);

/// Settles what it is handed, once it may.
#[derive(Clone)]
struct Till(Arc<Counters>);

struct Counters {
    verified: AtomicUsize,
    settled: AtomicUsize,
    reconciled: AtomicUsize,
    /// Settlements whose answer gets lost.
    lost: AtomicUsize,
    /// Each verification takes one.
    leave: Semaphore,
}

impl ChargeBackend for Till {
    fn takes(&self, _: u64, _: CredentialType, _: usize) -> bool {
        true
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        let Proof::Transfers(transfers) = charge.proof() else {
            panic!("{charge:?}");
        };
        assert_eq!(transfers.len(), charge.due().legs.len());
        self.0.verified.fetch_add(1, Ordering::SeqCst);
        self.0.leave.acquire().await.unwrap().forget();
        Ok(())
    }

    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        self.0.settled.fetch_add(1, Ordering::SeqCst);
        let lost = &self.0.lost;
        let is_lost = lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        if is_lost.is_err() {
            return Ok(SETTLED_BY);
        }
        Err(Denied::Unknown(Pending {
            evidence: Bytes::new(),
            headers: Vec::new(),
            code: "settlement_pending",
            cause: "no answer".into(),
        }))
    }

    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        self.0.reconciled.fetch_add(1, Ordering::SeqCst);
        Ok(SETTLED_BY)
    }
}

#[derive(Clone)]
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Tokio {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Page;

impl Served for Page {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

struct Shop {
    gate: RouteGate,
    till: Till,
    served: AtomicUsize,
}

impl Shop {
    /// 900000 for us and 100000 for a partner, and leave for so many verifications.
    fn with_leave_for(verifications: usize) -> Self {
        let till = Till(Arc::new(Counters {
            verified: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            reconciled: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            leave: Semaphore::new(verifications),
        }));
        let charge = Charge::okx(usdc(), RECIPIENT).split(Split::new(STRANGER, usd!("0.1")));
        let secret = Secret::new(*b"a secret that only this test uses");
        let mpp = Mpp::builder(REALM, secret).method(charge.settle_with(till.clone()));
        let clock = ManualClock::at(Timestamp::from_seconds(ISSUED));
        let gate = Gate::builder(mpp.build().unwrap()).clock(clock);
        Self {
            gate: gate.build().unwrap().route(usd!("1")).unwrap(),
            till,
            served: AtomicUsize::new(0),
        }
    }

    /// The status, and the challenge where there is one.
    async fn get(&self, credential: Option<&HeaderValue>) -> (u16, Option<Challenge>) {
        let mut request = Request::get("/page");
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, credential);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let Admission::Priced(job) = self.gate.admit(&head) else {
            panic!("free")
        };
        let serve = |_| async {
            self.served.fetch_add(1, Ordering::SeqCst);
            Ok::<_, Infallible>(Page)
        };
        match job.run(Tokio, serve).await.unwrap() {
            Outcome::Served { .. } => (200, None),
            Outcome::Reply(reply) => {
                let lines = reply.headers.get_all(WWW_AUTHENTICATE).iter();
                let lines = lines.map(HeaderValue::as_bytes);
                let status = reply.status.as_u16();
                (status, Challenge::parse_all(lines).into_iter().next())
            }
        }
    }

    /// A payment of a fresh challenge by parts of these nonces.
    async fn pay(&self, nonces: [u8; 2]) -> HeaderValue {
        let challenge = self.get(None).await.1.unwrap();
        let part = |to: Address, value: u64, nonce: u8| {
            let transfer = Authorization {
                to,
                value: U256::from(value),
                valid_before: U256::from(EXPIRES + 360),
                nonce: B256::repeat_byte(nonce),
                ..honest()
            };
            let digest = transfer.digest(&usdc().domain());
            let mut written = serde_json::to_value(transfer).unwrap();
            written["signature"] = json!(payer().sign(&digest).unwrap().to_hex());
            written
        };
        let mut first: Value = part(RECIPIENT, 900_000, nonces[0]);
        first["type"] = json!("eip-3009");
        first["splits"] = json!([part(STRANGER, 100_000, nonces[1])]);
        let payload = json!({"type": "transaction", "authorization": first});
        mpp_core::buyer::answer(&challenge, None, &payload).unwrap()
    }

    fn counts(&self) -> [usize; 3] {
        let Counters {
            settled,
            reconciled,
            ..
        } = &*self.till.0;
        [settled, reconciled, &self.served].map(|count| count.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn t11_a_part_of_one_payment_is_a_part_of_no_other() {
    let shop = Shop::with_leave_for(usize::MAX >> 4);
    let paid = shop.pay([1, 2]).await;
    assert_eq!(shop.get(Some(&paid)).await.0, 200);
    // The same, either part of it with another one, and both in each other's place.
    for nonces in [[1, 2], [1, 3], [3, 2], [2, 1], [2, 3], [3, 1]] {
        let again = shop.pay(nonces).await;
        assert_eq!(shop.get(Some(&again)).await.0, 402, "{nonces:?}");
    }
    assert_eq!(shop.get(Some(&paid)).await.0, 402);
    assert_eq!(shop.counts(), [1, 0, 1]);
    let other = shop.pay([3, 4]).await;
    assert_eq!(shop.get(Some(&other)).await.0, 200);
    assert_eq!(shop.counts(), [2, 0, 2]);
}

#[tokio::test]
async fn t10_of_two_payments_at_once_that_share_a_part_one_goes_on() {
    let shop = Shop::with_leave_for(0);
    let (one, other) = (shop.pay([1, 2]).await, shop.pay([3, 2]).await);
    let second = async {
        // The first is being verified.
        while shop.till.0.verified.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let status = shop.get(Some(&other)).await.0;
        shop.till.0.leave.add_permits(1);
        status
    };
    let both = async { tokio::join!(shop.get(Some(&one)), second) };
    // Were the second verified too, both would wait for leave.
    let (first, second) = tokio::time::timeout(DEADLINE, both).await.unwrap();
    assert_eq!((first.0, second), (200, 409));
    assert_eq!(shop.counts(), [1, 0, 1]);
    assert_eq!(shop.till.0.verified.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn t13_what_became_of_a_payment_is_asked_by_the_very_same_alone() {
    let shop = Shop::with_leave_for(usize::MAX >> 4);
    shop.till.0.lost.store(1, Ordering::SeqCst);
    let paid = shop.pay([1, 2]).await;
    assert_eq!(shop.get(Some(&paid)).await.0, 503);
    for nonces in [[1, 3], [3, 2]] {
        let sharing = shop.pay(nonces).await;
        let (status, _) = shop.get(Some(&sharing)).await;
        assert!([402, 409].contains(&status), "{nonces:?}: {status}");
    }
    assert_eq!(shop.counts(), [1, 0, 1]);
    assert_eq!(shop.get(Some(&paid)).await.0, 200);
    assert_eq!(shop.counts()[..2], [1, 1]);
}
