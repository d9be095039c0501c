//! Nothing secret is logged, at any level (RULES.md, T124).

use std::fmt::{Debug, Write as _};
use std::sync::Mutex;

use devnet::facilitator::{Act, Route};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::kitchen::Mood;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{Header, KEY, Means, Shop};

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

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        note(format_args!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The chain is a stand-in too; on it, every transaction is public.
        !["devnet", "trie"]
            .iter()
            .any(|of| metadata.target().starts_with(of))
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
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        note(format_args!("{} {}", record.target(), record.args()));
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

/// What must not be said about a payment: the header, and the signature in any spelling.
fn secrets_of(header: &Header, envelope: &serde_json::Value, secrets: &mut Vec<String>) {
    secrets.push(header.1.clone());
    secrets.push(header.1.trim_start_matches("Payment ")[..60].to_owned());
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    secrets.push(signature[2..66].to_owned());
    secrets.push(signature[66..130].to_owned());
}

#[tokio::test]
async fn t124_no_log_line_holds_a_key_a_header_or_a_signature() {
    listen();
    let mut secrets = vec![KEY.to_owned()];
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        for wallet in [&shop.net.buyers[0], &shop.net.seller, &shop.net.settler] {
            secrets.push(wallet.key.to_string()[2..].to_owned());
        }
        for round in 0..6 {
            let path = if round % 2 == 0 { "/cheap" } else { "/first" };
            let (v2, v1) = (shop.x402(path).await, shop.x402_v1(path).await);
            let mpp = shop.mpp(path).await;
            let mut bad = shop.x402(path).await;
            bad["accepted"]["amount"] = "1".into();
            let payments = [
                (v2_header(&v2), v2),
                (v1_header(&v1), v1),
                (mpp_header(&mpp), mpp),
                (v2_header(&bad), bad),
            ];
            for (header, envelope) in payments {
                secrets_of(&header, &envelope, &mut secrets);
                match round {
                    1 => shop.facilitator.order(Route::Settle, Act::CloseAfter),
                    2 => shop
                        .facilitator
                        .order(Route::Verify, Act::Garbage(b"{".to_vec())),
                    3 => shop.kitchen.mood(Mood::Status(500)),
                    4 => shop.net.rpc.fail_next(2, devnet::Fault::CloseAfter),
                    _ => {}
                }
                shop.get(path, std::slice::from_ref(&header)).await;
                shop.get(path, std::slice::from_ref(&header)).await;
                shop.facilitator.heal();
                shop.net.rpc.heal();
                shop.kitchen.mood(Mood::Good);
                shop.get(path, &[header]).await;
            }
        }
    }
    let said = SAID.lock().unwrap().take().unwrap().to_lowercase();
    assert!(said.contains("payment refused"), "nothing was heard");
    for secret in secrets {
        let secret = secret.to_lowercase();
        if let Some(at) = said.find(&secret) {
            let from = said[..at]
                .rfind('\n')
                .map_or(0, |at| said[..at].rfind('\n').unwrap_or(at));
            let line = &said[from..at + secret.len()];
            panic!(
                "a secret is logged: {}",
                &line[line.len().saturating_sub(800)..]
            );
        }
    }
}

#[tokio::test]
async fn t124_debug_of_what_users_hold_shows_no_secret() {
    let shop = Shop::open().await;
    let secret = payment_core::Secret::new(KEY);
    let builder = mpp_core::Mpp::builder("api.example.com", payment_core::Secret::new(KEY));
    let envelope = shop.x402("/cheap").await;
    let payload: x402_core::wire::v2::PaymentPayload =
        serde_json::from_value(envelope.clone()).unwrap();
    let text = format!("{secret:?} {builder:?} {payload:?} {:?}", shop.buyer);
    let key = shop.net.buyers[0].key.to_string();
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    for secret in [KEY, &key[2..], &signature[2..]] {
        assert!(!text.contains(secret));
    }
}
