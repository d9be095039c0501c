use alloy_primitives::{Address, B256};
use http::HeaderValue;
use mpp_core::Challenge;
use mpp_core::buyer::answer;
use payment_core::{Timestamp, Units};
use payment_evm::permit2::PERMIT2;
use payment_evm::{Token, wire};
use serde::Deserialize;
use serde_json::Value;

use super::{Dialect, Purse, SessionPayload};
use crate::CredentialType;
use crate::buyer::BillError;
use crate::buyer::bill::{self, HexAddress};
use crate::buyer::sign::{OKX_BEYOND, valid_beyond};
use crate::session::{Opening, Venue};
use crate::source::Source;

/// What the challenge of a session asks for, read strictly (evm-session, Request Schema).
#[derive(Clone, Debug)]
pub struct SessionBill {
    challenge: Challenge,
    token: Token,
    venue: Venue,
    price: u128,
    unit: Option<String>,
    suggested_deposit: Option<u128>,
    min_voucher_delta: u128,
    fee_payer: FeePayer,
    dialect: Dialect,
    types: Vec<CredentialType>,
    permit2: Address,
}

/// Who pays for the transactions that deposit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FeePayer {
    Seller,
    Buyer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    amount: Units,
    unit_type: Option<String>,
    suggested_deposit: Option<Units>,
    #[serde(with = "wire::address")]
    currency: Address,
    #[serde(with = "wire::address")]
    recipient: Address,
    method_details: Details,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    chain_id: u64,
    #[serde(with = "wire::address")]
    escrow_contract: Address,
    min_voucher_delta: Option<Units>,
    #[serde(default)]
    fee_payer: bool,
    credential_types: Option<Vec<String>>,
    permit2_contract: Option<HexAddress>,
}

impl SessionBill {
    /// Reads a challenge. `tokens` are looked up before the table of known ones.
    ///
    /// # Errors
    ///
    /// `BillError` when it is not a session that could be paid at all.
    pub fn read(challenge: &Challenge, tokens: &[Token]) -> Result<Self, BillError> {
        if challenge.method != "evm" || !challenge.intent.eq_ignore_ascii_case("session") {
            return Err(BillError::OtherMethod);
        }
        if challenge.digest.is_some() {
            return Err(BillError::Digest);
        }
        let request = Value::Object(challenge.request.decode());
        let request: Request = serde_json::from_value(request).map_err(BillError::Request)?;
        let Request {
            recipient: payee,
            method_details: details,
            ..
        } = request;
        let amount = |units: Units| u128::try_from(units.get()).map_err(|_| BillError::Overflow);
        let price = amount(request.amount)?;
        if price == 0 {
            return Err(BillError::Zero);
        }
        let escrow = details.escrow_contract;
        if [Address::ZERO, payee, request.currency, PERMIT2].contains(&escrow) {
            return Err(BillError::Escrow);
        }
        let suggested_deposit = request.suggested_deposit.map(amount).transpose()?;
        let min_voucher_delta = details.min_voucher_delta.map(amount).transpose()?;
        let named = details.credential_types.as_deref();
        let dialect = match (named, details.fee_payer) {
            (None, true) => Dialect::Okx,
            _ => Dialect::Draft,
        };
        Ok(Self {
            token: bill::token(details.chain_id, request.currency, tokens)?,
            venue: Venue {
                chain_id: details.chain_id,
                escrow,
                payee,
                token: request.currency,
            },
            challenge: challenge.clone(),
            price,
            unit: request.unit_type,
            suggested_deposit,
            min_voucher_delta: min_voucher_delta.unwrap_or_default(),
            fee_payer: if details.fee_payer {
                FeePayer::Seller
            } else {
                FeePayer::Buyer
            },
            dialect,
            types: types(named, dialect),
            permit2: details.permit2_contract.map_or(PERMIT2, |given| given.0),
        })
    }

    /// The challenge it was read from.
    #[must_use]
    pub const fn challenge(&self) -> &Challenge {
        &self.challenge
    }

    /// What it is paid with, and where.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// The chain, the contract that holds the deposit, who is paid, and in what.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// The price of one unit, in base units; not zero.
    #[must_use]
    pub const fn price(&self) -> u128 {
        self.price
    }

    /// What a unit is, by the seller's word: `request`, `llm_token`.
    #[must_use]
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The deposit that the seller would like, in base units.
    #[must_use]
    pub const fn suggested_deposit(&self) -> Option<u128> {
        self.suggested_deposit
    }

    /// The least that a voucher must add to the one before, in base units.
    #[must_use]
    pub const fn min_voucher_delta(&self) -> u128 {
        self.min_voucher_delta
    }

    /// Whether the seller sends the transactions that deposit, and pays their gas.
    #[must_use]
    pub fn seller_pays_gas(&self) -> bool {
        self.fee_payer == FeePayer::Seller
    }

    /// The words the seller uses: OKX's where it says to pay the gas of deposits and names no
    /// types of credentials, the draft's otherwise.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The types the seller takes, the preferred ones first. Unknown ones are left out.
    #[must_use]
    pub fn types(&self) -> &[CredentialType] {
        &self.types
    }

    /// The Permit2 contract that the escrow uses, by the seller's word.
    #[must_use]
    pub const fn permit2(&self) -> Address {
        self.permit2
    }

    /// When a deposit that is signed for this challenge ends, in seconds since the epoch: with the
    /// challenge, or a minute after it for OKX's sellers, who take nothing shorter; and never later
    /// than in a day.
    ///
    /// # Errors
    ///
    /// `Expired`.
    pub fn valid_until(&self, now: Timestamp) -> Result<u64, BillError> {
        let beyond = match self.dialect {
            Dialect::Draft => 0,
            Dialect::Okx => OKX_BEYOND,
        };
        valid_beyond(&self.challenge, now, beyond)
    }

    /// The payer's end of a new channel of this bill. It signs vouchers itself. The salt tells it
    /// from other channels of the same parties, and is not used twice.
    #[must_use]
    pub fn purse(&self, payer: Address, salt: B256) -> Purse {
        let Venue {
            chain_id,
            escrow,
            payee,
            token,
        } = self.venue;
        let opening = Opening {
            payer,
            payee,
            token,
            salt,
            authorized_signer: Address::ZERO,
            escrow,
            chain_id,
        };
        Purse::of(opening, self.token.clone()).speaking(self.dialect)
    }

    /// The value of the header that answers the challenge with this payload, for the header that
    /// [`Challenge::credential_header`] names.
    ///
    /// # Errors
    ///
    /// `Credential` when it can't be written.
    pub fn credential(&self, payload: &SessionPayload) -> Result<HeaderValue, BillError> {
        let source = payload.source().map(|address| Source {
            chain_id: self.venue.chain_id,
            address,
        });
        let source = source.map(|source| source.to_string());
        Ok(answer(&self.challenge, source.as_deref(), payload)?)
    }
}

/// A seller who names no types takes what the buyer has sent to the chain (evm-session, Request
/// Schema); in OKX's dialect, signatures too.
fn types(named: Option<&[String]>, dialect: Dialect) -> Vec<CredentialType> {
    const KNOWN: [CredentialType; 3] = [
        CredentialType::Authorization,
        CredentialType::Permit2,
        CredentialType::Hash,
    ];
    let Some(named) = named else {
        return match dialect {
            Dialect::Draft => vec![CredentialType::Hash],
            Dialect::Okx => vec![CredentialType::Transfers, CredentialType::Hash],
        };
    };
    let known = |word: &String| KNOWN.into_iter().find(|kind| kind.as_str() == word);
    named.iter().filter_map(known).collect()
}
