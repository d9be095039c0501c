//! Payment channels of MPP's intent `session`.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rpc_types_eth::TransactionReceipt;
use alloy_sol_types::SolValue;
use serde_json::{Value, json};

use super::authorization::{Authorization, is_canonical};
use super::book::{Book, Done};
use super::challenge::{Challenge, Intent, Order, UNFIT, source};
use super::channel;
use super::desk::{Desk, Sent, UNCONFIRMED, parameter};
use super::field::{Malformed, Object, word};
use super::refusal::Refusal;
use crate::escrow::IPaymentChannelEscrow::{
    closeWithAuthorizationCall, openWithAuthorizationCall, settleWithAuthorizationCall,
    topUpWithAuthorizationCall,
};

const BLOCKED: Refusal = Refusal::of(70002, "payer blocked");
const SIGNATURE: Refusal = Refusal::of(70004, "signature invalid");

/// Opens a channel by the buyer's authorization, or takes note of one the buyer opened.
pub(super) fn open(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    let asked = keccak256(body.to_string());
    if let Some(answer) = repeated(desk, book, asked, body) {
        return answer;
    }
    let credential = Object::of(body)?;
    let challenge = Challenge::read(desk, credential.object("challenge")?, Intent::Session)?;
    let order = Order::read(desk, &challenge.request)?;
    let escrow = order
        .details
        .address("escrowContract")
        .map_err(|_| ESCROW)?;
    if escrow != desk.escrow {
        return Err(ESCROW);
    }
    let opening = Opening::read(desk, credential)?;
    if book.blocked.contains(&opening.payer) {
        return Err(BLOCKED);
    }
    if opening.id(desk, &order) != opening.claimed {
        return Err(UNFIT);
    }
    let hash = match &opening.way {
        Way::Authorized {
            authorization,
            signature,
        } => opening.send(desk, &order, authorization, signature)?,
        Way::Done(hash) => opening.seek(desk, book, &order, *hash)?,
    };
    conclude(desk, book, asked, opening.claimed, hash)
}

/// Adds to a deposit by the buyer's authorization, or takes note of what the buyer added.
pub(super) fn top_up(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    let asked = keccak256(body.to_string());
    if let Some(answer) = repeated(desk, book, asked, body) {
        return answer;
    }
    let credential = Object::of(body)?;
    if credential.value("challenge").is_some() {
        Challenge::read(desk, credential.object("challenge")?, Intent::Session)?;
    }
    let raise = Raise::read(credential.object("payload")?)?;
    let payer = channel::live(desk, raise.id)?.payer;
    if source(desk, credential)?.is_some_and(|source| source != payer) {
        return Err(UNFIT);
    }
    if book.blocked.contains(&payer) {
        return Err(BLOCKED);
    }
    let hash = match &raise.way {
        Way::Authorized {
            authorization,
            signature,
        } => raise.send(desk, authorization, signature)?,
        Way::Done(hash) => raise.seek(desk, book, *hash)?,
    };
    conclude(desk, book, asked, raise.id, hash)
}

/// Pays the payee what a voucher grants.
pub(super) fn settle(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    redeem(desk, book, body, "settle", |redemption| {
        let voucher = redemption.voucher.clone().ok_or(Malformed)?;
        let call = settleWithAuthorizationCall {
            channelId: redemption.id,
            cumulativeAmount: redemption.amount,
            nonce: redemption.nonce,
            deadline: redemption.deadline,
            payeeSignature: redemption.payee.clone(),
            voucherSignature: voucher,
        };
        channel::rehearse(desk, &call)
    })
}

/// Ends a channel: pays the payee what a voucher grants, and the payer the rest.
pub(super) fn close(desk: &Desk, book: &mut Book, body: &Value) -> Result<Value, Refusal> {
    redeem(desk, book, body, "close", |redemption| {
        let call = closeWithAuthorizationCall {
            channelId: redemption.id,
            cumulativeAmount: redemption.amount,
            nonce: redemption.nonce,
            deadline: redemption.deadline,
            payeeSignature: redemption.payee.clone(),
            voucherSignature: redemption.voucher.clone().unwrap_or_default(),
        };
        channel::rehearse(desk, &call)
    })
}

/// What the chain holds of a channel.
pub(super) fn status(desk: &Desk, query: Option<&str>) -> Result<Value, Refusal> {
    let id = parameter(query, "channelId").ok_or(Malformed)?;
    let id = word(id)?;
    let channel = channel::known(desk, id)?;
    let (status, left) = match (channel.finalized, channel.closeRequestedAt) {
        (true, _) => ("CLOSED", 0),
        (false, 0) => ("OPEN", channel.deposit - channel.settled),
        (false, _) => ("CLOSING", channel.deposit - channel.settled),
    };
    Ok(json!({
        "channelId": id,
        "payer": channel.payer.to_checksum(None),
        "payee": channel.payee.to_checksum(None),
        "token": channel.token.to_checksum(None),
        "deposit": channel.deposit.to_string(),
        "settledOnChain": channel.settled.to_string(),
        "sessionStatus": status,
        "remainingBalance": left.to_string(),
    }))
}

const ESCROW: Refusal = Refusal::of(70011, "invalid escrow");

/// How money got, or is to get, into a channel.
enum Way {
    /// The service sends what the buyer signed.
    Authorized {
        authorization: Authorization,
        signature: Bytes,
    },
    /// The buyer sent this transaction.
    Done(B256),
}

impl Way {
    fn read(payload: Object<'_>) -> Result<Self, Refusal> {
        match payload.text("type")? {
            "transaction" => {
                payload.lacks(&["hash"])?;
                let terms = payload.object("authorization")?;
                if terms.text("type")? != "eip-3009" {
                    return Err(Malformed.into());
                }
                let signature = payload.bytes("signature")?;
                if !is_canonical(&signature) {
                    return Err(SIGNATURE);
                }
                Ok(Self::Authorized {
                    authorization: Authorization::read(terms)?,
                    signature,
                })
            }
            "hash" => {
                payload.lacks(&["authorization", "signature"])?;
                Ok(Self::Done(payload.word("hash")?))
            }
            _ => Err(Malformed.into()),
        }
    }
}

/// What a credential says of the channel to be opened.
struct Opening {
    claimed: B256,
    salt: B256,
    signer: Address,
    payer: Address,
    way: Way,
}

impl Opening {
    fn read(desk: &Desk, credential: Object<'_>) -> Result<Self, Refusal> {
        let payload = credential.object("payload")?;
        action(payload, "open")?;
        // The first voucher is between buyer and seller.
        payload.lacks(&["cumulativeAmount", "voucherSignature"])?;
        let way = Way::read(payload)?;
        let source = source(desk, credential)?;
        let payer = match &way {
            Way::Authorized { authorization, .. } => authorization.from,
            Way::Done(_) => source.ok_or(Malformed)?,
        };
        if source.is_some_and(|source| source != payer) {
            return Err(UNFIT);
        }
        let signer = match payload.value("authorizedSigner") {
            None => Address::ZERO,
            Some(_) => payload.address("authorizedSigner")?,
        };
        Ok(Self {
            claimed: payload.word("channelId")?,
            salt: payload.word("salt")?,
            signer,
            payer,
            way,
        })
    }

    /// The id that the escrow will give the channel.
    fn id(&self, desk: &Desk, order: &Order<'_>) -> B256 {
        let parts = (
            self.payer,
            order.recipient,
            order.token.address,
            self.salt,
            self.signer,
            desk.escrow,
            U256::from(desk.chain.chain_id()),
        );
        keccak256(parts.abi_encode())
    }

    fn send(
        &self,
        desk: &Desk,
        order: &Order<'_>,
        terms: &Authorization,
        signature: &Bytes,
    ) -> Result<B256, Refusal> {
        if terms.to != desk.escrow || !order.is_sponsored() {
            return Err(UNFIT);
        }
        let call = openWithAuthorizationCall {
            payee: order.recipient,
            token: order.token.address,
            deposit: u128::try_from(terms.value).map_err(|_| Malformed)?,
            salt: self.salt,
            authorizedSigner: self.signer,
            from: terms.from,
            validAfter: terms.valid_after,
            validBefore: terms.valid_before,
            nonce: terms.nonce,
            signature: signature.clone(),
        };
        send(desk, channel::rehearse(desk, &call)?)
    }

    /// Finds the opening in the buyer's transaction.
    fn seek(
        &self,
        desk: &Desk,
        book: &Book,
        order: &Order<'_>,
        hash: B256,
    ) -> Result<B256, Refusal> {
        let mined = fresh(desk, book, hash)?;
        let opened = channel::opening(desk, &mined, self.claimed).ok_or(UNFIT)?;
        // The id covers all of these; the escrow is believed about nothing it could get wrong.
        let same = opened.payer == self.payer
            && opened.payee == order.recipient
            && opened.token == order.token.address
            && opened.authorizedSigner == self.signer;
        if same { Ok(hash) } else { Err(UNFIT) }
    }
}

/// What a credential says is added to a deposit.
struct Raise {
    id: B256,
    amount: u128,
    salt: B256,
    way: Way,
}

impl Raise {
    fn read(payload: Object<'_>) -> Result<Self, Refusal> {
        action(payload, "topUp")?;
        let way = Way::read(payload)?;
        let salt = match way {
            Way::Authorized { .. } => payload.word("topUpSalt")?,
            Way::Done(_) => B256::ZERO,
        };
        let amount = payload.amount("additionalDeposit")?;
        if amount == 0 {
            return Err(Malformed.into());
        }
        Ok(Self {
            id: payload.word("channelId")?,
            amount,
            salt,
            way,
        })
    }

    fn send(&self, desk: &Desk, terms: &Authorization, signature: &Bytes) -> Result<B256, Refusal> {
        if terms.to != desk.escrow || terms.value != U256::from(self.amount) {
            return Err(UNFIT);
        }
        let call = topUpWithAuthorizationCall {
            channelId: self.id,
            additionalDeposit: self.amount,
            from: terms.from,
            topUpSalt: self.salt,
            validAfter: terms.valid_after,
            validBefore: terms.valid_before,
            nonce: terms.nonce,
            signature: signature.clone(),
        };
        send(desk, channel::rehearse(desk, &call)?)
    }

    /// Finds the addition in the buyer's transaction.
    fn seek(&self, desk: &Desk, book: &Book, hash: B256) -> Result<B256, Refusal> {
        let mined = fresh(desk, book, hash)?;
        let raised = channel::raise(desk, &mined, self.id).ok_or(UNFIT)?;
        if raised.additionalDeposit != U256::from(self.amount) {
            return Err(UNFIT);
        }
        Ok(hash)
    }
}

/// What a payee signed to have a channel paid out.
struct Redemption {
    id: B256,
    amount: u128,
    /// None for a waiver.
    voucher: Option<Bytes>,
    payee: Bytes,
    nonce: U256,
    deadline: U256,
}

impl Redemption {
    fn read(payload: Object<'_>) -> Result<Self, Refusal> {
        let voucher = match payload.text("voucherSignature")? {
            "" => None,
            _ => Some(payload.bytes("voucherSignature")?),
        };
        Ok(Self {
            id: payload.word("channelId")?,
            amount: payload.amount("cumulativeAmount")?,
            voucher,
            payee: payload.bytes("payeeSignature")?,
            nonce: payload.units("nonce")?,
            deadline: payload.units("deadline")?,
        })
    }
}

fn redeem(
    desk: &Desk,
    book: &mut Book,
    body: &Value,
    name: &str,
    rehearse: impl FnOnce(&Redemption) -> Result<Bytes, Refusal>,
) -> Result<Value, Refusal> {
    let asked = keccak256(body.to_string());
    if let Some(answer) = repeated(desk, book, asked, body) {
        return answer;
    }
    let payload = Object::of(body)?.object("payload")?;
    action(payload, name)?;
    let redemption = Redemption::read(payload)?;
    channel::live(desk, redemption.id)?;
    let signatures = [Some(&redemption.payee), redemption.voucher.as_ref()];
    if signatures
        .into_iter()
        .flatten()
        .any(|one| !is_canonical(one))
    {
        return Err(SIGNATURE);
    }
    let hash = send(desk, rehearse(&redemption)?)?;
    conclude(desk, book, asked, redemption.id, hash)
}

fn action(payload: Object<'_>, name: &str) -> Result<(), Refusal> {
    if payload.text("action")? != name {
        return Err(Malformed.into());
    }
    Ok(())
}

fn send(desk: &Desk, call: Bytes) -> Result<B256, Refusal> {
    match desk.send(desk.escrow, call) {
        Sent::Mined(hash) | Sent::Waiting(hash) | Sent::Failed(hash) => Ok(hash),
        Sent::Never => Err(Refusal::of(8000, "internal error")),
    }
}

/// A mined transaction that nobody has shown before.
fn fresh(desk: &Desk, book: &Book, hash: B256) -> Result<TransactionReceipt, Refusal> {
    let mined = desk.chain.receipt(hash).ok_or(UNCONFIRMED)?;
    if !mined.status() || book.shown.contains(&hash) {
        return Err(UNFIT);
    }
    Ok(mined)
}

/// Remembers a transaction of a channel, and says what came of it.
fn conclude(
    desk: &Desk,
    book: &mut Book,
    asked: B256,
    id: B256,
    hash: B256,
) -> Result<Value, Refusal> {
    book.shown.insert(hash);
    let done = Done {
        at: desk.chain.now(),
        transactions: vec![hash],
        answer: json!({
            "method": "evm", "intent": "session", "status": "success",
            "timestamp": desk.timestamp(), "chainId": desk.chain.chain_id(),
            "channelId": id, "reference": hash,
        }),
    };
    let answer = told(desk, id, desk.concluded(&done));
    book.done.insert(asked, done);
    answer
}

/// The answer with what the chain holds now: a channel that waits to be mined has no deposit yet.
fn told(desk: &Desk, id: B256, answer: Result<Value, Refusal>) -> Result<Value, Refusal> {
    let mut answer = answer?;
    answer["deposit"] = channel::known(desk, id)?.deposit.to_string().into();
    Ok(answer)
}

/// The answer to a request of before.
fn repeated(desk: &Desk, book: &Book, asked: B256, body: &Value) -> Option<Result<Value, Refusal>> {
    let answer = desk.repeated(book, asked)?;
    let id = Object::of(body).and_then(|body| body.object("payload")?.word("channelId"));
    Some(
        id.map_err(Refusal::from)
            .and_then(|id| told(desk, id, answer)),
    )
}
