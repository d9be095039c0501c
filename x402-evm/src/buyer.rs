//! Signing exact payments, for those who buy.
//!
//! Nothing here decides whether a price is worth paying: choose the offer, and bound what may be
//! spent, before signing.

use alloy_primitives::{Address, B256, U256};
use payment_core::{Account, Asset, Network, Timestamp, Units};
use payment_evm::{Authorization, Domain, Signer, SignerError, random_word};
use serde_json::value::RawValue;
use x402_core::v1_network;
use x402_core::wire::{v1, v2};

use crate::payload::ExactPayload;

/// Why an offer can't be signed for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuyError {
    /// Another scheme than `exact`.
    #[error("the scheme is not exact")]
    Scheme,
    /// A network that is no EVM chain.
    #[error("the network is not an EVM chain")]
    Network,
    /// Paid by another method than EIP-3009, or in another flow than after a signature.
    #[error("the transfer method is not EIP-3009")]
    Method,
    /// No name or version to sign under.
    #[error("the offer has no signing domain")]
    Domain,
    /// An asset or a payee that is no EVM address.
    #[error("the asset or the payee is not an EVM address")]
    Address,
    /// An amount that is not canonical, or zero.
    #[error("the amount is not canonical")]
    Amount,
    /// The key can't be used.
    #[error("the payment can't be signed")]
    Signer(#[from] SignerError),
    /// The payload can't be written.
    #[error("the payment can't be written")]
    Json(#[from] serde_json::Error),
}

/// An offer understood: what a signature would move, from whom, where to, until when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exact {
    /// The chain.
    pub chain_id: u64,
    /// The token.
    pub token: Address,
    /// The seller.
    pub pay_to: Address,
    /// How much, in base units.
    pub amount: Units,
    /// How long the payment is asked to be good for.
    pub max_timeout_seconds: u64,
    /// The name of the token's EIP-712 domain.
    pub name: String,
    /// The version of the token's EIP-712 domain.
    pub version: String,
}

impl Exact {
    /// Understands a v2 offer.
    ///
    /// # Errors
    ///
    /// `BuyError` when it is none that an EIP-3009 authorization pays.
    pub fn from_v2(offer: &v2::PaymentRequirements) -> Result<Self, BuyError> {
        let network: Network = offer.network.parse().map_err(|_| BuyError::Network)?;
        let flow = offer.extra_text("paymentFlow").unwrap_or("authorization");
        if flow == "escrow" {
            return Err(BuyError::Method);
        }
        Self::read(&Terms {
            scheme: &offer.scheme,
            network: &network,
            amount: &offer.amount,
            asset: &offer.asset,
            pay_to: &offer.pay_to,
            max_timeout_seconds: offer.max_timeout_seconds,
            method: offer.extra_text("assetTransferMethod"),
            name: offer.extra_text("name"),
            version: offer.extra_text("version"),
        })
    }

    /// Understands a v1 offer.
    ///
    /// # Errors
    ///
    /// As [`Exact::from_v2`].
    pub fn from_v1(offer: &v1::PaymentRequirements) -> Result<Self, BuyError> {
        let network = v1_network(&offer.network).ok_or(BuyError::Network)?;
        Self::read(&Terms {
            scheme: &offer.scheme,
            network: &network,
            amount: &offer.max_amount_required,
            asset: &offer.asset,
            pay_to: &offer.pay_to,
            max_timeout_seconds: offer.max_timeout_seconds,
            method: offer.extra_text("assetTransferMethod"),
            name: offer.extra_text("name"),
            version: offer.extra_text("version"),
        })
    }

    fn read(terms: &Terms<'_>) -> Result<Self, BuyError> {
        if terms.scheme != "exact" {
            return Err(BuyError::Scheme);
        }
        if terms.method.unwrap_or("eip3009") != "eip3009" {
            return Err(BuyError::Method);
        }
        let amount: Units = terms.amount.parse().map_err(|_| BuyError::Amount)?;
        if amount.is_zero() {
            return Err(BuyError::Amount);
        }
        Ok(Self {
            chain_id: terms.network.chain_id().ok_or(BuyError::Network)?,
            token: Asset::parse(terms.asset).evm().ok_or(BuyError::Address)?,
            pay_to: Account::parse(terms.pay_to)
                .evm()
                .ok_or(BuyError::Address)?,
            amount,
            max_timeout_seconds: terms.max_timeout_seconds,
            name: terms.name.ok_or(BuyError::Domain)?.to_owned(),
            version: terms.version.ok_or(BuyError::Domain)?.to_owned(),
        })
    }

    /// The domain that is signed in.
    #[must_use]
    pub fn domain(&self) -> Domain {
        Domain::new(&self.name, Some(&self.version), self.chain_id, self.token)
    }

    /// The authorization that pays it from this account. The nonce must be new and unguessable.
    #[must_use]
    pub fn authorization(
        &self,
        from: Address,
        valid_after: u64,
        valid_before: u64,
        nonce: B256,
    ) -> Authorization {
        Authorization {
            from,
            to: self.pay_to,
            value: self.amount.get(),
            valid_after: U256::from(valid_after),
            valid_before: U256::from(valid_before),
            nonce,
        }
    }

    async fn sign<S: Signer>(
        &self,
        signer: &S,
        valid_after: u64,
        now: Timestamp,
    ) -> Result<Box<RawValue>, BuyError> {
        let valid_before = now.seconds().saturating_add(self.max_timeout_seconds);
        let nonce = random_word()?;
        let authorization = self.authorization(signer.address(), valid_after, valid_before, nonce);
        let signature = signer
            .sign_digest(&authorization.digest(&self.domain()))
            .await?;
        let payload = ExactPayload {
            signature: &signature,
            authorization: &authorization,
        };
        Ok(payload.to_raw()?)
    }
}

/// An offer of either version, by its members.
struct Terms<'a> {
    scheme: &'a str,
    network: &'a Network,
    amount: &'a str,
    asset: &'a str,
    pay_to: &'a str,
    max_timeout_seconds: u64,
    method: Option<&'a str>,
    name: Option<&'a str>,
    version: Option<&'a str>,
}

/// Signs a v2 payment for one of the offers of a 402. The resource is echoed as it was given.
///
/// # Errors
///
/// `BuyError`; nothing was signed then that could be spent.
pub async fn pay_v2<S: Signer>(
    resource: &v2::ResourceInfo,
    offer: &v2::PaymentRequirements,
    signer: &S,
    now: Timestamp,
) -> Result<v2::PaymentPayload, BuyError> {
    let payload = Exact::from_v2(offer)?.sign(signer, 0, now).await?;
    let resource = Some(resource.clone());
    Ok(v2::PaymentPayload::new(resource, offer.clone(), payload))
}

/// Seconds by which a v1 authorization begins in the past, for clocks that are behind.
const V1_BACKDATED: u64 = 600;

/// Signs a v1 payment for one of the offers of a 402.
///
/// # Errors
///
/// `BuyError`; nothing was signed then that could be spent.
pub async fn pay_v1<S: Signer>(
    offer: &v1::PaymentRequirements,
    signer: &S,
    now: Timestamp,
) -> Result<v1::PaymentPayload, BuyError> {
    let valid_after = now.seconds().saturating_sub(V1_BACKDATED);
    let payload = Exact::from_v1(offer)?
        .sign(signer, valid_after, now)
        .await?;
    Ok(v1::PaymentPayload::new(
        &*offer.scheme,
        &*offer.network,
        payload,
    ))
}

#[cfg(test)]
mod tests;
