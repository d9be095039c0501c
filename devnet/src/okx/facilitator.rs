//! The x402 facilitator.

use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};

use super::authorization::{Flaw, signer};
use super::book::{Book, Debt, Done};
use super::builder::Repeats;
use super::desk::{Desk, Sent, parameter};
use super::field::word;
use super::payment::{MISMATCH, Payment, Reason, Scheme, claimed_payer};
use super::refusal::Refusal;
use super::{batch, session_key};

pub(super) fn supported(desk: &Desk) -> Value {
    let network = desk.network();
    json!({
        "kinds": [
            {"x402Version": 2, "scheme": "exact", "network": network, "extra": {}},
            {"x402Version": 2, "scheme": "aggr_deferred", "network": network},
        ],
        "extensions": [],
        "signers": {"eip155:*": [desk.settler.address.to_checksum(None)]},
    })
}

/// Whether the payment would settle now.
pub(super) fn verify(desk: &Desk, book: &Book, body: &Value) -> Result<Value, Refusal> {
    let judged = judge(desk, book, body)?;
    Ok(opinion(body, judged.map(drop)))
}

/// Whether the signature is the payer's, and no more than that.
pub(super) fn verify_signature(desk: &Desk, body: &Value) -> Result<Value, Refusal> {
    let judged = Payment::read_alone(desk, body).and_then(|payment| {
        let digest = payment.authorization.digest(payment.token);
        let from = payment.authorization.from;
        let signed = match payment.scheme {
            Scheme::Exact => signature(&payment)
                .and_then(|signature| signer(&signature, digest))
                .is_some_and(|signer| signer == from),
            Scheme::AggrDeferred { certificate } => {
                session_key::is_signed(desk, certificate, from, digest, payment.signature)
            }
        };
        if signed {
            Ok(())
        } else {
            Err("invalid_signature")
        }
    });
    Ok(opinion(body, judged))
}

/// Settles the payment: an exact one on chain, another one by accepting it for the next batch.
pub(super) fn settle(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    let wait = match body.get("syncSettle") {
        None => Wait::No,
        Some(Value::Bool(true)) => Wait::UntilMined,
        Some(Value::Bool(false)) => Wait::No,
        Some(_) => return Ok(rejected(desk, body, MISMATCH, None)),
    };
    if desk.options.repeats == Repeats::SameAnswer
        && let Ok(payment) = Payment::read(desk, body)
        && let Some(done) = book.done.get(&payment.id)
    {
        return Ok(stand(desk, done, wait));
    }
    let payment = match judge(desk, book, body)? {
        Ok(payment) => payment,
        Err(reason) => return Ok(rejected(desk, body, reason, None)),
    };
    let done = match payment.scheme {
        Scheme::Exact => execute(desk, book, &payment),
        Scheme::AggrDeferred { .. } => Ok(promise(desk, book, &payment)),
    };
    match done {
        Ok(done) => {
            let answer = stand(desk, &done, wait);
            book.done.insert(payment.id, done);
            Ok(answer)
        }
        Err(hash) => Ok(rejected(desk, body, "onchain_error", hash)),
    }
}

/// How a transaction of the facilitator stands.
pub(super) fn status(desk: &Desk, book: &Book, query: Option<&str>) -> Result<Value, Refusal> {
    let hash = parameter(query, "txHash").ok_or(Refusal::bad(50014, "txHash is empty"))?;
    let hash = word(hash).map_err(|_| Refusal::bad(51000, "txHash is no hash"))?;
    let Some(payer) = book.payers.get(&hash) else {
        return Ok(json!({
            "success": false, "status": null, "transaction": null, "network": null,
            "payer": null, "errorReason": "not_found", "errorMessage": null,
        }));
    };
    let status = match desk.outcome(hash) {
        Sent::Mined(_) => "success",
        Sent::Waiting(_) => "pending",
        Sent::Failed(_) | Sent::Never => "failed",
    };
    Ok(json!({
        "success": true, "status": status, "transaction": hash, "network": desk.network(),
        "payer": payer.to_checksum(None), "errorReason": null, "errorMessage": null,
    }))
}

/// Whether a settlement is answered before it is mined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    UntilMined,
}

/// The payment, or why it would not settle.
fn judge<'a>(
    desk: &'a Desk,
    book: &Book,
    body: &'a Value,
) -> Result<Result<Payment<'a>, Reason>, Refusal> {
    let payment = match Payment::read(desk, body) {
        Ok(payment) => payment,
        Err(reason) => return Ok(Err(reason)),
    };
    let from = payment.authorization.from;
    if book.blocked.contains(&from) {
        return Ok(Err("payer_blocked"));
    }
    if let Some(done) = book.done.get(&payment.id) {
        let fresh = desk.chain.now().saturating_sub(done.at) < desk.options.window.as_secs();
        let processing = desk.options.repeats == Repeats::Refused && fresh;
        return Ok(Err(if processing {
            "payment processing"
        } else {
            "nonce_used"
        }));
    }
    let flaw = match payment.scheme {
        Scheme::Exact => match signature(&payment) {
            None => Some(Flaw::Signature),
            Some(signature) => payment
                .authorization
                .obstacle(desk, payment.token, &signature),
        },
        Scheme::AggrDeferred { certificate } => {
            batch::is_entrusted(desk, payment.token, from)?;
            return Ok(batch::judge(desk, book, &payment, certificate).map(|()| payment));
        }
    };
    Ok(match flaw {
        None => Ok(payment),
        Some(flaw) => Err(reason(flaw)),
    })
}

fn execute(desk: &Desk, book: &mut Book, payment: &Payment<'_>) -> Result<Done, Option<B256>> {
    let signature = signature(payment).ok_or(None)?;
    let call = payment.authorization.transfer(signature);
    let payer = payment.authorization.from;
    match desk.send(payment.token.address, call) {
        Sent::Mined(hash) | Sent::Waiting(hash) => {
            book.payers.insert(hash, payer);
            Ok(done(desk, payment, vec![hash]))
        }
        Sent::Failed(hash) => {
            book.payers.insert(hash, payer);
            Err(Some(hash))
        }
        Sent::Never => Err(None),
    }
}

fn promise(desk: &Desk, book: &mut Book, payment: &Payment<'_>) -> Done {
    let (token, terms) = (payment.token.address, &payment.authorization);
    book.promised.insert((token, terms.from, terms.nonce));
    book.debts.push(Debt {
        token,
        payer: terms.from,
        payee: terms.to,
        amount: terms.value,
    });
    done(desk, payment, Vec::new())
}

fn done(desk: &Desk, payment: &Payment<'_>, transactions: Vec<B256>) -> Done {
    let terms = &payment.authorization;
    let mut answer = accepted(desk, terms.from, terms.value);
    let named = transactions.first().map(ToString::to_string);
    answer["transaction"] = named.unwrap_or_default().into();
    Done {
        at: desk.chain.now(),
        transactions,
        answer,
    }
}

fn accepted(desk: &Desk, payer: Address, amount: U256) -> Value {
    json!({
        "success": true, "errorReason": null, "errorMessage": null,
        "payer": payer.to_checksum(None), "network": desk.network(), "amount": amount.to_string(),
    })
}

/// What is said now of a settlement that was sent.
fn stand(desk: &Desk, done: &Done, wait: Wait) -> Value {
    let mut answer = done.answer.clone();
    let outcome = done.transactions.first().map(|hash| desk.outcome(*hash));
    let status = match (outcome, wait) {
        (None, _) => "success",
        (Some(Sent::Failed(_)), _) => {
            answer["success"] = false.into();
            answer["errorReason"] = "onchain_error".into();
            "failed"
        }
        (Some(_), Wait::No) => "pending",
        (Some(Sent::Mined(_)), Wait::UntilMined) => "success",
        (Some(_), Wait::UntilMined) => "timeout",
    };
    answer["status"] = status.into();
    answer
}

fn opinion(body: &Value, judged: Result<(), Reason>) -> Value {
    let payer = claimed_payer(body).map(|payer| payer.to_checksum(None));
    json!({
        "isValid": judged.is_ok(), "payer": payer,
        "invalidReason": judged.err(), "invalidMessage": judged.err(),
    })
}

fn rejected(desk: &Desk, body: &Value, reason: Reason, hash: Option<B256>) -> Value {
    let hash = hash.map(|hash| hash.to_string()).unwrap_or_default();
    json!({
        "success": false, "errorReason": reason, "errorMessage": reason,
        "payer": claimed_payer(body).map(|payer| payer.to_checksum(None)),
        "transaction": hash, "network": desk.network(),
    })
}

fn signature(payment: &Payment<'_>) -> Option<Bytes> {
    let text = payment.signature;
    text.strip_prefix("0x").and_then(|_| text.parse().ok())
}

pub(super) const fn reason(flaw: Flaw) -> Reason {
    match flaw {
        Flaw::NotYetValid => "not_yet_valid",
        Flaw::Expired => "expired",
        Flaw::NonceUsed => "nonce_used",
        Flaw::TooPoor => "insufficient_balance",
        Flaw::Signature => "invalid_signature",
        Flaw::Chain => "onchain_error",
    }
}
