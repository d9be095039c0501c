use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, B256, U256, eip191_hash_message, hex, keccak256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use super::authorization::{Authorization, signer};
use super::desk::Desk;
use super::field::{Object, address};
use crate::Wallet;
use crate::token::Token;

/// How long a session key is good for, in seconds of the chain.
const LIFE: u64 = 86_400;

/// A buyer that pays in batches: a wallet whose session key signs, with the certificate that says
/// so. The certificate's form is of this stand-in alone; sellers pass it on unread.
pub struct SessionBuyer {
    /// Who pays.
    pub address: Address,
    key: SigningKey,
    certificate: String,
    tokens: Vec<Token>,
    signed: AtomicU64,
}

impl SessionBuyer {
    pub(super) fn of(wallet: &Wallet, desk: &Desk) -> Self {
        let seed = keccak256([b"session key of ".as_slice(), wallet.address.as_slice()].concat());
        let key = SigningKey::from_bytes(&seed.0);
        let expiry = desk.chain.now().saturating_add(LIFE);
        Self {
            address: wallet.address,
            certificate: certificate(wallet, &key.verifying_key(), expiry),
            key,
            tokens: desk.tokens.clone(),
            signed: AtomicU64::new(0),
        }
    }

    /// What goes into `accepted.extra.sessionCert`.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A payment for these requirements, each time with another nonce: what stands in the header.
    ///
    /// # Panics
    ///
    /// When the requirements name no token of the chain, or no amount or payee.
    #[must_use]
    pub fn pay(&self, requirements: &Value) -> Value {
        let text = |name: &str| requirements[name].as_str().unwrap_or_default();
        let count = self.signed.fetch_add(1, Ordering::Relaxed);
        let authorization = Authorization {
            from: self.address,
            to: text("payTo").parse().expect("requirements name a payee"),
            value: text("amount").parse().expect("requirements name an amount"),
            valid_after: U256::ZERO,
            valid_before: U256::MAX,
            nonce: keccak256([self.address.as_slice(), &count.to_be_bytes()].concat()),
        };
        let asset = address(text("asset")).ok();
        let token = self
            .tokens
            .iter()
            .find(|token| Some(token.address) == asset);
        let token = token.expect("requirements name a token of the chain");
        let mut accepted = requirements.clone();
        accepted["extra"]["sessionCert"] = self.certificate.as_str().into();
        json!({
            "x402Version": 2,
            "accepted": accepted,
            "payload": {
                "signature": self.sign(authorization.digest(token)),
                "authorization": wire(&authorization),
            },
        })
    }

    /// The session key's signature over a digest, as `payload.signature` has it.
    #[must_use]
    pub fn sign(&self, digest: B256) -> String {
        STANDARD.encode(self.key.sign(digest.as_slice()).to_bytes())
    }
}

impl std::fmt::Debug for SessionBuyer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuyer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Whether a session key signed a digest, and the payer the key's certificate.
pub(super) fn is_signed(
    desk: &Desk,
    certificate: &str,
    payer: Address,
    digest: B256,
    signature: &str,
) -> bool {
    let check = || {
        let certificate: Value =
            serde_json::from_slice(&STANDARD.decode(certificate).ok()?).ok()?;
        let certificate = Object::of(&certificate).ok()?;
        let key = certificate.word("publicKey").ok()?;
        let expiry = certificate.integer("expiry").ok()?;
        let owner = certificate.bytes("signature").ok()?;
        let statement = statement(certificate.address("wallet").ok()?, key, expiry);
        let owned = signer(&owner, eip191_hash_message(statement)) == Some(payer);
        let signature = STANDARD.decode(signature).ok()?;
        let signature = Signature::from_slice(&signature).ok()?;
        let key = VerifyingKey::from_bytes(&key.0).ok()?;
        let signed = key.verify_strict(digest.as_slice(), &signature).is_ok();
        Some(owned && signed && desk.chain.now() < expiry)
    };
    check().unwrap_or(false)
}

fn certificate(wallet: &Wallet, key: &VerifyingKey, expiry: u64) -> String {
    let key = B256::from(key.to_bytes());
    let digest = eip191_hash_message(statement(wallet.address, key, expiry));
    let certificate = json!({
        "wallet": wallet.address,
        "publicKey": key,
        "expiry": expiry,
        "signature": hex::encode_prefixed(wallet.sign_digest(digest)),
    });
    STANDARD.encode(certificate.to_string())
}

fn statement(wallet: Address, key: B256, expiry: u64) -> String {
    format!("session key {key} pays for {wallet} until {expiry}")
}

fn wire(authorization: &Authorization) -> Value {
    json!({
        "from": authorization.from.to_checksum(None),
        "to": authorization.to.to_checksum(None),
        "value": authorization.value.to_string(),
        "validAfter": authorization.valid_after.to_string(),
        "validBefore": authorization.valid_before.to_string(),
        "nonce": authorization.nonce,
    })
}
