//! x402 `exact` by EIP-3009, both versions: offers read, payments written, receipts read.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use payment_core::{Network, Timestamp};
use payment_evm::wire::address;
use payment_evm::{Authorization, EvmSignature};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use x402_core::wire::{self, PaymentRequiredAnswer, v1, v2};

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
    let network: Network = requirements.network.parse().map_err(|_| Skip::Network)?;
    let requirements = Box::new(requirements);
    let terms = Terms::X402V2(requirements.clone(), Arc::clone(resource));
    let bid = Bid {
        network,
        asset: address::parse(&requirements.asset).map_err(|_| Skip::Token)?,
        amount: requirements.amount.parse().map_err(|_| Skip::Amount)?,
        pay_to: address::parse(&requirements.pay_to).map_err(|_| Skip::Payee)?,
        valid_until: window(requirements.max_timeout_seconds, now)?,
        described: description(requirements.extra.as_ref()),
    };
    rules.judge(&bid, terms, now)
}

fn offer_v1(
    requirements: v1::PaymentRequirements,
    rules: &Rules,
    now: Timestamp,
) -> Result<Offer, Skip> {
    check_kind(&requirements.scheme, requirements.extra.as_ref())?;
    let network = x402_core::v1_network(&requirements.network).ok_or(Skip::Network)?;
    let requirements = Box::new(requirements);
    let terms = Terms::X402V1(requirements.clone());
    let bid = Bid {
        network,
        asset: address::parse(&requirements.asset).map_err(|_| Skip::Token)?,
        amount: requirements
            .max_amount_required
            .parse()
            .map_err(|_| Skip::Amount)?,
        pay_to: address::parse(&requirements.pay_to).map_err(|_| Skip::Payee)?,
        valid_until: window(requirements.max_timeout_seconds, now)?,
        described: description(requirements.extra.as_ref()),
    };
    rules.judge(&bid, terms, now)
}

fn check_kind(scheme: &str, extra: Option<&Map<String, Value>>) -> Result<(), Skip> {
    if scheme != "exact" {
        return Err(Skip::Scheme);
    }
    let said = |key: &str| extra.and_then(|extra| extra.get(key)).filter(|said| !said.is_null());
    // x402, 9: what moves the token; and the flow, of which we know one.
    if said("assetTransferMethod").is_some_and(|method| method != "eip3009")
        || said("paymentFlow").is_some_and(|flow| flow != "authorization")
    {
        return Err(Skip::Transfer);
    }
    Ok(())
}

fn description(extra: Option<&Map<String, Value>>) -> Description<'_> {
    let text = |key: &str| extra.and_then(|extra| extra.get(key)?.as_str());
    Description {
        name: text("name"),
        version: text("version"),
        decimals: extra.and_then(|extra| extra.get("decimals")?.as_u64()),
    }
}

fn window(seconds: u64, now: Timestamp) -> Result<Timestamp, Skip> {
    match seconds {
        0 => Err(Skip::Expired),
        _ => Ok(now.plus(Duration::from_secs(seconds))),
    }
}

/// The payload of `exact` by EIP-3009.
#[derive(Serialize)]
struct Payload<'p> {
    signature: &'p EvmSignature,
    authorization: &'p Authorization,
}

impl Payload<'_> {
    fn to_raw(&self) -> Result<Box<RawValue>, BuyerError> {
        to_raw_value(self).map_err(|_| BuyerError::Credential)
    }
}

pub(crate) fn credential_v2(
    requirements: &v2::PaymentRequirements,
    resource: &v2::ResourceInfo,
    authorization: &Authorization,
    signature: &EvmSignature,
) -> Result<Credential, BuyerError> {
    let payload = Payload {
        signature,
        authorization,
    }
    .to_raw()?;
    let payment = v2::PaymentPayload::new(Some(resource.clone()), requirements.clone(), payload);
    let text = wire::encode(&payment).map_err(|_| BuyerError::Credential)?;
    credential(wire::PAYMENT_SIGNATURE, &text)
}

pub(crate) fn credential_v1(
    requirements: &v1::PaymentRequirements,
    authorization: &Authorization,
    signature: &EvmSignature,
) -> Result<Credential, BuyerError> {
    let payload = Payload {
        signature,
        authorization,
    }
    .to_raw()?;
    let payment = v1::PaymentPayload::new(&*requirements.scheme, &*requirements.network, payload);
    let text = wire::encode_ascii(&payment).map_err(|_| BuyerError::Credential)?;
    credential(wire::X_PAYMENT, &text)
}

fn credential(name: HeaderName, text: &str) -> Result<Credential, BuyerError> {
    let value = HeaderValue::from_str(text).map_err(|_| BuyerError::Credential)?;
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
