use std::time::Duration;

use gateways::okx::wire::{ChargeAuthorization, ChargePayload, ChargeRequest, Source, Transfer};
use payment_evm::{Authorization, EvmSignature};
use serde_json::{Value, json};

use crate::scene::*;
use crate::server::{code, data};

fn transfer(json: &Value) -> Transfer {
    let authorization: Authorization = serde_json::from_value(json.clone()).unwrap();
    let signature = EvmSignature::from_hex(vectors::text(json, "signature")).unwrap();
    Transfer::new(authorization, signature)
}

#[test]
fn a_charge_with_splits_is_written_as_in_the_vectors() {
    let file = vectors::load("okx_wire.json");
    let credential = &file["mpp"]["chargeTransaction"]["credential"];
    let wire = &credential["payload"]["authorization"];
    let splits = vectors::cases(wire, "/splits").iter().map(transfer);
    let authorization = ChargeAuthorization::new(transfer(wire), splits.collect());
    let challenge = challenge("charge");
    let source = Source {
        chain_id: 196,
        account: key("payer").address(),
    };
    let authorization = Box::new(authorization);
    let payload = ChargePayload::Transaction { authorization };
    let request = ChargeRequest::new(&challenge, source, payload);
    assert_eq!(&json!(request), credential);
}

/// The buyer of the vectors, in OKX's own form.
#[tokio::test]
async fn an_opening_is_written_as_in_the_vectors_without_the_voucher() {
    let file = vectors::load("okx_wire.json");
    let mut scene = Scene::new().await;
    let payload = &file["mpp"]["sessionOpen"]["credential"]["payload"];
    scene.opening.salt = vectors::text(payload, "salt").parse().unwrap();
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    scene.settle(payload).await.unwrap();
    let sent = &scene.server.asked("session/open")[0];
    assert_eq!(sent.body, file["mpp"]["sessionOpenAsSentToSa"]);
    assert!(sent.line.starts_with("POST "));
}

#[tokio::test]
async fn a_top_up_is_written_as_in_the_vectors_with_its_challenge() {
    let file = vectors::load("okx_wire.json");
    let mut scene = Scene::new().await;
    let mpp = &file["mpp"];
    let salt = vectors::text(&mpp["sessionOpen"]["credential"]["payload"], "salt");
    scene.opening.salt = salt.parse().unwrap();
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    scene
        .settle(&mpp["sessionOpen"]["credential"]["payload"])
        .await
        .unwrap();
    scene.server.on("session/status", [data(scene.status())]);
    scene.server.on(
        "session/topUp",
        [scene.receipt_with([("deposit", json!("1500000"))])],
    );
    let wire = &mpp["sessionTopUp"]["credential"];
    scene.settle(&wire["payload"]).await.unwrap();
    let sent = &scene.server.asked("session/topUp")[0].body;
    assert_eq!(sent["payload"], wire["payload"]);
    assert_eq!(sent["source"], wire["source"]);
    assert_eq!(sent["challenge"], json!(challenge("session")));
    assert_eq!(scene.channel().await.unwrap().deposit(), 1_500_000);
}

#[tokio::test]
async fn whatever_the_buyer_says_okx_reads_its_own_form() {
    let scene = Scene::new().await;
    let mut open = scene.open(5000);
    open["type"] = json!("authorization");
    open["authorization"]
        .as_object_mut()
        .unwrap()
        .remove("type");
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    scene.settle(&open).await.unwrap();
    let sent = &scene.server.asked("session/open")[0].body["payload"];
    assert_eq!(sent["type"], "transaction");
    assert_eq!(sent["authorization"]["type"], "eip-3009");
    for of_the_voucher in ["voucherSignature", "cumulativeAmount"] {
        assert_eq!(sent.get(of_the_voucher), None);
    }
    // By a transaction, the voucher's signature is the one called signature.
    let scene = Scene::new().await;
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    scene.settle(&scene.open_by_hash()).await.unwrap();
    let sent = &scene.server.asked("session/open")[0].body;
    assert_eq!(
        sent["payload"],
        json!({
            "action": "open", "type": "hash", "channelId": scene.id(), "salt": SALT.to_string(),
            "hash": format!("0x{}", "07".repeat(32)),
        })
    );
    assert_eq!(
        sent["source"],
        format!("did:pkh:eip155:196:{}", key("payer").address())
    );
    let status = &scene.server.asked("session/status")[0].line;
    let line = format!(
        "GET /api/v6/pay/mpp/session/status?channelId={} HTTP/1.1",
        scene.id()
    );
    assert_eq!(*status, line);
}

#[tokio::test]
async fn a_signature_of_the_payee_is_good_for_an_hour_unless_told_otherwise() {
    let deadline = async |scene: Scene| {
        scene.open_well(5000).await;
        scene.server.on(
            "session/status",
            [
                data(scene.status()),
                scene.status_with([("settledOnChain", json!("5000"))]),
            ],
        );
        scene.server.on("session/settle", [data(scene.receipt())]);
        scene
            .session
            .desk()
            .settle_channel(scene.id())
            .await
            .unwrap();
        let body = scene.server.asked("session/settle")[0].body["payload"].clone();
        let nonce: u128 = vectors::text(&body, "nonce").parse().unwrap();
        (
            vectors::text(&body, "deadline").parse::<u64>().unwrap() - NOW.seconds(),
            nonce,
        )
    };
    let (hour, one) = deadline(Scene::new().await).await;
    let short = Scene::with(|escrow| escrow.deadline(Duration::from_secs(90))).await;
    let (short, other) = deadline(short).await;
    assert_eq!((hour, short), (3600, 90));
    assert_ne!(one, other);
}
