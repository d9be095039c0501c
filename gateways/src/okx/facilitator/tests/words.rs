//! What is said of calls, to the log and in errors. (RULES.md, T124)

use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::okx::peer::{KEY, PASSPHRASE, SECRET};

/// Keeps every word of every span and event, at every level.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<String>>);

impl Listener {
    fn note(&self, words: std::fmt::Arguments<'_>) {
        writeln!(self.0.lock().unwrap(), "{words}").unwrap();
    }
}

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.note(format_args!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(format_args!("{}", event.metadata().target()));
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn whole(error: &dyn Error) -> String {
    let mut words = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(words, " {error} {error:?}").unwrap();
        cause = error.source();
    }
    words
}

fn in_prose(code: i64) -> Value {
    json!({ "code": code, "msg": "prose", "error_message": "prose", "data": { "prose": "prose" } })
}

/// All that may go wrong with one call.
fn mishaps() -> Vec<Act> {
    let no = json!({ "success": false, "isValid": false, "errorReason": "prose prose",
        "invalidReason": "prose prose", "errorMessage": "prose", "transaction": "prose" });
    let waits = json!({ "success": true, "status": "prose", "transaction": HASH,
        "network": "prose", "payer": "prose", "prose": "prose" });
    vec![
        Act::json(429, &in_prose(50011)),
        Act::json(401, &in_prose(50113)),
        Act::json(200, &in_prose(51000)),
        Act::json(500, &in_prose(0)),
        Act::Say(502, b"prose".to_vec()),
        Act::data(&no),
        Act::data(&waits),
        Act::data(&json!("prose")),
        Act::BreakOff,
        Act::Close,
        Act::Redirect("https://prose.example/prose".to_owned()),
    ]
}

/// Everything that one can see of what the calls of a facilitator came to.
async fn seen(okx: &OkxFacilitator) -> String {
    let request = exact();
    let mut words = format!("{okx:?} {request:?}");
    let hash = HASH.parse().unwrap();
    let mut add = |result: Result<String, FacilitatorFault>| match result {
        Ok(answer) => words.push_str(&answer),
        Err(fault) => words.push_str(&whole(&fault)),
    };
    let show = |answer: VerifyAnswer| format!("{answer:?}");
    add(okx.verify(&request).await.map(show));
    add(okx.verify_signature(&request).await.map(show));
    let show = |answer: SettleAnswer| format!("{answer:?}");
    add(okx.settle(&request).await.map(show));
    add(okx.reconcile(&request, None).await.map(show));
    add(okx.reconcile(&request, Some(HASH)).await.map(show));
    add(okx.settle_status(hash).await.map(|it| format!("{it:?}")));
    add(okx.supported().await.map(|it| format!("{it:?}")));
    words
}

#[tokio::test]
async fn no_secret_and_no_word_of_okx_is_said() {
    // With one listener alone, the thread that comes to a call site first decides for all whether
    // anybody listens there; and that may be the thread of another test.
    let _other = tracing::Dispatch::new(Listener::default());
    let listener = Listener::default();
    let guard = tracing::subscriber::set_default(listener.clone());
    let mut words = String::new();
    for act in mishaps() {
        let peer = Peer::acting([act]).await;
        let options = hasty().attempts(2).poll_for(Duration::from_millis(50));
        words.push_str(&seen(&okx_at(&peer, options)).await);
    }
    drop(guard);
    let logged = listener.0.lock().unwrap().clone();
    assert!(logged.contains("calling OKX again"), "{logged}");
    assert!(logged.contains("asking OKX about a settlement"), "{logged}");
    words.push_str(&logged);
    let signed = &vector()["paymentSignature"]["json"]["payload"];
    let signature = signed["signature"].as_str().unwrap();
    let nonce = signed["authorization"]["nonce"].as_str().unwrap();
    for secret in [
        KEY,
        SECRET,
        PASSPHRASE,
        &signature[2..66],
        &signature[66..],
        nonce,
        "prose",
    ] {
        assert!(!words.contains(secret), "{secret} in {words}");
    }
}
