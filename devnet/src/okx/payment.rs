use alloy_primitives::{Address, B256, U256, keccak256};
use serde_json::Value;

use super::authorization::Authorization;
use super::desk::Desk;
use super::field::{Malformed, Object, address};
use crate::token::Token;

/// Why a payment is not taken, in the service's words.
pub(super) type Reason = &'static str;

pub(super) const MISMATCH: Reason = "param_mismatch";

impl From<Malformed> for Reason {
    fn from(_: Malformed) -> Self {
        MISMATCH
    }
}

/// How a payment settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme<'a> {
    /// By a transaction of its own.
    Exact,
    /// In a batch, signed with the session key that this certificate names.
    AggrDeferred { certificate: &'a str },
}

/// A payment and what it is for, as a request of the facilitator has them; the two agree.
pub(super) struct Payment<'a> {
    pub(super) scheme: Scheme<'a>,
    pub(super) token: &'a Token,
    pub(super) authorization: Authorization,
    pub(super) signature: &'a str,
    /// What tells one payment from another.
    pub(super) id: B256,
}

impl<'a> Payment<'a> {
    /// Reads a request whose requirements are there.
    pub(super) fn read(desk: &'a Desk, body: &'a Value) -> Result<Self, Reason> {
        let request = Object::of(body)?;
        let required = request.object("paymentRequirements")?;
        Self::within(desk, request, required)
    }

    /// Reads a request that may leave the requirements out, for a signature alone.
    pub(super) fn read_alone(desk: &'a Desk, body: &'a Value) -> Result<Self, Reason> {
        let request = Object::of(body)?;
        if request.value("paymentRequirements").is_some() {
            return Self::read(desk, body);
        }
        let accepted = request.object("paymentPayload")?.object("accepted")?;
        Self::within(desk, request, accepted)
    }

    fn within(desk: &'a Desk, request: Object<'a>, required: Object<'a>) -> Result<Self, Reason> {
        let payment = request.object("paymentPayload")?;
        if request.integer("x402Version")? != 2 || payment.integer("x402Version")? != 2 {
            return Err(MISMATCH);
        }
        let accepted = payment.object("accepted")?;
        let payload = payment.object("payload")?;
        let terms = Terms::read(desk, required)?;
        if request.value("paymentRequirements").is_some() {
            required.object("extra")?.lacks(&["sessionCert"])?;
            terms.are_accepted(desk, required, accepted)?;
        }
        let authorization = Authorization::read(payload.object("authorization")?)?;
        if authorization.to != terms.pay_to {
            return Err("toAddr mismatch");
        }
        if authorization.value != terms.amount {
            return Err("amount mismatch");
        }
        let scheme = match terms.scheme {
            "exact" => Scheme::Exact,
            _ => Scheme::AggrDeferred {
                certificate: accepted.object("extra")?.text("sessionCert")?,
            },
        };
        Ok(Self {
            scheme,
            token: terms.token,
            authorization,
            signature: payload.text("signature")?,
            id: id(request),
        })
    }
}

/// What a seller asks for.
struct Terms<'a> {
    scheme: &'a str,
    token: &'a Token,
    amount: U256,
    pay_to: Address,
    timeout: u64,
}

impl<'a> Terms<'a> {
    fn read(desk: &'a Desk, object: Object<'a>) -> Result<Self, Reason> {
        let scheme = object.text("scheme")?;
        let amount = object.units("amount")?;
        let pay_to = object.address("payTo")?;
        let asset = object.address("asset")?;
        let timeout = object.integer("maxTimeoutSeconds")?;
        let extra = object.object("extra")?;
        let (name, version) = (extra.text("name")?, extra.text("version")?);
        if object.text("network")? != desk.network() {
            return Err("unsupported_chain");
        }
        let by_permit = matches!(extra.text_if_any("assetTransferMethod")?, Some(method) if method != "eip3009");
        if !matches!(scheme, "exact" | "aggr_deferred") || by_permit || timeout == 0 {
            return Err(MISMATCH);
        }
        let token = desk.token(asset).ok_or("no matching payment option")?;
        if token.name != name || token.version != version {
            return Err(MISMATCH);
        }
        if pay_to.is_zero() {
            return Err("toAddr mismatch");
        }
        Ok(Self {
            scheme,
            token,
            amount,
            pay_to,
            timeout,
        })
    }

    /// Whether the buyer agreed to these terms. It may add to `extra`, and change nothing.
    fn are_accepted(
        &self,
        desk: &Desk,
        required: Object<'_>,
        accepted: Object<'_>,
    ) -> Result<(), Reason> {
        let theirs = Terms::read(desk, accepted)?;
        if theirs.token.address != self.token.address {
            return Err("no matching payment option");
        }
        if theirs.pay_to != self.pay_to {
            return Err("toAddr mismatch");
        }
        if theirs.amount != self.amount {
            return Err("amount mismatch");
        }
        let extra = accepted.object("extra")?.covers(required.object("extra")?);
        if theirs.scheme != self.scheme || theirs.timeout != self.timeout || !extra {
            return Err(MISMATCH);
        }
        Ok(())
    }
}

/// Who a request says is paying, however wrong the rest of it is.
pub(super) fn claimed_payer(body: &Value) -> Option<Address> {
    let from = body.pointer("/paymentPayload/payload/authorization/from")?;
    address(from.as_str()?).ok()
}

fn id(request: Object<'_>) -> B256 {
    let part = |name| {
        request
            .value(name)
            .map(Value::to_string)
            .unwrap_or_default()
    };
    keccak256([part("paymentPayload"), part("paymentRequirements")].concat())
}
