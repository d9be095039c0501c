use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::{Address, B256, Bytes};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::answer::Enveloped;
use super::book::{Book, Done};
use super::builder::{OkxBuilder, Repeats};
use super::call::{Call, Endpoint};
use super::refusal::Refusal;
use super::{charge, facilitator, session};
use crate::error::SendError;
use crate::script::Script;
use crate::token::Token;
use crate::{Chain, Wallet};

/// What the endpoints work with.
pub(super) struct Desk {
    pub(super) chain: Arc<Chain>,
    pub(super) tokens: Vec<Token>,
    pub(super) escrow: Address,
    pub(super) settler: Wallet,
    pub(super) options: OkxBuilder,
    pub(super) script: Script<Call>,
    pub(super) book: Mutex<Book>,
}

impl Desk {
    /// Does what a request asks for.
    pub(super) fn work(&self, endpoint: Endpoint, query: Option<&str>, body: &Value) -> Enveloped {
        // One at a time: between a simulation and its transaction nothing else may happen.
        let mut book = self.book();
        let data = match endpoint {
            Endpoint::Supported => Ok(facilitator::supported(self)),
            Endpoint::Verify => facilitator::verify(self, &book, body),
            Endpoint::VerifySignature => facilitator::verify_signature(self, body),
            Endpoint::Settle => facilitator::settle(self, &mut book, body),
            Endpoint::SettleStatus => facilitator::status(self, &book, query),
            Endpoint::ChargeSettle => charge::settle(self, &mut book, body),
            Endpoint::ChargeVerifyHash => charge::verify_hash(self, &mut book, body),
            Endpoint::SessionOpen => session::open(self, &mut book, body),
            Endpoint::SessionTopUp => session::top_up(self, &mut book, body),
            Endpoint::SessionSettle => session::settle(self, &mut book, body),
            Endpoint::SessionClose => session::close(self, &mut book, body),
            Endpoint::SessionStatus => session::status(self, query),
        };
        match data {
            Ok(data) => Enveloped::data(&data).with(self.options.codes),
            Err(refusal) => self.refused(Some(endpoint), refusal),
        }
    }

    pub(super) fn refused(&self, endpoint: Option<Endpoint>, refusal: Refusal) -> Enveloped {
        let nothing = match endpoint {
            Some(endpoint) if endpoint.is_mpp() => json!({}),
            _ => Value::Null,
        };
        Enveloped::refused(refusal, &nothing).with(self.options.codes)
    }

    pub(super) fn token(&self, address: Address) -> Option<&Token> {
        self.tokens.iter().find(|token| token.address == address)
    }

    pub(super) fn network(&self) -> String {
        format!("eip155:{}", self.chain.chain_id())
    }

    /// The chain's time, RFC 3339.
    pub(super) fn timestamp(&self) -> String {
        let now = i64::try_from(self.chain.now()).unwrap_or(i64::MAX);
        Timestamp::from_second(now).unwrap_or_default().to_string()
    }

    /// Sends a transaction of the settler.
    pub(super) fn send(&self, to: Address, data: Bytes) -> Sent {
        match self.chain.send(&self.settler, to, data) {
            Ok(receipt) if receipt.status() => Sent::Mined(receipt.transaction_hash),
            Ok(receipt) => Sent::Failed(receipt.transaction_hash),
            Err(SendError::Waiting(hash)) => Sent::Waiting(hash),
            Err(error) => {
                tracing::warn!(%error, "settlement not sent");
                Sent::Never
            }
        }
    }

    /// How a transaction stands now.
    pub(super) fn outcome(&self, hash: B256) -> Sent {
        match self.chain.receipt(hash) {
            None => Sent::Waiting(hash),
            Some(receipt) if receipt.status() => Sent::Mined(hash),
            Some(_) => Sent::Failed(hash),
        }
    }

    /// A settlement of the SA-API that was asked for before.
    pub(super) fn repeated(&self, book: &Book, asked: B256) -> Option<Result<Value, Refusal>> {
        let done = book.done.get(&asked)?;
        Some(match self.options.repeats {
            Repeats::SameAnswer => self.concluded(done),
            Repeats::Refused => Err(Refusal::of(70003, "credential was used")),
        })
    }

    /// What is to be said of a settlement, if all of it is mined by now.
    pub(super) fn concluded(&self, done: &Done) -> Result<Value, Refusal> {
        for hash in &done.transactions {
            match self.outcome(*hash) {
                Sent::Mined(_) => {}
                Sent::Waiting(_) => return Err(UNCONFIRMED),
                Sent::Failed(_) | Sent::Never => {
                    return Err(Refusal::of(8000, "transaction reverted"));
                }
            }
        }
        Ok(done.answer.clone())
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SA-API's word for a transaction that is not mined.
pub(super) const UNCONFIRMED: Refusal = Refusal::of(70007, "transaction not confirmed");

/// What came of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Mined(B256),
    Failed(B256),
    Waiting(B256),
    Never,
}

/// The value of one parameter of a query.
pub(super) fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    let pairs = query?.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    values.next().filter(|value| !value.is_empty())
}
