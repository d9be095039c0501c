//! What becomes of the money when a facilitator fails or lies (RULES.md, T13, T15,
//! T16, T110, T111).

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::U256;
use devnet::facilitator::{Act, Facilitator, Route};
use serde_json::{Value, json};
use tokio::sync::Notify;
use x402_core::HttpOptions;

use crate::answer::Answer;
use crate::kitchen::Mood;
use crate::purse::v2_header;
use crate::shop::{CENT, Header, Plan, Shop, settle_down};

const ANSWER: &str = "facilitator_answer";
const AWAY: &str = "facilitator_unavailable";

fn garbage() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "null",
        "[]",
        "true",
        "\"success\"",
        "{}",
        "{\"isValid\":",
        "<html>welcome</html>",
        "{\"isValid\":1,\"success\":1}",
        "{\"isValid\":\"true\",\"success\":\"true\",\"transaction\":\"0x1\"}",
        "{\"isValid\":false,\"isValid\":true,\"success\":false,\"success\":true}",
        "{\"valid\":true,\"ok\":true}",
        "{\"isValid\":true,\"success\":true} {}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(vec![0xff, 0xfe, 0x00]);
    all.push("[".repeat(100_000).into_bytes());
    let mut large = b"{\"isValid\":true,\"success\":true,\"pad\":\"".to_vec();
    large.resize(10 << 20, b'x');
    large.extend_from_slice(b"\"}");
    all.push(large);
    all
}

/// Settles again as a facilitator does that remembers: the transaction of the first time.
fn remembers(shop: &Shop, amount: Option<&str>) -> Act {
    let height = shop.net.chain.height();
    let kind = alloy_rpc_types_eth::BlockTransactionsKind::Hashes;
    let block = shop.net.chain.block(height, kind).unwrap();
    let hash = block.transactions.hashes().next().unwrap();
    let (payer, amount) = (shop.buyer.address(), amount.map(str::to_owned));
    Act::Lie(Arc::new(move |answer: &mut Value| {
        *answer = json!({
            "success": true, "transaction": hash, "network": "eip155:84532", "payer": payer,
        });
        if let Some(amount) = &amount {
            answer["amount"] = amount.as_str().into();
        }
    }))
}

async fn pay(shop: &Shop, path: &str, header: &Header) -> Answer {
    shop.get(path, std::slice::from_ref(header)).await
}

#[tokio::test]
async fn facilitator_fault_at_verify_is_5xx_and_the_payment_stays_good() {
    let shop = Shop::open().await;
    let stranger = shop.net.seller.address.to_checksum(None);
    let mut faults = vec![
        (Act::CloseBefore, 502, AWAY),
        (Act::CloseAfter, 502, AWAY),
        (Act::Status(429), 502, ANSWER),
        (Act::Status(404), 502, ANSWER),
        (Act::Status(302), 502, ANSWER),
        (Act::StatusAfter(500), 502, ANSWER),
        (Act::StatusAfter(204), 502, ANSWER),
        (Act::lie("isValid", "true"), 502, ANSWER),
        (Act::lie("isValid", 1), 502, ANSWER),
        (Act::lie("isValid", Value::Null), 502, ANSWER),
        (Act::omit("isValid"), 502, ANSWER),
        (Act::lie("payer", stranger), 502, ANSWER),
        (Act::lie("payer", 7), 502, ANSWER),
    ];
    faults.extend(
        garbage()
            .into_iter()
            .map(|bytes| (Act::Garbage(bytes), 502, ANSWER)),
    );
    let header = v2_header(&shop.x402("/cheap").await);
    for (fault, status, code) in faults {
        shop.facilitator.order(Route::Verify, fault.clone());
        let answer = pay(&shop, "/cheap", &header).await;
        assert_eq!(
            (answer.status.as_u16(), &*answer.code()),
            (status, code),
            "{fault:?}"
        );
        answer.is_the_gates();
        assert!(shop.guard.is_empty(), "{fault:?} left a reservation");
    }
    shop.books(0, 0);
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn verify_says_no_and_the_buyer_hears_why_in_a_402() {
    let shop = Shop::open().await;
    let no = |code: &'static str| {
        Act::Lie(Arc::new(move |answer: &mut Value| {
            *answer = json!({"isValid": false, "invalidReason": code});
        }))
    };
    let header = v2_header(&shop.x402("/cheap").await);
    for (said, heard) in [
        ("insufficient_funds", "insufficient_funds"),
        ("Contact <b>us</b> at 555", "payment_refused"),
        ("", "payment_refused"),
    ] {
        shop.facilitator.order(Route::Verify, no(said));
        pay(&shop, "/cheap", &header).await.refused(402, heard);
    }
    shop.facilitator
        .order(Route::Verify, no("unexpected_verify_error"));
    pay(&shop, "/cheap", &header).await.refused(502, ANSWER);
    assert!(shop.guard.is_empty());
    shop.books(0, 0);
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn facilitator_that_is_gone_is_503_and_the_payment_stays_good() {
    let mut shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    let port = shop.facilitator.url().rsplit(':').next().unwrap();
    let port: u16 = port.trim_end_matches('/').parse().unwrap();
    let idle = Facilitator::start(&shop.net, 0).await.unwrap();
    drop(std::mem::replace(&mut shop.facilitator, idle));
    let answer = pay(&shop, "/cheap", &header).await;
    answer.refused(503, AWAY);
    shop.books(0, 0);
    assert!(shop.guard.is_empty());
    shop.facilitator = Facilitator::start(&shop.net, port).await.unwrap();
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn facilitator_that_is_slow_to_verify_is_504_and_the_payment_stays_good() {
    let mut http = HttpOptions::default();
    http.verify_timeout = Duration::from_millis(500);
    let shop = Shop::planned(Plan {
        http,
        ..Plan::default()
    })
    .await;
    let header = v2_header(&shop.x402("/cheap").await);
    let until = Arc::new(Notify::new());
    shop.facilitator
        .order(Route::Verify, Act::SlowBefore(Arc::clone(&until)));
    pay(&shop, "/cheap", &header)
        .await
        .refused(504, "facilitator_timeout");
    shop.books(0, 0);
    until.notify_one();
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn settlement_without_an_answer_is_pending_until_there_is_proof_and_pays_once() {
    let other = "0x000000000000000000000000000000000000dEaD";
    let lost = [
        Act::CloseAfter,
        Act::StatusAfter(500),
        Act::StatusAfter(204),
        Act::StatusAfter(400),
        Act::Pending,
        Act::lie("success", "true"),
        Act::lie("success", 1),
        Act::lie("success", Value::Null),
        Act::omit("success"),
        Act::lie("transaction", ""),
        Act::lie("transaction", Value::Null),
        Act::lie("transaction", 7),
        Act::lie("transaction", "x".repeat(300)),
        Act::omit("transaction"),
        Act::lie("network", "eip155:8453"),
        Act::lie("network", ""),
        Act::omit("network"),
        Act::lie("payer", other),
        Act::lie("amount", "1"),
        Act::lie("amount", "lots"),
        Act::lie("amount", 10_000),
    ];
    for path in ["/cheap", "/first"] {
        let shop = Shop::open().await;
        let mut sold = 0;
        let mut runs = 0;
        for act in lost.clone() {
            let header = v2_header(&shop.x402(path).await);
            shop.facilitator.order(Route::Settle, act.clone());
            let answer = pay(&shop, path, &header).await;
            assert_eq!(answer.status, 503, "{act:?}");
            answer.pending();
            let said = answer.message("payment-response");
            assert_eq!(said["errorReason"], "settlement_pending", "{act:?}");
            sold += 1;
            runs += usize::from(path == "/cheap");
            shop.books(runs, CENT * sold);
            // "The nonce was used" is no proof that it was used to pay us.
            let proof = remembers(&shop, None);
            pay(&shop, path, &header).await.pending();
            shop.books(runs, CENT * sold);
            // Nor is another amount.
            shop.facilitator
                .order(Route::Settle, remembers(&shop, Some("1")));
            pay(&shop, path, &header).await.pending();
            shop.books(runs, CENT * sold);
            shop.facilitator.order(Route::Settle, proof);
            pay(&shop, path, &header).await.served("payment-response");
            runs += 1;
            shop.books(runs, CENT * sold);
            let answer = pay(&shop, path, &header).await;
            answer.refused(402, "invalid_exact_evm_nonce_already_used");
        }
    }
}

#[tokio::test]
async fn settlement_that_never_arrived_is_made_by_the_same_header() {
    let shop = Shop::open().await;
    let mut sold = 0;
    let mut acts = vec![
        Act::CloseBefore,
        Act::Status(500),
        Act::Status(503),
        Act::Status(302),
    ];
    acts.extend(garbage().into_iter().map(Act::Garbage));
    for act in acts {
        let header = v2_header(&shop.x402("/cheap").await);
        shop.facilitator.order(Route::Settle, act.clone());
        let answer = pay(&shop, "/cheap", &header).await;
        assert_eq!(answer.status, 503, "{act:?}");
        answer.pending();
        shop.books(2 * sold + 1, CENT * sold as u64);
        pay(&shop, "/cheap", &header)
            .await
            .served("payment-response");
        sold += 1;
        shop.books(2 * sold, CENT * sold as u64);
    }
}

#[tokio::test]
async fn a_settlement_turned_away_at_the_door_is_a_definite_no() {
    let shop = Shop::open().await;
    for (sold, status) in [401, 403, 404, 405, 429].into_iter().enumerate() {
        let header = v2_header(&shop.x402("/cheap").await);
        shop.facilitator.order(Route::Settle, Act::Status(status));
        pay(&shop, "/cheap", &header).await.refused(503, AWAY);
        shop.books(2 * sold + 1, CENT * sold as u64);
        pay(&shop, "/cheap", &header)
            .await
            .served("payment-response");
    }
    shop.books(10, 5 * CENT);
}

#[tokio::test]
async fn facilitator_that_dies_before_settling_takes_nothing() {
    let mut shop = Shop::open().await;
    let until = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&until)));
    let header = v2_header(&shop.x402("/cheap").await);
    let port = shop.facilitator.url().rsplit(':').next().unwrap();
    let port: u16 = port.trim_end_matches('/').parse().unwrap();
    let running = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.kitchen.started().await;
    let idle = Facilitator::start(&shop.net, 0).await.unwrap();
    drop(std::mem::replace(&mut shop.facilitator, idle));
    until.notify_one();
    let answer = running.await.unwrap();
    assert_eq!(answer.status, 503);
    answer.is_the_gates();
    shop.books(1, 0);
    shop.kitchen.mood(Mood::Good);
    shop.facilitator = Facilitator::start(&shop.net, port).await.unwrap();
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(2, CENT);
}

#[tokio::test]
async fn settlement_slower_than_its_deadline_is_pending_and_delivered_once() {
    for act in [Act::SlowBefore as fn(Arc<Notify>) -> Act, Act::SlowAfter] {
        let mut http = HttpOptions::default();
        http.settle_timeout = Duration::from_millis(500);
        let shop = Shop::planned(Plan {
            http,
            ..Plan::default()
        })
        .await;
        let header = v2_header(&shop.x402("/cheap").await);
        let until = Arc::new(Notify::new());
        let settled_before = act(Arc::clone(&until));
        let settled_before = matches!(settled_before, Act::SlowAfter(_));
        shop.facilitator
            .order(Route::Settle, act(Arc::clone(&until)));
        pay(&shop, "/cheap", &header).await.pending();
        shop.books(1, if settled_before { CENT } else { 0 });
        if settled_before {
            shop.facilitator
                .order(Route::Settle, remembers(&shop, None));
        }
        pay(&shop, "/cheap", &header)
            .await
            .served("payment-response");
        shop.books(2, CENT);
        // The slow one wakes up at last.
        until.notify_one();
        settle_down().await;
        let answer = pay(&shop, "/cheap", &header).await;
        answer.refused(402, "invalid_exact_evm_nonce_already_used");
        shop.books(2, CENT);
    }
}

#[tokio::test]
async fn settlement_that_says_no_discards_the_meal() {
    let shop = Shop::open().await;
    let until = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&until)));
    let header = v2_header(&shop.x402("/cheap").await);
    let running = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.kitchen.started().await;
    // The buyer spends everything elsewhere while the meal is cooked.
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let (wallet, other) = (&shop.net.buyers[0], shop.net.buyers[1].address);
    let all = chain.balance_of(token, wallet.address);
    chain.transfer(token, wallet, other, all).unwrap();
    until.notify_one();
    let answer = running.await.unwrap();
    answer.refused(402, "invalid_exact_evm_insufficient_balance");
    let said = answer.message("payment-response");
    assert_eq!(said["success"], false);
    assert_eq!(
        said["errorReason"],
        "invalid_exact_evm_insufficient_balance"
    );
    assert_eq!(chain.balance_of(token, shop.net.seller.address), U256::ZERO);
    assert_eq!(shop.kitchen.runs(), 1);
    assert!(shop.guard.is_empty(), "released");
    // With money again, the same header pays.
    shop.kitchen.mood(Mood::Good);
    chain
        .transfer(token, &shop.net.buyers[1], wallet.address, all)
        .unwrap();
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(2, CENT);
}

#[tokio::test]
async fn t15_an_authorization_that_somebody_else_sent_is_not_taken_for_a_payment() {
    let shop = Shop::open().await;
    let envelope = shop.x402("/cheap").await;
    // The buyer sends it to the chain herself, before she shows it.
    let payload = &envelope["payload"];
    let authorization: payment_evm::Authorization =
        serde_json::from_value(payload["authorization"].clone()).unwrap();
    let signature = payload["signature"].as_str().unwrap();
    let signature = payment_evm::EvmSignature::from_hex(signature).unwrap();
    let call = authorization.calldata(&signature);
    let wallet = &shop.net.buyers[0];
    shop.net
        .chain
        .send(wallet, shop.net.token.address, call)
        .unwrap();
    shop.books(0, CENT);
    for _ in 0..2 {
        let answer = pay(&shop, "/cheap", &v2_header(&envelope)).await;
        answer.refused(402, "invalid_exact_evm_nonce_already_used");
    }
    shop.books(0, CENT);
}

#[tokio::test]
async fn t14_a_pending_payment_outlives_its_own_expiry() {
    let shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    shop.facilitator.order(Route::Settle, Act::CloseAfter);
    pay(&shop, "/cheap", &header).await.pending();
    let proof = remembers(&shop, None);
    shop.advance(30 * 24 * 3600);
    pay(&shop, "/cheap", &header).await.pending();
    shop.facilitator.order(Route::Settle, proof);
    pay(&shop, "/cheap", &header)
        .await
        .served("payment-response");
    shop.books(2, CENT);
}

#[tokio::test]
async fn t05_a_pending_payment_is_delivered_on_its_own_route_alone() {
    let shop = Shop::open().await;
    let envelope = shop.x402("/cheap").await;
    shop.facilitator.order(Route::Settle, Act::CloseAfter);
    pay(&shop, "/cheap", &v2_header(&envelope)).await.pending();
    let v1 = crate::purse::v1_header(&crate::purse::as_v1(&envelope));
    for path in ["/twin", "/x402", "/cheap?other=1"] {
        shop.facilitator
            .order(Route::Settle, remembers(&shop, None));
        let answer = pay(&shop, path, &v1).await;
        answer.refused(402, "invalid_exact_evm_nonce_already_used");
        shop.facilitator.heal();
    }
    let post = crate::shop::request("POST", "/cheap", std::slice::from_ref(&v1));
    let answer = shop.send(post).await;
    answer.refused(402, "invalid_exact_evm_nonce_already_used");
    shop.books(1, CENT);
}
