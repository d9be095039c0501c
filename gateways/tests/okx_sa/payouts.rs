use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use gateways::okx::{DEFAULT_ESCROW, OkxEscrow, X_LAYER};
use mpp_core::Method;
use mpp_evm::CredentialType;
use mpp_evm::session::{Booked, Desk, DeskError, Escrow, PayeeAuthorization};
use payment_core::{Denied, ManualClock};
use payment_evm::EvmSignature;
use serde_json::{Value, json};

use crate::scene::*;
use crate::server::*;

fn told(outcome: Result<Booked, DeskError>) -> String {
    match outcome {
        Ok(_) => "ok".to_owned(),
        Err(DeskError::Escrow(denied)) => word::<()>(&Err(denied)),
        Err(error) => error.to_string(),
    }
}

fn paid(scene: &Scene, settled: &str) -> Reply {
    scene.status_with([("settledOnChain", json!(settled))])
}

fn closed(scene: &Scene, settled: &str) -> Reply {
    let members = [
        ("settledOnChain", json!(settled)),
        ("sessionStatus", json!("CLOSED")),
    ];
    scene.status_with(members)
}

/// The payee's own signature stands under what is sent.
fn assert_signed(body: &Value, digest: impl Fn(&PayeeAuthorization) -> B256) {
    let text = |name| vectors::text(body, name);
    let authorization = PayeeAuthorization {
        channel: text("channelId").parse().unwrap(),
        cumulative: text("cumulativeAmount").parse().unwrap(),
        nonce: U256::from_str_radix(text("nonce"), 10).unwrap(),
        deadline: U256::from_str_radix(text("deadline"), 10).unwrap(),
    };
    assert!(authorization.nonce <= U256::from(u128::MAX));
    let signature = EvmSignature::from_hex(text("payeeSignature")).unwrap();
    let signed = signature.check(&digest(&authorization), key("payee").address());
    signed.unwrap();
}

#[tokio::test]
async fn a_voucher_is_settled_once_and_by_what_the_status_shows() {
    let scene = Scene::patient().await;
    scene.open_well(5000).await;
    let desk = scene.session.desk();
    // The node behind lags for a while.
    let old = || paid(&scene, "0");
    scene.server.on(
        "session/status",
        [old(), old(), old(), paid(&scene, "5000")],
    );
    scene.server.on("session/settle", [data(scene.receipt())]);
    let booked = desk.settle_channel(scene.id()).await.unwrap();
    assert_eq!(booked.transaction, Some(TRANSACTION));
    assert_eq!(booked.channel.settled(), 5000);
    let body = scene.server.asked("session/settle")[0].body["payload"].clone();
    assert_eq!(body["action"], "settle");
    assert_eq!(body["cumulativeAmount"], "5000");
    assert_eq!(
        body["voucherSignature"],
        json!(scene.voucher(5000).signature)
    );
    assert_signed(&body, |it| it.settle_digest(&domain()));
    desk.settle_channel(scene.id()).await.unwrap();
    assert_eq!(scene.server.asked("session/settle").len(), 1);
}

/// Attack first: whatever comes back, only the status makes a payment one.
#[tokio::test]
async fn a_receipt_that_the_status_does_not_show_is_no_payment() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/status", [paid(&scene, "0")]);
    let good = scene.receipt();
    let changed = |name, value: Value| data(with(good.clone(), [(name, value)]));
    let replies = [
        data(good.clone()),
        changed("channelId", json!(B256::repeat_byte(9).to_string())),
        changed("chainId", json!(1)),
        changed("status", json!("failed")),
        changed("status", json!(["success"])),
        data(Value::Null),
        code(8000),
        Reply::Hangs,
        Reply::Drops,
    ];
    for reply in replies {
        let said = format!("{reply:?}");
        scene.server.on("session/settle", [reply]);
        assert_eq!(
            told(desk.settle_channel(scene.id()).await),
            "unknown",
            "{said}"
        );
        assert_eq!(scene.channel().await.unwrap().settled(), 0);
    }
}

#[tokio::test]
async fn what_is_there_all_the_same_is_done() {
    for reply in [Reply::Drops, Reply::Hangs, code(70003), code(8000)] {
        let scene = Scene::opened(5000).await;
        let desk = scene.session.desk();
        scene
            .server
            .on("session/status", [paid(&scene, "0"), paid(&scene, "5000")]);
        scene.server.on("session/settle", [reply.clone()]);
        let booked = desk.settle_channel(scene.id()).await.unwrap();
        assert_eq!((booked.transaction, booked.channel.settled()), (None, 5000));
        scene.server.on(
            "session/status",
            [paid(&scene, "0"), closed(&scene, "5000")],
        );
        scene.server.on("session/close", [reply]);
        let booked = desk.close_channel(scene.id()).await.unwrap();
        assert_eq!(booked.transaction, None);
        assert!(booked.channel.finalized());
    }
}

#[tokio::test]
async fn a_refused_payout_is_refused_once_and_then_open() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/status", [paid(&scene, "0")]);
    for (reply, outcome) in [
        (code(70004), "refused 402 session_invalid_signature"),
        (code(50113), "failed 502 okx_refused"),
        (code(70004), "refused 402 session_invalid_signature"),
        (Reply::Drops, "unknown"),
        // What was lost may yet be done, for as long as the signature is good.
        (code(70004), "unknown"),
        (code(50113), "failed 502 okx_refused"),
        (code(70004), "unknown"),
    ] {
        scene.server.on("session/settle", [reply]);
        assert_eq!(told(desk.settle_channel(scene.id()).await), outcome);
    }
}

#[tokio::test]
async fn a_close_claims_the_voucher_or_waives() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on(
        "session/status",
        [paid(&scene, "0"), closed(&scene, "5000")],
    );
    scene.server.on("session/close", [data(scene.receipt())]);
    // By the payer's own word.
    scene.settle(&scene.close(5000)).await.unwrap();
    let body = scene.server.asked("session/close")[0].body["payload"].clone();
    assert_eq!(
        (&body["action"], &body["cumulativeAmount"]),
        (&json!("close"), &json!("5000"))
    );
    assert_eq!(
        body["voucherSignature"],
        json!(scene.voucher(5000).signature)
    );
    assert_signed(&body, |it| it.close_digest(&domain()));
    assert!(desk.load(scene.id()).await.unwrap().finalized());

    // Nothing promised, or nothing beyond what was paid.
    for (promised, settled) in [(0, "0"), (5000, "5000"), (5000, "6000")] {
        let scene = Scene::opened(promised).await;
        scene.server.on(
            "session/status",
            [paid(&scene, settled), closed(&scene, settled)],
        );
        scene.server.on("session/close", [data(scene.receipt())]);
        let booked = scene
            .session
            .desk()
            .close_channel(scene.id())
            .await
            .unwrap();
        assert!(booked.channel.finalized());
        let body = scene.server.asked("session/close")[0].body["payload"].clone();
        assert_eq!(body["voucherSignature"], "");
        assert_eq!(body["cumulativeAmount"], "0");
        assert_signed(&body, |it| it.close_digest(&domain()));
    }
}

#[tokio::test]
async fn a_closing_that_may_have_come_about_leaves_the_channel_closing() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/status", [paid(&scene, "0")]);
    scene.server.on("session/close", [data(scene.receipt())]);
    assert_eq!(told(desk.close_channel(scene.id()).await), "unknown");
    assert!(scene.channel().await.unwrap().closing_until().is_some());
    // A definite no opens it again.
    let scene = Scene::opened(5000).await;
    scene.server.on("session/status", [paid(&scene, "0")]);
    scene.server.on("session/close", [code(70004)]);
    let outcome = scene.session.desk().close_channel(scene.id()).await;
    assert_eq!(told(outcome), "refused 402 session_invalid_signature");
    assert_eq!(scene.channel().await.unwrap().closing_until(), None);
}

/// What the first process has signed may be brought to the contract for as long as it is good: on a
/// channel that was opened again, what is served until then would never be paid.
#[tokio::test]
async fn t68_a_refusal_of_a_close_that_another_began_opens_no_channel_again() {
    let scene = Scene::opened(5000).await;
    scene.server.on("session/status", [paid(&scene, "0")]);
    scene.server.on("session/close", [Reply::Drops]);
    let outcome = scene.session.desk().close_channel(scene.id()).await;
    assert_eq!(told(outcome), "unknown");
    let clock = Arc::new(ManualClock::at(NOW.plus(Duration::from_secs(121))));
    let escrow = OkxEscrow::new(client(&scene.server.url, options()), key("payee"));
    let (escrow, ledger) = (escrow.clock(Arc::clone(&clock)), scene.session.ledger());
    let payee = key("payee").address();
    let desk = Desk::new(Arc::new(escrow), Arc::clone(ledger), payee, TOKEN);
    let desk = desk.clock(Arc::clone(&clock));
    for _ in 0..2 {
        scene.server.on("session/close", [code(70014)]);
        let outcome = desk.close_channel(scene.id()).await;
        assert_eq!(told(outcome), "unknown");
        assert!(scene.channel().await.unwrap().closing_until().is_some());
        clock.advance(Duration::from_secs(121));
    }
    // Once nothing that was signed is good any more, a no is one.
    clock.advance(Duration::from_secs(3600));
    let outcome = desk.close_channel(scene.id()).await;
    assert_eq!(told(outcome), "refused 410 session_channel_finalized");
    assert_eq!(scene.channel().await.unwrap().closing_until(), None);
}

/// Refusals are signed anew each time; only what was lost may yet be done.
#[tokio::test]
async fn a_payout_that_is_refused_again_and_again_is_not_open_for_ever() {
    let clock = Arc::new(ManualClock::at(NOW));
    let scene = Scene::with(|escrow| escrow.clock(Arc::clone(&clock))).await;
    scene.open_well(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/status", [paid(&scene, "0")]);
    for (reply, outcome) in [
        (Reply::Drops, "unknown"),
        (code(70004), "unknown"),
        (code(70004), "unknown"),
        (code(70004), "refused 402 session_invalid_signature"),
    ] {
        scene.server.on("session/settle", [reply]);
        assert_eq!(told(desk.settle_channel(scene.id()).await), outcome);
        clock.advance(Duration::from_secs(1300));
    }
}

#[tokio::test]
async fn what_is_closed_is_neither_settled_nor_closed_again() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/status", [closed(&scene, "4000")]);
    let outcome = desk.settle_channel(scene.id()).await;
    assert_eq!(told(outcome), "refused 410 session_channel_finalized");
    let booked = desk.close_channel(scene.id()).await.unwrap();
    assert!(booked.channel.finalized());
    assert!(scene.server.asked("session/settle").is_empty());
    assert!(scene.server.asked("session/close").is_empty());
}

#[tokio::test]
async fn a_channel_that_pays_another_is_not_signed_for() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    let other = scene.status_with([("payee", json!(Address::repeat_byte(9).to_string()))]);
    scene.server.on("session/status", [other]);
    let outcome = desk.settle_channel(scene.id()).await;
    assert_eq!(told(outcome), "failed 500 escrow_payee");
    assert!(scene.server.asked("session/settle").is_empty());
    // Nor is what OKX says of it taken over.
    let refreshed = desk.refresh(scene.id()).await;
    assert!(refreshed.is_err());
    assert_eq!(
        scene.channel().await.unwrap().venue().payee,
        key("payee").address()
    );
}

#[tokio::test]
async fn a_channel_that_okx_says_is_closing_serves_nothing_and_is_settled() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    let closing = scene.status_with([("sessionStatus", json!("CLOSING"))]);
    scene.server.on("session/status", [closing]);
    let channel = desk.refresh(scene.id()).await.unwrap();
    assert_eq!(channel.close_requested_at(), NOW.seconds());
    let voucher = json!({
        "action": "voucher", "channelId": scene.id(), "cumulativeAmount": "6000",
        "signature": scene.voucher(6000).signature,
    });
    let outcome = scene.settle(&voucher).await;
    assert_eq!(word(&outcome), "refused 410 session_channel_finalized");
    assert!(channel.unsettled().is_some());
    // An older answer does not hide it, and it does not end by itself.
    scene.server.on("session/status", [data(scene.status())]);
    let channel = desk.refresh(scene.id()).await.unwrap();
    assert_ne!(channel.close_requested_at(), 0);
}

#[tokio::test]
async fn okx_that_does_not_answer_says_nothing_about_a_channel() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    for reply in [Reply::Drops, code(8000), Reply::Says(200, "{}".to_owned())] {
        scene.server.on("session/status", [reply]);
        let refreshed = desk.refresh(scene.id()).await;
        assert!(matches!(
            refreshed,
            Err(DeskError::Escrow(Denied::Failed(_)))
        ));
    }
    let channel = scene.channel().await.unwrap();
    assert!(!channel.finalized() && channel.deposit() == DEPOSIT);
}

#[tokio::test]
async fn an_escrow_pays_the_account_of_its_key_on_its_chain() {
    let scene = Scene::new().await;
    let desk = scene.session.desk();
    let escrow = &**desk.escrow();
    assert!(escrow.pays(key("payee").address()));
    assert!(!escrow.pays(key("payer").address()));
    for (kind, takes) in [
        (CredentialType::Authorization, true),
        (CredentialType::Hash, true),
        (CredentialType::Permit2, false),
        (CredentialType::Transfers, false),
    ] {
        assert_eq!(escrow.takes(kind), takes, "{kind:?}");
    }
    assert_eq!(escrow.chain_id(), X_LAYER);
    assert_eq!(Escrow::contract(escrow), DEFAULT_ESCROW);
    let elsewhere = Scene::with(|escrow| escrow.on_chain(1952)).await;
    let terms = elsewhere.session.terms(&payment_core::usd!("0.001").into());
    assert!(terms.is_err());
}

/// What somebody else has brought to the chain meanwhile is not brought again.
#[tokio::test]
async fn what_is_settled_already_is_not_claimed() {
    let scene = Scene::opened(5000).await;
    let desk = scene.session.desk();
    scene.server.on("session/settle", [data(scene.receipt())]);
    scene.server.on("session/status", [paid(&scene, "5000")]);
    let booked = desk.settle_channel(scene.id()).await.unwrap();
    assert_eq!((booked.transaction, booked.channel.settled()), (None, 5000));
    assert!(scene.server.asked("session/settle").is_empty());

    scene.server.on("session/close", [data(scene.receipt())]);
    scene.server.on(
        "session/status",
        [paid(&scene, "5000"), closed(&scene, "5000")],
    );
    let voucher = scene.voucher(5000);
    let moved = desk.escrow().close(scene.id(), Some(&voucher)).await;
    assert!(moved.unwrap().chain.finalized);
    let body = &scene.server.asked("session/close")[0].body["payload"];
    assert_eq!(body["voucherSignature"], "");
    assert_eq!(body["cumulativeAmount"], "0");
}
