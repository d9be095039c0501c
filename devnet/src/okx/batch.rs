use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;

use super::authorization::Flaw;
use super::book::{Book, Debt};
use super::desk::{Desk, Sent};
use super::facilitator::reason;
use super::payment::{MISMATCH, Payment, Reason};
use super::refusal::Refusal;
use super::session_key;
use crate::Wallet;
use crate::error::SendError;
use crate::token::{ITollToken, Token};

/// What a batch did with the promises of one payer to one payee.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Landing {
    /// The token.
    pub token: Address,
    /// Who promised.
    pub payer: Address,
    /// Who gets paid.
    pub payee: Address,
    /// The sum of the promises.
    pub amount: U256,
    /// The transaction, and `None` where it failed: then the sum is still owed.
    pub transaction: Option<B256>,
}

/// Lets the service take what a wallet owes.
pub(super) fn entrust(desk: &Desk, wallet: &Wallet) -> Result<(), SendError> {
    let approval = ITollToken::approveCall {
        spender: desk.settler.address,
        value: U256::MAX,
    };
    for token in &desk.tokens {
        let receipt = desk
            .chain
            .send(wallet, token.address, approval.abi_encode())?;
        if !receipt.status() {
            return Err(SendError::Reverted(receipt.transaction_hash));
        }
    }
    Ok(())
}

/// Whether a wallet is one that pays in batches.
pub(super) fn is_entrusted(desk: &Desk, token: &Token, wallet: Address) -> Result<(), Refusal> {
    let question = ITollToken::allowanceCall {
        account: wallet,
        spender: desk.settler.address,
    };
    let allowed = desk.chain.read(token.address, &question);
    if allowed.unwrap_or_default().is_zero() {
        return Err(Refusal::of(10002, "AA account not found"));
    }
    Ok(())
}

/// Why a payment is not accepted for the next batch.
pub(super) fn judge(
    desk: &Desk,
    book: &Book,
    payment: &Payment<'_>,
    certificate: &str,
) -> Result<(), Reason> {
    let (token, terms) = (payment.token, &payment.authorization);
    if terms.valid_before != U256::MAX {
        return Err(MISMATCH);
    }
    let digest = terms.digest(token);
    if !session_key::is_signed(desk, certificate, terms.from, digest, payment.signature) {
        return Err(reason(Flaw::Signature));
    }
    if book
        .promised
        .contains(&(token.address, terms.from, terms.nonce))
    {
        return Err(reason(Flaw::NonceUsed));
    }
    if let Some(flaw) = terms.flaw(desk, token) {
        return Err(reason(flaw));
    }
    let held = desk.chain.balance_of(token.address, terms.from);
    let free = held.saturating_sub(book.owed(token.address, terms.from));
    if free < terms.value {
        return Err(reason(Flaw::TooPoor));
    }
    Ok(())
}

/// Takes what is owed.
pub(super) fn land(desk: &Desk) -> Vec<Landing> {
    let mut book = desk.book();
    let mut sums = BTreeMap::new();
    for debt in std::mem::take(&mut book.debts) {
        let sum = sums.entry((debt.token, debt.payer, debt.payee));
        *sum.or_insert(U256::ZERO) += debt.amount;
    }
    let landings = sums.into_iter().map(|((token, payer, payee), amount)| {
        let debt = Debt {
            token,
            payer,
            payee,
            amount,
        };
        collect(desk, &mut book, debt)
    });
    landings.collect()
}

fn collect(desk: &Desk, book: &mut Book, debt: Debt) -> Landing {
    let Debt {
        token,
        payer,
        payee,
        amount,
    } = debt;
    let call = ITollToken::transferFromCall {
        from: payer,
        to: payee,
        value: amount,
    };
    let transaction = match desk.send(token, call.abi_encode().into()) {
        Sent::Mined(hash) | Sent::Waiting(hash) => Some(hash),
        Sent::Failed(_) | Sent::Never => None,
    };
    match transaction {
        Some(hash) => drop(book.payers.insert(hash, payer)),
        None => book.debts.push(debt),
    }
    Landing {
        token,
        payer,
        payee,
        amount,
        transaction,
    }
}
