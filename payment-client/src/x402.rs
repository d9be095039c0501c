//! x402 `exact` by EIP-3009, both versions: offers read, payments written, receipts read.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use payment_core::{Network, Timestamp};
use payment_evm::Signer;
use serde_json::{Map, Value};
use x402_core::wire::{self, HeaderError, PaymentRequiredAnswer, v1, v2};
use x402_evm::buyer::{self, BuyError, Exact};

use crate::error::BuyerError;
use crate::offer::{Offer, Protocol, Terms};
use crate::payment::Credential;
use crate::rules::{Bid, Description, Rules, Skip};
use crate::shelf::Shelf;

/// Offers of one 402 that are looked at.
const MOST_OFFERS: usize = 64;

/// Puts the offers of a 402 on the shelf. The body counts only where no header is.
pub(crate) fn offers(
    headers: &HeaderMap,
    body: &[u8],
    rules: &Rules,
    now: Timestamp,
    shelf: &mut Shelf,
) {
    let in_header = headers.contains_key(wire::PAYMENT_REQUIRED);
    match wire::read_payment_required(headers, body) {
        Ok(PaymentRequiredAnswer::V2(required)) => {
            let resource = Arc::new(required.resource);
            for requirements in required.accepts.into_iter().take(MOST_OFFERS) {
                let offer = offer_v2(requirements, &resource, rules, now);
                shelf.put(Protocol::X402, offer);
            }
        }
        Ok(PaymentRequiredAnswer::V1(required)) => {
            for requirements in required.accepts.into_iter().take(MOST_OFFERS) {
                shelf.put(Protocol::X402, offer_v1(requirements, rules, now));
            }
        }
        // A body that is no offer is any body.
        Err(_) if !in_header => {}
        Ok(_) | Err(_) => shelf.put(Protocol::X402, Err(Skip::Unreadable)),
    }
}

fn offer_v2(
    requirements: v2::PaymentRequirements,
    resource: &Arc<v2::ResourceInfo>,
    rules: &Rules,
    now: Timestamp,
) -> Result<Offer, Skip> {
    check_kind(&requirements.scheme, requirements.extra.as_ref())?;
    let exact = Exact::from_v2(&requirements).map_err(|error| skip(&error))?;
    let decimals = decimals(requirements.extra.as_ref());
    let terms = Terms::X402V2(Box::new(requirements), Arc::clone(resource));
    rules.judge(&bid(&exact, decimals, now)?, terms, now)
}

fn offer_v1(
    requirements: v1::PaymentRequirements,
    rules: &Rules,
    now: Timestamp,
) -> Result<Offer, Skip> {
    check_kind(&requirements.scheme, requirements.extra.as_ref())?;
    let exact = Exact::from_v1(&requirements).map_err(|error| skip(&error))?;
    let decimals = decimals(requirements.extra.as_ref());
    let terms = Terms::X402V1(Box::new(requirements));
    rules.judge(&bid(&exact, decimals, now)?, terms, now)
}

/// What is signed for otherwise, or collected otherwise, than we know. A member of another type
/// than text is something else too.
fn check_kind(scheme: &str, extra: Option<&Map<String, Value>>) -> Result<(), Skip> {
    let other = |key: &str, known: &str| {
        let said = extra.and_then(|extra| extra.get(key));
        said.is_some_and(|said| !said.is_null() && said != known)
    };
    if scheme != "exact" {
        return Err(Skip::Scheme);
    }
    if other("assetTransferMethod", "eip3009") || other("paymentFlow", "authorization") {
        return Err(Skip::Transfer);
    }
    Ok(())
}

fn bid(exact: &Exact, decimals: Option<u64>, now: Timestamp) -> Result<Bid<'_>, Skip> {
    if exact.max_timeout_seconds == 0 {
        return Err(Skip::Expired);
    }
    Ok(Bid {
        network: Network::eip155(exact.chain_id),
        asset: exact.token,
        amount: exact.amount,
        pay_to: exact.pay_to,
        valid_until: now.plus(Duration::from_secs(exact.max_timeout_seconds)),
        described: Description {
            name: Some(&exact.name),
            version: Some(&exact.version),
            decimals,
        },
    })
}

fn decimals(extra: Option<&Map<String, Value>>) -> Option<u64> {
    extra?.get("decimals")?.as_u64()
}

fn skip(error: &BuyError) -> Skip {
    match error {
        BuyError::Scheme => Skip::Scheme,
        BuyError::Network => Skip::Network,
        BuyError::Method => Skip::Transfer,
        BuyError::Domain => Skip::TokenDescription,
        BuyError::Amount => Skip::Amount,
        _ => Skip::Unreadable,
    }
}

pub(crate) async fn credential_v2<S: Signer>(
    requirements: &v2::PaymentRequirements,
    resource: &v2::ResourceInfo,
    signer: &S,
    now: Timestamp,
) -> Result<Credential, BuyerError> {
    let payment = buyer::pay_v2(resource, requirements, signer, now).await;
    let payment = payment.map_err(unsigned)?;
    credential(wire::PAYMENT_SIGNATURE, wire::encode(&payment))
}

pub(crate) async fn credential_v1<S: Signer>(
    requirements: &v1::PaymentRequirements,
    signer: &S,
    now: Timestamp,
) -> Result<Credential, BuyerError> {
    let payment = buyer::pay_v1(requirements, signer, now).await;
    let payment = payment.map_err(unsigned)?;
    credential(wire::X_PAYMENT, wire::encode_ascii(&payment))
}

fn unsigned(error: BuyError) -> BuyerError {
    match error {
        BuyError::Signer(error) => BuyerError::Signer(error),
        _ => BuyerError::Credential,
    }
}

fn credential(
    name: HeaderName,
    text: Result<String, HeaderError>,
) -> Result<Credential, BuyerError> {
    let value = text.ok().and_then(|text| HeaderValue::try_from(text).ok());
    let value = value.ok_or(BuyerError::Credential)?;
    Ok(Credential::new(name, value))
}

/// Reads the receipt of an answer, in either header. `None` without one, `Err` when it can't be
/// read as exactly one.
pub(crate) fn receipt(headers: &HeaderMap) -> Option<Result<wire::SettleResponse, Garbled>> {
    let mut values = [wire::PAYMENT_RESPONSE, wire::X_PAYMENT_RESPONSE]
        .into_iter()
        .map(|name| headers.get_all(name).iter().collect::<Vec<_>>())
        .find(|values| !values.is_empty())?
        .into_iter();
    let value = values.next()?;
    Some(match values.next() {
        None => wire::decode(value.as_bytes()).map_err(|_| Garbled),
        Some(_) => Err(Garbled),
    })
}

/// A receipt that can't be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Garbled;
