//! Nothing secret is logged, at any level (RULES.md, T124).

use std::time::Duration;

use alloy_primitives::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devnet::ears;
use devnet::okx::{Act, Endpoint, Okx};
use serde_json::{Value, json};

use crate::purse::{By, header};
use crate::shop::{Plan, Shop};
use crate::words::{
    AT_THE_DOOR, INSIDE, LOOSE_TALK, beside, garbage, is_telling, refuse, refuse_after, say,
};

/// What must not be said about a payment: header, signature and certificate in any spelling.
fn secrets_of(envelope: &Value) -> Vec<String> {
    let header = header(envelope).1;
    let mut secrets = vec![header[..60].to_owned(), header];
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    match signature.strip_prefix("0x") {
        Some(digits) => secrets.extend([digits[..64].to_owned(), digits[64..128].to_owned()]),
        None => {
            secrets.push(signature[..60].to_owned());
            let bytes = STANDARD.decode(signature).unwrap();
            secrets.push(hex::encode(&bytes[..32]));
            secrets.push(format!("{:?}", &bytes[..32]));
        }
    }
    if let Some(certificate) = envelope["accepted"]["extra"]["sessionCert"].as_str() {
        let inside = STANDARD.decode(certificate).unwrap();
        let inside: Value = serde_json::from_slice(&inside).unwrap();
        secrets.push(certificate[..60].to_owned());
        secrets.push(inside["publicKey"].as_str().unwrap()[2..].to_owned());
        secrets.push(inside["signature"].as_str().unwrap()[2..66].to_owned());
    }
    secrets
}

fn faults() -> Vec<(Endpoint, Act)> {
    let talk = json!({
        "success": false, "isValid": false, "errorReason": LOOSE_TALK, "errorMessage": LOOSE_TALK,
        "invalidReason": LOOSE_TALK, "invalidMessage": LOOSE_TALK, "transaction": LOOSE_TALK,
    });
    let mut faults = Vec::new();
    for endpoint in [Endpoint::Verify, Endpoint::Settle, Endpoint::SettleStatus] {
        let codes = [INSIDE[0], INSIDE[1], AT_THE_DOOR[0], AT_THE_DOOR[12]];
        faults.extend(codes.map(|code| (endpoint, refuse(code))));
        faults.extend(
            garbage()
                .into_iter()
                .take(6)
                .map(|bytes| (endpoint, Act::Garbage(bytes))),
        );
        let acts = [
            Act::CloseBefore,
            Act::CloseAfter,
            Act::Status(500),
            say(&talk),
            refuse_after(INSIDE[0]),
            beside(&json!({"payer": LOOSE_TALK, "network": LOOSE_TALK})),
            beside(&json!({"status": LOOSE_TALK})),
            beside(&json!({"amount": LOOSE_TALK})),
        ];
        faults.extend(acts.into_iter().map(|act| (endpoint, act)));
    }
    faults
}

/// A whole run with every fault, and what must not be said of it.
async fn run(shop: &Shop) -> Vec<String> {
    let mut secrets = Vec::new();
    for by in By::BOTH {
        for (endpoint, act) in faults() {
            let envelope = shop.envelope(by, "/cheap").await;
            secrets.extend(secrets_of(&envelope));
            let paid = header(&envelope);
            if endpoint == Endpoint::SettleStatus {
                shop.okx.order(Endpoint::Settle, Act::Pending);
            }
            shop.okx.order(endpoint, act);
            shop.pay("/cheap", &paid).await;
            shop.okx.heal();
            shop.pay("/cheap", &paid).await;
            let mut odd = envelope;
            odd["accepted"]["amount"] = "1".into();
            shop.pay("/cheap", &header(&odd)).await;
        }
    }
    for call in shop.okx.calls() {
        secrets.push(call.header("ok-access-sign").to_owned());
    }
    secrets
}

#[tokio::test]
async fn t124_no_log_line_holds_a_key_a_payment_or_a_text_of_okxs() {
    ears::listen().unwrap();
    let plan = Plan::default().options(|options| {
        let options = options.attempts(2).poll_for(Duration::from_millis(5));
        options.poll_every(Duration::from_millis(2))
    });
    let shop = Shop::planned(plan, Okx::builder()).await;
    let mut secrets = run(&shop).await;
    for wallet in &shop.net.buyers[..2] {
        secrets.push(wallet.key.to_string()[2..].to_owned());
    }
    let heard = ears::heard();
    for words in [
        "payment refused",
        "calling okx again",
        "asking okx about a settlement",
    ] {
        assert!(heard.contains(words), "{words} was not heard");
    }
    for line in heard.lines() {
        assert!(!is_telling(line.as_bytes()), "{line}");
    }
    assert_eq!(ears::telling_line(&heard, &secrets), None);
}

#[tokio::test]
async fn t124_debug_of_what_sellers_hold_shows_no_secret() {
    let shop = Shop::open().await;
    let account = shop.okx.account();
    let keys =
        gateways::okx::OkxKeys::new(&account.key, &account.secret, &account.passphrase).unwrap();
    let options = Plan::default().options;
    let okx = gateways::okx::OkxFacilitator::at(shop.okx.url(), keys.clone(), options).unwrap();
    let x402 = x402_core::X402::new(okx.clone());
    assert!(!is_telling(
        format!("{keys:?} {okx:?} {x402:?} {:#?}", okx).as_bytes()
    ));
}
