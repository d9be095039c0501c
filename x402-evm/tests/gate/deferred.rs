use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use payment_core::Account;
use payment_evm::{LocalSigner, Token};
use serde_json::{Value, json};
use x402_core::wire::SupportedResponse;
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, X402};
use x402_evm::{AggrDeferred, ExactEvm};

use crate::shop::{Got, SELLER, Shop};

const NOW: u64 = 1_740_672_000;
const USED: &str = "invalid_exact_evm_nonce_already_used";
const SIGNATURE: &str = "invalid_exact_evm_signature";
const DEFERRED: &str = "aggr_deferred";

/// Knows which payloads were signed by session keys, and under which certificate; settles exact
/// payments at once and the others in batches.
#[derive(Default)]
struct Service {
    signed: Mutex<Vec<(Value, Value)>>,
    settles: Mutex<VecDeque<Result<SettleAnswer, FacilitatorFault>>>,
    asked: Mutex<Vec<(&'static str, Value)>>,
}

impl Service {
    fn note(&self, call: &'static str, request: &PaymentRequest) -> Value {
        let body: Value = serde_json::from_str(&request.body()).unwrap();
        self.asked.lock().unwrap().push((call, body.clone()));
        body["paymentPayload"].clone()
    }

    fn calls(&self) -> Vec<&'static str> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(call, _)| *call).collect()
    }

    fn is_good(&self, payment: &Value) -> bool {
        let certificate = &payment["accepted"]["extra"]["sessionCert"];
        let presented = (payment["payload"].clone(), certificate.clone());
        payment["accepted"]["scheme"] == "exact" || self.signed.lock().unwrap().contains(&presented)
    }
}

impl Facilitator for Service {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let payment = self.note("verify", request);
        if !self.is_good(&payment) {
            let code = "invalid_signature".into();
            return Ok(VerifyAnswer::Invalid { code });
        }
        let from = payment["payload"]["authorization"]["from"].as_str();
        let payer = from.map(Account::parse);
        Ok(VerifyAnswer::Valid { payer })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let payment = self.note("settle", request);
        assert!(self.is_good(&payment), "settled without being verified");
        if let Some(said) = self.settles.lock().unwrap().pop_front() {
            return said;
        }
        let network = request.offer().network().clone();
        let (payer, amount) = (request.payer().cloned(), Some(request.amount()));
        Ok(match request.offer().scheme() {
            DEFERRED => SettleAnswer::Deferred {
                network,
                payer,
                amount,
            },
            _ => SettleAnswer::Settled {
                transaction: "0xab".into(),
                network,
                payer,
                amount,
            },
        })
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        self.settle(request).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

/// A shop that takes both schemes, and a buyer with a key and a session key.
struct Scene {
    shop: Shop,
    service: Arc<Service>,
    wallet: Address,
}

fn usdc() -> Token {
    Token::default_on(84532).unwrap()
}

/// The certificate of the buyer's session key.
fn certificate() -> Value {
    json!(STANDARD.encode("the certificate of a session key"))
}

/// A payload as session keys sign it: good for ever, by a wallet that is a contract.
fn payload(wallet: Address, nonce: u8) -> Value {
    json!({
        "signature": STANDARD.encode([nonce; 64]),
        "authorization": {
            "from": wallet.to_string().to_lowercase(), "to": SELLER.to_string(),
            "value": "10000", "validAfter": "0", "validBefore": U256::MAX.to_string(),
            "nonce": B256::repeat_byte(nonce).to_string(),
        },
    })
}

impl Scene {
    fn new() -> Self {
        Self::with(|x402| {
            x402.accept(ExactEvm::new(usdc(), SELLER))
                .accept(AggrDeferred::new(usdc(), SELLER))
        })
    }

    fn with(accepting: impl FnOnce(X402<Arc<Service>>) -> X402<Arc<Service>>) -> Self {
        let service = Arc::new(Service::default());
        let x402 = accepting(X402::new(Arc::clone(&service)));
        let buyer = LocalSigner::random().unwrap();
        Self {
            shop: Shop::accepting(x402, buyer, NOW),
            service,
            wallet: Address::repeat_byte(0xaa),
        }
    }

    /// A payload that the session key has signed, as the service sees it.
    fn signed(&self, nonce: u8) -> Value {
        let payload = payload(self.wallet, nonce);
        let mut signed = self.service.signed.lock().unwrap();
        signed.push((payload.clone(), certificate()));
        payload
    }

    async fn offer(&self, scheme: &str) -> Value {
        let required = self.shop.get(&[]).await.message("payment-required");
        let offers = required["accepts"].as_array().unwrap();
        let offer = offers.iter().find(|offer| offer["scheme"] == scheme);
        offer.unwrap().clone()
    }

    async fn echo(&self, scheme: &str, certificate: Value) -> Value {
        let mut echo = self.offer(scheme).await;
        echo["extra"]["sessionCert"] = certificate;
        echo
    }

    async fn present(&self, accepted: &Value, payload: &Value) -> Got {
        let payment = json!({ "x402Version": 2, "accepted": accepted, "payload": payload });
        self.shop.pay_v2(&payment).await
    }

    async fn pay(&self, payload: &Value) -> Got {
        let echo = self.echo(DEFERRED, certificate()).await;
        self.present(&echo, payload).await
    }
}

fn said(got: &Got) -> (StatusCode, String) {
    (got.status, got.code())
}

fn refused(code: &str) -> (StatusCode, String) {
    (StatusCode::PAYMENT_REQUIRED, code.to_owned())
}

fn malformed() -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, "invalid_payload".to_owned())
}

#[tokio::test]
async fn one_402_offers_both_and_each_is_paid() {
    let scene = Scene::new();
    let offers = scene.shop.offers().await;
    let schemes: Vec<_> = offers.v2.accepts.iter().map(|o| &*o.scheme).collect();
    assert_eq!(schemes, ["exact", DEFERRED]);
    let mut same = scene.offer(DEFERRED).await;
    same["scheme"] = json!("exact");
    assert_eq!(
        same,
        scene.offer("exact").await,
        "the same but for the name"
    );

    let got = scene.shop.pay_v2(&scene.shop.sign_v2().await).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(got.message("payment-response")["transaction"], "0xab");
    let got = scene.pay(&scene.signed(1)).await;
    assert_eq!(got.status, StatusCode::OK);
    assert_eq!(
        got.message("payment-response"),
        json!({
            "success": true, "status": "success", "transaction": "", "amount": "10000",
            "network": "eip155:84532", "payer": scene.wallet.to_string(),
        })
    );
    assert_eq!(said(&scene.pay(&scene.signed(1)).await), refused(USED));
    assert_eq!(
        scene.service.calls(),
        ["verify", "settle", "verify", "settle"]
    );
}

#[tokio::test]
async fn x_layer_is_paid_in_the_deferred_scheme() {
    let token = Token::by_symbol(196, "USDT0").unwrap();
    let scene = Scene::with(|x402| x402.accept(AggrDeferred::new(token.clone(), SELLER)));
    let offer = scene.offer(DEFERRED).await;
    assert_eq!(offer["network"], "eip155:196");
    let domain = json!({ "name": *token.name, "version": *token.version });
    assert_eq!(offer["extra"], domain);
    assert_eq!(scene.pay(&scene.signed(1)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_service_sees_what_came_and_our_own_requirements() {
    let scene = Scene::new();
    let mut echo = scene.echo(DEFERRED, certificate()).await;
    echo["extra"]["more"] = json!("x");
    echo["unknown"] = json!(1);
    let payload = scene.signed(1);
    assert_eq!(scene.present(&echo, &payload).await.status, StatusCode::OK);
    let offer = scene.offer(DEFERRED).await;
    assert!(offer["extra"].get("sessionCert").is_none());
    for (_, body) in scene.service.asked.lock().unwrap().iter() {
        assert_eq!(body["paymentRequirements"], offer);
        assert_eq!(body["paymentPayload"]["payload"], payload);
        let mut expected = offer.clone();
        expected["extra"]["sessionCert"] = certificate();
        assert_eq!(body["paymentPayload"]["accepted"], expected);
    }
    assert_eq!(scene.service.calls(), ["verify", "settle"]);
}

#[tokio::test]
async fn a_certificate_beside_an_exact_payment_goes_nowhere() {
    let scene = Scene::new();
    let mut payment = serde_json::to_value(scene.shop.sign_v2().await).unwrap();
    payment["accepted"]["extra"]["sessionCert"] = certificate();
    assert_eq!(scene.shop.pay_v2(&payment).await.status, StatusCode::OK);
    for (_, body) in scene.service.asked.lock().unwrap().iter() {
        assert!(!body.to_string().contains("sessionCert"), "{body}");
    }
}

#[tokio::test]
async fn a_payload_under_the_name_of_the_other_scheme_is_refused() {
    let scene = Scene::new();
    let exact = serde_json::to_value(scene.shop.sign_v2().await).unwrap();
    let exact = &exact["payload"];
    let bare = scene.offer(DEFERRED).await;
    let echo = scene.echo(DEFERRED, certificate()).await;
    assert_eq!(
        said(&scene.present(&bare, exact).await),
        refused(SIGNATURE),
        "no certificate either"
    );
    assert_eq!(said(&scene.present(&echo, exact).await), refused(SIGNATURE));
    for accepted in [
        scene.offer("exact").await,
        scene.echo("exact", certificate()).await,
    ] {
        let got = scene.present(&accepted, &scene.signed(1)).await;
        assert_eq!(said(&got), refused(SIGNATURE));
    }
    assert!(scene.service.calls().is_empty());
}

#[tokio::test]
async fn an_authorization_is_used_up_in_both_schemes_by_one() {
    let scene = Scene::new();
    let payment = scene.shop.sign_v2().await;
    assert_eq!(scene.shop.pay_v2(&payment).await.status, StatusCode::OK);
    let exact = serde_json::to_value(&payment).unwrap();
    let mut deferred = scene.signed(1);
    deferred["authorization"] = exact["payload"]["authorization"].clone();
    let signed = (deferred.clone(), certificate());
    scene.service.signed.lock().unwrap().push(signed);
    assert_eq!(said(&scene.pay(&deferred).await), refused(USED));
    assert_eq!(scene.service.calls(), ["verify", "settle"]);
}

#[tokio::test]
async fn an_open_settlement_is_not_taken_up_by_the_other_scheme() {
    let scene = Scene::new();
    let payment = scene.shop.sign_v2().await;
    let exact = serde_json::to_value(&payment).unwrap();
    let mut deferred = scene.signed(1);
    deferred["authorization"] = exact["payload"]["authorization"].clone();
    let signed = (deferred.clone(), certificate());
    scene.service.signed.lock().unwrap().push(signed);
    let timed_out = Err(FacilitatorFault::TimedOut);
    scene.service.settles.lock().unwrap().push_back(timed_out);
    assert_eq!(scene.pay(&deferred).await.code(), "settlement_pending");
    assert_eq!(said(&scene.shop.pay_v2(&payment).await), refused(USED));
    assert_eq!(scene.pay(&deferred).await.status, StatusCode::OK);
    assert_eq!(scene.service.calls(), ["verify", "settle", "settle"]);
}

#[tokio::test]
async fn a_certificate_is_one_short_text_of_base64() {
    let scene = Scene::new();
    let payload = scene.signed(1);
    let long = STANDARD.encode(vec![7; 6 * 1024 + 3]);
    // `abd` is base64 of two bytes without padding, but for bits that mean nothing.
    for wrong in [
        json!(null),
        json!(""),
        json!("not base64!"),
        json!("abd"),
        json!("YWJ jZA=="),
        json!("YWJjZA==\n"),
        json!("YWJjZA="),
        json!("-_-_"),
        json!(long),
        json!(7),
        json!(["YWJj"]),
        json!({ "pem": "YWJj" }),
    ] {
        let wrong_is = wrong.to_string();
        let echo = scene.echo(DEFERRED, wrong).await;
        assert_eq!(
            said(&scene.present(&echo, &payload).await),
            malformed(),
            "{wrong_is}"
        );
    }
    let bare = scene.offer(DEFERRED).await;
    assert_eq!(said(&scene.present(&bare, &payload).await), malformed());
    assert!(scene.service.calls().is_empty());

    let longest = json!(STANDARD.encode(vec![7; 6 * 1024]));
    let signed = (payload.clone(), longest.clone());
    scene.service.signed.lock().unwrap().push(signed);
    let echo = scene.echo(DEFERRED, longest).await;
    assert_eq!(scene.present(&echo, &payload).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_passed_on_has_no_member_that_was_not_read() {
    let scene = Scene::new();
    let good = scene.signed(1);
    let with = |member: &str, value: Value| {
        let mut payload = good.clone();
        payload[member] = value;
        payload
    };
    let authorization = |member: &str, value: Value| {
        let mut payload = good.clone();
        payload["authorization"][member] = value;
        payload
    };
    for payload in [
        with("permit2Authorization", json!({})),
        with("delegationManager", json!("0x00")),
    ] {
        let got = scene.pay(&payload).await;
        assert_eq!(said(&got), refused("unsupported_payload_type"));
    }
    for payload in [
        json!({}),
        with("note", json!("x")),
        with("note", json!(null)),
        with("permit2Authorization", json!(null)),
        with("signature", json!(null)),
        with("signature", json!(7)),
        with("authorization", json!([])),
        authorization("note", json!("x")),
        authorization("note", json!(null)),
        authorization("value", json!(10_000)),
        authorization("value", json!("0x2710")),
        authorization("nonce", json!("0x01")),
        authorization("validBefore", json!(null)),
    ] {
        assert_eq!(said(&scene.pay(&payload).await), malformed(), "{payload}");
    }
    let padless = STANDARD.encode([1; 64]).replace('=', "");
    for signature in [
        String::new(),
        STANDARD.encode([1; 63]),
        STANDARD.encode([1; 65]),
        padless,
        STANDARD.encode([1; 64]).replace("AQ==", "AR=="),
        format!("0x{}", "01".repeat(64)),
        "!".repeat(88),
    ] {
        let payload = with("signature", json!(signature));
        assert_eq!(said(&scene.pay(&payload).await), refused(SIGNATURE));
    }
    assert!(scene.service.calls().is_empty());
    assert_eq!(scene.pay(&good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_signed_must_be_what_was_asked() {
    let scene = Scene::new();
    let other = Address::repeat_byte(9).to_string();
    for (member, value, code) in [
        (
            "value",
            "9999",
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        (
            "value",
            "10001",
            "invalid_exact_evm_payload_authorization_value_mismatch",
        ),
        ("to", &other, "invalid_exact_evm_recipient_mismatch"),
        (
            "validAfter",
            "1740672001",
            "invalid_exact_evm_payload_authorization_valid_after",
        ),
        (
            "validBefore",
            "1740672005",
            "invalid_exact_evm_payload_authorization_valid_before",
        ),
        (
            "validBefore",
            "0",
            "invalid_exact_evm_payload_authorization_valid_before",
        ),
    ] {
        let mut payload = scene.signed(1);
        payload["authorization"][member] = json!(value);
        let signed = (payload.clone(), certificate());
        scene.service.signed.lock().unwrap().push(signed);
        assert_eq!(said(&scene.pay(&payload).await), refused(code), "{payload}");
    }
    assert!(scene.service.calls().is_empty());
    let mut soon = scene.signed(1);
    soon["authorization"]["validBefore"] = json!("1740672006");
    soon["authorization"]["validAfter"] = json!("1740672000");
    let signed = (soon.clone(), certificate());
    scene.service.signed.lock().unwrap().push(signed);
    assert_eq!(scene.pay(&soon).await.status, StatusCode::OK);
}

#[tokio::test]
async fn version_1_does_not_pay_it() {
    let scene = Scene::new();
    let offers = scene.shop.offers().await.v1.accepts;
    assert_eq!(offers.len(), 1);
    assert_eq!(offers[0].scheme, "exact");
    let payment = json!({
        "x402Version": 1, "scheme": DEFERRED, "network": "base-sepolia",
        "payload": scene.signed(1),
    });
    let got = scene.shop.pay_v1(&payment).await;
    assert_eq!(said(&got), refused("invalid_payment_requirements"));
    assert!(scene.service.calls().is_empty());
}

/// Whoever knows wallet and nonce, once they are on chain, and has no session key.
async fn strangers_get_nothing(scene: &Scene, paid: &Value) {
    let calls = scene.service.calls();
    let mut junk = paid.clone();
    junk["signature"] = json!(STANDARD.encode([0xee; 64]));
    let mut spelled = paid.clone();
    spelled["authorization"]["from"] = json!(scene.wallet.to_string());
    for payload in [&junk, &spelled] {
        assert_eq!(said(&scene.pay(payload).await), refused(USED));
    }
    // Nor with the whole payload under another certificate.
    let echo = scene.echo(DEFERRED, json!("YWJj")).await;
    assert_eq!(said(&scene.present(&echo, paid).await), refused(USED));
    assert_eq!(scene.service.calls(), calls, "nobody was asked");
}

#[tokio::test]
async fn an_open_settlement_is_taken_up_by_the_same_bytes_alone() {
    let scene = Scene::new();
    let payload = scene.signed(1);
    let timed_out = Err(FacilitatorFault::TimedOut);
    scene.service.settles.lock().unwrap().push_back(timed_out);
    let got = scene.pay(&payload).await;
    assert_eq!(got.code(), "settlement_pending");
    strangers_get_nothing(&scene, &payload).await;
    let got = scene.pay(&payload).await;
    assert_eq!(got.status, StatusCode::OK);
    let payer = &got.message("payment-response")["payer"];
    assert_eq!(*payer, scene.wallet.to_string());
    strangers_get_nothing(&scene, &payload).await;
    assert_eq!(scene.service.calls(), ["verify", "settle", "settle"]);
}

#[tokio::test]
async fn junk_is_for_the_service_to_refuse_and_uses_nothing_up() {
    let scene = Scene::new();
    let good = scene.signed(1);
    let mut junk = good.clone();
    junk["signature"] = json!(STANDARD.encode([0xee; 64]));
    assert_eq!(said(&scene.pay(&junk).await), refused("invalid_signature"));
    let other = scene.echo(DEFERRED, json!("YWJj")).await;
    let got = scene.present(&other, &good).await;
    assert_eq!(said(&got), refused("invalid_signature"));
    assert_eq!(scene.service.calls(), ["verify", "verify"]);
    assert_eq!(scene.pay(&good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_payment_is_remembered_as_long_as_was_set() {
    let hour = Duration::from_secs(3600);
    for (memory, scheme) in [
        (24 * hour, AggrDeferred::new(usdc(), SELLER)),
        (hour, AggrDeferred::new(usdc(), SELLER).remember_for(hour)),
    ] {
        let scene = Scene::with(|x402| x402.accept(scheme));
        let payload = scene.signed(1);
        assert_eq!(scene.pay(&payload).await.status, StatusCode::OK);
        scene.shop.clock.advance(memory);
        assert_eq!(said(&scene.pay(&payload).await), refused(USED));
        // From here on the service alone refuses it: it is forgotten when there is another to
        // remember.
        scene.shop.clock.advance(Duration::from_secs(120));
        assert_eq!(scene.pay(&scene.signed(2)).await.status, StatusCode::OK);
        assert_eq!(scene.service.calls().len(), 4);
        scene.service.signed.lock().unwrap().clear();
        let got = scene.pay(&payload).await;
        assert_eq!(said(&got), refused("invalid_signature"));
        assert_eq!(scene.service.calls().len(), 5);
    }
}
