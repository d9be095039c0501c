use mpp_evm::session::{ChannelError, DeskError, LedgerError};
use payment_evm::EvmSignature;
use serde_json::json;

use crate::scene::*;
use crate::server::*;

/// OKX names no signer, so a guess would take vouchers that the contract does not pay.
#[tokio::test]
async fn a_channel_that_was_not_opened_here_is_not_adopted() {
    let scene = Scene::new().await;
    scene.server.on("session/status", [data(scene.status())]);
    let adopted = scene.session.desk().adopt(scene.id()).await;
    assert!(matches!(
        adopted,
        Err(DeskError::Ledger(LedgerError::Refused(
            ChannelError::NoSigner
        )))
    ));
    assert_eq!(scene.channel().await, None);
}

#[tokio::test]
async fn the_signer_is_the_one_that_the_name_binds() {
    let mut scene = Scene::new().await;
    let signer = key("session-signer");
    scene.opening.authorized_signer = signer.address();
    let mut open = scene.open(0);
    open["authorizedSigner"] = json!(signer.address().to_string());
    let payer = scene.buyer.clone();
    scene.buyer = signer.clone();
    open["voucherSignature"] = json!(scene.voucher(0).signature);
    scene.buyer = payer;
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    scene.settle(&open).await.unwrap();
    assert_eq!(scene.channel().await.unwrap().signer(), signer.address());
    let sent = &scene.server.asked("session/open")[0].body["payload"];
    assert_eq!(
        sent["authorizedSigner"],
        json!(signer.address().to_string())
    );
    // Neither does a later status change it.
    scene.server.on("session/status", [data(scene.status())]);
    let channel = scene.session.desk().refresh(scene.id()).await.unwrap();
    assert_eq!(channel.signer(), signer.address());
    // It is bound just as well where OKX has opened the channel unheard.
    let again = Scene::new().await;
    again.server.on("session/status", [data(scene.status())]);
    again.settle(&open).await.unwrap();
    let known = again.session.ledger().load(scene.id()).await.unwrap();
    assert_eq!(known.unwrap().signer(), signer.address());
    // Another signer makes another name, and is refused before OKX is asked.
    open["authorizedSigner"] = json!(key("payee").address().to_string());
    let outcome = scene.settle(&open).await;
    assert_eq!(word(&outcome), "refused 402 verification_failed");
    assert_eq!(scene.server.asked("session/open").len(), 1);
}

#[tokio::test]
async fn a_voucher_goes_out_with_the_v_that_the_contract_recovers() {
    let scene = Scene::opened(5000).await;
    let good = scene.voucher(6000);
    let mut bytes = good.signature.to_bytes();
    bytes[64] = 27 + 28 - bytes[64];
    let twin = EvmSignature::from_bytes(&bytes).unwrap();
    let voucher = json!({
        "action": "voucher", "channelId": scene.id(), "cumulativeAmount": "6000",
        "signature": twin,
    });
    scene.settle(&voucher).await.unwrap();
    let paid = scene.status_with([("settledOnChain", json!("6000"))]);
    scene
        .server
        .on("session/status", [data(scene.status()), paid]);
    scene.server.on("session/settle", [data(scene.receipt())]);
    scene
        .session
        .desk()
        .settle_channel(scene.id())
        .await
        .unwrap();
    let sent = &scene.server.asked("session/settle")[0].body["payload"];
    assert_eq!(sent["voucherSignature"], json!(good.signature));
}
