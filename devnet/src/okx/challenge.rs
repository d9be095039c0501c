use alloy_primitives::{Address, U256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;

use super::desk::Desk;
use super::field::{Malformed, Object, address};
use super::refusal::Refusal;
use crate::token::Token;

impl From<Malformed> for Refusal {
    /// The SA-API's word for a body of the wrong form.
    fn from(_: Malformed) -> Self {
        Self::of(70000, "bad parameters")
    }
}

/// The SA-API's word for a credential that does not fit its challenge.
pub(super) const UNFIT: Refusal = Refusal::of(70003, "credential invalid");

const STALE: Refusal = Refusal::of(70009, "challenge invalid or expired");

/// The intents that a challenge can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Charge,
    Session,
}

impl Intent {
    const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Session => "session",
        }
    }
}

/// A challenge as a seller passes it on. Its id is the seller's secret to check.
pub(super) struct Challenge<'a> {
    pub(super) id: &'a str,
    pub(super) request: Value,
}

impl<'a> Challenge<'a> {
    pub(super) fn read(desk: &Desk, object: Object<'a>, intent: Intent) -> Result<Self, Refusal> {
        let id = object.text("id")?;
        let realm = object.text("realm")?;
        let method = object.text("method")?;
        let named = object.text("intent")?;
        let request = object.text("request")?;
        for optional in ["description", "digest", "opaque"] {
            object.text_if_any(optional)?;
        }
        let expires = object.text_if_any("expires")?.ok_or(STALE)?;
        let expires: Timestamp = expires.parse().map_err(|_| STALE)?;
        let live = u64::try_from(expires.as_second()).is_ok_and(|at| at > desk.chain.now());
        let ours = method == "evm" && named == intent.name();
        if id.is_empty() || realm.is_empty() || !ours || !live {
            return Err(STALE);
        }
        let request = URL_SAFE_NO_PAD.decode(request).map_err(|_| STALE)?;
        let request = serde_json::from_slice(&request).map_err(|_| STALE)?;
        Ok(Self { id, request })
    }
}

/// What every request of a seller says: how much of what, to whom, on which chain.
pub(super) struct Order<'a> {
    pub(super) amount: U256,
    pub(super) token: &'a Token,
    pub(super) recipient: Address,
    pub(super) details: Object<'a>,
}

impl<'a> Order<'a> {
    pub(super) fn read(desk: &'a Desk, request: &'a Value) -> Result<Self, Refusal> {
        let read = || {
            let request = Object::of(request)?;
            let details = request.object("methodDetails")?;
            Ok((
                request.units("amount")?,
                request.address("currency")?,
                request.address("recipient")?,
                details.integer("chainId")?,
                details,
            ))
        };
        let (amount, currency, recipient, chain_id, details) = read().map_err(|Malformed| STALE)?;
        if chain_id != desk.chain.chain_id() {
            return Err(Refusal::of(70001, "chain not supported"));
        }
        Ok(Self {
            amount,
            token: desk.token(currency).ok_or(UNFIT)?,
            recipient,
            details,
        })
    }

    /// Whether the seller lets the service send, and pay for, the buyer's transaction.
    pub(super) fn is_sponsored(&self) -> bool {
        self.details.value("feePayer") == Some(&Value::Bool(true))
    }
}

/// Who a credential says it is of: a `did:pkh` of this chain, where there is one at all.
pub(super) fn source(desk: &Desk, credential: Object<'_>) -> Result<Option<Address>, Refusal> {
    let Some(text) = credential.text_if_any("source")? else {
        return Ok(None);
    };
    // One of the service's own clients sends an empty one for none.
    if text.is_empty() {
        return Ok(None);
    }
    let prefix = format!("did:pkh:{}:", desk.network());
    let account = text.strip_prefix(&prefix).ok_or(UNFIT)?;
    address(account).map(Some).map_err(|Malformed| UNFIT)
}
