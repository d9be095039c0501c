//! A seller on OKX, and one buyer.

use std::time::Duration;

use alloy_primitives::{Address, B256, U256, address};
use gateways::okx::{
    Compat, DEFAULT_ESCROW, OkxCharge, OkxEscrow, OkxKeys, OkxOptions, SaClient, X_LAYER,
};
use mpp_core::{Asks, EchoedChallenge, Method, MethodPayment, Presented, Settled};
use mpp_evm::session::{
    Channel, ChannelId, MemoryChannelStore, Opening, Session, SignedVoucher, Voucher,
    escrow_domain, top_up_nonce,
};
use mpp_evm::{ChallengeHash, Charge, CredentialType};
use payment_core::{Clock, Denied, Money, Timestamp, usd};
use payment_evm::{Authorization, Domain, LocalSigner, Token};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::server::{Reply, Server, data};

pub const TOKEN: Address = address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736");
pub const SALT: B256 = B256::repeat_byte(0x22);
pub const NOW: Timestamp = Timestamp::from_seconds(1_789_999_000);
pub const TRANSACTION: B256 = B256::repeat_byte(0xab);
pub const DEPOSIT: u128 = 1_000_000;

pub const API_KEY: &str = "the-key-of-the-api";
pub const API_SECRET: &str = "the-secret-of-the-api";
pub const PASSPHRASE: &str = "the-phrase-of-the-api";

#[derive(Clone, Copy)]
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

pub fn key(of: &str) -> LocalSigner {
    let file = vectors::load("eip712_okx.json");
    LocalSigner::from_hex(vectors::text(&file["keys"][of], "privateKey")).unwrap()
}

pub fn token() -> Token {
    Token::known(X_LAYER, TOKEN).unwrap()
}

pub fn domain() -> Domain {
    escrow_domain(X_LAYER, DEFAULT_ESCROW)
}

/// Quick, and without patience.
pub fn options() -> OkxOptions {
    OkxOptions::default()
        .ask_timeout(Duration::from_secs(20))
        .settle_timeout(Duration::from_secs(2))
        .backoff(Duration::from_millis(1))
        .attempts(2)
        .poll_every(Duration::from_millis(1))
        .poll_for(Duration::from_millis(50))
}

pub fn client(url: &str, options: OkxOptions) -> SaClient {
    let keys = OkxKeys::new(API_KEY, API_SECRET, PASSPHRASE).unwrap();
    SaClient::at(url, keys, options).unwrap()
}

type Sessions = Session<OkxEscrow<LocalSigner>, MemoryChannelStore>;

pub struct Scene {
    pub server: Server,
    pub session: Sessions,
    pub buyer: LocalSigner,
    pub opening: Opening,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|escrow| escrow).await
    }

    /// That waits for as long as it takes for the status to show something.
    pub async fn patient() -> Self {
        let options = options().poll_for(Duration::from_secs(60));
        Self::called(options, |escrow| escrow).await
    }

    pub async fn with(set: impl FnOnce(OkxEscrow<LocalSigner>) -> OkxEscrow<LocalSigner>) -> Self {
        Self::called(options(), set).await
    }

    pub async fn called(
        options: OkxOptions,
        set: impl FnOnce(OkxEscrow<LocalSigner>) -> OkxEscrow<LocalSigner>,
    ) -> Self {
        let server = Server::start().await;
        let escrow = OkxEscrow::new(client(&server.url, options), key("payee"));
        let escrow = set(escrow.clock(Standing(NOW)));
        let payee = key("payee").address();
        let session = Session::new(token(), payee, escrow).clock(Standing(NOW));
        let buyer = key("payer");
        let opening = Opening {
            payer: buyer.address(),
            payee,
            token: TOKEN,
            salt: SALT,
            authorized_signer: Address::ZERO,
            escrow: DEFAULT_ESCROW,
            chain_id: X_LAYER,
        };
        Self {
            server,
            session,
            buyer,
            opening,
        }
    }

    /// With a channel that was opened as it should be, and this much promised.
    pub async fn opened(promised: u128) -> Self {
        let scene = Self::new().await;
        scene.open_well(promised).await;
        scene
    }

    pub async fn open_well(&self, promised: u128) {
        self.server
            .on("session/status", [crate::server::code(70010)]);
        self.server.on("session/open", [data(self.receipt())]);
        self.settle(&self.open(promised)).await.unwrap();
        assert_eq!(self.channel().await.unwrap().accepted(), promised);
    }

    pub fn id(&self) -> ChannelId {
        self.opening.id()
    }

    pub async fn channel(&self) -> Option<Channel> {
        self.session.ledger().load(self.id()).await.unwrap()
    }

    /// Presents a payload, as the gate does.
    pub async fn settle(&self, payload: &Value) -> Result<Settled, Denied> {
        let source = format!("did:pkh:eip155:196:{}", self.buyer.address());
        let mut payment = bound(&self.session, payload, Some(&source), usd!("0.001"))?;
        payment.verify().await?;
        payment.settle().await
    }

    pub fn receipt(&self) -> Value {
        json!({
            "method": "evm", "intent": "session", "status": "success",
            "timestamp": "2026-03-30T10:00:01Z", "chainId": 196, "channelId": self.id(),
            "reference": TRANSACTION.to_string(), "deposit": DEPOSIT.to_string(),
        })
    }

    pub fn status(&self) -> Value {
        json!({
            "channelId": self.id(), "payer": self.opening.payer.to_string(), "payee": self.opening.payee.to_string(),
            "token": TOKEN.to_string(), "deposit": DEPOSIT.to_string(), "settledOnChain": "0",
            "sessionStatus": "OPEN", "remainingBalance": DEPOSIT.to_string(),
        })
    }

    /// The status with some members changed.
    pub fn status_with<const N: usize>(&self, members: [(&str, Value); N]) -> Reply {
        data(with(self.status(), members))
    }

    pub fn receipt_with<const N: usize>(&self, members: [(&str, Value); N]) -> Reply {
        data(with(self.receipt(), members))
    }

    pub fn voucher(&self, cumulative: u128) -> SignedVoucher {
        let voucher = Voucher {
            channel: self.id(),
            cumulative,
        };
        let signature = self.buyer.sign(&voucher.digest(&domain())).unwrap();
        SignedVoucher {
            cumulative,
            signature,
        }
    }

    pub fn open(&self, promised: u128) -> Value {
        let voucher = self.voucher(promised);
        let authorization = self.pull(DEPOSIT, self.opening.nonce());
        let mut inner = json!(authorization);
        inner["type"] = json!("eip-3009");
        json!({
            "action": "open", "type": "transaction", "channelId": self.id(), "salt": SALT.to_string(),
            "authorization": inner, "signature": self.sign(&authorization),
            "cumulativeAmount": promised.to_string(), "voucherSignature": voucher.signature,
        })
    }

    pub fn open_by_hash(&self) -> Value {
        json!({
            "action": "open", "type": "hash", "channelId": self.id(), "salt": SALT.to_string(),
            "hash": B256::repeat_byte(7).to_string(),
            "cumulativeAmount": "0", "signature": self.voucher(0).signature,
        })
    }

    pub fn top_up(&self, amount: u128, salt: B256) -> Value {
        let nonce = top_up_nonce(self.id(), amount, self.opening.payer, salt);
        let authorization = self.pull(amount, nonce);
        json!({
            "action": "topUp", "type": "authorization", "channelId": self.id(), "salt": salt.to_string(),
            "additionalDeposit": amount.to_string(),
            "authorization": authorization, "signature": self.sign(&authorization),
        })
    }

    pub fn top_up_by_hash(&self, amount: u128) -> Value {
        json!({
            "action": "topUp", "type": "hash", "channelId": self.id(),
            "additionalDeposit": amount.to_string(), "hash": B256::repeat_byte(8).to_string(),
        })
    }

    pub fn close(&self, cumulative: u128) -> Value {
        json!({
            "action": "close", "channelId": self.id(),
            "cumulativeAmount": cumulative.to_string(),
            "signature": self.voucher(cumulative).signature,
        })
    }

    fn pull(&self, amount: u128, nonce: B256) -> Authorization {
        Authorization {
            from: self.opening.payer,
            to: DEFAULT_ESCROW,
            value: U256::from(amount),
            valid_after: U256::ZERO,
            valid_before: U256::from(1_790_000_000),
            nonce,
        }
    }

    fn sign(&self, authorization: &Authorization) -> Value {
        let digest = authorization.receive_digest(&token().domain());
        json!(self.buyer.sign(&digest).unwrap())
    }
}

pub fn with<const N: usize>(mut object: Value, members: [(&str, Value); N]) -> Value {
    for (name, value) in members {
        object[name] = value;
    }
    object
}

/// The challenge of the vectors for this intent.
pub fn challenge(intent: &str) -> EchoedChallenge<'static> {
    let file = vectors::load("okx_wire.json");
    let echo = &file["mpp"][format!("{intent}Challenge")]["echo"];
    let text = |name| vectors::text(echo, name);
    let mut challenge =
        EchoedChallenge::new(text("id"), text("realm"), "evm", intent, text("request"));
    challenge.expires = Some(text("expires").into());
    challenge.protected()
}

/// Runs the local steps in the order of the gate.
pub fn bound(
    method: &impl Method,
    payload: &Value,
    source: Option<&str>,
    price: Money,
) -> Result<Box<dyn MethodPayment>, Denied> {
    let terms = method.terms(&price.into()).unwrap();
    let payload = RawValue::from_string(payload.to_string()).unwrap();
    let challenge = challenge(method.intent());
    let mut payment = terms.bind(Presented {
        challenge: &challenge,
        issued: NOW,
        expires: NOW.plus(Duration::from_secs(300)),
        source,
        payload: &payload,
        now: NOW,
        margin_seconds: 6,
        asks: Asks::Content,
        idempotency_key: None,
    })?;
    payment.in_time()?;
    payment.check()?;
    Ok(payment)
}

pub struct Shop {
    pub server: Server,
    charge: Charge<OkxCharge>,
}

impl Shop {
    pub async fn new() -> Self {
        Self::told(Compat::Draft).await
    }

    pub async fn told(compat: Compat) -> Self {
        let server = Server::start().await;
        let backend = OkxCharge::new(client(&server.url, options())).compat(compat);
        Self {
            server,
            charge: charge(backend),
        }
    }

    /// What a buyer presents, up to where OKX is asked.
    pub fn payment(&self, payload: &Value) -> Box<dyn MethodPayment> {
        let source = format!("did:pkh:eip155:196:{}", key("payer").address());
        bound(&self.charge, payload, Some(&source), usd!("0.0001")).unwrap()
    }

    pub async fn settle(&self) -> Result<Settled, Denied> {
        let mut payment = self.payment(&authorized());
        payment.verify().await?;
        payment.settle().await
    }

    pub fn receipt(&self) -> Value {
        json!({
            "method": "evm", "reference": TRANSACTION.to_string(), "status": "success",
            "timestamp": "2026-03-30T10:00:01Z", "chainId": 196,
        })
    }
}

pub fn charge(backend: OkxCharge) -> Charge<OkxCharge> {
    Charge::new(token(), key("payee").address())
        .settle_with(backend)
        .credential_types([CredentialType::Authorization, CredentialType::Hash])
}

/// The draft's form of an authorization that pays.
pub fn authorized() -> Value {
    let challenge = challenge("charge");
    let buyer = key("payer");
    let authorization = Authorization {
        from: buyer.address(),
        to: key("payee").address(),
        value: U256::from(100),
        valid_after: U256::ZERO,
        valid_before: U256::from(NOW.seconds() + 300),
        nonce: ChallengeHash::Packed.of(&challenge.id, &challenge.realm),
    };
    let signature = buyer
        .sign(&authorization.digest(&token().domain()))
        .unwrap();
    let mut payload = json!(authorization);
    payload["type"] = json!("authorization");
    payload["signature"] = json!(signature);
    payload
}

/// What became of it, in a word: `ok`, the status and code of a refusal or fault, or `unknown`.
pub fn word<T>(outcome: &Result<T, Denied>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(Denied::Refused(refusal)) => {
            let problem = refusal.problem();
            format!("refused {} {}", problem.status.as_u16(), problem.code)
        }
        Err(Denied::Failed(fault)) => {
            format!("failed {} {}", fault.status().as_u16(), fault.code())
        }
        Err(Denied::Unknown(pending)) => {
            assert!(pending.evidence.is_empty());
            "unknown".to_owned()
        }
        Err(denied) => panic!("{denied:?}"),
    }
}
