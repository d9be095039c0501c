use std::borrow::Cow;

use http::StatusCode;
use payment_core::{Account, JsonLimits, Network, Units, strict_json};
use serde_json::{Map, Value};

use crate::{Code, FacilitatorFault, PaymentRequest, v1_network};

/// What a facilitator says about a payment that is to be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyAnswer {
    /// It can be settled.
    Valid {
        /// Who pays, where the facilitator says.
        payer: Option<Account>,
    },
    /// It can't.
    Invalid {
        /// Why, in the facilitator's code.
        code: Cow<'static, str>,
    },
}

/// What a facilitator says became of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettleAnswer {
    /// The money has moved.
    Settled {
        /// The transaction; empty only where the charge was nothing.
        transaction: Box<str>,
        /// Where.
        network: Network,
        /// Who paid, where the facilitator says.
        payer: Option<Account>,
        /// What moved, where the facilitator says.
        amount: Option<Units>,
    },
    /// The facilitator has taken the payment for a batch, and owes it. Only what settles in
    /// batches ([`Settlement::Batch`](crate::Settlement)) is settled by this; for anything else it
    /// is an unknown outcome.
    Deferred {
        /// Where.
        network: Network,
        /// Who paid, where the facilitator says.
        payer: Option<Account>,
        /// What will move, where the facilitator says.
        amount: Option<Units>,
    },
    /// Nothing has moved and nothing will.
    Refused {
        /// Why, in the facilitator's code.
        code: Cow<'static, str>,
    },
    /// It is not known yet.
    Pending {
        /// The transaction, where there is one.
        transaction: Option<Box<str>>,
    },
}

impl From<Code> for VerifyAnswer {
    fn from(code: Code) -> Self {
        let code = Cow::Borrowed(code.as_str());
        Self::Invalid { code }
    }
}

impl From<Code> for SettleAnswer {
    fn from(code: Code) -> Self {
        let code = Cow::Borrowed(code.as_str());
        Self::Refused { code }
    }
}

/// Answers are larger than payments: extensions may ride in them.
const LIMITS: JsonLimits = JsonLimits {
    depth: 32,
    members: 2048,
};

impl VerifyAnswer {
    /// Reads the answer of `/verify`, whatever its status: some facilitators say "no" with 4xx.
    ///
    /// # Errors
    ///
    /// `Garbage` unless the body has a boolean `isValid` that the status does not contradict.
    /// "No, because something unexpected happened" is a fault of the facilitator's, not a no.
    pub fn read(status: StatusCode, body: &[u8]) -> Result<Self, FacilitatorFault> {
        let body = object(body)?;
        match (body.get("isValid"), status.is_success()) {
            (Some(Value::Bool(true)), true) => {
                let payer = payer(&body)?;
                Ok(Self::Valid { payer })
            }
            (Some(Value::Bool(true)), false) => Err(garbage("valid, and an error status")),
            (Some(Value::Bool(false)), _) => match reason(&body, "invalidReason") {
                code if is_unexpected(&code) => Err(garbage("something unexpected happened")),
                code => Ok(Self::Invalid { code }),
            },
            _ => Err(garbage("no boolean isValid")),
        }
    }
}

impl SettleAnswer {
    /// Reads the answer of `/settle`, whatever its status.
    ///
    /// A success that has a `status` other than `success` is under way. One without a transaction
    /// is no answer, unless its `amount` is nothing: [`Deferred`](Self::Deferred) is never read here, because only a client that
    /// knows its facilitator knows that it owes what it has accepted.
    ///
    /// A "no" counts as one only when it can't be a settlement under way: not without a reason,
    /// not with a server error, not with a transaction beside it (unless that is said to have
    /// failed), not with a `status` other than `failed`, and not for reasons that an earlier attempt
    /// of the same payment would explain.
    ///
    /// # Errors
    ///
    /// `Garbage` unless the body has a boolean `success` that the rest does not contradict.
    pub fn read(status: StatusCode, body: &[u8]) -> Result<Self, FacilitatorFault> {
        let body = object(body)?;
        let transaction = optional_text(&body, "transaction")?.filter(|text| !text.is_empty());
        match body.get("success") {
            Some(Value::Bool(true)) if status.is_success() => Self::success(&body, transaction),
            Some(Value::Bool(true)) => Err(garbage("success, and an error status")),
            Some(Value::Bool(false)) => {
                let code = body.get("errorReason").and_then(Value::as_str);
                let code = code.filter(|code| !is_ambiguous(code) && !is_under_way(&body));
                let mined = code.is_some_and(|code| code.ends_with("transaction_failed"));
                match code {
                    Some(code) if !is_open(status) && (transaction.is_none() || mined) => {
                        let code = Cow::Owned(code.to_owned());
                        Ok(Self::Refused { code })
                    }
                    _ => {
                        let transaction = transaction.map(Into::into);
                        Ok(Self::Pending { transaction })
                    }
                }
            }
            _ => Err(garbage("no boolean success")),
        }
    }

    fn success(
        body: &Map<String, Value>,
        transaction: Option<&str>,
    ) -> Result<Self, FacilitatorFault> {
        if !matches!(optional_text(body, "status")?, None | Some("" | "success")) {
            let transaction = transaction.map(Into::into);
            return Ok(Self::Pending { transaction });
        }
        let network = optional_text(body, "network")?.and_then(network);
        let amount = match optional_text(body, "amount")? {
            Some("") | None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| garbage("an amount that is none"))?,
            ),
        };
        // Nothing moves by no transaction; whether nothing was to move is compared later.
        let nothing = amount.is_some_and(Units::is_zero).then_some("");
        Ok(Self::Settled {
            transaction: transaction
                .or(nothing)
                .ok_or(garbage("success without a transaction"))?
                .into(),
            network: network.ok_or(garbage("success without a network"))?,
            payer: payer(body)?,
            amount,
        })
    }

    /// Whether nothing was to move, and nothing has: for that there is no transaction.
    fn is_of_nothing(&self, request: &PaymentRequest) -> bool {
        let said = matches!(self, Self::Settled { amount: Some(amount), .. } if amount.is_zero());
        said && request.is_charge(Units::ZERO)
    }

    /// Whether a success is the one that was asked for: network, payer and amount.
    ///
    /// RULES.md, T111.
    pub(crate) fn contradicts(&self, request: &PaymentRequest) -> Option<&'static str> {
        let (network, payer, amount) = match self {
            Self::Settled { transaction, .. }
                if transaction.len() > MAX_TRANSACTION
                    || (transaction.is_empty() && !self.is_of_nothing(request)) =>
            {
                return Some("not a transaction");
            }
            Self::Settled {
                network,
                payer,
                amount,
                ..
            }
            | Self::Deferred {
                network,
                payer,
                amount,
            } => (network, payer, amount),
            _ => return None,
        };
        if network != request.offer().network() {
            return Some("settled on another network");
        }
        if payer.is_some() && request.payer().is_some() && payer.as_ref() != request.payer() {
            return Some("settled by another payer");
        }
        match amount {
            Some(amount) if !request.is_charge(*amount) => Some("settled another amount"),
            _ => None,
        }
    }
}

/// Hashes and signatures of every network in use are shorter.
pub(crate) const MAX_TRANSACTION: usize = 256;

fn object(body: &[u8]) -> Result<Map<String, Value>, FacilitatorFault> {
    strict_json(body, LIMITS).map_err(|_| garbage("not JSON"))?;
    serde_json::from_slice(body).map_err(|_| garbage("not a JSON object"))
}

/// A text; `null` is absent, anything else is not an answer.
fn optional_text<'a>(
    body: &'a Map<String, Value>,
    member: &str,
) -> Result<Option<&'a str>, FacilitatorFault> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(garbage("a member of the wrong type")),
    }
}

/// Who paid; an empty text says nothing.
fn payer(body: &Map<String, Value>) -> Result<Option<Account>, FacilitatorFault> {
    let text = optional_text(body, "payer")?.filter(|text| !text.is_empty());
    Ok(text.map(Account::parse))
}

fn reason(body: &Map<String, Value>, member: &str) -> Cow<'static, str> {
    match body.get(member).and_then(Value::as_str) {
        Some(code) if !code.is_empty() => Cow::Owned(code.to_owned()),
        _ => Cow::Borrowed(Code::Facilitator.as_str()),
    }
}

/// A network in either spelling.
fn network(text: &str) -> Option<Network> {
    v1_network(text).or_else(|| text.parse().ok())
}

/// Whether a "no" is contradicted by its `status`. A number is the one of HTTP, repeated.
fn is_under_way(body: &Map<String, Value>) -> bool {
    let status = body.get("status").and_then(Value::as_str);
    !matches!(status, None | Some("" | "failed"))
}

const fn garbage(what: &'static str) -> FacilitatorFault {
    FacilitatorFault::Garbage(what)
}

/// Statuses that leave open what was done, whatever the body says.
fn is_open(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_EARLY
        )
}

/// What stands in reasons by which a facilitator says that it does not know.
const UNEXPECTED: [&str; 5] = [
    "unexpected_",
    "timeout",
    "timed_out",
    "timed out",
    "internal",
];

/// What stands in reasons that leave a settlement open: nobody has looked, or another attempt of
/// the same payment explains them.
const OPEN: [&str; 10] = [
    "pending",
    "in_progress",
    "processing",
    "already",
    "duplicate",
    "nonce_used",
    "is used",
    "invalid_nonce",
    "unavailable",
    "unknown_error",
];

fn says_any(code: &str, words: &[&str]) -> bool {
    let code = code.to_ascii_lowercase();
    words.iter().any(|word| code.contains(word))
}

fn is_unexpected(code: &str) -> bool {
    says_any(code, &UNEXPECTED)
}

/// Reasons that are no "no" to a settlement. Facilitators have codes of their own, so the words
/// in them decide.
fn is_ambiguous(code: &str) -> bool {
    code.is_empty() || is_unexpected(code) || says_any(code, &OPEN)
}

#[cfg(test)]
mod tests;
