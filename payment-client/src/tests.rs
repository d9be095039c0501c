#![allow(clippy::unwrap_used)]

mod exchange;
mod hostile;
mod limits;
mod okx;
mod outcome;
mod proof;
mod session;
mod shop;
mod terms;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use payment_core::{ManualClock, Network, Timestamp, usd};
use payment_evm::LocalSigner;

use crate::waiter::Waiter;
use crate::{Buyer, BuyerBuilder, SpendLimit};

/// 2026-09-21.
const NOW: u64 = 1_790_000_000;
const CHAIN: u64 = 84_532;

/// Waits by moving the clock.
#[derive(Debug)]
pub(crate) struct Jumps {
    clock: Arc<ManualClock>,
    taken: Mutex<Vec<Duration>>,
}

impl Jumps {
    pub(crate) fn jump(&self, time: Duration) {
        self.clock.advance(time);
        self.taken.lock().unwrap().push(time);
    }

    fn taken(&self) -> Vec<Duration> {
        self.taken.lock().unwrap().clone()
    }
}

/// A buyer whose time stands still but for its own waiting.
struct Bench {
    clock: Arc<ManualClock>,
    jumps: Arc<Jumps>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let jumps = Arc::new(Jumps {
            clock: Arc::clone(&clock),
            taken: Mutex::default(),
        });
        Self { clock, jumps }
    }

    /// Ten cents a payment, a dollar in all, on Base Sepolia.
    fn builder(&self) -> BuyerBuilder<LocalSigner, SpendLimit> {
        self.limited(SpendLimit::per_payment(usd!("0.10")).total(usd!("1")))
    }

    fn limited(&self, limit: SpendLimit) -> BuyerBuilder<LocalSigner, SpendLimit> {
        Buyer::builder(signer())
            .spend_limit(limit)
            .network(Network::eip155(CHAIN))
            .clock(Arc::clone(&self.clock))
            .waiter(Waiter::Jump(Arc::clone(&self.jumps)))
            .client(reqwest::ClientBuilder::no_proxy)
    }

    fn buyer(&self) -> Buyer<LocalSigner> {
        self.builder().build().unwrap()
    }
}

fn signer() -> LocalSigner {
    LocalSigner::from_hex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
        .unwrap()
}
