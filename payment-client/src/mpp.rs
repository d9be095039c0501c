//! The MPP intent `charge` of the method `evm`, by EIP-3009: challenges read, credentials
//! written, receipts read.

use alloy_primitives::B256;
use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use mpp_core::{Challenge, PAYMENT_RECEIPT};
use mpp_evm::ChallengeHash;
use payment_core::{Network, Timestamp};
use payment_evm::{Authorization, EvmSignature};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::BuyerError;
use crate::offer::{Offer, Protocol, Terms};
use crate::payment::Credential;
use crate::receipt::{Contradiction, Receipt};
use crate::rules::{Bid, Description, Rules, Skip};
use crate::shelf::Shelf;

/// All challenges of one answer together; more are not read.
const MOST_BYTES: usize = 64 * 1024;

/// Puts the challenges of a 402 on the shelf. One that can't be read spoils only itself.
pub(crate) fn offers(
    headers: &HeaderMap,
    asked: &HeaderMap,
    rules: &Rules,
    now: Timestamp,
    shelf: &mut Shelf,
) {
    let mut left = MOST_BYTES;
    let mut seen: Vec<String> = Vec::new();
    for line in headers.get_all(WWW_AUTHENTICATE) {
        let Some(rest) = left.checked_sub(line.len()) else {
            return shelf.put(Protocol::Mpp, Err(Skip::Unreadable));
        };
        left = rest;
        for challenge in Challenge::parse_list(line.as_bytes()) {
            let offer = match challenge {
                Err(_) => Err(Skip::Unreadable),
                // mpp, 2.4: the first of an id counts.
                Ok(challenge) if seen.contains(&challenge.id) => Err(Skip::DuplicateId),
                Ok(challenge) => {
                    seen.push(challenge.id.clone());
                    offer(challenge, asked, rules, now)
                }
            };
            shelf.put(Protocol::Mpp, offer);
        }
    }
}

fn offer(
    challenge: Challenge,
    asked: &HeaderMap,
    rules: &Rules,
    now: Timestamp,
) -> Result<Offer, Skip> {
    if challenge.method != "evm" || !challenge.intent.eq_ignore_ascii_case("charge") {
        return Err(Skip::Scheme);
    }
    let header = challenge.credential_header();
    // The request's own login stays where it is.
    if header == AUTHORIZATION && asked.contains_key(AUTHORIZATION) {
        return Err(Skip::Header);
    }
    // mpp, 4: nobody accepts a credential for a challenge without an end.
    let expires = challenge.expires_at().ok_or(Skip::NoExpiry)?;
    let request = challenge.request.decode();
    let details = request.get("methodDetails").and_then(Value::as_object);
    let details = details.ok_or(Skip::Unreadable)?;
    check_transfer(details)?;
    let chain_id = details.get("chainId").and_then(Value::as_u64);
    let text = |key: &str| request.get(key).and_then(Value::as_str);
    let bid = Bid {
        network: Network::eip155(chain_id.ok_or(Skip::Network)?),
        asset: text("currency").ok_or(Skip::Token)?,
        amount: text("amount").ok_or(Skip::Amount)?,
        pay_to: text("recipient").ok_or(Skip::Payee)?,
        valid_until: expires,
        described: Description {
            decimals: described_decimals(details)?,
            ..Description::default()
        },
    };
    rules.judge(&bid, Terms::Mpp(Box::new(challenge.clone())), now)
}

// mpp, 11.1: without a list, an authorization is not among what a server takes; and 11.5: it
// can't be split.
fn check_transfer(details: &Map<String, Value>) -> Result<(), Skip> {
    let types = details.get("credentialTypes").and_then(Value::as_array);
    if !types.is_some_and(|types| types.iter().any(|kind| kind == "authorization")) {
        return Err(Skip::Transfer);
    }
    match details.get("splits") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::Array(splits)) if splits.is_empty() => Ok(()),
        Some(_) => Err(Skip::Split),
    }
}

fn described_decimals(details: &Map<String, Value>) -> Result<Option<u64>, Skip> {
    match details.get("decimals") {
        None | Some(Value::Null) => Ok(None),
        Some(said) => said.as_u64().map(Some).ok_or(Skip::TokenDescription),
    }
}

/// Ties the payment to this challenge.
pub(crate) fn nonce(challenge: &Challenge) -> B256 {
    ChallengeHash::Packed.of(&challenge.id, &challenge.realm)
}

/// The flat payload of `authorization` (mpp, 11.3).
#[derive(Serialize)]
struct Payload<'p> {
    r#type: &'static str,
    #[serde(flatten)]
    authorization: &'p Authorization,
    signature: &'p EvmSignature,
}

pub(crate) fn credential(
    challenge: &Challenge,
    offer: &Offer,
    authorization: &Authorization,
    signature: &EvmSignature,
) -> Result<Credential, BuyerError> {
    let payload = Payload {
        r#type: "authorization",
        authorization,
        signature,
    };
    let source = format!("did:pkh:{}:{}", offer.network(), authorization.from);
    let value = mpp_core::buyer::answer(challenge, Some(&source), &payload)
        .map_err(|_| BuyerError::Credential)?;
    Ok(Credential::new(challenge.credential_header(), value))
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
    let Ok(receipt) = mpp_core::Receipt::parse(value.as_bytes()) else {
        return Some(Err(Contradiction::Unreadable));
    };
    Some(check_receipt(&receipt, challenge, offer))
}

// mpp, 6 and 11.7: what the method adds may be missing; what is there must fit.
fn check_receipt(
    receipt: &mpp_core::Receipt,
    challenge: &Challenge,
    offer: &Offer,
) -> Result<Receipt, Contradiction> {
    if receipt.method != challenge.method {
        return Err(Contradiction::Challenge);
    }
    if receipt.reference.is_empty() {
        return Err(Contradiction::Reference);
    }
    let same = |key: &str, ours: Value| receipt.members.get(key).is_none_or(|said| *said == ours);
    if !same("challengeId", challenge.id.as_str().into()) {
        return Err(Contradiction::Challenge);
    }
    if !same("chainId", offer.token.chain_id.into()) {
        return Err(Contradiction::Network);
    }
    Ok(Receipt {
        reference: receipt.reference.clone(),
    })
}
