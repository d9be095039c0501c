//! A shop whose backend says yes to everything, so that a test sees what is refused before.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use alloy_primitives::{Address, B256, U256, address};
use mpp_core::{Method, MethodPayment, Presented, Terms};
use mpp_evm::{ChallengeHash, Charge, ChargeBackend, CheckedCharge, CredentialType};
use payment_core::{Denied, Refusal, Route, Timestamp, usd};
use payment_evm::{Authorization, EvmSignature, LocalSigner, Token};
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub const ID: &str = "0jd9EKInPaMFzUZDmZDeMa1Llh4ptJdc4QaM58SSLco";
pub const REALM: &str = "api.example.com";
/// 2026-01-15T12:05:00Z
pub const EXPIRES: u64 = 1_768_478_700;
pub const ISSUED: u64 = EXPIRES - 300;
pub const MARGIN: u64 = 6;
pub const RECIPIENT: Address = address!("0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00");
pub const SENDER: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
pub const STRANGER: Address = address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
const DEV_KEY_0: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const DEV_KEY_2: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";

pub fn usdc() -> Token {
    Token::known(8453, address!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")).unwrap()
}

pub fn payer() -> LocalSigner {
    LocalSigner::from_hex(DEV_KEY_0).unwrap()
}

pub fn other_payer() -> LocalSigner {
    LocalSigner::from_hex(DEV_KEY_2).unwrap()
}

/// Takes and settles everything.
#[derive(Clone, Copy, Debug)]
pub struct Yes;

pub const SETTLED_BY: B256 = B256::repeat_byte(0xab);

impl ChargeBackend for Yes {
    fn takes(&self, _: u64, _: CredentialType, _: usize) -> bool {
        true
    }
    fn sender(&self) -> Option<Address> {
        Some(SENDER)
    }
    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(())
    }
    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
}

pub fn charge() -> Charge<Yes> {
    Charge::new(usdc(), RECIPIENT).settle_with(Yes)
}

pub fn terms(charge: &impl Method) -> Box<dyn Terms> {
    charge.terms(&Route::priced(usd!("1"))).unwrap()
}

/// What a buyer presents, and when.
#[derive(Clone, Debug)]
pub struct Case {
    pub payload: Value,
    pub source: Option<String>,
    pub now: u64,
}

impl Case {
    pub fn of(payload: Value) -> Self {
        Self {
            payload,
            source: None,
            now: ISSUED + 60,
        }
    }

    pub fn from(self, source: impl Into<String>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    pub fn at(self, now: u64) -> Self {
        Self { now, ..self }
    }

    /// Runs the local steps in the order of the gate.
    pub fn judge(&self, terms: &dyn Terms) -> Result<Box<dyn MethodPayment>, Refusal> {
        let payload = RawValue::from_string(self.payload.to_string()).unwrap();
        let mut payment = terms.bind(Presented {
            challenge: &mpp_core::EchoedChallenge::new(ID, REALM, "evm", "charge", "e30"),
            issued: Timestamp::from_seconds(ISSUED),
            expires: Timestamp::from_seconds(EXPIRES),
            source: self.source.as_deref(),
            payload: &payload,
            now: Timestamp::from_seconds(self.now),
            margin_seconds: MARGIN,
            asks: mpp_core::Asks::Content,
            idempotency_key: None,
        })?;
        payment.in_time()?;
        payment.check()?;
        Ok(payment)
    }

    /// The last part of the problem type and the words of the refusal; empty when it is taken.
    pub fn why(&self, terms: &dyn Terms) -> (String, String) {
        match self.judge(terms) {
            Ok(_) => (String::new(), String::new()),
            Err(refusal) => {
                let problem = refusal.problem();
                let kind = problem.kind.rsplit('/').next().unwrap().to_owned();
                (kind, problem.detail.to_string())
            }
        }
    }
}

#[track_caller]
pub fn assert_taken(case: &Case, terms: &dyn Terms) {
    assert_eq!(case.why(terms), (String::new(), String::new()), "{case:?}");
}

#[track_caller]
pub fn assert_refused(name: &str, case: &Case, terms: &dyn Terms, kind: &str, words: &str) {
    let (got_kind, got_words) = case.why(terms);
    assert_eq!(got_kind, kind, "{name}: {got_words}");
    assert!(
        got_words.contains(words),
        "{name}: {got_words:?} does not say {words:?}"
    );
}

pub fn did(chain_id: u64, account: Address) -> String {
    format!("did:pkh:eip155:{chain_id}:{account}")
}

/// An authorization that pays the bill.
pub fn honest() -> Authorization {
    Authorization {
        from: payer().address(),
        to: RECIPIENT,
        value: U256::from(1_000_000),
        valid_after: U256::ZERO,
        valid_before: U256::from(EXPIRES),
        nonce: ChallengeHash::Packed.of(ID, REALM),
    }
}

pub fn signed(authorization: &Authorization) -> Value {
    let signature = payer()
        .sign(&authorization.digest(&usdc().domain()))
        .unwrap();
    with_signature(authorization, &signature.to_hex())
}

pub fn with_signature(authorization: &Authorization, signature: &str) -> Value {
    let mut payload = serde_json::to_value(authorization).unwrap();
    payload["type"] = json!("authorization");
    payload["signature"] = json!(signature);
    payload
}

/// The same signature in spellings that are not taken.
pub fn odd_spellings(signature: &EvmSignature) -> Vec<(&'static str, String)> {
    let bytes = signature.to_bytes();
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = U256::from_str_radix(order, 16).unwrap();
    let edit = |change: &dyn Fn(&mut [u8; 65])| {
        let mut bytes = bytes;
        change(&mut bytes);
        alloy_primitives::hex::encode_prefixed(bytes)
    };
    vec![
        (
            "high s",
            edit(&|bytes| {
                let s = order - U256::from_be_slice(&bytes[32..64]);
                bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
                bytes[64] = 55 - bytes[64];
            }),
        ),
        ("v 0/1", edit(&|bytes| bytes[64] -= 27)),
        ("v by chain", edit(&|bytes| bytes[64] = 35)),
        ("r zero", edit(&|bytes| bytes[..32].fill(0))),
        ("s zero", edit(&|bytes| bytes[32..64].fill(0))),
        (
            "64 bytes",
            alloy_primitives::hex::encode_prefixed(&bytes[..64]),
        ),
        ("66 bytes", format!("{}00", signature.to_hex())),
        ("no prefix", signature.to_hex()[2..].to_owned()),
        ("empty", String::new()),
    ]
}
