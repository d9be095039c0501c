use devnet::okx::{Act, Endpoint};

use crate::answer::Answer;
use crate::purse::By;
use crate::shop::{CENT, Header, Shop};

/// One fault of OKX's, and all that comes of it.
#[derive(Clone, Debug)]
pub struct Row {
    pub act: Act,
    pub seen: Seen,
    pub work: Work,
    pub then: Then,
}

/// What the buyer sees of the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Meal,
    /// 503: come back with the same payment.
    Pending,
    /// This status and code; nothing has moved.
    Fault(u16, &'static str),
    /// 402 with this code, and a fresh offer.
    Refused(&'static str),
}

/// Whether OKX has taken the money then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Done,
    Undone,
}

/// What the same payment gets once OKX is honest again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// A meal if there was none, and after that no more.
    Meal,
    /// Still 503.
    Pending,
    /// 402: it was used.
    Spent,
}

impl Row {
    pub const fn new(act: Act, seen: Seen, work: Work) -> Self {
        Self {
            act,
            seen,
            work,
            then: Then::Meal,
        }
    }

    pub const fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// Plays it: the fault happens to the next settlement.
    pub async fn play_settling(&self, shop: &Shop, by: By, path: &str) {
        let header = shop.payment(by, path).await;
        let start = Start::of(shop, by);
        shop.okx.order(Endpoint::Settle, self.act.clone());
        let answer = shop.pay(path, &header).await;
        self.seen.check(&answer);
        if let Seen::Refused(code) = self.seen {
            assert_eq!(answer.message("payment-response")["errorReason"], code);
        }
        assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
        let cooked = usize::from(path != "/first" || self.seen == Seen::Meal);
        let taken = if self.work == Work::Done { CENT } else { 0 };
        start.check(shop, by, cooked, taken);
        let held = self.seen == Seen::Meal || self.seen == Seen::Pending;
        assert_eq!(shop.guard.len(), start.kept + usize::from(held));
        shop.okx.heal();
        self.come_back(shop, by, path, &header, &start, cooked)
            .await;
    }

    async fn come_back(
        &self,
        shop: &Shop,
        by: By,
        path: &str,
        header: &Header,
        start: &Start,
        cooked: usize,
    ) {
        if self.seen == Seen::Meal {
            shop.pay(path, header).await.spent();
            return start.check(shop, by, cooked, CENT);
        }
        let again = shop.pay(path, header).await;
        let meals = match self.then {
            Then::Meal => {
                again.served();
                1
            }
            Then::Pending => {
                again.pending();
                0
            }
            Then::Spent => {
                again.spent();
                0
            }
        };
        start.check(shop, by, cooked + meals, CENT);
        let third = shop.pay(path, header).await;
        match self.then {
            Then::Pending => third.pending(),
            Then::Meal | Then::Spent => third.spent(),
        }
        start.check(shop, by, cooked + meals, CENT);
    }
}

impl Seen {
    #[track_caller]
    pub fn check(self, answer: &Answer) {
        match self {
            Self::Meal => drop(answer.served()),
            Self::Pending => answer.pending(),
            Self::Fault(status, code) => answer.refused(status, code),
            Self::Refused(code) => answer.refused(402, code),
        }
    }
}

/// How things stood before a row.
pub struct Start {
    runs: usize,
    earned: u64,
    pub settled: usize,
    pub kept: usize,
}

impl Start {
    pub fn of(shop: &Shop, by: By) -> Self {
        Self {
            runs: shop.kitchen.runs(),
            earned: shop.earned(by),
            settled: shop.asked(Endpoint::Settle),
            kept: shop.guard.len(),
        }
    }

    /// How often the handler ran since, and what the seller got.
    #[track_caller]
    pub fn check(&self, shop: &Shop, by: By, runs: usize, earned: u64) {
        assert_eq!(shop.kitchen.runs() - self.runs, runs, "runs of the handler");
        assert_eq!(shop.earned(by) - self.earned, earned, "what the seller got");
    }
}
