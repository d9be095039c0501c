//! Nothing secret is logged, at any level (RULES.md, T124).

use std::fmt::{Debug, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use alloy_primitives::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::{Act, Endpoint, Okx};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::purse::{By, header};
use crate::shop::{Plan, Shop};
use crate::words::{
    AT_THE_DOOR, INSIDE, LOOSE_TALK, beside, garbage, is_telling, refuse, refuse_after, say,
};

/// Keeps every word of every span and event of this process, but for those of the stand-ins.
#[derive(Clone, Copy)]
struct Listener;

/// What was said, while somebody listens.
static SAID: Mutex<Option<String>> = Mutex::new(None);

fn note(words: std::fmt::Arguments<'_>) {
    if let Some(said) = SAID.lock().unwrap().as_mut() {
        writeln!(said, "{words}").unwrap();
    }
}

/// The chain is a stand-in too; on it, every transaction is public.
fn is_ours(target: &str) -> bool {
    !["devnet", "trie", "revm"]
        .iter()
        .any(|of| target.starts_with(of))
}

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        note(format_args!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_ours(metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Self);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Self);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        note(format_args!("{}", event.metadata().target()));
        event.record(&mut Self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Ears;

impl log::Log for Ears {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        is_ours(metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            note(format_args!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}

/// Listens to this whole process, which other tests may share.
fn listen() {
    log::set_logger(&Ears).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Listener).unwrap();
    *SAID.lock().unwrap() = Some(String::new());
}

/// What must not be said about a payment: header, signature and certificate in any spelling.
fn secrets_of(envelope: &Value) -> Vec<String> {
    let header = header(envelope).1;
    let mut secrets = vec![header[..60].to_owned(), header];
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    match signature.strip_prefix("0x") {
        Some(digits) => secrets.extend([digits[..64].to_owned(), digits[64..128].to_owned()]),
        None => {
            secrets.push(signature[..60].to_owned());
            let bytes = STANDARD.decode(signature).unwrap();
            secrets.push(hex::encode(&bytes[..32]));
            secrets.push(format!("{:?}", &bytes[..32]));
        }
    }
    if let Some(certificate) = envelope["accepted"]["extra"]["sessionCert"].as_str() {
        let inside = STANDARD.decode(certificate).unwrap();
        let inside: Value = serde_json::from_slice(&inside).unwrap();
        secrets.push(certificate[..60].to_owned());
        secrets.push(inside["publicKey"].as_str().unwrap()[2..].to_owned());
        secrets.push(inside["signature"].as_str().unwrap()[2..66].to_owned());
    }
    secrets
}

fn faults() -> Vec<(Endpoint, Act)> {
    let talk = json!({
        "success": false, "isValid": false, "errorReason": LOOSE_TALK, "errorMessage": LOOSE_TALK,
        "invalidReason": LOOSE_TALK, "invalidMessage": LOOSE_TALK, "transaction": LOOSE_TALK,
    });
    let mut faults = Vec::new();
    for endpoint in [Endpoint::Verify, Endpoint::Settle, Endpoint::SettleStatus] {
        let codes = [INSIDE[0], INSIDE[1], AT_THE_DOOR[0], AT_THE_DOOR[12]];
        faults.extend(codes.map(|code| (endpoint, refuse(code))));
        faults.extend(
            garbage()
                .into_iter()
                .take(6)
                .map(|bytes| (endpoint, Act::Garbage(bytes))),
        );
        let acts = [
            Act::CloseBefore,
            Act::CloseAfter,
            Act::Status(500),
            say(&talk),
            refuse_after(INSIDE[0]),
            beside(&json!({"payer": LOOSE_TALK, "network": LOOSE_TALK})),
            beside(&json!({"status": LOOSE_TALK})),
            beside(&json!({"amount": LOOSE_TALK})),
        ];
        faults.extend(acts.into_iter().map(|act| (endpoint, act)));
    }
    faults
}

/// A whole run with every fault, and what must not be said of it.
async fn run(shop: &Shop) -> Vec<String> {
    let mut secrets = Vec::new();
    for by in By::BOTH {
        for (endpoint, act) in faults() {
            let envelope = shop.envelope(by, "/cheap").await;
            secrets.extend(secrets_of(&envelope));
            let paid = header(&envelope);
            if endpoint == Endpoint::SettleStatus {
                shop.okx.order(Endpoint::Settle, Act::Pending);
            }
            shop.okx.order(endpoint, act);
            shop.pay("/cheap", &paid).await;
            shop.okx.heal();
            shop.pay("/cheap", &paid).await;
            let mut odd = envelope;
            odd["accepted"]["amount"] = "1".into();
            shop.pay("/cheap", &header(&odd)).await;
        }
    }
    for call in shop.okx.calls() {
        secrets.push(call.header("ok-access-sign").to_owned());
    }
    secrets
}

fn line_of(said: &str, at: usize) -> &str {
    let from = said[..at].rfind('\n').map_or(0, |end| end + 1);
    let to = said[at..].find('\n').map_or(said.len(), |end| at + end);
    &said[from..to]
}

#[tokio::test]
async fn t124_no_log_line_holds_a_key_a_payment_or_a_text_of_okxs() {
    listen();
    let plan = Plan::default().options(|options| {
        let options = options.attempts(2).poll_for(Duration::from_millis(5));
        options.poll_every(Duration::from_millis(2))
    });
    let shop = Shop::planned(plan, Okx::builder()).await;
    let mut secrets = run(&shop).await;
    for wallet in &shop.net.buyers[..2] {
        secrets.push(wallet.key.to_string()[2..].to_owned());
    }
    let said = SAID.lock().unwrap().take().unwrap().to_lowercase();
    for heard in [
        "payment refused",
        "calling okx again",
        "asking okx about a settlement",
    ] {
        assert!(said.contains(heard), "{heard} was not heard");
    }
    for line in said.lines() {
        assert!(!is_telling(line.as_bytes()), "{line}");
    }
    for secret in secrets {
        if let Some(at) = said.find(&secret.to_lowercase()) {
            panic!("a secret is logged: {}", line_of(&said, at));
        }
    }
}

#[tokio::test]
async fn t124_debug_of_what_sellers_hold_shows_no_secret() {
    let shop = Shop::open().await;
    let account = shop.okx.account();
    let keys =
        gateways::okx::OkxKeys::new(&account.key, &account.secret, &account.passphrase).unwrap();
    let options = Plan::default().options;
    let okx = gateways::okx::OkxFacilitator::at(shop.okx.url(), keys.clone(), options).unwrap();
    let x402 = x402_core::X402::new(okx.clone());
    assert!(!is_telling(
        format!("{keys:?} {okx:?} {x402:?} {:#?}", okx).as_bytes()
    ));
}
