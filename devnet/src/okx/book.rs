use std::collections::{HashMap, HashSet};

use alloy_primitives::{Address, B256, U256};
use serde_json::Value;

/// What the service remembers.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Settlements that were sent, by what was asked for.
    pub(super) done: HashMap<B256, Done>,
    /// Who paid in a transaction that the facilitator knows.
    pub(super) payers: HashMap<B256, Address>,
    /// Transactions that a buyer showed as proof.
    pub(super) shown: HashSet<B256>,
    /// Nonces of accepted payments that no transaction has carried yet.
    pub(super) promised: HashSet<(Address, Address, B256)>,
    /// Accepted payments for the next batch.
    pub(super) debts: Vec<Debt>,
    /// Accounts that nothing is taken from.
    pub(super) blocked: HashSet<Address>,
}

impl Book {
    /// What a payer has promised of a token and still holds.
    pub(super) fn owed(&self, token: Address, payer: Address) -> U256 {
        let debts = self.debts.iter();
        debts
            .filter(|debt| debt.token == token && debt.payer == payer)
            .fold(U256::ZERO, |sum, debt| sum.saturating_add(debt.amount))
    }
}

/// A settlement that was sent.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// The chain's time then.
    pub(super) at: u64,
    /// Its transactions; none for a payment that waits for a batch.
    pub(super) transactions: Vec<B256>,
    /// What was, or will be, said of it.
    pub(super) answer: Value,
}

/// A payment that was accepted for a batch.
#[derive(Clone, Debug)]
pub(super) struct Debt {
    pub(super) token: Address,
    pub(super) payer: Address,
    pub(super) payee: Address,
    pub(super) amount: U256,
}
