//! Payments of MPP's intent `charge`.

use std::collections::HashSet;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde_json::{Value, json};

use super::authorization::{Authorization, Flaw};
use super::book::{Book, Done};
use super::challenge::{Challenge, Intent, Order, UNFIT, source};
use super::channel::transfers;
use super::desk::{Desk, Sent, UNCONFIRMED};
use super::field::{Malformed, Object};
use super::refusal::Refusal;

/// The most recipients beside the first.
const SPLITS: usize = 10;

/// Sends the transfers that a buyer signed: all of them, or none where one would not succeed.
pub(super) fn settle(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    let asked = keccak256(body.to_string());
    if let Some(answer) = desk.repeated(book, asked) {
        return answer;
    }
    let credential = Object::of(body)?;
    let challenge = Challenge::read(desk, credential.object("challenge")?, Intent::Charge)?;
    let order = Order::read(desk, &challenge.request)?;
    let shares = shares(&order)?;
    let legs = legs(payload(credential, "transaction")?)?;
    let payer = legs[0].authorization.from;
    let source = unblocked_source(desk, book, credential, Some(payer))?;
    if !order.is_sponsored() || !fit(&legs, &shares) || source != Some(payer) {
        return Err(UNFIT);
    }
    rehearse(desk, &order, &legs)?;
    let transactions = send(desk, &order, &legs)?;
    book.shown.extend(&transactions);
    let done = Done {
        at: desk.chain.now(),
        answer: receipt(desk, &challenge, transactions[0]),
        transactions,
    };
    let answer = desk.concluded(&done);
    book.done.insert(asked, done);
    answer
}

/// Takes a mined transaction for a payment, once.
pub(super) fn verify_hash(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    let asked = keccak256(body.to_string());
    if let Some(answer) = desk.repeated(book, asked) {
        return answer;
    }
    let credential = Object::of(body)?;
    let challenge = Challenge::read(desk, credential.object("challenge")?, Intent::Charge)?;
    let order = Order::read(desk, &challenge.request)?;
    let shares = shares(&order)?;
    let hash = payload(credential, "hash")?.word("hash")?;
    let source = unblocked_source(desk, book, credential, None)?;
    let mined = desk.chain.receipt(hash).ok_or(UNCONFIRMED)?;
    if !mined.status() || book.shown.contains(&hash) {
        return Err(UNFIT);
    }
    if !pays(&transfers(&mined, order.token.address), &shares, source) {
        return Err(UNFIT);
    }
    book.shown.insert(hash);
    let answer = receipt(desk, &challenge, hash);
    book.done.insert(
        asked,
        Done {
            at: desk.chain.now(),
            transactions: vec![hash],
            answer: answer.clone(),
        },
    );
    Ok(answer)
}

/// What one recipient is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    to: Address,
    value: U256,
}

/// A transfer that a buyer signed.
struct Leg {
    authorization: Authorization,
    signature: Bytes,
}

/// The payload of a credential, of one type.
fn payload<'a>(credential: Object<'a>, kind: &str) -> Result<Object<'a>, Malformed> {
    let payload = credential.object("payload")?;
    if payload.text("type")? != kind {
        return Err(Malformed);
    }
    Ok(payload)
}

/// Who a credential says is paying, else who signed; nobody that payments are refused of.
fn unblocked_source(
    desk: &Desk,
    book: &Book,
    credential: Object<'_>,
    signer: Option<Address>,
) -> Result<Option<Address>, Refusal> {
    let payer = source(desk, credential)?.or(signer);
    if payer.is_some_and(|payer| book.blocked.contains(&payer)) {
        return Err(Refusal::of(70002, "payer blocked"));
    }
    Ok(payer)
}

/// Who is to get what: the recipient what the splits leave, then each split.
fn shares(order: &Order<'_>) -> Result<Vec<Share>, Refusal> {
    let splits = match order.details.value("splits") {
        None => &[][..],
        Some(_) => order.details.list("splits")?,
    };
    if splits.len() > SPLITS {
        return Err(Refusal::of(70006, "too many splits"));
    }
    let mut left = order.amount;
    let mut shares = vec![Share {
        to: order.recipient,
        value: left,
    }];
    for split in splits {
        let split = Object::of(split)?;
        let (to, value) = (split.address("recipient")?, split.units("amount")?);
        if value.is_zero() {
            return Err(Malformed.into());
        }
        let rest = left.checked_sub(value).filter(|rest| !rest.is_zero());
        left = rest.ok_or(Refusal::of(70005, "split sum too large"))?;
        shares.push(Share { to, value });
    }
    shares[0].value = left;
    Ok(shares)
}

fn legs(payload: Object<'_>) -> Result<Vec<Leg>, Refusal> {
    let first = payload.object("authorization")?;
    if first.text("type")? != "eip-3009" {
        return Err(Malformed.into());
    }
    let mut legs = vec![leg(first)?];
    if first.value("splits").is_some() {
        for split in first.list("splits")? {
            legs.push(leg(Object::of(split)?)?);
        }
    }
    Ok(legs)
}

fn leg(object: Object<'_>) -> Result<Leg, Malformed> {
    Ok(Leg {
        authorization: Authorization::read(object)?,
        signature: object.bytes("signature")?,
    })
}

/// Whether the legs are the shares, in order, of one payer, each with a nonce of its own.
fn fit(legs: &[Leg], shares: &[Share]) -> bool {
    let payer = legs[0].authorization.from;
    let nonces: HashSet<B256> = legs.iter().map(|leg| leg.authorization.nonce).collect();
    let paired = legs.iter().zip(shares).all(|(leg, share)| {
        let leg = &leg.authorization;
        leg.from == payer && leg.to == share.to && leg.value == share.value
    });
    paired && legs.len() == shares.len() && nonces.len() == legs.len()
}

/// Whether every leg would succeed, and the payer can afford all of them.
fn rehearse(desk: &Desk, order: &Order<'_>, legs: &[Leg]) -> Result<(), Refusal> {
    for leg in legs {
        match leg
            .authorization
            .obstacle(desk, order.token, &leg.signature)
        {
            None => {}
            Some(Flaw::Signature) => return Err(Refusal::of(70004, "signature invalid")),
            Some(Flaw::Chain) => return Err(Refusal::of(8000, "internal error")),
            Some(_) => return Err(UNFIT),
        }
    }
    let payer = legs[0].authorization.from;
    if desk.chain.balance_of(order.token.address, payer) < order.amount {
        return Err(UNFIT);
    }
    Ok(())
}

fn send(desk: &Desk, order: &Order<'_>, legs: &[Leg]) -> Result<Vec<B256>, Refusal> {
    let sent = legs.iter().map(|leg| {
        let call = leg.authorization.transfer(leg.signature.clone());
        match desk.send(order.token.address, call) {
            Sent::Mined(hash) | Sent::Waiting(hash) | Sent::Failed(hash) => Ok(hash),
            Sent::Never => Err(Refusal::of(8000, "internal error")),
        }
    });
    sent.collect()
}

/// Whether each share is paid by a transfer of its own, all of them of one payer.
fn pays(moved: &[(Address, Address, U256)], shares: &[Share], source: Option<Address>) -> bool {
    let payers: HashSet<Address> = match source {
        Some(source) => [source].into(),
        None => moved.iter().map(|(from, ..)| *from).collect(),
    };
    payers.into_iter().any(|payer| {
        let mut left = moved.to_vec();
        shares.iter().all(|share| {
            let wanted = (payer, share.to, share.value);
            let found = left.iter().position(|transfer| *transfer == wanted);
            found.map(|at| left.swap_remove(at)).is_some()
        })
    })
}

fn receipt(desk: &Desk, challenge: &Challenge<'_>, reference: B256) -> Value {
    let mut receipt = json!({
        "method": "evm", "reference": reference, "status": "success",
        "timestamp": desk.timestamp(), "chainId": desk.chain.chain_id(),
        "confirmations": 1, "challengeId": challenge.id,
    });
    if let Some(Value::String(external)) = challenge.request.get("externalId") {
        receipt["externalId"] = external.as_str().into();
    }
    receipt
}
