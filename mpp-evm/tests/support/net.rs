//! A shop on a chain of its own: gate, protocol, method, settler, and a node between them.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use alloy_consensus::TxEip1559;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use devnet::{Chain, Devnet, ITollToken, Wallet};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use mpp_core::{
    Challenge, Method, Mpp, PAYMENT_RECEIPT, Presented, RawCredential, Receipt, Settled, Terms,
};
use mpp_evm::buyer::{Bill, Consent, Gas};
use mpp_evm::{Charge, CredentialType, OnchainCharge};
use payment_core::{
    Admission, BoxFuture, Clock, Denied, Gate, HoldError, Outcome, Route, RouteGate, Secret,
    Served, Spawn, Timer, Timestamp, Units, usd,
};
use payment_evm::{Authorization, LocalSigner, Settler, SettlerOptions, Token};
use serde_json::{Value, json};

/// The gate reads the chain's clock.
struct ChainTime(Arc<Chain>);

impl Clock for ChainTime {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.now())
    }
}

#[derive(Clone)]
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Tokio {
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Weather;

impl Served for Weather {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }
    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

pub struct Shop {
    pub net: Devnet,
    pub token: Token,
    pub served: AtomicUsize,
    gate: RouteGate,
    terms: Box<dyn Terms>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub problem: String,
    pub code: String,
    pub headers: HeaderMap,
}

impl Answer {
    pub fn challenge(&self) -> Challenge {
        let lines = self
            .headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .map(HeaderValue::as_bytes);
        Challenge::parse_all(lines).remove(0)
    }

    pub fn receipt(&self) -> Receipt {
        Receipt::parse(self.headers[PAYMENT_RECEIPT].to_str().unwrap()).unwrap()
    }

    #[track_caller]
    pub fn is_served(&self) {
        assert_eq!(self.status, 200, "{self:?}");
    }

    #[track_caller]
    pub fn is_refused(&self, problem: &str) {
        assert_eq!((self.status, &*self.problem), (402, problem), "{self:?}");
    }
}

pub const PRICE: u64 = 10_000;

impl Shop {
    pub async fn taking(kind: CredentialType) -> Self {
        Self::with(|charge| charge.credential_types([kind])).await
    }

    pub async fn with(set: impl FnOnce(Charge<OnchainCharge>) -> Charge<OnchainCharge>) -> Self {
        let net = Devnet::start().await.unwrap();
        let settler = settler(&net).await;
        let devnet::Token {
            address,
            chain_id,
            name,
            symbol,
            version,
            decimals,
            ..
        } = net.token.clone();
        let token = Token::custom(chain_id, address, symbol, decimals, name, version);
        let charge =
            Charge::new(token.clone(), net.seller.address).settle_with(OnchainCharge::new(settler));
        let secret = Secret::new(*b"a secret that only this test uses");
        let charge = set(charge);
        let terms = charge.terms(&Route::priced(usd!("0.01"))).unwrap();
        let mpp = Mpp::builder("shop.example", secret)
            .method(charge)
            .build()
            .unwrap();
        let clock = ChainTime(Arc::clone(&net.chain));
        let gate = Gate::builder(mpp).clock(clock).build().unwrap();
        let gate = gate.route(usd!("0.01")).unwrap();
        Self {
            net,
            token,
            served: AtomicUsize::new(0),
            gate,
            terms,
        }
    }

    pub async fn get(&self, credential: Option<&HeaderValue>) -> Answer {
        self.get_while(credential, || {}).await
    }

    /// A visit during whose handler, so before the settlement, something else happens.
    pub async fn get_while(&self, credential: Option<&HeaderValue>, during: impl Fn()) -> Answer {
        let mut request = http::Request::get("/weather");
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, credential);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let Admission::Priced(job) = self.gate.admit(&head) else {
            panic!("free")
        };
        let serve = |_| async {
            self.served.fetch_add(1, Ordering::SeqCst);
            during();
            Ok::<_, Infallible>(Weather)
        };
        match job.run(Tokio, serve).await.unwrap() {
            Outcome::Served { stamps, .. } => Answer {
                status: 200,
                problem: String::new(),
                code: String::new(),
                headers: stamps.into_iter().collect(),
            },
            Outcome::Reply(reply) => {
                let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
                let kind = body["type"].as_str().unwrap();
                Answer {
                    status: reply.status.as_u16(),
                    problem: kind.rsplit('/').next().unwrap().to_owned(),
                    code: body["code"].as_str().unwrap_or_default().to_owned(),
                    headers: reply.headers,
                }
            }
        }
    }

    /// Follows up on a settlement of which this evidence is left.
    pub async fn reconcile(
        &self,
        credential: &HeaderValue,
        evidence: &[u8],
    ) -> Result<Settled, Denied> {
        let token = credential
            .to_str()
            .unwrap()
            .strip_prefix("Payment ")
            .unwrap();
        let raw = RawCredential::decode(token.as_bytes()).unwrap();
        let credential = raw.read().unwrap();
        let now = Timestamp::from_seconds(self.net.chain.now());
        let mut payment = self.terms.bind(Presented {
            challenge: &credential.challenge,
            issued: Timestamp::from_seconds(now.seconds() - 60),
            expires: now.plus(Duration::from_secs(240)),
            source: credential.source.as_deref(),
            payload: credential.payload,
            now,
            margin_seconds: 6,
            asks: mpp_core::Asks::Content,
            idempotency_key: None,
        })?;
        payment.check()?;
        payment.reconcile(evidence).await
    }

    pub async fn challenge(&self) -> Challenge {
        let answer = self.get(None).await;
        answer.is_refused("payment-required");
        answer.challenge()
    }

    pub fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }

    pub fn buyer(&self) -> LocalSigner {
        signer(&self.net.buyers[0])
    }

    pub fn consent(&self) -> Consent {
        Consent::up_to(
            Units::from(PRICE),
            Timestamp::from_seconds(self.net.chain.now()),
        )
    }

    pub fn bill<'c>(&self, challenge: &'c Challenge) -> Bill<'c> {
        Bill::read(challenge, std::slice::from_ref(&self.token)).unwrap()
    }

    pub async fn pay_by(&self, kind: CredentialType, challenge: &Challenge) -> HeaderValue {
        match kind {
            CredentialType::Authorization => self.authorization(challenge).await,
            CredentialType::Permit2 => self.permit(challenge).await,
            CredentialType::Transfers => self.okx(challenge, &[self.transfer_to_seller(challenge)]),
            _ => self.transaction(challenge).await,
        }
    }

    pub async fn authorization(&self, challenge: &Challenge) -> HeaderValue {
        self.bill(challenge)
            .authorize(&self.buyer(), self.consent())
            .await
            .unwrap()
    }

    /// The transfer that pays this challenge whole, as OKX's buyers make it: its nonce is any.
    pub fn transfer_to_seller(&self, challenge: &Challenge) -> Authorization {
        let expires = challenge.expires_at().unwrap().seconds();
        Authorization {
            from: self.net.buyers[0].address,
            to: self.net.seller.address,
            value: U256::from(PRICE),
            valid_after: U256::ZERO,
            valid_before: U256::from(expires + 360),
            nonce: alloy_primitives::keccak256(&challenge.id),
        }
    }

    /// These transfers in OKX's form, signed by the buyer.
    pub fn okx(&self, challenge: &Challenge, transfers: &[Authorization]) -> HeaderValue {
        let mut written: Vec<Value> = transfers.iter().map(|one| self.written(one)).collect();
        let splits = written.split_off(1);
        let mut first = written.remove(0);
        first["type"] = json!("eip-3009");
        if !splits.is_empty() {
            first["splits"] = splits.into();
        }
        let payload = json!({"type": "transaction", "authorization": first});
        mpp_core::buyer::answer(challenge, None, &payload).unwrap()
    }

    /// One authorization in the draft's form, signed by the buyer.
    pub fn flat(&self, challenge: &Challenge, authorization: &Authorization) -> HeaderValue {
        let mut payload = self.written(authorization);
        payload["type"] = json!("authorization");
        mpp_core::buyer::answer(challenge, None, &payload).unwrap()
    }

    fn written(&self, authorization: &Authorization) -> Value {
        let digest = authorization.digest(&self.token.domain());
        let mut written = serde_json::to_value(authorization).unwrap();
        written["signature"] = json!(self.buyer().sign(&digest).unwrap().to_hex());
        written
    }

    pub async fn permit(&self, challenge: &Challenge) -> HeaderValue {
        self.bill(challenge)
            .permit(&self.buyer(), self.consent())
            .await
            .unwrap()
    }

    pub async fn transaction(&self, challenge: &Challenge) -> HeaderValue {
        let nonce = self.net.chain.nonce(self.net.buyers[0].address);
        self.transaction_at(challenge, nonce).await
    }

    pub async fn transaction_at(&self, challenge: &Challenge, nonce: u64) -> HeaderValue {
        let gas = Gas {
            nonce,
            limit: 120_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
        };
        self.bill(challenge)
            .transact(&self.buyer(), gas, self.consent())
            .await
            .unwrap()
    }

    pub fn hash(&self, challenge: &Challenge, payer: Address, hash: B256) -> HeaderValue {
        self.bill(challenge)
            .transferred(payer, hash, self.consent())
            .unwrap()
    }

    /// A transfer by a wallet, outside the shop.
    pub fn transfer(&self, from: &Wallet, to: Address, units: u64) -> B256 {
        let token = self.token.address;
        let receipt = self
            .net
            .chain
            .transfer(token, from, to, U256::from(units))
            .unwrap();
        receipt.transaction_hash
    }

    /// Hands a call by a wallet to the pool, without waiting for it.
    pub fn queue(&self, from: &Wallet, to: Address, data: Bytes) {
        let transaction = from.sign_transaction(TxEip1559 {
            chain_id: self.token.chain_id,
            nonce: self.net.chain.pending_nonce(from.address),
            gas_limit: 200_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: data,
        });
        self.net.chain.submit(&transaction.encoded_2718()).unwrap();
    }

    /// The buyer lets Permit2 take the token.
    pub fn approve_permit2(&self) {
        let call = ITollToken::approveCall {
            spender: devnet::PERMIT2,
            value: U256::MAX,
        };
        let data = alloy_sol_types::SolCall::abi_encode(&call);
        self.net
            .chain
            .send(&self.net.buyers[0], self.token.address, data)
            .unwrap();
    }

    pub fn balance(&self, account: Address) -> u64 {
        self.net.chain.balance_of(self.token.address, account).to()
    }

    /// What the seller has got, in base units.
    pub fn income(&self) -> u64 {
        self.balance(self.net.seller.address)
    }
}

/// The seller's own key, at this chain.
pub async fn settler(net: &Devnet) -> Settler {
    let options = SettlerOptions::default()
        .mined_within(Duration::from_millis(300))
        .poll_every(Duration::from_millis(10));
    let key = signer(&net.settler);
    Settler::connect(&net.rpc_url, key, options).await.unwrap()
}

pub fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_hex(&wallet.key.to_string()).unwrap()
}
