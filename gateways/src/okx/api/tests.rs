#![allow(clippy::unwrap_used)]

use std::net::TcpListener;

use serde_json::{Value, json};

use super::*;
use crate::okx::peer::{Act, KEY, PASSPHRASE, Peer, SECRET, Ticking, hasty, keys};
use crate::okx::{ApiCode, SaCode};

const PATH: &str = "/api/v6/pay/x402/settle";
const BODY: &str = r#"{"x402Version":2,"name":"USD₮0"}"#;

fn api(url: &str, options: OkxOptions) -> Api {
    Api::with_clock(url, keys(), options, Ticking::default()).unwrap()
}

fn ask() -> Call<'static> {
    Call::ask(PATH, BODY.into())
}

fn settle() -> Call<'static> {
    Call::settle(PATH, BODY.into())
}

fn yes() -> Act {
    Act::data(&json!({ "a": 1 }))
}

/// What becomes of a call, and how often it was made.
async fn outcome(
    call: Call<'_>,
    acts: impl IntoIterator<Item = Act>,
) -> (Result<Value, OkxFault>, usize) {
    let peer = Peer::acting(acts).await;
    let result = api(&peer.url, hasty()).call(call).await;
    let requests = peer.requests();
    assert!(requests.iter().all(|request| request.is_signed()));
    (result, requests.len())
}

#[tokio::test]
async fn what_is_signed_is_what_stands_on_the_wire() {
    let status = "/api/v6/pay/x402/settle/status?txHash=0xab";
    let odd = "/api/a b/%C3%BC/ü?q=x y&z=ü%20#cut";
    for (base, call, line, body) in [
        ("", Call::get(status), ["GET", status], ""),
        ("/", Call::get(status), ["GET", status], ""),
        ("/proxy/", Call::get("/x"), ["GET", "/proxy/x"], ""),
        ("", ask(), ["POST", PATH], BODY),
        ("", settle(), ["POST", PATH], BODY),
        (
            "",
            Call::get(odd),
            ["GET", "/api/a%20b/%C3%BC/%C3%BC?q=x%20y&z=%C3%BC%20"],
            "",
        ),
    ] {
        let peer = Peer::acting([yes()]).await;
        let api = api(&format!("{}{base}", peer.url), hasty());
        let data: Value = api.call(call).await.unwrap();
        assert_eq!(data, json!({ "a": 1 }));
        let [request] = &peer.requests()[..] else {
            panic!("one request");
        };
        assert_eq!(request.line(), line);
        assert_eq!(request.body, body);
        assert!(request.is_signed(), "{line:?}");
        let json = (line[0] == "POST").then_some("application/json");
        assert_eq!(request.header("content-type"), json);
    }
}

#[tokio::test]
async fn each_attempt_is_signed_anew() {
    let peer = Peer::acting([Act::code(50011), Act::Say(429, Vec::new()), yes()]).await;
    let _: Value = api(&peer.url, hasty()).call(settle()).await.unwrap();
    let requests = peer.requests();
    let header = |name| {
        requests
            .iter()
            .map(|it| it.header(name).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        header("ok-access-timestamp"),
        ["00", "01", "02"].map(|second| format!("2026-03-30T10:00:{second}.000Z")),
    );
    assert!(requests.iter().all(|request| request.is_signed()));
    let signs = header("ok-access-sign");
    assert!(signs[0] != signs[1] && signs[1] != signs[2]);
}

#[tokio::test]
async fn reading_is_repeated_whenever_another_attempt_may_fare_better() {
    for passing in [
        Act::code(50001),
        Act::code(50011),
        Act::code(50026),
        Act::Say(429, b"slow down".to_vec()),
        Act::Say(500, Vec::new()),
        Act::Say(502, b"<html>".to_vec()),
        Act::Say(503, Vec::new()),
        Act::json(502, &json!({ "code": "502", "msg": "Bad Gateway" })),
        Act::json(500, &json!({ "code": 8000, "data": {} })),
        Act::json(503, &json!({ "code": 0, "data": {} })),
        Act::Close,
        Act::BreakOff,
    ] {
        for call in [ask(), Call::get("/x")] {
            let (result, times) = outcome(call, [passing.clone(), yes()]).await;
            assert!(result.is_ok(), "{passing:?}: {result:?}");
            assert_eq!(times, 2, "{passing:?}");
        }
    }
}

#[tokio::test]
async fn what_stays_as_it_is_is_not_asked_twice() {
    for lasting in [
        Act::code(50113),
        Act::code(51000),
        Act::code(70004),
        Act::code(8000),
        Act::Say(200, b"{".to_vec()),
        Act::Say(404, Vec::new()),
        Act::json(401, &json!({ "code": 50112 })),
        Act::data(&json!([1, 2])),
    ] {
        let (result, times) = outcome(ask(), [lasting.clone(), yes()]).await;
        assert!(result.is_err(), "{lasting:?}");
        assert_eq!(times, 1, "{lasting:?}");
    }
}

#[tokio::test]
async fn a_settlement_is_repeated_only_when_it_was_turned_away_for_now() {
    for away in [
        Act::code(50011),
        Act::Say(429, Vec::new()),
        Act::json(429, &json!({ "code": 50001 })),
    ] {
        let (result, times) = outcome(settle(), [away.clone(), yes()]).await;
        assert!(result.is_ok(), "{away:?}: {result:?}");
        assert_eq!(times, 2, "{away:?}");
    }
    for open in [
        Act::code(50001),
        Act::code(50026),
        Act::code(50113),
        Act::code(8000),
        Act::code(-1),
        Act::json(429, &json!({ "code": 0, "data": {} })),
        Act::Say(500, Vec::new()),
        Act::Say(503, Vec::new()),
        Act::Say(401, Vec::new()),
        Act::Say(200, b"<html>".to_vec()),
        Act::Close,
        Act::BreakOff,
    ] {
        let (result, times) = outcome(settle(), [open.clone(), yes()]).await;
        assert!(result.is_err(), "{open:?}");
        assert_eq!(times, 1, "{open:?}");
    }
}

#[tokio::test]
async fn a_settlement_without_an_answer_is_unknown_and_not_sent_again() {
    let peer = Peer::acting([Act::Hang, yes()]).await;
    let options = hasty().settle_timeout(Duration::from_millis(500));
    let fault = api(&peer.url, options).call::<Value>(settle()).await;
    let fault = fault.unwrap_err();
    assert!(matches!(fault, OkxFault::TimedOut), "{fault:?}");
    assert!(!fault.is_undone());
    assert_eq!(peer.requests().len(), 1);
}

/// Nobody listens until the second time that the clock is looked at.
struct Opening {
    at: std::net::SocketAddr,
    looks: std::sync::atomic::AtomicU32,
    listener: std::sync::mpsc::Sender<TcpListener>,
}

impl Clock for Opening {
    fn now(&self) -> payment_core::Timestamp {
        if self
            .looks
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
            == 1
        {
            let listener = TcpListener::bind(self.at).unwrap();
            listener.set_nonblocking(true).unwrap();
            self.listener.send(listener).unwrap();
        }
        SystemClock.now()
    }
}

#[tokio::test]
async fn a_settlement_that_found_nobody_is_sent_again() {
    let at = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let clock = Opening {
        at,
        looks: 0.into(),
        listener: sender,
    };
    let api = Api::with_clock(&format!("http://{at}"), keys(), hasty(), clock).unwrap();
    let call = tokio::spawn(async move { api.call::<Value>(settle()).await });
    let listener = tokio::task::spawn_blocking(move || receiver.recv()).await;
    let listener = tokio::net::TcpListener::from_std(listener.unwrap().unwrap()).unwrap();
    let peer = Peer::listening(listener, [yes()]);
    assert_eq!(call.await.unwrap().unwrap(), json!({ "a": 1 }));
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn nothing_leaves_when_nobody_listens() {
    let at = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let api = api(&format!("http://{at}"), hasty());
    let fault = api.call::<Value>(settle()).await.unwrap_err();
    assert!(matches!(fault, OkxFault::NotSent(_)), "{fault:?}");
    assert!(fault.is_undone());
}

#[tokio::test]
async fn attempts_are_counted() {
    for (attempts, made) in [(0, 1), (1, 1), (3, 3)] {
        let peer = Peer::acting([Act::code(50011)]).await;
        let api = api(&peer.url, hasty().attempts(attempts));
        let fault = api.call::<Value>(ask()).await.unwrap_err();
        assert!(matches!(fault, OkxFault::Refused(ApiCode::RateLimited)));
        assert_eq!(peer.requests().len(), made);
    }
}

#[tokio::test]
async fn all_attempts_share_one_deadline() {
    let within = Duration::from_millis(300);
    let options = hasty()
        .attempts(u32::MAX)
        .ask_timeout(within)
        .settle_timeout(within);
    for call in [ask(), settle()] {
        let peer = Peer::acting([Act::code(50011)]).await;
        let begun = Instant::now();
        let fault = api(&peer.url, options.clone()).call::<Value>(call).await;
        assert!(fault.is_err());
        assert!(begun.elapsed() < within * 10);
        assert!(peer.requests().len() > 1);
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_limit() {
    let padded = |bytes: usize| Act::data(&json!({ "a": " ".repeat(bytes) }));
    let (result, _) = outcome(ask(), [padded(1000)]).await;
    assert!(result.is_ok());
    let (result, _) = outcome(ask(), [padded(64 * 1024)]).await;
    let fault = result.unwrap_err();
    assert!(
        matches!(fault, OkxFault::Garbage { status: 200, .. }),
        "{fault:?}"
    );
    // Too large or not, the status still counts.
    let flood = Act::Say(429, vec![b' '; 1 << 20]);
    let (result, times) = outcome(settle(), [flood, yes()]).await;
    assert!(result.is_ok());
    assert_eq!(times, 2);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Peer::acting([yes()]).await;
    let (result, times) = outcome(ask(), [Act::Redirect(elsewhere.url.clone())]).await;
    assert!(matches!(result, Err(OkxFault::Garbage { status: 307, .. })));
    assert_eq!(times, 1);
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn codes_of_the_sa_api_come_through() {
    for code in SaCode::ALL {
        let (result, _) = outcome(settle(), [Act::code(code.number())]).await;
        assert!(matches!(result, Err(OkxFault::Refused(ApiCode::Sa(known))) if known == *code));
    }
}

#[test]
fn only_private_urls_are_taken() {
    for url in [
        "http://web3.okx.com",
        "https://user:hunter2@web3.okx.com",
        "https://web3.okx.com?x=1",
        "web3.okx.com",
        "",
    ] {
        let error = Api::new(url, keys(), OkxOptions::default()).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(Api::new(crate::okx::BASE_URL, keys(), OkxOptions::default()).is_ok());
}

#[test]
fn the_pause_is_between_half_and_all_of_the_wait() {
    let wait = Duration::from_secs(8);
    let pauses: std::collections::BTreeSet<_> = (0..200).map(|_| jittered(wait)).collect();
    assert!(
        pauses
            .iter()
            .all(|pause| *pause >= wait / 2 && *pause <= wait)
    );
    assert!(pauses.len() > 50, "pauses differ");
    assert!(jittered(Duration::MAX) <= Duration::MAX);
    assert_eq!(jittered(Duration::ZERO), Duration::ZERO);
}

#[tokio::test]
async fn boundless_options_are_no_panic() {
    let options = hasty()
        .ask_timeout(Duration::MAX)
        .settle_timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .backoff(Duration::MAX);
    let peer = Peer::acting([Act::code(50011), yes()]).await;
    // So long a wait would outlast the deadline.
    let fault = api(&peer.url, options)
        .call::<Value>(ask())
        .await
        .unwrap_err();
    assert!(matches!(fault, OkxFault::Refused(ApiCode::RateLimited)));
}

#[tokio::test]
async fn no_key_and_no_word_of_the_answer_is_shown() {
    let prose = json!({ "code": 50113, "msg": "prose", "data": "prose" });
    let peer = Peer::acting([Act::json(401, &prose), Act::BreakOff, Act::Close]).await;
    let api = api(&peer.url, hasty().attempts(1));
    let mut shown = format!("{api:?}");
    for call in [ask(), Call::get("/x"), settle()] {
        let signed = format!("{:?}", api.request(&call).unwrap());
        let fault = api.call::<Value>(call).await.unwrap_err();
        shown.push_str(&format!("{signed} {fault} {fault:?}"));
    }
    for secret in [KEY, SECRET, PASSPHRASE, "prose", "code\":0"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
