//! A seller of sessions whose chain is its own memory. It is honest unless a test steps in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use alloy_primitives::{Address, B256, U256};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use mpp_core::{Challenge, RawCredential, Receipt};
use mpp_evm::session::{
    ChainState, Channel, ChannelError, ChannelId, Opening, SignedVoucher, Venue, escrow_domain,
    top_up_nonce,
};
use payment_core::{Clock, ManualClock};
use payment_evm::{Authorization, EvmSignature};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

use crate::tests::shop::{Seen, Step, answer};
use crate::tests::terms::{PAY_TO, REALM, USDC, encoded, rfc3339, usdc};
use crate::tests::{Bench, CHAIN};

pub(super) const ESCROW: &str = "0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b";
pub(super) const PRICE: u128 = 10_000;

/// What a test does to one request.
pub(super) enum Turn {
    /// Nothing: the seller answers it.
    Honest,
    /// The seller never sees it.
    Instead(Step),
    /// The seller sees it, and its answer is lost for this.
    Lose(Step),
}

/// One request as the seller understands it.
pub(super) struct Visit {
    /// `none` without a credential.
    pub(super) action: String,
    pub(super) method: String,
    pub(super) payload: Value,
    /// How many of this action came before.
    pub(super) nth: usize,
}

type Hook = Box<dyn FnMut(&Visit, &mut Till) -> Turn + Send>;

#[derive(Clone)]
pub(super) struct Seller {
    address: SocketAddr,
    till: Arc<Mutex<Till>>,
    hook: Arc<Mutex<Option<Hook>>>,
    funded: Arc<Notify>,
    pub(super) clock: Arc<ManualClock>,
}

/// What the seller knows.
pub(super) struct Till {
    /// What it asks for.
    pub(super) request: Value,
    pub(super) lifetime: u64,
    issued: u64,
    challenges: BTreeMap<String, Challenge>,
    pub(super) channels: BTreeMap<ChannelId, Channel>,
    /// Every action that came, and what became of it.
    pub(super) log: Vec<String>,
    pub(super) seen: Vec<Arc<Seen>>,
    pub(super) visits: Vec<(String, Value)>,
    pub(super) served: usize,
    keys: Vec<String>,
    /// How many units a stream has; what it charges for each.
    pub(super) stream: (u64, u128),
    pub(super) closed_at: Option<u128>,
}

impl Seller {
    pub(super) async fn open(bench: &Bench) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seller = Self {
            address: listener.local_addr().unwrap(),
            till: Arc::new(Mutex::new(Till {
                request: json!({
                    "amount": PRICE.to_string(), "unitType": "request",
                    "suggestedDeposit": "100000", "currency": USDC, "recipient": PAY_TO,
                    "methodDetails": {
                        "chainId": CHAIN, "escrowContract": ESCROW, "feePayer": true,
                        "credentialTypes": ["authorization"],
                    },
                }),
                lifetime: 300,
                issued: 0,
                challenges: BTreeMap::new(),
                channels: BTreeMap::new(),
                log: Vec::new(),
                seen: Vec::new(),
                visits: Vec::new(),
                served: 0,
                keys: Vec::new(),
                stream: (0, PRICE),
                closed_at: None,
            })),
            hook: Arc::default(),
            funded: Arc::default(),
            clock: Arc::clone(&bench.clock),
        };
        let app = Router::new().fallback(serve).with_state(seller.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        seller
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/weather?city=Oslo", self.address)
    }

    pub(super) fn stream_url(&self) -> String {
        format!("http://{}/stream", self.address)
    }

    /// Steps in before each request.
    pub(super) fn hook(&self, hook: impl FnMut(&Visit, &mut Till) -> Turn + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    pub(super) fn honest(&self) {
        *self.hook.lock().unwrap() = None;
    }

    pub(super) fn till<T>(&self, read: impl FnOnce(&mut Till) -> T) -> T {
        read(&mut self.till.lock().unwrap())
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.till(|till| till.log.clone())
    }

    pub(super) fn channel(&self) -> Channel {
        self.till(|till| till.channels.values().next().unwrap().clone())
    }

    /// The amounts of the vouchers that came, in their order.
    pub(super) fn vouchers(&self) -> Vec<u128> {
        self.till(|till| {
            let vouchers = till.visits.iter().filter(|(action, _)| action == "voucher");
            vouchers
                .map(|(_, payload)| amount(payload, "cumulativeAmount"))
                .collect()
        })
    }

    /// The payloads of one action.
    pub(super) fn payloads(&self, action: &str) -> Vec<Value> {
        self.till(|till| {
            let found = till.visits.iter().filter(|(known, _)| known == action);
            found.map(|(_, payload)| payload.clone()).collect()
        })
    }
}

async fn serve(State(seller): State<Seller>, request: http::Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let seen = Arc::new(Seen { parts, body });
    let credential = credential(&seen);
    let turn = {
        let mut till = seller.till.lock().unwrap();
        till.seen.push(Arc::clone(&seen));
        let (action, payload) = match &credential {
            Some((_, payload)) => (
                payload["action"].as_str().unwrap().to_owned(),
                payload.clone(),
            ),
            None => ("none".to_owned(), Value::Null),
        };
        let nth = till.visits.iter().filter(|(a, _)| *a == action).count();
        till.visits.push((action.clone(), payload.clone()));
        let visit = Visit {
            action,
            method: seen.parts.method.to_string(),
            payload,
            nth,
        };
        match &mut *seller.hook.lock().unwrap() {
            Some(hook) => hook(&visit, &mut till),
            None => Turn::Honest,
        }
    };
    let step = match turn {
        Turn::Honest => Step::Answer(honest(&seller, &seen, credential)),
        Turn::Instead(step) => step,
        Turn::Lose(step) => {
            honest(&seller, &seen, credential);
            step
        }
    };
    match step {
        Step::Answer(response) => response,
        Step::HangUp => std::panic::resume_unwind(Box::new("hang up")),
        Step::Silence => std::future::pending().await,
    }
}

fn credential(seen: &Seen) -> Option<(Value, Value)> {
    let value = seen.header("authorization")?;
    let raw = RawCredential::find([value.as_bytes()]).unwrap()?;
    let read = raw.read().unwrap();
    let challenge = serde_json::to_value(&read.challenge).unwrap();
    let payload = serde_json::from_str(read.payload.get()).unwrap();
    Some((challenge, payload))
}

fn honest(seller: &Seller, seen: &Seen, credential: Option<(Value, Value)>) -> Response {
    let now = seller.clock.now();
    let mut till = seller.till.lock().unwrap();
    let till = &mut *till;
    let Some((challenge, payload)) = credential else {
        till.log.push("402".into());
        return till.challenged("payment-required", now.seconds());
    };
    let known = till.challenges.get(challenge["id"].as_str().unwrap());
    let open = known.is_some_and(|known| now < known.expires_at().unwrap());
    if !open {
        till.log.push("expired".into());
        return till.challenged("payment-expired", now.seconds());
    }
    let id = challenge["id"].as_str().unwrap().to_owned();
    if challenge["request"] != encoded(&till.request).as_str() {
        return till.challenged("invalid-challenge", now.seconds());
    }
    let action = payload["action"].as_str().unwrap().to_owned();
    till.log.push(action.clone());
    let channel: ChannelId = payload["channelId"].as_str().unwrap().parse().unwrap();
    match &*action {
        "open" => till.opened(&payload, now),
        "topUp" => till.topped_up(channel, &payload, now),
        _ => {
            let content = action == "voucher" && seen.parts.method != "HEAD";
            match till.vouched(channel, &payload, now) {
                Err(refusal) => return till.challenged(refusal, now.seconds()),
                Ok(()) if action == "close" => {
                    let cumulative = amount(&payload, "cumulativeAmount");
                    assert!(
                        cumulative >= till.channels[&channel].spent(),
                        "a fair close"
                    );
                    till.closed_at = Some(cumulative);
                }
                Ok(()) if !content => {
                    seller.funded.notify_one();
                    return till.receipted(channel, &id, 204, "");
                }
                Ok(()) if seen.parts.uri.path() == "/stream" => {
                    return stream(seller, till, channel, &id);
                }
                Ok(()) => {
                    let key = seen.text("idempotency-key").unwrap().to_owned();
                    if !till.keys.contains(&key) {
                        let record = till.channels[&channel].clone();
                        let price = amount(&till.request, "amount");
                        match record.charge(record.stream(), price, 1, now) {
                            Ok(next) => till.channels.insert(channel, next),
                            Err(_) => {
                                let why = "session/insufficient-balance";
                                return till.challenged(why, now.seconds());
                            }
                        };
                        till.keys.push(key);
                        till.served += 1;
                    }
                    return till.receipted(channel, &id, 200, "sunny");
                }
            }
        }
    }
    till.receipted(channel, &id, 200, "{}")
}

impl Till {
    pub(super) fn challenged(&mut self, problem: &str, now: u64) -> Response {
        self.issued += 1;
        let id = format!("challenge-{}", self.issued);
        let mut challenge = Challenge::new(&*id, REALM, "evm", "session", encoded(&self.request));
        challenge.expires = Some(rfc3339(now + self.lifetime));
        let line = challenge.format().unwrap();
        self.challenges.insert(id, challenge);
        let kind = format!("https://paymentauth.org/problems/{problem}");
        let body = json!({"type": kind}).to_string();
        answer(402, &[("www-authenticate", &line)], body)
    }

    /// Every challenge is as good as expired.
    pub(super) fn forget(&mut self) {
        self.challenges.clear();
    }

    fn venue(&self) -> Venue {
        let details = &self.request["methodDetails"];
        Venue {
            chain_id: details["chainId"].as_u64().unwrap(),
            escrow: account(&details["escrowContract"]),
            payee: account(&self.request["recipient"]),
            token: account(&self.request["currency"]),
        }
    }

    /// As the contract would: everything is computed again.
    pub(super) fn opened(&mut self, payload: &Value, now: payment_core::Timestamp) {
        let venue = self.venue();
        let authorization: Authorization =
            serde_json::from_value(payload["authorization"].clone()).unwrap();
        let opening = Opening {
            payer: authorization.from,
            payee: venue.payee,
            token: venue.token,
            salt: payload["salt"].as_str().unwrap().parse().unwrap(),
            authorized_signer: Address::ZERO,
            escrow: venue.escrow,
            chain_id: venue.chain_id,
        };
        assert_eq!(payload["channelId"], opening.id().to_string());
        assert_eq!(authorization.nonce, opening.nonce());
        assert_pull(&venue, &authorization, payload);
        let id = opening.id();
        if self.channels.contains_key(&id) {
            return;
        }
        let chain = ChainState {
            payer: opening.payer,
            payee: opening.payee,
            token: opening.token,
            authorized_signer: Some(Address::ZERO),
            deposit: authorization.value.to(),
            settled: 0,
            close_requested_at: 0,
            finalized: false,
        };
        let channel = Channel::adopt(id, venue, &chain, now).unwrap();
        self.channels.insert(id, channel);
        let first = json!({
            "cumulativeAmount": payload["cumulativeAmount"],
            "signature": payload["voucherSignature"],
        });
        self.vouched(id, &first, now).unwrap();
    }

    pub(super) fn topped_up(
        &mut self,
        id: ChannelId,
        payload: &Value,
        now: payment_core::Timestamp,
    ) {
        let venue = self.venue();
        let authorization: Authorization =
            serde_json::from_value(payload["authorization"].clone()).unwrap();
        let salt = payload.get("topUpSalt").unwrap_or_else(|| &payload["salt"]);
        let salt: B256 = salt.as_str().unwrap().parse().unwrap();
        let additional = amount(payload, "additionalDeposit");
        assert_eq!(authorization.value, U256::from(additional));
        let nonce = top_up_nonce(id, additional, authorization.from, salt);
        assert_eq!(authorization.nonce, nonce);
        assert_pull(&venue, &authorization, payload);
        // The token takes a nonce once.
        let nonce = nonce.to_string();
        if self.keys.contains(&nonce) {
            return;
        }
        self.keys.push(nonce);
        let channel = &self.channels[&id];
        let chain = ChainState {
            payer: channel.payer(),
            payee: venue.payee,
            token: venue.token,
            authorized_signer: Some(Address::ZERO),
            deposit: channel.deposit() + additional,
            settled: 0,
            close_requested_at: 0,
            finalized: false,
        };
        let channel = channel.observe(&chain, now).unwrap();
        self.channels.insert(id, channel);
    }

    pub(super) fn vouched(
        &mut self,
        id: ChannelId,
        payload: &Value,
        _: payment_core::Timestamp,
    ) -> Result<(), &'static str> {
        let channel = self.channels.get(&id).ok_or("session/channel-not-found")?;
        let signed = SignedVoucher {
            cumulative: amount(payload, "cumulativeAmount"),
            signature: EvmSignature::from_hex(payload["signature"].as_str().unwrap()).unwrap(),
        };
        let domain = escrow_domain(channel.venue().chain_id, channel.venue().escrow);
        let checked = channel.check(signed, &domain).unwrap();
        let delta = &self.request["methodDetails"]["minVoucherDelta"];
        let delta = delta.as_str().map_or(0, |text| text.parse().unwrap());
        let next = channel
            .accept(&checked, delta)
            .map_err(|error| match error {
                ChannelError::DeltaTooSmall { .. } => "session/delta-too-small",
                ChannelError::ExceedsDeposit { .. } => "session/amount-exceeds-deposit",
                other => panic!("{other}"),
            })?;
        self.channels.insert(id, next);
        Ok(())
    }

    fn receipted(&self, id: ChannelId, challenge: &str, status: u16, body: &str) -> Response {
        let receipt = receipt(&self.channels[&id], challenge);
        let receipt = header(&receipt);
        answer(status, &[("payment-receipt", &receipt)], body.to_owned())
    }
}

fn assert_pull(venue: &Venue, authorization: &Authorization, payload: &Value) {
    assert_eq!(authorization.to, venue.escrow);
    let signature = EvmSignature::from_hex(payload["signature"].as_str().unwrap()).unwrap();
    let digest = authorization.receive_digest(&usdc().domain());
    assert_eq!(signature.recover(&digest), Ok(authorization.from));
}

pub(super) fn receipt(channel: &Channel, challenge: &str) -> Value {
    json!({
        "method": "evm", "intent": "session", "status": "success",
        "timestamp": "2026-09-21T15:33:20Z", "reference": channel.id(),
        "challengeId": challenge, "channelId": channel.id(),
        "acceptedCumulative": channel.accepted().to_string(),
        "spent": channel.spent().to_string(), "units": channel.units(), "chainId": CHAIN,
    })
}

/// The header of a receipt object.
pub(super) fn header(receipt: &Value) -> String {
    let mut members = receipt.as_object().unwrap().clone();
    let mut text = |name: &str| match members.remove(name) {
        Some(Value::String(text)) => text,
        other => panic!("{name}: {other:?}"),
    };
    let settled = mpp_core::Settled::new(text("reference"));
    let (_, _) = (text("status"), text("timestamp"));
    let method = text("method");
    let challenge = text("challengeId");
    let now = payment_core::Timestamp::from_seconds(super::super::NOW);
    let mut receipt = Receipt::of(settled, &method, &challenge, now);
    receipt.members.extend(members);
    receipt.format()
}

fn account(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

pub(super) fn amount(payload: &Value, name: &str) -> u128 {
    payload[name].as_str().unwrap().parse().unwrap()
}

/// A body that is written while it is read.
struct Pipe(mpsc::Receiver<Bytes>);

impl http_body::Body for Pipe {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.0.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

pub(super) fn events(response: &mut Response) {
    let kind = http::HeaderValue::from_static("text/event-stream; charset=utf-8");
    response.headers_mut().insert("content-type", kind);
}

/// Charges each unit before it is delivered.
fn stream(seller: &Seller, till: &mut Till, id: ChannelId, challenge: &str) -> Response {
    let (sender, receiver) = mpsc::channel(8);
    let mut response = till.receipted(id, challenge, 200, "");
    *response.body_mut() = Body::new(Pipe(receiver));
    events(&mut response);
    let (seller, challenge) = (seller.clone(), challenge.to_owned());
    let (units, cost) = till.stream;
    tokio::spawn(async move {
        for unit in 0..units {
            loop {
                let now = seller.clock.now();
                let charged = seller.till(|till| {
                    let channel = till.channels[&id].clone();
                    let next = channel.charge(channel.stream(), cost, 1, now);
                    next.map(|next| till.channels.insert(id, next)).is_ok()
                });
                if charged {
                    break;
                }
                let demand = seller.till(|till| {
                    till.log.push("need".into());
                    let channel = &till.channels[&id];
                    let delta = &till.request["methodDetails"]["minVoucherDelta"];
                    let delta = delta.as_str().map_or(0, |text| text.parse().unwrap());
                    let required = (channel.spent() + cost).max(channel.accepted() + delta);
                    demand(id, required, channel.accepted(), channel.deposit())
                });
                let _ = sender.send(demand.into()).await;
                seller.funded.notified().await;
            }
            let unit = format!("data: {unit}\n\n");
            if sender.send(unit.into()).await.is_err() {
                return;
            }
        }
        let last = seller.till(|till| receipt(&till.channels[&id], &challenge));
        let last = format!("event: payment-receipt\ndata: {last}\n\n");
        let _ = sender.send(last.into()).await;
    });
    response
}

pub(super) fn demand(id: ChannelId, required: u128, accepted: u128, deposit: u128) -> String {
    let demand = json!({
        "channelId": id, "requiredCumulative": required.to_string(),
        "acceptedCumulative": accepted.to_string(), "deposit": deposit.to_string(),
    });
    format!("event: payment-need-voucher\ndata: {demand}\n\n")
}
