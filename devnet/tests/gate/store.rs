//! A replay store that fails (RULES.md, T13, T80, T81): each step before it is taken, and after.

use std::sync::Mutex;

use devnet::facilitator::Route;
use payment_core::{
    MemoryReplayGuard, ReplayGuard, ReplayKey, Reservation, Reserve, Stage, Standing, StoreFault,
    Ticket, Timestamp,
};

use crate::purse::{mpp_header, v2_header};
use crate::shop::{CENT, Means, Shop, settle_down};

/// A step of the store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Look,
    Reserve,
    Settling,
    Paid,
    Spent,
}

/// When the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing is stored.
    Before,
    /// It is stored, and the answer lost.
    After,
}

/// An in-memory store that fails once where it is told to.
#[derive(Debug)]
pub struct Store {
    memory: MemoryReplayGuard,
    broken: Mutex<Option<(Step, When)>>,
}

impl Store {
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            memory: MemoryReplayGuard::with_capacity(capacity),
            broken: Mutex::new(None),
        }
    }

    pub fn break_at(&self, step: Step, when: When) {
        *self.broken.lock().unwrap() = Some((step, when));
    }

    pub fn len(&self) -> usize {
        self.memory.len()
    }

    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    fn fails(&self, step: Step, when: When) -> Result<(), StoreFault> {
        let mut broken = self.broken.lock().unwrap();
        if *broken == Some((step, when)) {
            *broken = None;
            return Err(StoreFault::Unavailable("the store is told to fail".into()));
        }
        Ok(())
    }
}

impl ReplayGuard for Store {
    async fn look(&self, keys: &[ReplayKey], now: Timestamp) -> Result<Standing, StoreFault> {
        self.fails(Step::Look, When::Before)?;
        self.memory.look(keys, now).await
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, StoreFault> {
        self.fails(Step::Reserve, When::Before)?;
        let reserved = self.memory.reserve(wish).await?;
        self.fails(Step::Reserve, When::After)?;
        Ok(reserved)
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), StoreFault> {
        let step = match stage {
            Stage::Settling => Step::Settling,
            Stage::Paid(_) => Step::Paid,
            Stage::Spent => Step::Spent,
            _ => return self.memory.advance(ticket, stage).await,
        };
        self.fails(step, When::Before)?;
        self.memory.advance(ticket, stage).await?;
        self.fails(step, When::After)
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreFault> {
        self.memory.release(ticket).await
    }
}

#[tokio::test]
async fn t81_a_store_that_fails_before_the_reservation_closes_the_gate() {
    for step in [Step::Look, Step::Reserve] {
        let shop = Shop::open().await;
        let v2 = v2_header(&shop.x402("/cheap").await);
        let mpp = mpp_header(&shop.mpp("/cheap").await);
        for header in [&v2, &mpp] {
            shop.guard.break_at(step, When::Before);
            let answer = shop.get("/cheap", std::slice::from_ref(header)).await;
            answer.refused(503, "replay_store_unavailable");
        }
        assert!(shop.facilitator.calls().is_empty(), "nothing is verified");
        shop.books(0, 0);
        shop.get("/cheap", &[v2]).await.served("payment-response");
        shop.get("/cheap", &[mpp]).await.served("payment-receipt");
        shop.books(2, 2 * CENT);
    }
}

#[tokio::test]
async fn t14_a_reservation_that_nobody_knows_of_ends_with_its_lease() {
    let shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    shop.guard.break_at(Step::Reserve, When::After);
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    answer.refused(503, "replay_store_unavailable");
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    answer.refused(409, "payment_in_progress");
    shop.advance(121);
    shop.get("/cheap", &[header])
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t81_a_store_that_fails_around_the_settlement_costs_the_buyer_nothing() {
    for (step, when) in [
        (Step::Settling, When::Before),
        (Step::Settling, When::After),
        (Step::Paid, When::Before),
        (Step::Paid, When::After),
        (Step::Spent, When::Before),
        (Step::Spent, When::After),
    ] {
        for path in ["/cheap", "/first"] {
            for mpp in [false, true] {
                let shop = Shop::settling(Means::Facilitator).await;
                let (header, receipt) = match mpp {
                    false => (v2_header(&shop.x402(path).await), "payment-response"),
                    true => (mpp_header(&shop.mpp(path).await), "payment-receipt"),
                };
                shop.guard.break_at(step, when);
                let answer = shop.get(path, std::slice::from_ref(&header)).await;
                let case = (step, when, path, receipt);
                assert_eq!(answer.status, 503, "{case:?}");
                answer.is_the_gates();
                settle_down().await;
                let settled = |shop: &Shop| {
                    let calls = shop.facilitator.calls();
                    calls
                        .iter()
                        .filter(|call| call.route == Route::Settle)
                        .count()
                };
                let before = settled(&shop);
                let mut again = shop.get(path, std::slice::from_ref(&header)).await;
                if again.status == 409 {
                    // Held by a request that did not learn that it holds it.
                    shop.advance(121);
                    again = shop.get(path, std::slice::from_ref(&header)).await;
                }
                if again.status == 409 {
                    shop.advance(121);
                    again = shop.get(path, std::slice::from_ref(&header)).await;
                }
                assert_eq!(again.status, 200, "{case:?}: {}", again.code());
                again.served(receipt);
                if step != Step::Settling {
                    assert_eq!(settled(&shop), before, "{case:?}: settled before");
                }
                let runs = shop.kitchen.runs();
                shop.books(runs, CENT);
                let third = shop.get(path, std::slice::from_ref(&header)).await;
                assert_eq!(third.status, 402, "{case:?}");
                shop.books(runs, CENT);
            }
        }
    }
}
