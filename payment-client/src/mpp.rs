//! The MPP intent `charge` of the method `evm`, by EIP-3009 in the draft's form or in OKX's:
//! challenges read, credentials written, receipts read.

use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use mpp_core::{Challenge, PAYMENT_RECEIPT};
use mpp_evm::CredentialType;
use mpp_evm::buyer::{Bill, BillError, Consent};
use payment_core::{Network, Timestamp};
use payment_evm::Signer;
use serde_json::Value;

use crate::error::BuyerError;
use crate::offer::{Offer, Protocol, Terms};
use crate::payment::Credential;
use crate::receipt::{Contradiction, Receipt};
use crate::rules::{Bid, Description, Rules, Skip};
use crate::shelf::Shelf;

/// Puts the challenges of a 402 on the shelf. One that can't be read spoils only itself.
pub(crate) fn offers(
    headers: &HeaderMap,
    asked: &HeaderMap,
    rules: &Rules,
    now: Timestamp,
    shelf: &mut Shelf,
) {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    let mut seen: Vec<String> = Vec::new();
    for challenge in Challenge::parse_all(lines.map(AsRef::as_ref)) {
        // mpp, 2.4: the first of an id counts.
        let offer = if seen.contains(&challenge.id) {
            Err(Skip::DuplicateId)
        } else {
            seen.push(challenge.id.clone());
            offer(&challenge, asked, rules, now)
        };
        shelf.put(Protocol::Mpp, offer);
    }
}

fn offer(
    challenge: &Challenge,
    asked: &HeaderMap,
    rules: &Rules,
    now: Timestamp,
) -> Result<Offer, Skip> {
    let bill = Bill::read(challenge, &rules.tokens).map_err(|error| skip(&error, rules))?;
    // The request's own login stays where it is.
    if challenge.credential_header() == AUTHORIZATION && asked.contains_key(AUTHORIZATION) {
        return Err(Skip::Header);
    }
    // mpp, 4: nobody accepts a credential for a challenge without an end.
    let expires = challenge.expires_at().ok_or(Skip::NoExpiry)?;
    let valid_until = match form(&bill)? {
        Form::Authorization => expires,
        Form::Transfers => {
            let end = bill.transfers_valid_until(now);
            Timestamp::from_seconds(end.map_err(|error| no_end(&error))?)
        }
    };
    let bid = Bid {
        network: bill.token().network(),
        asset: bill.token().address,
        amount: bill.amount(),
        pay_to: bill.recipient(),
        valid_until,
        described: Description {
            decimals: decimals(challenge)?,
            ..Description::default()
        },
    };
    rules.judge(&bid, Terms::Mpp(Box::new(challenge.clone())), now)
}

/// Why no moment is found for a signature to end.
const fn no_end(error: &BillError) -> Skip {
    match error {
        BillError::CannotPay(_) => Skip::TooLong,
        _ => Skip::Expired,
    }
}

/// What we sign for a bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One authorization, tied to the challenge.
    Authorization,
    /// One for each leg, tied to nothing.
    Transfers,
}

/// The form that the seller prefers, of those that can pay this bill.
fn form(bill: &Bill<'_>) -> Result<Form, Skip> {
    let whole = bill.legs().len() == 1;
    let found = bill.types().iter().find_map(|kind| match kind {
        CredentialType::Authorization if whole => Some(Form::Authorization),
        CredentialType::Transfers => Some(Form::Transfers),
        _ => None,
    });
    let by_splits = bill.types().contains(&CredentialType::Authorization);
    found.ok_or(if by_splits {
        Skip::Split
    } else {
        Skip::Transfer
    })
}

pub(crate) fn skip(error: &BillError, rules: &Rules) -> Skip {
    match error {
        BillError::OtherMethod => Skip::Scheme,
        BillError::Zero => Skip::Amount,
        BillError::Splits => Skip::Split,
        BillError::Permit2 => Skip::Transfer,
        BillError::UnknownToken { chain_id, .. } => {
            if rules.networks.contains(&Network::eip155(*chain_id)) {
                Skip::Token
            } else {
                Skip::Network
            }
        }
        _ => Skip::Unreadable,
    }
}

/// What the challenge says of the decimals, for display.
fn decimals(challenge: &Challenge) -> Result<Option<u64>, Skip> {
    let request = challenge.request.decode();
    let details = request.get("methodDetails").and_then(Value::as_object);
    match details.and_then(|details| details.get("decimals")) {
        None | Some(Value::Null) => Ok(None),
        Some(said) => said.as_u64().map(Some).ok_or(Skip::TokenDescription),
    }
}

/// Signs for this challenge.
pub(crate) async fn credential<S: Signer>(
    challenge: &Challenge,
    offer: &Offer,
    signer: &S,
) -> Result<Credential, BuyerError> {
    let tokens = std::slice::from_ref(&offer.token);
    let bill = Bill::read(challenge, tokens).map_err(unsigned)?;
    let consent = Consent::up_to(offer.amount, offer.seen);
    let signed = match form(&bill).map_err(|_| BuyerError::Credential)? {
        Form::Authorization => bill.authorize(signer, consent).await,
        Form::Transfers => bill.transfers(signer, consent).await,
    };
    let value = signed.map_err(unsigned)?;
    Ok(Credential::new(challenge.credential_header(), value))
}

fn unsigned(error: BillError) -> BuyerError {
    match error {
        BillError::Signer(error) => BuyerError::Signer(error),
        BillError::Expired => BuyerError::TooSlow,
        _ => BuyerError::Credential,
    }
}

/// Reads the receipt of an answer, and whether it is of this challenge.
pub(crate) fn receipt(
    headers: &HeaderMap,
    challenge: &Challenge,
    offer: &Offer,
) -> Option<Result<Receipt, Contradiction>> {
    let mut values = headers.get_all(PAYMENT_RECEIPT).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(Err(Contradiction::Unreadable));
    }
    let receipt = value.to_str().ok().map(mpp_core::Receipt::parse);
    Some(match receipt {
        Some(Ok(receipt)) => check_receipt(receipt, challenge, offer),
        Some(Err(_)) | None => Err(Contradiction::Unreadable),
    })
}

// mpp, 6 and 11.7: what the method adds may be missing; what is there must fit.
fn check_receipt(
    receipt: mpp_core::Receipt,
    challenge: &Challenge,
    offer: &Offer,
) -> Result<Receipt, Contradiction> {
    let same = |key: &str, ours: Value| receipt.members.get(key).is_none_or(|said| *said == ours);
    if receipt.method != challenge.method || !same("challengeId", challenge.id.as_str().into()) {
        return Err(Contradiction::Challenge);
    }
    if !same("chainId", offer.token.chain_id.into()) {
        return Err(Contradiction::Network);
    }
    if receipt.reference.is_empty() {
        return Err(Contradiction::Reference);
    }
    Ok(Receipt {
        reference: receipt.reference,
    })
}
