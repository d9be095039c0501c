//! What was paid for is what is served (RULES.md, T01 to T06, T33, T91).

use alloy_primitives::{Address, U256};
use payment_evm::{Domain, LocalSigner};
use serde_json::{Value, json};

use crate::purse::{as_v1, mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Shop};

fn stranger() -> LocalSigner {
    LocalSigner::random().unwrap()
}

fn elsewhere() -> String {
    Address::repeat_byte(0xee).to_checksum(None)
}

#[tokio::test]
async fn t01_what_the_buyer_changes_in_the_x402_echo_matches_nothing() {
    let shop = Shop::open().await;
    let other = elsewhere();
    let changes: [(&str, Value); 12] = [
        ("/accepted/amount", "1".into()),
        ("/accepted/amount", "010000".into()),
        ("/accepted/amount", "1e4".into()),
        ("/accepted/amount", 10_000.into()),
        ("/accepted/payTo", other.clone().into()),
        ("/accepted/asset", other.into()),
        ("/accepted/network", "eip155:1".into()),
        ("/accepted/network", "EIP155:84532".into()),
        ("/accepted/scheme", "upto".into()),
        ("/accepted/maxTimeoutSeconds", 86_400.into()),
        ("/accepted/extra/name", "Other".into()),
        ("/accepted/extra/version", "1".into()),
    ];
    for (at, value) in changes {
        let mut envelope = shop.x402("/cheap").await;
        *envelope.pointer_mut(at).unwrap() = value;
        let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
        answer.refused(402, "invalid_payment_requirements");
    }
    let mut envelope = shop.x402("/cheap").await;
    envelope["accepted"]["extra"]["paymentFlow"] = "escrow".into();
    let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
    answer.refused(402, "invalid_payment_requirements");
    assert!(
        shop.facilitator.calls().is_empty(),
        "the facilitator was asked"
    );
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t01_an_authorization_over_the_changed_values_is_refused() {
    let shop = Shop::open().await;
    let good = shop.x402("/cheap").await;
    let (seller, cent) = (shop.net.seller.address, U256::from(CENT));
    type Change = fn(&mut payment_evm::Authorization);
    let value = "invalid_exact_evm_payload_authorization_value_mismatch";
    let changes: [(Change, &str); 4] = [
        (|signed| signed.value = U256::from(1), value),
        (|signed| signed.value = U256::from(CENT - 1), value),
        (|signed| signed.value = U256::from(CENT + 1), value),
        (
            |signed| signed.to = Address::repeat_byte(0xee),
            "invalid_exact_evm_recipient_mismatch",
        ),
    ];
    for (change, code) in changes {
        let envelope = shop.resigned(good.clone(), change);
        let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
        answer.refused(402, code);
    }
    let token = shop.net.token.address;
    let domains = [
        Domain::new("Other", Some("2"), 84532, token),
        Domain::new("USDC", Some("1"), 84532, token),
        Domain::new("USDC", None, 84532, token),
        Domain::new("USDC", Some("2"), 8453, token),
        Domain::new("USDC", Some("2"), 84532, seller),
    ];
    for domain in domains {
        let unchanged = |signed: &mut payment_evm::Authorization| assert_eq!(signed.value, cent);
        let envelope = shop.resigned_by(&shop.buyer, &domain, good.clone(), unchanged);
        let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
        answer.refused(402, "invalid_exact_evm_signature");
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
    // The one that was tried in all these ways is still good.
    shop.get("/cheap", &[v2_header(&good)])
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t01_the_facilitator_hears_our_values_and_not_the_echo() {
    let shop = Shop::open().await;
    let mut envelope = shop.x402("/cheap").await;
    envelope["accepted"]["extra"]["favourite"] = "x".into();
    envelope["accepted"]["note"] = "x".into();
    envelope["extensions"] = json!({"x": {"y": 1}});
    envelope["paymentRequirements"] = json!({"amount": "1"});
    let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
    answer.served("payment-response");
    let calls = shop.facilitator.calls();
    assert_eq!(calls.len(), 2);
    for call in calls {
        let text = call.body.to_string();
        assert!(
            !text.contains("favourite") && !text.contains("note"),
            "{text}"
        );
        assert_eq!(call.body["paymentRequirements"]["amount"], CENT.to_string());
        assert_eq!(
            call.body["paymentPayload"]["accepted"]["amount"],
            CENT.to_string()
        );
    }
    shop.books(1, CENT);
}

#[tokio::test]
async fn t50_what_the_buyer_changes_in_the_mpp_echo_is_not_ours() {
    let shop = Shop::open().await;
    let far = "2099-01-01T00:00:00Z";
    let dear = shop.mpp("/dear").await;
    let changes: [(&str, Value, u16, &str); 12] = [
        ("id", "A".repeat(43).into(), 402, "invalid_challenge"),
        (
            "id",
            dear["challenge"]["id"].clone(),
            402,
            "invalid_challenge",
        ),
        (
            "realm",
            "other.example.com".into(),
            402,
            "invalid_challenge",
        ),
        ("method", "tempo".into(), 400, "method_unsupported"),
        ("intent", "session".into(), 400, "method_unsupported"),
        (
            "request",
            dear["challenge"]["request"].clone(),
            402,
            "invalid_challenge",
        ),
        ("request", "e30".into(), 402, "invalid_challenge"),
        ("expires", far.into(), 402, "invalid_challenge"),
        (
            "opaque",
            dear["challenge"]["opaque"].clone(),
            402,
            "invalid_challenge",
        ),
        ("opaque", Value::Null, 402, "invalid_challenge"),
        (
            "header",
            "Payment-Authorization".into(),
            402,
            "invalid_challenge",
        ),
        (
            "digest",
            "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:".into(),
            402,
            "invalid_challenge",
        ),
    ];
    for (member, value, status, code) in changes {
        let mut credential = shop.mpp("/cheap").await;
        credential["challenge"][member] = value;
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        answer.refused(status, code);
    }
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t41_an_mpp_echo_without_expiry_is_refused() {
    let shop = Shop::open().await;
    let mut credential = shop.mpp("/cheap").await;
    credential["challenge"]
        .as_object_mut()
        .unwrap()
        .remove("expires");
    let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
    answer.refused(402, "invalid_challenge");
    for wrong in ["", "tomorrow", "2026-13-01T00:00:00Z", "1800000300"] {
        let mut credential = shop.mpp("/cheap").await;
        credential["challenge"]["expires"] = wrong.into();
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        answer.refused(402, "malformed_credential");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t55_a_description_is_decoration() {
    let shop = Shop::open().await;
    let mut credential = shop.mpp("/cheap").await;
    credential["challenge"]["description"] = "for nothing".into();
    let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
    answer.served("payment-receipt");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t34_an_mpp_authorization_over_other_values_is_refused() {
    let shop = Shop::open().await;
    type Change = fn(&mut payment_evm::Authorization);
    let changes: [Change; 5] = [
        |signed| signed.value = U256::from(1),
        |signed| signed.value = U256::from(CENT + 1),
        |signed| signed.to = Address::repeat_byte(0xee),
        |signed| signed.nonce = alloy_primitives::B256::repeat_byte(7),
        |signed| signed.valid_before = U256::MAX,
    ];
    for change in changes {
        let credential = shop.recharged(shop.mpp("/cheap").await, change);
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        answer.refused(402, "verification_failed");
    }
    let token = shop.net.token.address;
    for domain in [
        Domain::new("Other", Some("2"), 84532, token),
        Domain::new("USDC", Some("2"), 1, token),
    ] {
        let credential = shop.mpp("/cheap").await;
        let credential = shop.recharged_by(&shop.buyer, &domain, credential, |_| ());
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        answer.refused(402, "verification_failed");
    }
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t31_a_signature_of_another_than_the_payer_is_refused() {
    let shop = Shop::open().await;
    let (other, domain) = (stranger(), shop.domain());
    let envelope = shop.x402("/cheap").await;
    let envelope = shop.resigned_by(&other, &domain, envelope, |_| ());
    let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
    answer.refused(402, "invalid_exact_evm_signature");
    let credential = shop.mpp("/cheap").await;
    let credential = shop.recharged_by(&other, &domain, credential, |_| ());
    let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
    answer.refused(402, "verification_failed");
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t55_a_source_that_is_not_the_payer_is_refused() {
    let shop = Shop::open().await;
    let other = elsewhere();
    for (source, code) in [
        (
            format!("did:pkh:eip155:84532:{other}"),
            "verification_failed",
        ),
        (
            format!("did:pkh:eip155:1:{}", shop.buyer.address()),
            "verification_failed",
        ),
        (other, "malformed_credential"),
    ] {
        let mut credential = shop.mpp("/cheap").await;
        credential["source"] = source.into();
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        answer.refused(402, code);
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t05_a_cheap_credential_on_a_dear_route_is_refused() {
    let shop = Shop::open().await;
    let v2 = shop.x402("/cheap").await;
    let v1 = shop.x402_v1("/cheap").await;
    let mpp = shop.mpp("/cheap").await;
    // With the echo of the dear offer around the cheap signature, too.
    let mut dressed = shop.x402("/dear").await;
    dressed["payload"] = v2["payload"].clone();
    let value = "invalid_exact_evm_payload_authorization_value_mismatch";
    for (header, code) in [
        (v2_header(&v2), "resource_mismatch"),
        (v1_header(&v1), value),
        (v1_header(&as_v1(&v2)), value),
        (v2_header(&dressed), value),
        (mpp_header(&mpp), "invalid_challenge"),
    ] {
        shop.get("/dear", &[header]).await.refused(402, code);
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
    // They are still good where they are for.
    shop.get("/cheap", &[v2_header(&v2)])
        .await
        .served("payment-response");
    shop.get("/cheap", &[mpp_header(&mpp)])
        .await
        .served("payment-receipt");
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t05_a_dear_credential_does_not_pay_a_cheap_route() {
    let shop = Shop::open().await;
    let v2 = shop.x402("/dear").await;
    let answer = shop.get("/cheap", &[v2_header(&v2)]).await;
    answer.refused(402, "resource_mismatch");
    let mpp = shop.mpp("/dear").await;
    let answer = shop.get("/cheap", &[mpp_header(&mpp)]).await;
    answer.refused(402, "invalid_challenge");
    shop.books(0, 0);
}

#[tokio::test]
async fn t05_a_payment_for_another_resource_is_refused() {
    let shop = Shop::open().await;
    for url in [
        "https://api.example.com/twin",
        "https://api.example.com/cheap/",
        "https://api.example.com/cheap?a=1",
        "http://api.example.com/cheap",
        "https://elsewhere.example/cheap",
        "https://api.example.com:8443/cheap",
        "/cheap",
        "",
    ] {
        let mut envelope = shop.x402("/cheap").await;
        envelope["resource"]["url"] = url.into();
        let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
        answer.refused(402, "resource_mismatch");
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t05_an_mpp_challenge_of_a_route_of_the_same_price_is_refused() {
    let shop = Shop::open().await;
    let credential = shop.mpp("/cheap").await;
    let answer = shop.get("/twin", &[mpp_header(&credential)]).await;
    answer.refused(402, "invalid_challenge");
    shop.books(0, 0);
}

#[tokio::test]
async fn t06_the_host_header_does_not_move_the_resource() {
    let shop = Shop::open().await;
    for name in ["host", "x-forwarded-host", "forwarded", "x-original-url"] {
        let answer = shop.get("/cheap", &[(name, "evil.example".into())]).await;
        answer.refused(402, "payment_required");
        let offers = answer.x402_offers();
        assert_eq!(offers.v2.resource.url, "https://api.example.com/cheap");
        assert_eq!(
            offers.v1.accepts[0].resource,
            "https://api.example.com/cheap"
        );
        assert_eq!(answer.challenge().realm, "api.example.com");
        assert!(!String::from_utf8_lossy(&answer.body).contains("evil"));
    }
}

#[tokio::test]
async fn t91_a_credential_of_a_protocol_that_is_not_taken_counts_as_none() {
    let shop = Shop::open().await;
    let v2 = v2_header(&shop.x402("/cheap").await);
    let v1 = v1_header(&shop.x402_v1("/cheap").await);
    let mpp = mpp_header(&shop.mpp("/cheap").await);
    let garbage = ("payment-signature", "!".to_owned());
    for header in [v2, v1, garbage] {
        shop.get("/mpp", &[header])
            .await
            .refused(402, "payment_required");
    }
    shop.get("/x402", &[mpp])
        .await
        .refused(402, "payment_required");
    let basic = ("authorization", "Basic dXNlcjpwYXNz".to_owned());
    for path in ["/cheap", "/x402", "/mpp"] {
        let answer = shop.get(path, std::slice::from_ref(&basic)).await;
        answer.refused(402, "payment_required");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t91_another_protocols_header_beside_a_payment_is_not_in_its_way() {
    let shop = Shop::open().await;
    let mpp = mpp_header(&shop.mpp("/mpp").await);
    let noise = ("payment-signature", "!".to_owned());
    shop.get("/mpp", &[mpp, noise])
        .await
        .served("payment-receipt");
    let v2 = v2_header(&shop.x402("/x402").await);
    let noise = ("authorization", "Payment !".to_owned());
    shop.get("/x402", &[v2, noise])
        .await
        .served("payment-response");
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t94_two_payments_in_one_request_are_refused() {
    let shop = Shop::open().await;
    let v2 = v2_header(&shop.x402("/cheap").await);
    let v1 = v1_header(&shop.x402_v1("/cheap").await);
    let mpp = mpp_header(&shop.mpp("/cheap").await);
    let other = v2_header(&shop.x402("/cheap").await);
    for (headers, code) in [
        ([v2.clone(), mpp.clone()], "ambiguous_payment"),
        ([v1.clone(), mpp.clone()], "ambiguous_payment"),
        ([v2.clone(), v1.clone()], "invalid_payload"),
        ([v2.clone(), other], "invalid_payload"),
        ([v2.clone(), v2.clone()], "invalid_payload"),
        ([v1.clone(), v1], "invalid_payload"),
        ([mpp.clone(), mpp.clone()], "bad_request"),
    ] {
        shop.get("/cheap", &headers).await.refused(400, code);
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
    shop.get("/cheap", &[v2]).await.served("payment-response");
    shop.get("/cheap", &[mpp]).await.served("payment-receipt");
    shop.books(2, 2 * CENT);
}
