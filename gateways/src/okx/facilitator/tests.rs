#![allow(clippy::unwrap_used)]

use std::time::Duration;

use payment_core::{Account, Asset, Network, Refusal, ReplayKey, Route, Timestamp, usd};
use serde_json::json;
use x402_core::{Offer, SchemePayment, Settlement, Unsupported, Window, X402};

use super::*;
use crate::okx::OkxFault;
use crate::okx::peer::{Act, Peer, hasty, keys};

mod gate;
mod settling;
mod words;

const HASH: &str = "0xabababababababababababababababababababababababababababababababab";
const OTHER: &str = "0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const STATUS: &str = "GET /api/v6/pay/x402/settle/status?txHash=0xabababababababababababababababababababababababababababababababab";
const SETTLING: &str = "POST /api/v6/pay/x402/settle";

/// A payment as a vector has it. What a scheme would check is not the point here.
struct Given {
    keys: [ReplayKey; 1],
    payload: Box<RawValue>,
    payer: Account,
    added: Option<Map<String, Value>>,
}

impl Given {
    fn with(added: Option<Map<String, Value>>) -> Self {
        let payload = payload();
        Self {
            keys: [ReplayKey::new("test", &[payload.get().as_bytes()])],
            payload,
            payer: payer(),
            added,
        }
    }
}

impl SchemePayment for Given {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000)
    }

    fn spent(&self) -> Code {
        Code::NonceUsed
    }

    fn in_time(&self, _: Window) -> Result<(), Refusal> {
        Ok(())
    }

    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn claimed_payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn amount(&self) -> payment_core::Units {
        "10000".parse().unwrap()
    }

    fn payload(&self) -> &RawValue {
        &self.payload
    }

    fn echoed_extra(&self) -> Option<&Map<String, Value>> {
        self.added.as_ref()
    }

    fn settlement(&self) -> Settlement {
        Settlement::Transaction
    }
}

fn vector() -> Value {
    vectors::load("okx_wire.json")["x402"].clone()
}

/// The payload as it was sent, in the order of its members.
fn payload() -> Box<RawValue> {
    let vector = vector();
    let body = vector["verifyBody"].as_str().unwrap();
    let (_, rest) = body.split_once(r#""payload":"#).unwrap();
    let (payload, _) = rest.split_once(r#"},"paymentRequirements""#).unwrap();
    RawValue::from_string(payload.to_owned()).unwrap()
}

fn payer() -> Account {
    let from = &vector()["paymentSignature"]["json"]["payload"]["authorization"]["from"];
    Account::parse(from.as_str().unwrap())
}

fn request_of(scheme: &'static str, version: Version, added: Option<Value>) -> PaymentRequest {
    let signed = vector()["paymentSignature"]["json"].clone();
    let (terms, resource) = (&signed["accepted"], &signed["resource"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let route = Route::priced(usd!("0.01"))
        .pay_within(Duration::from_secs(300))
        .description(text(&resource["description"]))
        .mime_type(text(&resource["mimeType"]));
    let offer = Offer::new(
        scheme,
        text(&terms["network"]).parse::<Network>().unwrap(),
        Asset::parse(&text(&terms["asset"])),
        Account::parse(&text(&terms["payTo"])),
        text(&terms["amount"]).parse().unwrap(),
        terms["extra"].as_object().unwrap().clone(),
        &route,
    );
    let given = Given::with(added.map(|added| added.as_object().unwrap().clone()));
    PaymentRequest::new(version, offer.unwrap(), text(&resource["url"]), &given)
}

fn exact() -> PaymentRequest {
    request_of("exact", Version::V2, None)
}

fn deferring() -> PaymentRequest {
    request_of("aggr_deferred", Version::V2, None)
}

fn okx_at(peer: &Peer, options: OkxOptions) -> OkxFacilitator {
    OkxFacilitator::at(&peer.url, keys(), options).unwrap()
}

/// OKX that acts by this script.
async fn acting(acts: impl IntoIterator<Item = Act>) -> (OkxFacilitator, Peer) {
    let peer = Peer::acting(acts).await;
    (okx_at(&peer, hasty()), peer)
}

async fn saying(data: &Value) -> OkxFacilitator {
    acting([Act::data(data)]).await.0
}

/// The same JSON with members set; `null` removes one.
fn with(mut json: Value, members: Value) -> Value {
    let (Value::Object(map), Value::Object(members)) = (&mut json, members) else {
        panic!("objects");
    };
    for (name, value) in members {
        match value {
            Value::Null => map.remove(&name),
            value => map.insert(name, value),
        };
    }
    json
}

fn verified(reason: &str) -> Value {
    json!({ "isValid": false, "payer": null, "invalidReason": reason, "invalidMessage": "prose" })
}

#[tokio::test]
async fn a_verification_is_sent_and_understood() {
    let valid = json!({ "isValid": true, "payer": payer().to_string(), "invalidReason": null });
    let (okx, peer) = acting([Act::data(&valid)]).await;
    let expected = VerifyAnswer::Valid {
        payer: Some(payer()),
    };
    assert_eq!(okx.verify(&exact()).await.unwrap(), expected);
    assert_eq!(okx.verify_signature(&exact()).await.unwrap(), expected);
    assert_eq!(
        peer.asked(),
        [
            "POST /api/v6/pay/x402/verify",
            "POST /api/v6/pay/x402/verify-signature"
        ],
    );
    for request in peer.requests() {
        assert_eq!(request.body, exact().body());
        assert!(request.is_signed());
    }
}

#[tokio::test]
async fn a_no_to_verification_is_put_in_our_words() {
    for (reason, code) in [
        ("toAddr mismatch", Code::Recipient),
        ("Insufficient Balance", Code::Balance),
        ("nonce_used", Code::NonceUsed),
        ("risk_address", Code::Facilitator),
        ("a word of tomorrow", Code::Facilitator),
        ("", Code::Facilitator),
    ] {
        let okx = saying(&verified(reason)).await;
        assert_eq!(okx.verify(&exact()).await.unwrap(), code.into(), "{reason}");
        let signature = okx.verify_signature(&exact()).await.unwrap();
        assert_eq!(signature, code.into(), "{reason}");
    }
}

#[tokio::test]
async fn who_could_not_look_has_not_said_no() {
    for reason in ["onchain_error", "payment processing", "unexpected_error"] {
        let okx = saying(&verified(reason)).await;
        assert!(okx.verify(&exact()).await.is_err(), "{reason}");
        assert!(okx.verify_signature(&exact()).await.is_err(), "{reason}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_a_fault() {
    for data in [
        json!({}),
        json!({ "isValid": "true" }),
        json!({ "isValid": 1 }),
        json!({ "success": true }),
        json!({ "isValid": true, "payer": 7 }),
        json!([{ "isValid": true }, { "isValid": true }]),
        Value::Null,
    ] {
        let fault = saying(&data).await.verify(&exact()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::Garbage(_)), "{data}");
    }
    for act in [Act::code(50113), Act::code(50011)] {
        let fault = acting([act]).await.0.verify(&exact()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::NotSent(_)), "{fault:?}");
    }
    for act in [Act::code(51000), Act::code(8000), Act::Close] {
        let fault = acting([act]).await.0.verify(&exact()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::Unknown(_)), "{fault:?}");
    }
}

#[tokio::test]
async fn version_1_is_refused_without_a_call() {
    let (okx, peer) = acting([Act::Close]).await;
    let request = request_of("exact", Version::V1, None);
    let faults = [
        okx.verify(&request).await.unwrap_err(),
        okx.verify_signature(&request).await.unwrap_err(),
        okx.settle(&request).await.unwrap_err(),
        okx.reconcile(&request, None).await.unwrap_err(),
    ];
    for fault in faults {
        assert!(matches!(fault, FacilitatorFault::NotSent(_)), "{fault:?}");
    }
    assert!(peer.requests().is_empty());
}

/// The body of a vector as ours is spelled: addresses with their checksum, the amount before the
/// asset. Nothing else differs.
fn spelled(body: &str) -> String {
    let asset = exact().offer().asset().to_string();
    let (lower, amount) = (asset.to_ascii_lowercase(), r#""amount":"10000""#);
    let theirs = format!(r#""asset":"{lower}",{amount}"#);
    assert_eq!(body.matches(&theirs).count(), 2);
    body.replace(&theirs, &format!(r#"{amount},"asset":"{asset}""#))
}

#[test]
fn bodies_are_those_of_the_vectors_to_the_byte() {
    let vector = vector();
    let mut tally = vectors::Tally::new("okx x402 bodies");
    for (member, more) in [
        ("verifyBody", Map::new()),
        ("settleBody", SettleMode::Synchronous.members()),
    ] {
        let ours = body(&exact(), &more).unwrap();
        let theirs = spelled(vector[member].as_str().unwrap());
        assert_eq!(std::str::from_utf8(&ours).unwrap(), theirs, "{member}");
        tally.ran();
    }
    let asynchronous = SettleMode::Asynchronous.members();
    assert_eq!(Value::Object(asynchronous), json!({ "syncSettle": false }));
}

#[test]
fn our_requirements_are_sent_and_the_certificate_stays_in_the_echo() {
    let added = json!({ "sessionCert": "AAAA", "name": "Fake Dollar" });
    let request = request_of("aggr_deferred", Version::V2, Some(added));
    let body: Value = serde_json::from_slice(&body(&request, &Map::new()).unwrap()).unwrap();
    let (echo, ours) = (
        &body["paymentPayload"]["accepted"],
        &body["paymentRequirements"],
    );
    assert_eq!(echo["extra"]["sessionCert"], "AAAA");
    assert_eq!(ours["extra"], json!({ "name": "USD₮0", "version": "1" }));
    assert_eq!(echo["extra"]["name"], "USD₮0");
}

#[tokio::test]
async fn what_is_supported_is_asked_once_and_kept() {
    let kinds = json!({
        "kinds": [
            { "x402Version": 2, "scheme": "exact", "network": "eip155:196", "extra": {} },
            { "x402Version": 2, "scheme": "aggr_deferred", "network": "eip155:196" },
            { "x402Version": "three", "scheme": ["odd"] },
        ],
        "extensions": null, "signers": { "eip155:*": ["0xab"] }, "more": 1,
    });
    let (okx, peer) = acting([Act::data(&kinds), Act::code(51000)]).await;
    let heard = okx.supported().await.unwrap();
    assert_eq!(heard.kinds.len(), 2);
    assert_eq!(heard.signers["eip155:*"], ["0xab"]);
    assert_eq!(okx.clone().supported().await.unwrap(), heard);
    assert_eq!(peer.asked(), ["GET /api/v6/pay/x402/supported"]);
    // Asked again when it is old, and kept when there is no answer.
    let peer = Peer::acting([Act::data(&kinds), Act::code(51000)]).await;
    let okx = okx_at(&peer, hasty().supported_for(Duration::ZERO));
    assert_eq!(okx.supported().await.unwrap(), heard);
    assert_eq!(okx.supported().await.unwrap(), heard);
    assert_eq!(peer.requests().len(), 2);
}

#[tokio::test]
async fn kinds_must_be_there_and_the_rest_need_not() {
    let bare = saying(&json!({ "kinds": [] })).await;
    assert!(bare.supported().await.unwrap().kinds.is_empty());
    for data in [json!({}), json!({ "kinds": null }), json!({ "kinds": {} })] {
        assert!(saying(&data).await.supported().await.is_err(), "{data}");
    }
}

/// A scheme of this name that offers and takes what the vectors have.
struct Named(&'static str);

impl x402_core::Scheme for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn network(&self) -> &Network {
        const X_LAYER: &Network = &Network::eip155(196);
        X_LAYER
    }

    fn asset(&self) -> &payment_core::Asset {
        const USDT0: &payment_core::Asset = &payment_core::Asset::Evm(alloy_primitives::address!(
            "0x779Ded0c9e1022225f8E0630b35a9b54bE713736"
        ));
        USDT0
    }

    fn takes_v1(&self) -> bool {
        true
    }

    fn offer(&self, _: &Route) -> Result<Offer, ConfigError> {
        Ok(exact().offer().clone())
    }

    fn bind(&self, _: x402_core::Presented<'_>) -> Result<Box<dyn SchemePayment>, Refusal> {
        Ok(Box::new(Given::with(None)))
    }
}

#[tokio::test]
async fn a_configuration_is_checked_against_what_is_supported() {
    let kinds = json!({
        "kinds": [{ "x402Version": 2, "scheme": "exact", "network": "eip155:196" }],
    });
    let okx = saying(&kinds).await;
    let x402 = |scheme| X402::new(okx.clone()).accept(Named(scheme)).v2_only();
    x402("exact").check_supported().await.unwrap();
    let missing = x402("aggr_deferred").check_supported().await.unwrap_err();
    assert!(matches!(missing, Unsupported::Kind { .. }), "{missing:?}");
    let silent = acting([Act::code(50113)]).await.0;
    let silent = X402::new(silent)
        .accept(Named("exact"))
        .check_supported()
        .await;
    assert!(matches!(silent, Err(Unsupported::Unanswered(_))));
}

#[test]
fn faults_keep_what_is_certain() {
    let cause = || "cause".into();
    for (fault, undone) in [
        (OkxFault::NotSent(cause()), true),
        (OkxFault::Refused(crate::okx::ApiCode::RateLimited), true),
        (OkxFault::Refused(crate::okx::ApiCode::Passphrase), true),
        (OkxFault::Refused(crate::okx::ApiCode::System), false),
        (OkxFault::Refused(crate::okx::ApiCode::Unreadable), false),
        (OkxFault::TimedOut, false),
        (OkxFault::Lost(cause()), false),
        (OkxFault::Contradictory { status: 403 }, false),
        (
            OkxFault::Garbage {
                what: "x",
                status: 403,
            },
            true,
        ),
        (
            OkxFault::Garbage {
                what: "x",
                status: 200,
            },
            false,
        ),
        (
            OkxFault::Garbage {
                what: "x",
                status: 500,
            },
            false,
        ),
    ] {
        assert_eq!(fault.is_undone(), undone, "{fault:?}");
        let fault = FacilitatorFault::from(fault);
        let not_sent = matches!(fault, FacilitatorFault::NotSent(_));
        assert_eq!(not_sent, undone, "{fault:?}");
    }
}
