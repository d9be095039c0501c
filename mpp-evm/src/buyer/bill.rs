use alloy_primitives::Address;
use mpp_core::{Challenge, CredentialError};
use payment_core::Units;
use payment_evm::permit2::PERMIT2;
use payment_evm::{SignerError, Token, wire};
use serde::Deserialize;
use serde_json::Value;

use crate::split::{LONGEST_MEMO, MOST_SPLITS, legs};
use crate::{CredentialType, Leg};

/// What a challenge asks for, read strictly.
#[derive(Clone, Debug)]
pub struct Bill<'c> {
    pub(super) challenge: &'c Challenge,
    pub(super) token: Token,
    pub(super) recipient: Address,
    pub(super) amount: Units,
    pub(super) legs: Vec<Leg>,
    pub(super) types: Vec<CredentialType>,
    pub(super) spender: Option<Address>,
    pub(super) external_id: Option<String>,
}

/// A challenge that can't be paid, or is not to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillError {
    /// Another method or intent.
    #[error("another method or intent")]
    OtherMethod,
    /// The request is not one of this intent.
    #[error("the request is not one of this intent")]
    Request(#[source] serde_json::Error),
    /// It asks for nothing.
    #[error("the amount is zero")]
    Zero,
    /// The splits are more than ten, more than the amount, or have a memo that is too long.
    #[error("the splits are not within the rules")]
    Splits,
    /// A Permit2 contract other than the one that everybody knows.
    #[error("an unknown Permit2 contract")]
    Permit2,
    /// The escrow contract of a session is no account, or is one of the parties or the token.
    #[error("the escrow is not a contract between the parties")]
    Escrow,
    /// An amount of a session is more than any escrow holds.
    #[error("an amount is beyond 128 bits")]
    Overflow,
    /// The challenge is good for one body only, so that no second request could be paid by it.
    #[error("the challenge of a session is tied to one body")]
    Digest,
    /// A token that the buyer neither knows nor was given.
    #[error("token {address} on chain {chain_id} is not known")]
    UnknownToken {
        /// The chain.
        chain_id: u64,
        /// The contract.
        address: Address,
    },
    /// The seller does not take this type, or the token or the splits rule it out.
    #[error("{0:?} can't pay this")]
    CannotPay(CredentialType),
    /// More than the buyer agreed to.
    #[error("{asked} base units are asked, {most} were agreed to")]
    TooMuch {
        /// What is asked.
        asked: Units,
        /// The most the buyer would pay.
        most: Units,
    },
    /// The challenge has expired, or its expiry can't be read.
    #[error("the challenge has expired")]
    Expired,
    /// The signer did not sign.
    #[error("not signed")]
    Signer(#[from] SignerError),
    /// The credential can't be written.
    #[error("the credential can't be written")]
    Credential(#[from] CredentialError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    amount: Units,
    #[serde(with = "wire::address")]
    currency: Address,
    #[serde(with = "wire::address")]
    recipient: Address,
    external_id: Option<String>,
    method_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    chain_id: u64,
    credential_types: Option<Vec<String>>,
    fee_payer: Option<bool>,
    permit2_address: Option<HexAddress>,
    spender: Option<HexAddress>,
    #[serde(default)]
    splits: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct HexAddress(#[serde(with = "wire::address")] pub(super) Address);

#[derive(Deserialize)]
struct Entry {
    #[serde(with = "wire::address")]
    recipient: Address,
    amount: Units,
    memo: Option<String>,
}

impl<'c> Bill<'c> {
    /// Reads a challenge. `tokens` are looked up before the table of known ones.
    ///
    /// # Errors
    ///
    /// `BillError` when it is not a charge that could be paid at all.
    pub fn read(challenge: &'c Challenge, tokens: &[Token]) -> Result<Self, BillError> {
        if challenge.method != "evm" || !challenge.intent.eq_ignore_ascii_case("charge") {
            return Err(BillError::OtherMethod);
        }
        let request = Value::Object(challenge.request.decode());
        let request: Request = serde_json::from_value(request).map_err(BillError::Request)?;
        let Request {
            amount,
            currency,
            recipient,
            external_id,
            method_details: details,
        } = request;
        if amount.is_zero() {
            return Err(BillError::Zero);
        }
        if details
            .permit2_address
            .as_ref()
            .is_some_and(|contract| contract.0 != PERMIT2)
        {
            return Err(BillError::Permit2);
        }
        let chain_id = details.chain_id;
        let legs = cut(recipient, amount, &details.splits).ok_or(BillError::Splits)?;
        Ok(Self {
            challenge,
            token: token(chain_id, currency, tokens)?,
            recipient,
            amount,
            types: types(&details, &legs),
            legs,
            spender: details.spender.map(|spender| spender.0),
            external_id,
        })
    }

    /// What it is paid with, and where.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Who is paid.
    #[must_use]
    pub const fn recipient(&self) -> Address {
        self.recipient
    }

    /// All that is paid, in base units.
    #[must_use]
    pub const fn amount(&self) -> Units {
        self.amount
    }

    /// The transfers that make up the payment.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The types the seller takes, the preferred ones first. Unknown ones are left out.
    ///
    /// One who says `feePayer` and names no types takes [`CredentialType::Transfers`] before all
    /// others; one who names types takes it for a payment that is split, after those.
    #[must_use]
    pub fn types(&self) -> &[CredentialType] {
        &self.types
    }
}

/// A token that the buyer was given, or one that everybody knows.
pub(super) fn token(chain_id: u64, address: Address, given: &[Token]) -> Result<Token, BillError> {
    let given = given
        .iter()
        .find(|t| t.chain_id == chain_id && t.address == address);
    let token = given.cloned().or_else(|| Token::known(chain_id, address));
    token.ok_or(BillError::UnknownToken { chain_id, address })
}

fn cut(recipient: Address, amount: Units, splits: &[Entry]) -> Option<Vec<Leg>> {
    let too_long = |entry: &Entry| {
        entry
            .memo
            .as_ref()
            .is_some_and(|memo| memo.chars().count() > LONGEST_MEMO)
    };
    let odd = |entry: &Entry| too_long(entry) || entry.amount.is_zero();
    if splits.len() > MOST_SPLITS || splits.iter().any(odd) {
        return None;
    }
    let splits = splits.iter().map(|entry| Leg {
        to: entry.recipient,
        amount: entry.amount,
    });
    legs(recipient, amount, &splits.collect::<Vec<_>>())
}

/// A seller who names no types takes what the buyer sends to the chain (evm/charge, Request
/// Schema); one who says to pay the gas takes signatures too, of OKX's form (mpp, 17).
fn types(details: &Details, legs: &[Leg]) -> Vec<CredentialType> {
    let invited = (details.fee_payer == Some(true)).then_some(CredentialType::Transfers);
    let Some(named) = &details.credential_types else {
        let unnamed = CredentialType::UNNAMED.iter().copied();
        return invited.into_iter().chain(unnamed).collect();
    };
    let known = |word: &String| {
        CredentialType::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
    };
    let for_splits = invited.filter(|_| legs.len() > 1);
    named.iter().filter_map(known).chain(for_splits).collect()
}
