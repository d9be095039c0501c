#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json, value::RawValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::shop::{AnyPayment, TRANSACTION, base_offer, offer_of};
use crate::wire::SupportedKind;
use crate::{Offer, Version};

/// What the other side does with one connection, once it has read the request.
#[derive(Clone)]
enum Act {
    Say(u16, String),
    Redirect(String),
    /// A body of so many bytes, announced or in chunks.
    Flood(usize),
    /// Headers and half a body.
    BreakOff,
    Close,
    Hang,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
}

/// A facilitator on this machine that acts by a script, one connection a request.
struct Peer {
    url: String,
    seen: Arc<Seen>,
}

impl Peer {
    async fn acting(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen::default());
        let acts: VecDeque<Act> = acts.into_iter().collect();
        tokio::spawn(serve(listener, acts, Arc::clone(&seen)));
        Self { url, seen }
    }

    async fn saying(status: u16, body: &Value) -> Self {
        Self::acting([Act::Say(status, body.to_string())]).await
    }

    fn client(&self) -> HttpFacilitator {
        HttpFacilitator::new(&self.url, HttpOptions::default()).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, mut acts: VecDeque<Act>, seen: Arc<Seen>) {
    let mut open = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        seen.requests.lock().unwrap().push(request);
        match acts.pop_front().unwrap_or(Act::Close) {
            Act::Say(status, body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body.as_bytes()).await.unwrap();
            }
            Act::Redirect(to) => {
                let head = format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
            }
            Act::Flood(bytes) => {
                let head = "HTTP/1.1 200 X\r\nconnection: close\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                let piece = vec![b' '; 64 * 1024];
                for _ in 0..bytes / piece.len() {
                    if stream.write_all(&piece).await.is_err() {
                        break;
                    }
                }
            }
            Act::BreakOff => {
                let head = "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{\"success\":true";
                stream.write_all(head.as_bytes()).await.unwrap();
            }
            Act::Close => {}
            Act::Hang => open.push(stream),
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.unwrap_or_default() {
                return text;
            }
        }
        if read == 0 {
            return text;
        }
    }
}

fn offer() -> Offer {
    offer_of(&base_offer())
}

fn request() -> PaymentRequest {
    let payload: Box<RawValue> = serde_json::from_str(r#"{"signature":"0xsecret"}"#).unwrap();
    let payment = AnyPayment::new(offer().amount(), &payload);
    PaymentRequest::new(Version::V2, offer(), "https://api.example.com/x", &payment)
}

fn yes() -> Value {
    json!({ "success": true, "transaction": TRANSACTION, "network": "eip155:84532" })
}

fn no(code: &str, transaction: &str) -> Value {
    json!({
        "success": false, "errorReason": code, "transaction": transaction,
        "network": "eip155:84532",
    })
}

#[tokio::test]
async fn an_honest_facilitator_is_understood() {
    let valid = json!({ "isValid": true, "payer": crate::shop::PAYER.to_string() });
    let acts = [valid, yes()].map(|body| Act::Say(200, body.to_string()));
    let peer = Peer::acting(acts).await;
    let client = peer.client();
    let request = request();
    let payer = Some(crate::shop::PAYER.clone());
    let verified = client.verify(&request).await.unwrap();
    assert_eq!(verified, VerifyAnswer::Valid { payer });
    let settled = client.settle(&request).await.unwrap();
    assert!(
        matches!(&settled, SettleAnswer::Settled { transaction, .. } if **transaction == *TRANSACTION)
    );
    assert_eq!(settled.contradicts(&request), None);
    let seen = peer.requests();
    assert!(seen[0].starts_with("POST /verify HTTP/1.1\r\n"));
    assert!(seen[1].starts_with("POST /settle HTTP/1.1\r\n"));
    for text in seen {
        assert!(text.contains("content-type: application/json\r\n"));
        assert!(text.ends_with(&request.body()));
    }
}

#[tokio::test]
async fn a_no_is_read_from_error_statuses() {
    for status in [200, 400, 402, 412] {
        let peer = Peer::saying(status, &json!({ "isValid": false, "invalidReason": "x" })).await;
        let answer = peer.client().verify(&request()).await.unwrap();
        assert_eq!(answer, VerifyAnswer::Invalid { code: "x".into() });
        let peer = Peer::saying(status, &no("x", "")).await;
        let answer = peer.client().settle(&request()).await.unwrap();
        assert_eq!(answer, SettleAnswer::Refused { code: "x".into() });
    }
}

#[tokio::test]
async fn what_is_not_an_answer_is_a_fault() {
    let mut wrong = yes();
    wrong["success"] = json!("true");
    for (status, body) in [
        (200, wrong.to_string()),
        (200, String::new()),
        (200, "<html>".to_owned()),
        (500, "{\"error\":\"boom\"}".to_owned()),
        (502, "Bad Gateway".to_owned()),
        (400, "{}".to_owned()),
        (409, String::new()),
    ] {
        let acts = [
            Act::Say(status, body.clone()),
            Act::Say(status, body.clone()),
        ];
        let peer = Peer::acting(acts).await;
        let fault = peer.client().settle(&request()).await.unwrap_err();
        assert!(
            matches!(fault, FacilitatorFault::Garbage(_)),
            "{status} {body} {fault:?}"
        );
        assert!(peer.client().verify(&request()).await.is_err());
    }
}

#[tokio::test]
async fn turned_away_at_the_door_is_not_sent() {
    for status in [401, 403, 404, 405, 429] {
        let peer = Peer::saying(status, &json!({ "error": "no key" })).await;
        let fault = peer.client().settle(&request()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::NotSent(_)), "{status}");
    }
}

#[tokio::test]
async fn nothing_leaves_when_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = HttpFacilitator::new(&url, HttpOptions::default()).unwrap();
    let fault = client.settle(&request()).await.unwrap_err();
    assert!(matches!(fault, FacilitatorFault::NotSent(_)), "{fault:?}");
    assert!(!format!("{fault:?}").contains(&url));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_unknown() {
    for act in [Act::Close, Act::BreakOff] {
        let peer = Peer::acting([act]).await;
        let fault = peer.client().settle(&request()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::Unknown(_)), "{fault:?}");
        assert_eq!(peer.requests().len(), 1, "a settlement is not sent twice");
    }
}

#[tokio::test]
async fn every_call_has_a_deadline() {
    let peer = Peer::acting([Act::Hang, Act::Hang, Act::Hang]).await;
    let mut options = HttpOptions::default();
    options.verify_timeout = Duration::from_millis(50);
    options.settle_timeout = Duration::from_millis(50);
    let client = HttpFacilitator::new(&peer.url, options).unwrap();
    let verify = client.verify(&request()).await.unwrap_err();
    let settle = client.settle(&request()).await.unwrap_err();
    let supported = client.supported().await.unwrap_err();
    for fault in [verify, settle, supported] {
        assert!(matches!(fault, FacilitatorFault::TimedOut), "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    let peer = Peer::acting([Act::Flood(10 * 1024 * 1024)]).await;
    let fault = peer.client().settle(&request()).await.unwrap_err();
    assert!(matches!(fault, FacilitatorFault::Garbage(_)), "{fault:?}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Peer::saying(200, &yes()).await;
    let to = format!("{}/settle", elsewhere.url);
    let peer = Peer::acting([Act::Redirect(to)]).await;
    let fault = peer.client().settle(&request()).await.unwrap_err();
    assert!(matches!(fault, FacilitatorFault::Garbage(_)), "{fault:?}");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn reconciling_settles_again_and_takes_no_refusal_for_proof() {
    let pending = SettleAnswer::Pending { transaction: None };
    for code in [
        "insufficient_funds",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_nonce_already_used",
        "invalid_exact_evm_transaction_simulation_failed",
        "invalid_exact_evm_transaction_failed",
    ] {
        let peer = Peer::saying(200, &no(code, "")).await;
        let answer = peer.client().reconcile(&request(), None).await.unwrap();
        assert_eq!(answer, pending, "{code}");
        assert!(peer.requests()[0].starts_with("POST /settle "));
    }
    let peer = Peer::saying(200, &yes()).await;
    let answer = peer.client().reconcile(&request(), None).await.unwrap();
    assert!(matches!(answer, SettleAnswer::Settled { .. }));
}

#[tokio::test]
async fn a_pending_transaction_that_failed_is_a_no() {
    let failed = no("invalid_exact_evm_transaction_failed", TRANSACTION);
    let peer = Peer::saying(200, &failed).await;
    let answer = peer
        .client()
        .reconcile(&request(), Some(TRANSACTION))
        .await
        .unwrap();
    assert!(matches!(answer, SettleAnswer::Refused { .. }));
    // Another one may have failed because the first went through.
    let peer = Peer::saying(200, &failed).await;
    let answer = peer
        .client()
        .reconcile(&request(), Some("0xab"))
        .await
        .unwrap();
    assert_eq!(answer, SettleAnswer::Pending { transaction: None });
}

#[tokio::test]
async fn a_settlement_under_way_is_pending_whoever_asks() {
    for status in ["pending", "timeout", "unknown"] {
        let mut under_way = yes();
        under_way["status"] = json!(status);
        let transaction = Some(TRANSACTION.into());
        let pending = SettleAnswer::Pending { transaction };
        let acts = [(); 2].map(|()| Act::Say(200, under_way.to_string()));
        let client = Peer::acting(acts).await.client();
        assert_eq!(client.settle(&request()).await.unwrap(), pending);
        let again = client.reconcile(&request(), Some(TRANSACTION)).await;
        assert_eq!(again.unwrap(), pending, "{status}");
    }
}

#[tokio::test]
async fn a_success_without_a_transaction_is_no_answer_for_a_batch_either() {
    let mut promise = yes();
    promise["transaction"] = json!("");
    promise["status"] = json!("success");
    let acts = [(); 2].map(|()| Act::Say(200, promise.to_string()));
    let client = Peer::acting(acts).await.client();
    let payload: Box<RawValue> = serde_json::from_str(r#"{"nonce":1}"#).unwrap();
    let extra: Box<RawValue> = serde_json::from_str("{}").unwrap();
    let offer = offer();
    let now = payment_core::Timestamp::from_seconds(0);
    let presented = crate::Presented::new(&offer, Version::V2, &payload, now);
    let payment = AnyPayment::unproven(presented.echoing(Some(&extra)));
    let request = PaymentRequest::new(Version::V2, offer.clone(), "https://x.example/", &payment);
    let settled = client.settle(&request).await;
    assert!(matches!(settled, Err(FacilitatorFault::Garbage(_))));
    let again = client.reconcile(&request, None).await;
    assert!(matches!(again, Err(FacilitatorFault::Garbage(_))));
}

#[tokio::test]
async fn what_is_supported_is_asked_once_and_kept() {
    let kinds =
        json!({ "kinds": [{ "x402Version": 2, "scheme": "exact", "network": "eip155:1" }] });
    let acts = [
        Act::Say(200, kinds.to_string()),
        Act::Close,
        Act::Say(500, String::new()),
    ];
    let peer = Peer::acting(acts).await;
    let client = peer.client();
    let (a, b) = tokio::join!(client.supported(), client.supported());
    let expected = vec![SupportedKind::new(2, "exact", "eip155:1")];
    assert_eq!(a.unwrap().kinds, expected);
    assert_eq!(b.unwrap().kinds, expected);
    assert_eq!(peer.requests().len(), 1);
    assert!(peer.requests()[0].starts_with("GET /supported "));
    let mut options = HttpOptions::default();
    options.supported_for = Duration::ZERO;
    let acts = [
        Act::Say(200, kinds.to_string()),
        Act::Say(500, String::new()),
    ];
    let peer = Peer::acting(acts).await;
    let client = HttpFacilitator::new(&peer.url, options).unwrap();
    assert_eq!(client.supported().await.unwrap().kinds, expected);
    assert_eq!(
        client.supported().await.unwrap().kinds,
        expected,
        "kept when asking fails"
    );
    assert_eq!(peer.requests().len(), 2);
}

#[tokio::test]
async fn each_call_has_its_headers_and_none_is_printed() {
    let valid = json!({ "isValid": true }).to_string();
    let acts = [Act::Say(200, valid), Act::Say(200, yes().to_string())];
    let peer = Peer::acting(acts).await;
    let options = HttpOptions::default().headers(|call| {
        assert!(call.body.starts_with(b"{"));
        let value = HeaderValue::from_str(&format!("hush {:?} {}", call.kind, call.method));
        HeaderMap::from_iter([(http::header::AUTHORIZATION, value.unwrap())])
    });
    let client = HttpFacilitator::new(&peer.url, options).unwrap();
    client.verify(&request()).await.unwrap();
    client.settle(&request()).await.unwrap();
    assert!(peer.requests()[0].contains("authorization: hush Verify POST\r\n"));
    assert!(peer.requests()[1].contains("authorization: hush Settle POST\r\n"));
    assert!(!format!("{client:?}").contains("hush"));
    assert!(!format!("{:?}", request()).contains("0xsecret"));
}

#[test]
fn only_https_or_this_machine() {
    for (url, good) in [
        ("https://facilitator.example", true),
        ("https://facilitator.example/x402/", true),
        ("http://localhost:4020", true),
        ("http://127.0.0.1:4020", true),
        ("http://[::1]:4020", true),
        ("http://facilitator.example", false),
        ("http://localhost.evil.example", false),
        ("http://10.0.0.1", false),
        ("ftp://localhost", false),
        ("https://user:hush@facilitator.example", false),
        ("https://facilitator.example/?key=hush", false),
        ("facilitator.example", false),
    ] {
        let client = HttpFacilitator::new(url, HttpOptions::default());
        assert_eq!(client.is_ok(), good, "{url}");
        if let Err(error) = client {
            assert!(!error.to_string().contains("hush"));
        }
    }
}
