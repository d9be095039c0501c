//! What everything that happens leaves in a log, at its most talkative.

use std::fmt::{Debug, Write};
use std::sync::Mutex;

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::scene::*;
use crate::server::*;

struct Listener;

static SAID: Mutex<String> = Mutex::new(String::new());

impl Visit for Listener {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut said = SAID.lock().unwrap();
        writeln!(said, "{}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
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
        event.record(&mut Self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// All that an error says, with its causes.
fn note(outcome: &impl Debug) {
    writeln!(SAID.lock().unwrap(), "{outcome:?}").unwrap();
}

#[tokio::test]
async fn no_key_no_signature_and_no_word_of_okx_is_logged() {
    let _ears = tracing::subscriber::set_default(Listener);
    let shop = Shop::new().await;
    for reply in [code(8000), code(70003), Reply::Drops, data(shop.receipt())] {
        shop.server.on(
            "charge/settle",
            [reply.clone(), data(json!({ "x": UPSTREAM }))],
        );
        note(&shop.settle().await);
        let scene = Scene::new().await;
        note(&scene.session);
        scene.server.on("session/status", [code(70010)]);
        scene.server.on("session/open", [reply.clone()]);
        note(&scene.settle(&scene.open(5000)).await);
        scene.open_well(5000).await;
        scene.server.on("session/status", [data(scene.status())]);
        scene.server.on("session/settle", [reply]);
        note(&scene.session.desk().settle_channel(scene.id()).await);
    }
    let html = Reply::Says(502, format!("<p>{UPSTREAM}</p>"));
    shop.server.on("charge/settle", [html]);
    note(&shop.settle().await);
    let said = SAID.lock().unwrap().to_lowercase();
    assert!(said.contains("70003"), "nothing was heard: {said}");
    let authorized = authorized();
    let secrets = [API_KEY, API_SECRET, PASSPHRASE, UPSTREAM];
    let scene = Scene::new().await;
    let signatures = [
        authorized["signature"].clone(),
        scene.open(5000)["signature"].clone(),
        json!(scene.voucher(5000).signature),
    ];
    let signatures = signatures.iter().map(|it| &it.as_str().unwrap()[2..]);
    let keys = vectors::load("eip712_okx.json")["keys"].clone();
    let keys = keys.as_object().unwrap().values();
    let keys = keys.map(|key| vectors::text(key, "privateKey")[2..].to_owned());
    let keys: Vec<_> = keys.collect();
    let keys = keys.iter().map(String::as_str);
    for secret in secrets.into_iter().chain(signatures).chain(keys) {
        assert!(!said.contains(&secret.to_lowercase()), "{secret} in {said}");
    }
}
