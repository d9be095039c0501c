//! Permit2 payments: everything that was signed is compared (RULES.md, T33).

use alloy_primitives::U256;
use alloy_sol_types::SolCall as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devnet::{ITollToken, PERMIT2};
use mpp_evm::CredentialType;
use mpp_evm::buyer::{Bill, Consent};
use payment_core::Units;
use serde_json::Value;

use crate::purse::mpp_header;
use crate::shop::{CENT, Means, Plan, Shop};

async fn open() -> Shop {
    let shop = Shop::planned(Plan {
        means: Means::Onchain,
        types: Some(vec![CredentialType::Permit2]),
        ..Plan::default()
    })
    .await;
    let approve = ITollToken::approveCall {
        spender: PERMIT2,
        value: U256::MAX,
    };
    let (wallet, token) = (&shop.net.buyers[0], shop.net.token.address);
    shop.net
        .chain
        .send(wallet, token, approve.abi_encode())
        .unwrap();
    shop
}

async fn permit(shop: &Shop, path: &str) -> Value {
    let challenge = shop.get(path, &[]).await.challenge();
    let bill = Bill::read(&challenge, &[]).unwrap();
    let consent = Consent::up_to(Units::from(10_000_000), shop.now());
    let header = bill.permit(&shop.buyer, consent).await.unwrap();
    let token = header.to_str().unwrap().strip_prefix("Payment ").unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

#[tokio::test]
async fn t33_a_permit_buys_one_meal() {
    let shop = open().await;
    let header = mpp_header(&permit(&shop, "/cheap").await);
    shop.get("/cheap", std::slice::from_ref(&header))
        .await
        .served("payment-receipt");
    shop.get("/cheap", &[header])
        .await
        .refused(402, "invalid_challenge");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t33_what_differs_from_what_was_signed_is_refused() {
    let shop = open().await;
    let good = permit(&shop, "/cheap").await;
    let other = "0x00000000000000000000000000000000000000EE";
    let far = "99999999999";
    for (at, value) in [
        ("/payload/permit/permitted/0/amount", Value::from("1")),
        ("/payload/permit/permitted/0/amount", "20000".into()),
        ("/payload/permit/permitted/0/token", other.into()),
        ("/payload/permit/nonce", "1".into()),
        ("/payload/permit/deadline", far.into()),
        ("/payload/permit/deadline", "1".into()),
        ("/payload/transferDetails/0/to", other.into()),
        ("/payload/transferDetails/0/requestedAmount", "1".into()),
        (
            "/payload/witness/challengeHash",
            format!("0x{}", "11".repeat(32)).into(),
        ),
        ("/payload/permit/permitted", serde_json::json!([])),
        ("/payload/transferDetails", serde_json::json!([])),
    ] {
        let mut other = good.clone();
        *other.pointer_mut(at).expect(at) = value;
        let answer = shop.get("/cheap", &[mpp_header(&other)]).await;
        assert_eq!(answer.status, 402, "{at}");
        answer.is_the_gates();
    }
    let mut claimed = good.clone();
    claimed["source"] = format!("did:pkh:eip155:84532:{other}").into();
    shop.get("/cheap", &[mpp_header(&claimed)])
        .await
        .refused(402, "verification_failed");
    let mut nobody = good.clone();
    nobody.as_object_mut().unwrap().remove("source");
    shop.get("/cheap", &[mpp_header(&nobody)])
        .await
        .refused(402, "malformed_credential");
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
    shop.get("/cheap", &[mpp_header(&good)])
        .await
        .served("payment-receipt");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t05_a_cheap_permit_on_a_dear_route_is_refused() {
    let shop = open().await;
    let cheap = permit(&shop, "/cheap").await;
    let mut dressed = permit(&shop, "/dear").await;
    let answer = shop.get("/dear", &[mpp_header(&cheap)]).await;
    answer.refused(402, "invalid_challenge");
    dressed["payload"] = cheap["payload"].clone();
    let answer = shop.get("/dear", &[mpp_header(&dressed)]).await;
    answer.refused(402, "verification_failed");
    shop.books(0, 0);
}
