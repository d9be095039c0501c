//! A seller of sessions and the payloads of one buyer, as the vectors have them, for tests.

use std::future::Future;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use alloy_primitives::{Address, B256, U256, address, b256};
use mpp_core::{Asks, EchoedChallenge, Method, MethodPayment, Presented, Terms};
use payment_core::{Clock, Denied, Fault, Route, Tariff, Timestamp, usd};
use payment_evm::permit2::{self, PERMIT2};
use payment_evm::{Authorization, LocalSigner, Token};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::objection::Objection;
use super::{
    ChainState, Channel, ChannelId, CheckedDeposit, DepositPermit, Escrow, Moved, Opening, Session,
    SignedVoucher, Venue, Voucher, escrow_domain, top_up_nonce,
};
use crate::{ChargeBackend, CheckedCharge, CredentialType};

pub(crate) const CHAIN: u64 = 196;
pub(crate) const ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
pub(crate) const TOKEN: Address = address!("0x74b7F16337b8972027F6196A17a631ac6dE26d22");
pub(crate) const PAYEE: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
pub(crate) const PAYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
pub(crate) const SALT: B256 = B256::repeat_byte(0x11);
pub(crate) const PAYER_DID: &str = "did:pkh:eip155:196:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// Within the validity of every deposit here.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_743_523_000);
/// Keys that everybody knows.
const PAYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OTHER_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
/// A signature of the right form over no message: there is no point of the curve above 5.
pub(crate) const OF_NOBODY: B256 =
    b256!("0x0000000000000000000000000000000000000000000000000000000000000005");

/// An escrow that nothing asks: what is tested here is decided before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeverAsked {
    pub(crate) chain_id: u64,
    pub(crate) takes: &'static [CredentialType],
}

pub(crate) const ALL_TYPES: &[CredentialType] = &[
    CredentialType::Authorization,
    CredentialType::Permit2,
    CredentialType::Hash,
];

/// The code of the fault that says it was asked all the same.
const ASKED: &str = "escrow_asked";

impl NeverAsked {
    pub(crate) const ON_CHAIN: Self = Self {
        chain_id: CHAIN,
        takes: ALL_TYPES,
    };

    fn fault<T>() -> Result<T, Fault> {
        Err(Fault::internal(ASKED, "the escrow was asked"))
    }
}

impl Escrow for NeverAsked {
    fn taken_up(&self, _: ChannelId) {}

    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn contract(&self) -> Address {
        ESCROW
    }

    fn pays(&self, payee: Address) -> bool {
        payee == PAYEE
    }

    fn takes(&self, kind: CredentialType) -> bool {
        self.takes.contains(&kind)
    }

    async fn state(&self, _: ChannelId) -> Result<Option<ChainState>, Fault> {
        Self::fault()
    }

    async fn deposit(&self, _: &CheckedDeposit) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn settle(&self, _: ChannelId, _: &SignedVoucher) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn close(&self, _: ChannelId, _: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }
}

impl ChargeBackend for NeverAsked {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        self.takes.contains(&kind)
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(Self::fault()?)
    }

    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(Self::fault()?)
    }

    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(Self::fault()?)
    }
}

pub(crate) fn token() -> Token {
    Token::known(CHAIN, TOKEN).expect("a token of the table")
}

pub(crate) fn session() -> Session<NeverAsked> {
    Session::new(token(), PAYEE, NeverAsked::ON_CHAIN).clock(Standing(NOW))
}

/// A clock that stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing(pub(crate) Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// The tariff of the vectors: 100 base units a token.
pub(crate) fn tariff() -> Tariff {
    Tariff::per("llm_token", usd!("0.0001")).deposit(usd!("10"))
}

pub(crate) fn terms(session: &Session<NeverAsked>, route: impl Into<Route>) -> Box<dyn Terms> {
    session.terms(&route.into()).expect("it can be offered")
}

pub(crate) fn venue() -> Venue {
    Venue {
        chain_id: CHAIN,
        escrow: ESCROW,
        payee: PAYEE,
        token: TOKEN,
    }
}

pub(crate) fn opening() -> Opening {
    Opening {
        payer: PAYER,
        payee: PAYEE,
        token: TOKEN,
        salt: SALT,
        authorized_signer: Address::ZERO,
        escrow: ESCROW,
        chain_id: CHAIN,
    }
}

/// The channel of the vectors, just opened, with 10000000 base units.
pub(crate) fn channel() -> Channel {
    let chain = ChainState {
        payer: PAYER,
        payee: PAYEE,
        token: TOKEN,
        authorized_signer: Some(Address::ZERO),
        deposit: 10_000_000,
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    };
    Channel::adopt(opening().id(), venue(), &chain, NOW).expect("it is open")
}

/// Takes the channel into the books.
pub(crate) fn with_channel(session: &Session<NeverAsked>, channel: Channel) {
    let opened = at_once(session.ledger().open(channel));
    opened.expect("there is room");
}

pub(crate) fn payer() -> LocalSigner {
    LocalSigner::from_hex(PAYER_KEY).expect("a key")
}

pub(crate) fn other() -> LocalSigner {
    LocalSigner::from_hex(OTHER_KEY).expect("a key")
}

pub(crate) fn voucher_by(signer: &LocalSigner, cumulative: u128) -> String {
    let voucher = Voucher {
        channel: opening().id(),
        cumulative,
    };
    let digest = voucher.digest(&escrow_domain(CHAIN, ESCROW));
    signer.sign(&digest).expect("signed").to_hex()
}

/// 65 bytes of the right form that no key has signed anything with.
pub(crate) fn of_nobody() -> String {
    format!("{OF_NOBODY}{:064x}1b", 1)
}

/// The voucher of a request.
pub(crate) fn voucher(cumulative: u128) -> Value {
    signed("voucher", cumulative)
}

pub(crate) fn close(cumulative: u128) -> Value {
    signed("close", cumulative)
}

fn signed(action: &str, cumulative: u128) -> Value {
    json!({
        "action": action, "channelId": opening().id(),
        "cumulativeAmount": cumulative.to_string(),
        "signature": voucher_by(&payer(), cumulative),
    })
}

pub(crate) fn open_by_authorization() -> Value {
    let authorization = Authorization {
        from: PAYER,
        to: ESCROW,
        value: U256::from(10_000_000),
        valid_after: U256::ZERO,
        valid_before: U256::from(NOW.seconds() + 500),
        nonce: opening().nonce(),
    };
    let mut payload = open("authorization");
    payload["authorization"] = json!(authorization);
    payload["signature"] = receive(&authorization);
    payload
}

pub(crate) fn open_by_permit() -> Value {
    let permit = permit();
    let domain = permit2::domain(CHAIN, PERMIT2);
    let digest = permit.open_digest(&domain, &opening());
    let witness = json!({ "payee": PAYEE, "salt": SALT, "authorizedSigner": Address::ZERO });
    let mut payload = open("permit2");
    payload["authorization"] = permitted(&permit, &witness);
    payload["signature"] = json!(payer().sign(&digest).expect("signed"));
    payload
}

pub(crate) fn open_by_hash() -> Value {
    let mut payload = open("hash");
    let members = payload.as_object_mut().expect("an object");
    let voucher = members.remove("voucherSignature").expect("there");
    payload["signature"] = voucher;
    payload["hash"] = json!(B256::repeat_byte(0xab));
    payload
}

fn open(kind: &str) -> Value {
    json!({
        "action": "open", "type": kind, "channelId": opening().id(), "salt": SALT,
        "cumulativeAmount": "0", "voucherSignature": voucher_by(&payer(), 0),
    })
}

pub(crate) fn top_up_by_authorization() -> Value {
    let id = opening().id();
    let authorization = Authorization {
        from: PAYER,
        to: ESCROW,
        value: U256::from(500_000),
        valid_after: U256::ZERO,
        valid_before: U256::from(NOW.seconds() + 500),
        nonce: top_up_nonce(id, 500_000, PAYER, SALT),
    };
    let mut payload = top_up("authorization");
    payload["salt"] = json!(SALT);
    payload["authorization"] = json!(authorization);
    payload["signature"] = receive(&authorization);
    payload
}

pub(crate) fn top_up_by_permit() -> Value {
    let permit = DepositPermit {
        amount: 500_000,
        ..permit()
    };
    let id = opening().id();
    let digest = permit.top_up_digest(&permit2::domain(CHAIN, PERMIT2), id);
    let mut payload = top_up("permit2");
    payload["authorization"] = permitted(&permit, &json!({ "channelId": id }));
    payload["signature"] = json!(payer().sign(&digest).expect("signed"));
    payload
}

pub(crate) fn top_up_by_hash() -> Value {
    let mut payload = top_up("hash");
    payload["hash"] = json!(B256::repeat_byte(0xcd));
    payload
}

fn top_up(kind: &str) -> Value {
    json!({
        "action": "topUp", "type": kind, "channelId": opening().id(),
        "additionalDeposit": "500000",
    })
}

/// A voucher that brings the deposit of its channel, or more of it, along.
pub(crate) fn voucher_with(deposit: Value) -> Value {
    let mut deposit = deposit;
    let members = deposit.as_object_mut().expect("an object");
    for name in ["channelId", "cumulativeAmount", "voucherSignature"] {
        members.remove(name);
    }
    let mut payload = voucher(100);
    payload["deposit"] = deposit;
    payload
}

fn permit() -> DepositPermit {
    DepositPermit {
        token: TOKEN,
        amount: 10_000_000,
        spender: ESCROW,
        nonce: U256::from(7),
        deadline: U256::from(NOW.seconds() + 500),
    }
}

fn permitted(permit: &DepositPermit, witness: &Value) -> Value {
    json!({
        "from": PAYER,
        "permitted": { "token": permit.token, "amount": permit.amount.to_string() },
        "nonce": permit.nonce.to_string(), "deadline": permit.deadline.to_string(),
        "witness": witness,
    })
}

fn receive(authorization: &Authorization) -> Value {
    let digest = authorization.receive_digest(&token().domain());
    json!(payer().sign(&digest).expect("signed"))
}

/// What came of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Nothing is to be said against it before the escrow is asked.
    Through,
    /// This was said.
    Against(Objection),
}

/// Takes a payload as far as it comes without the escrow.
pub(crate) fn present(
    session: &Session<NeverAsked>,
    payload: &Value,
    source: Option<&str>,
    now: Timestamp,
) -> Came {
    let terms = terms(session, tariff());
    let outcome = bind(&*terms, payload, source, now, Asks::Content).and_then(|mut payment| {
        payment.in_time()?;
        payment.check()?;
        at_once(payment.verify())?;
        at_once(payment.settle()).map(drop)
    });
    match outcome {
        Ok(()) => Came::Through,
        Err(Denied::Failed(fault)) if fault.code() == ASKED => Came::Through,
        Err(Denied::Refused(refusal)) => {
            let same = |objection: &&Objection| {
                payment_core::Refusal::from(**objection).problem() == refusal.problem()
            };
            let known = Objection::ALL.iter().find(same);
            Came::Against(*known.unwrap_or_else(|| panic!("of another kind: {refusal:?}")))
        }
        Err(denied) => panic!("{denied:?}"),
    }
}

/// The payload with a member replaced, or removed for `null`. The member is named by a JSON
/// pointer and need not be there.
pub(crate) fn with(payload: &Value, pointer: &str, value: Value) -> Value {
    let mut payload = payload.clone();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let members = payload.pointer_mut(parent).and_then(Value::as_object_mut);
    let members = members.unwrap_or_else(|| panic!("no object at {parent:?}"));
    match value {
        Value::Null => members.remove(name),
        value => members.insert(name.to_owned(), value),
    };
    payload
}

/// Reads a payload for these terms.
pub(crate) fn bind(
    terms: &dyn Terms,
    payload: &Value,
    source: Option<&str>,
    now: Timestamp,
    asks: Asks,
) -> Result<Box<dyn MethodPayment>, Denied> {
    let payload = to_raw_value(payload).expect("JSON");
    Ok(terms.bind(Presented {
        source,
        asks,
        ..presented(&payload, now)
    })?)
}

/// Reads a payload for content that is asked for by this `Idempotency-Key`.
pub(crate) fn bind_keyed(
    terms: &dyn Terms,
    payload: &Value,
    key: &str,
) -> Result<Box<dyn MethodPayment>, Denied> {
    let payload = to_raw_value(payload).expect("JSON");
    Ok(terms.bind(Presented {
        idempotency_key: Some(key),
        ..presented(&payload, NOW)
    })?)
}

/// A challenge of the realm of these tests.
pub(crate) fn challenge() -> &'static EchoedChallenge<'static> {
    static CHALLENGE: LazyLock<EchoedChallenge<'static>> = LazyLock::new(|| {
        let id = "3osvVPn_6P8C0m0RoadEihuCVijegxcMI-sWV_YUqYs";
        EchoedChallenge::new(id, "api.example.com", "evm", "session", "e30")
    });
    &CHALLENGE
}

fn presented(payload: &RawValue, now: Timestamp) -> Presented<'_> {
    Presented {
        challenge: challenge(),
        issued: now,
        expires: now.plus(std::time::Duration::from_secs(300)),
        source: None,
        payload,
        now,
        margin_seconds: 6,
        asks: Asks::Content,
        idempotency_key: None,
    }
}

/// Runs what waits for nothing.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing here waits"),
    }
}
