//! What is paid stands on the wire as the seller's own types read it, and is signed by the buyer.

use alloy_primitives::{U256, address};
use http::{HeaderValue, header};
use mpp_core::RawCredential;
use mpp_evm::ChallengeHash;
use payment_evm::{Authorization, EvmSignature, Token};
use serde::Deserialize;
use serde_json::json;
use x402_core::wire::{self, v1, v2};

use super::shop::{Seen, Shop, Step, step};
use super::terms::*;
use super::{Bench, NOW, signer};
use crate::{
    BuyerError, Proof, Protocol, Skip, cheapest, max_amount, prefer_network, prefer_protocol,
    prefer_scheme,
};

#[derive(Deserialize)]
struct Exact {
    signature: EvmSignature,
    authorization: Authorization,
}

fn paid_v2(seen: &Seen) -> (v2::PaymentPayload, Exact) {
    let payment: v2::PaymentPayload =
        wire::decode(seen.header("payment-signature").unwrap().as_bytes()).unwrap();
    let exact = serde_json::from_str(payment.payload.get()).unwrap();
    (payment, exact)
}

/// Signed by the buyer, one cent to the seller, in the token's own domain.
fn assert_signed(token: &Token, authorization: &Authorization, signature: &EvmSignature) {
    assert_eq!(authorization.from, signer().address());
    assert_eq!(
        authorization.to,
        address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C")
    );
    assert_eq!(authorization.value, U256::from(10_000));
    authorization
        .check_signature(&token.domain(), signature)
        .unwrap();
}

#[tokio::test]
async fn free_answers_pass_through_unpaid() {
    let shop = Shop::open([step(200, &[])]).await;
    let buyer = Bench::new().buyer();
    let reply = buyer.get(shop.url()).send().await.unwrap();
    assert!(reply.payment().is_none());
    assert_eq!(reply.into_response().text().await.unwrap(), "sunny");
    assert!(!shop.seen()[0].pays());
    assert!(buyer.spent().is_zero());
}

#[tokio::test]
async fn x402_v2_is_paid_as_the_server_reads_it() {
    let shop = Shop::open([
        v2(&[exact()]),
        Step::Answer(settled("payment-response", &success())),
    ])
    .await;
    let buyer = Bench::new().buyer();
    let call = buyer.post(shop.url()).body("which day?");
    let reply = call.send().await.unwrap();

    let payment = reply.payment().unwrap();
    assert_eq!(payment.protocol(), Protocol::X402);
    assert_eq!(payment.amount().to_string(), "10000");
    assert_eq!(payment.price().to_string(), "0.01");
    assert_eq!(payment.token(), &usdc());
    assert_eq!(payment.proof().receipt().unwrap().reference, "0xabab");
    assert_eq!(buyer.spent().to_string(), "0.01");

    let [unpaid, paid] = &shop.seen()[..] else {
        panic!("two requests")
    };
    assert!(!unpaid.pays());
    assert_eq!(unpaid.parts.method, paid.parts.method);
    assert_eq!(unpaid.parts.uri, paid.parts.uri);
    assert_eq!(paid.body, "which day?");
    let (envelope, exact_payload) = paid_v2(paid);
    assert_eq!(envelope.x402_version, 2);
    assert_eq!(serde_json::to_value(&envelope.accepted).unwrap(), exact());
    assert_eq!(
        envelope.resource.unwrap().url,
        "https://api.example.com/weather"
    );
    let authorization = &exact_payload.authorization;
    assert_signed(&usdc(), authorization, &exact_payload.signature);
    assert_eq!(authorization.valid_after, U256::ZERO);
    assert_eq!(authorization.valid_before, U256::from(NOW + 60));
    assert_eq!(payment.valid_until().seconds(), NOW + 60);
    assert!(payment.credential().1.is_sensitive());
    assert!(!paid.parts.headers.contains_key("x-payment"));
    assert!(!paid.parts.headers.contains_key("authorization"));
}

#[tokio::test]
async fn x402_v1_is_paid_as_the_server_reads_it() {
    let mut receipt = success();
    receipt["network"] = json!("base-sepolia");
    let shop = Shop::open([
        v1(&[exact_v1()]),
        Step::Answer(settled("x-payment-response", &receipt)),
    ])
    .await;
    let buyer = Bench::new().buyer();
    let reply = buyer.get(shop.url()).send().await.unwrap();
    assert!(matches!(
        reply.payment().unwrap().proof(),
        Proof::Receipt(_)
    ));
    let seen = shop.seen();
    let value = seen[1].header("x-payment").unwrap();
    let envelope: v1::PaymentPayload = wire::decode(value.as_bytes()).unwrap();
    assert_eq!(envelope.x402_version, 1);
    assert_eq!(envelope.scheme, "exact");
    assert_eq!(envelope.network, "base-sepolia");
    let payload: Exact = serde_json::from_str(envelope.payload.get()).unwrap();
    assert_signed(&usdc(), &payload.authorization, &payload.signature);
    assert_eq!(payload.authorization.valid_after, U256::from(NOW - 600));
    assert_eq!(payload.authorization.valid_before, U256::from(NOW + 60));
}

#[tokio::test]
async fn mpp_charge_is_paid_as_the_server_reads_it() {
    let mut offered = challenge(&charge());
    offered.opaque = Some("eyJvcmRlciI6IjQyIn0".into());
    let shop = Shop::open([mpp(std::slice::from_ref(&offered)), step(200, &[])]).await;
    let buyer = Bench::new().buyer();
    let reply = buyer.get(shop.url()).send().await.unwrap();
    assert_eq!(reply.payment().unwrap().protocol(), Protocol::Mpp);
    assert_eq!(reply.payment().unwrap().proof(), &Proof::Absent);

    let seen = shop.seen();
    let value = seen[1].header("authorization").unwrap();
    let raw = RawCredential::find([value.as_bytes()]).unwrap().unwrap();
    let credential = raw.read().unwrap();
    assert_eq!(credential.challenge, (&offered).into());
    let source = format!("did:pkh:eip155:84532:{}", signer().address());
    assert_eq!(credential.source.as_deref(), Some(&*source));
    let payload = credential.payload.get();
    let kind: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(kind["type"], "authorization");
    let authorization: Authorization = serde_json::from_str(payload).unwrap();
    let signature: EvmSignature = serde_json::from_value(kind["signature"].clone()).unwrap();
    assert_signed(&usdc(), &authorization, &signature);
    assert_eq!(
        authorization.nonce,
        ChallengeHash::Packed.of(&offered.id, REALM)
    );
    assert_eq!(authorization.valid_before, U256::from(NOW + 300));
}

#[tokio::test]
async fn a_login_stays_where_it_is() {
    let login = HeaderValue::from_static("Bearer secret");
    let shop = Shop::open([mpp(&[challenge(&charge())])]).await;
    let buyer = Bench::new().buyer();
    let call = buyer
        .get(shop.url())
        .header(header::AUTHORIZATION, login.clone());
    let error = call.send().await.unwrap_err();
    let BuyerError::NothingPayable { skipped } = error else {
        panic!("{error:?}")
    };
    assert_eq!(skipped[0].reason, Skip::Header);
    assert_eq!(shop.seen().len(), 1);

    let mut beside = challenge(&charge());
    beside.header = Some("Payment-Authorization".into());
    let shop = Shop::open([mpp(&[beside]), step(200, &[])]).await;
    let call = buyer.get(shop.url()).header(header::AUTHORIZATION, login);
    let _ = call.send().await.unwrap();
    let seen = shop.seen();
    assert_eq!(seen[1].text("authorization"), Some("Bearer secret"));
    assert!(
        seen[1]
            .text("payment-authorization")
            .unwrap()
            .starts_with("Payment ")
    );
}

#[tokio::test]
async fn mpp_goes_first_unless_a_selector_says_otherwise() {
    let bench = Bench::new();
    let x402_first = bench.builder().select(prefer_protocol(Protocol::X402));
    for (buyer, header) in [
        (bench.buyer(), "authorization"),
        (x402_first.build().unwrap(), "payment-signature"),
        (
            bench
                .builder()
                .select(prefer_scheme("exact"))
                .build()
                .unwrap(),
            "payment-signature",
        ),
    ] {
        let shop = Shop::open([all_protocols(), step(200, &[])]).await;
        let _ = buyer.get(shop.url()).send().await.unwrap();
        assert!(shop.seen()[1].header(header).is_some(), "{header}");
    }
}

#[tokio::test]
async fn selectors_choose_among_offers() {
    let mut dear = exact();
    dear["amount"] = json!("90000");
    let mut mainnet = exact();
    mainnet["network"] = json!("eip155:8453");
    mainnet["asset"] = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
    mainnet["amount"] = json!("50000");
    mainnet["extra"]["name"] = json!("USD Coin");
    let accepts = [dear.clone(), mainnet.clone(), exact()];
    let base = payment_core::Network::eip155(8453);
    let bench = Bench::new();
    let builder = || bench.builder().network(base.clone());
    let cases = [
        (builder(), &dear),
        (builder().select(prefer_network(base.clone())), &mainnet),
        (builder().select(cheapest()), &exact()),
        (
            builder().select(max_amount(payment_core::usd!("0.05"))),
            &mainnet,
        ),
        (
            builder().select(|offers: &mut Vec<crate::Offer>| offers.reverse()),
            &exact(),
        ),
        // Later selectors see what earlier ones left.
        (
            builder()
                .select(max_amount(payment_core::usd!("0.01")))
                .select(prefer_network(base.clone())),
            &exact(),
        ),
    ];
    for (builder, want) in cases {
        let shop = Shop::open([v2(&accepts), step(200, &[])]).await;
        let _ = builder
            .build()
            .unwrap()
            .get(shop.url())
            .send()
            .await
            .unwrap();
        let (envelope, _) = paid_v2(&shop.seen()[1]);
        assert_eq!(serde_json::to_value(&envelope.accepted).unwrap(), *want);
    }
}

#[tokio::test]
async fn accept_payment_is_sent_when_wanted() {
    let bench = Bench::new();
    let shop = Shop::open([step(200, &[]), step(200, &[])]).await;
    let _ = bench.buyer().get(shop.url()).send().await.unwrap();
    let buyer = bench.builder().announce().build().unwrap();
    let _ = buyer.get(shop.url()).send().await.unwrap();
    let seen = shop.seen();
    assert_eq!(seen[0].text("accept-payment"), None);
    assert_eq!(seen[1].text("accept-payment"), Some("evm/charge"));
}
