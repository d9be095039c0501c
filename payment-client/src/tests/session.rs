//! Sessions against a seller on loopback that checks what it gets with the seller's own functions,
//! and against ones that cheat.

mod calls;
mod deposits;
mod files;
mod okx;
mod seller;
mod storms;
mod streams;
mod stuck;
mod terms;

use payment_core::usd;
use payment_evm::LocalSigner;

use self::seller::Seller;
use super::Bench;
use crate::{Session, SessionBudget};

/// One cent a unit, suggested deposit ten cents, ten cents a payment at most.
fn session(bench: &Bench) -> Session<LocalSigner> {
    let budget = SessionBudget::deposit(usd!("0.10")).total(usd!("0.20"));
    bench.buyer().session(budget).start().unwrap()
}

async fn market() -> (Bench, Seller) {
    let bench = Bench::new();
    let seller = Seller::open(&bench).await;
    (bench, seller)
}
