use alloy_primitives::{Address, B256, U256};
use gateways::okx::{Compat, OkxCharge};
use mpp_evm::{Charge, ChargeBackend, CredentialType, Split};
use payment_evm::Authorization;
use serde_json::{Value, json};

use crate::scene::*;
use crate::server::*;

#[tokio::test]
async fn a_charge_takes_what_okx_can_settle_on_its_chain() {
    use CredentialType::{Authorization, Hash, Permit2, Transfers};
    let backend = OkxCharge::new(client("http://127.0.0.1:9", options()));
    for (kind, legs, takes) in [
        (Authorization, 1, true),
        (Authorization, 2, false),
        (Transfers, 1, true),
        (Transfers, 11, true),
        (Hash, 1, true),
        (Hash, 2, false),
        (Permit2, 1, false),
    ] {
        assert_eq!(backend.takes(196, kind, legs), takes, "{kind:?} {legs}");
        assert!(!backend.takes(8453, kind, legs));
        assert_eq!(
            backend.clone().on_chain(8453).takes(8453, kind, legs),
            takes
        );
    }
    assert_eq!(backend.sender(), None);
}

#[tokio::test]
async fn a_draft_authorization_is_settled_in_okx_form() {
    let shop = Shop::new().await;
    let receipt = with(
        shop.receipt(),
        [("challengeId", json!(challenge("charge").id))],
    );
    shop.server.on("charge/settle", [data(receipt)]);
    let settled = shop.settle().await.unwrap();
    assert_eq!(settled.reference, TRANSACTION.to_string());
    let asked = shop.server.asked("charge/settle");
    let mut signed = authorized();
    signed["type"] = json!("eip-3009");
    assert_eq!(
        asked[0].body,
        json!({
            "challenge": challenge("charge"),
            "source": "did:pkh:eip155:196:0xa9eFc64df94971Fc4f85Be11b40a505C176dC3bA",
            "payload": { "type": "transaction", "authorization": signed },
        })
    );
    assert_eq!(asked.len(), 1);
}

/// Attack first: everything that is not a receipt of this payment.
#[tokio::test]
async fn only_a_full_receipt_of_a_success_is_one() {
    let shop = Shop::new().await;
    let good = shop.receipt();
    let changed = |name, value: Value| data(with(good.clone(), [(name, value)]));
    let bare = |name: &str| {
        let mut receipt = good.clone();
        receipt.as_object_mut().unwrap().remove(name);
        data(receipt)
    };
    for reply in [
        changed("status", json!("failed")),
        changed("status", json!("SUCCESS ")),
        changed("status", json!(true)),
        changed("status", Value::Null),
        bare("status"),
        changed("chainId", json!(1)),
        changed("chainId", json!("0196")),
        changed("chainId", json!(196.0)),
        changed("chainId", json!([196])),
        bare("chainId"),
        changed("method", json!("tempo")),
        changed("challengeId", json!("another")),
        changed("reference", json!("")),
        changed("reference", json!("0xab")),
        changed("reference", json!("pending")),
        bare("reference"),
        data(Value::Null),
        data(json!([])),
        data(json!([good, good])),
        code(8000),
        code(70007),
        code(-1),
        code(70016),
        code(50026),
        Reply::Says(200, "{\"code\":\"0\"}".to_owned()),
        Reply::Says(200, "{\"code\":\"x\",\"data\":{}}".to_owned()),
        Reply::Says(500, json!({ "code": 0, "data": good }).to_string()),
        Reply::Says(200, String::new()),
        Reply::Says(502, "<html>".to_owned()),
        Reply::Hangs,
        Reply::Drops,
    ] {
        let said = format!("{reply:?}");
        shop.server.on("charge/settle", [reply]);
        assert_eq!(word(&shop.settle().await), "unknown", "{said}");
    }
    for reply in [
        changed("chainId", json!("196")),
        changed("news", json!({ "of": "tomorrow" })),
        bare("method"),
        Reply::Says(200, json!({ "code": "0", "data": [good] }).to_string()),
        Reply::Says(200, good.to_string()),
    ] {
        let said = format!("{reply:?}");
        shop.server.on("charge/settle", [reply]);
        assert_eq!(word(&shop.settle().await), "ok", "{said}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_first_attempt_is_one() {
    let shop = Shop::new().await;
    for (reply, told) in [
        (code(70002), "refused 402 malformed_credential"),
        (code(70004), "refused 402 session_invalid_signature"),
        (code(70001), "failed 500 okx_configuration"),
        (code(50111), "failed 502 okx_refused"),
        (code(50011), "failed 503 okx_unavailable"),
        (
            Reply::Says(429, String::new()),
            "failed 503 okx_unavailable",
        ),
    ] {
        shop.server.on("charge/settle", [reply]);
        assert_eq!(word(&shop.settle().await), told);
    }
    let shop = Shop::told(Compat::Okx).await;
    shop.server.on("charge/settle", [code(70009)]);
    assert_eq!(word(&shop.settle().await), "refused 401 payment_expired");
}

#[tokio::test]
async fn what_never_left_is_no_payment() {
    let charge = charge(OkxCharge::new(client("http://127.0.0.1:1", options())));
    let price = payment_core::usd!("0.0001");
    let mut payment = bound(&charge, &authorized(), None, price).unwrap();
    assert_eq!(word(&payment.settle().await), "failed 503 okx_unavailable");
}

#[tokio::test]
async fn turned_away_at_the_door_is_asked_again_and_nothing_else_is() {
    let shop = Shop::new().await;
    let good = || data(shop.receipt());
    shop.server.on("charge/settle", [code(50011), good()]);
    assert_eq!(word(&shop.settle().await), "ok");
    assert_eq!(shop.server.asked("charge/settle").len(), 2);
    shop.server.on("charge/settle", [code(8000), good()]);
    assert_eq!(word(&shop.settle().await), "unknown");
    assert_eq!(shop.server.asked("charge/settle").len(), 3);
}

#[tokio::test]
async fn asked_again_a_success_is_one_and_a_refusal_proves_nothing() {
    let shop = Shop::new().await;
    shop.server.on("charge/settle", [Reply::Hangs]);
    let mut payment = shop.payment(&authorized());
    assert_eq!(word(&payment.settle().await), "unknown");
    for reply in [
        code(70003),
        code(70004),
        code(70000),
        code(50111),
        code(8000),
        Reply::Drops,
    ] {
        shop.server.on("charge/settle", [reply]);
        assert_eq!(word(&payment.reconcile(&[]).await), "unknown");
    }
    shop.server.on("charge/settle", [data(shop.receipt())]);
    assert_eq!(word(&payment.reconcile(&[]).await), "ok");
}

fn hash() -> Value {
    json!({ "type": "hash", "hash": TRANSACTION.to_string() })
}

#[tokio::test]
async fn a_transfer_of_the_buyers_is_looked_up_before_it_counts() {
    let shop = Shop::new().await;
    shop.server.on("charge/verifyHash", [data(shop.receipt())]);
    let mut payment = shop.payment(&hash());
    payment.verify().await.unwrap();
    let settled = payment.settle().await.unwrap();
    assert_eq!(settled.reference, TRANSACTION.to_string());
    assert!(shop.server.asked("charge/settle").is_empty());
    let file = vectors::load("okx_wire.json");
    assert_eq!(
        shop.server.asked("charge/verifyHash")[0].body,
        file["mpp"]["chargeHash"]["credential"]
    );
}

#[tokio::test]
async fn a_transfer_that_is_not_found_pays_nothing() {
    let shop = Shop::new().await;
    let good = shop.receipt();
    let changed = |name, value: Value| data(with(good.clone(), [(name, value)]));
    for (reply, told) in [
        (
            changed("reference", json!(format!("0x{:064x}", 5))),
            "refused 402 verification_failed",
        ),
        (changed("chainId", json!(1)), "failed 502 okx_answer"),
        (changed("status", json!("pending")), "failed 502 okx_answer"),
        (changed("challengeId", json!("x")), "failed 502 okx_answer"),
        (code(70003), "refused 402 malformed_credential"),
        (code(70007), "failed 503 okx_not_confirmed"),
        (code(8000), "failed 502 okx_refused"),
        (Reply::Drops, "failed 502 okx_answer"),
    ] {
        let said = format!("{reply:?}");
        let shop = Shop::new().await;
        shop.server.on("charge/verifyHash", [reply]);
        let found = shop.payment(&hash()).verify().await;
        assert_eq!(word(&found), told, "{said}");
    }
    // Asked again after it was perhaps found, a no is none.
    shop.server
        .on("charge/verifyHash", [Reply::Drops, code(70003)]);
    let found = shop.payment(&hash()).verify().await;
    assert_eq!(word(&found), "failed 502 okx_answer");
    for _ in 0..2 {
        let found = shop.payment(&hash()).verify().await;
        assert_eq!(word(&found), "unknown");
    }
    // Asked again after it was perhaps settled, no answer does not set it free.
    shop.server.on("charge/verifyHash", [code(70007)]);
    let found = shop.payment(&hash()).reconcile(&[]).await;
    assert_eq!(word(&found), "unknown");
}

/// A payment in two transfers, of a payer who may have nothing.
fn in_two(backend: &OkxCharge, nonce: u8) -> Box<dyn mpp_core::MethodPayment> {
    let (buyer, partner) = (key("payer"), Address::repeat_byte(0x55));
    let share = Split::new(partner, payment_core::usd!("0.00003"));
    let charge = Charge::okx(token(), key("payee").address()).split(share);
    let signed = |to: Address, value: u64, nonce: B256| {
        let authorization = Authorization {
            from: buyer.address(),
            to,
            value: U256::from(value),
            valid_after: U256::ZERO,
            valid_before: U256::from(NOW.seconds() + 360),
            nonce,
        };
        let digest = authorization.digest(&token().domain());
        let mut signed = json!(authorization);
        signed["signature"] = json!(buyer.sign(&digest).unwrap());
        signed
    };
    let mut first = signed(key("payee").address(), 70, B256::repeat_byte(nonce));
    first["type"] = json!("eip-3009");
    first["splits"] = json!([signed(partner, 30, B256::repeat_byte(nonce + 100))]);
    let payload = json!({ "type": "transaction", "authorization": first });
    let price = payment_core::usd!("0.0001");
    bound(&charge.settle_with(backend.clone()), &payload, None, price).unwrap()
}

/// Each takes places of the replay guard for good, and costs whoever signs it nothing.
#[tokio::test]
async fn t120_payments_in_several_of_unknown_outcome_are_only_so_many() {
    let server = Server::start().await;
    let backend = OkxCharge::new(client(&server.url, options())).open_at_most(2);
    server.on("charge/settle", [code(70003)]);
    let mut open = Vec::new();
    for nonce in 1..=2 {
        let mut payment = in_two(&backend, nonce);
        payment.verify().await.unwrap();
        assert_eq!(word(&payment.settle().await), "unknown");
        assert_eq!(word(&payment.reconcile(&[]).await), "unknown");
        open.push(payment);
    }
    let refused = in_two(&backend, 3).verify().await;
    assert_eq!(word(&refused), "failed 503 okx_unsettled");
    // What is settled after all makes room again; what is clearly refused takes none.
    server.on("charge/settle", [data(Shop::new().await.receipt())]);
    assert_eq!(word(&open[0].reconcile(&[]).await), "ok");
    server.on("charge/settle", [code(70002)]);
    for nonce in 4..=6 {
        let mut payment = in_two(&backend, nonce);
        payment.verify().await.unwrap();
        assert_eq!(
            word(&payment.settle().await),
            "refused 402 malformed_credential"
        );
    }
}
