//! Nothing goes wrong: what is paid, by whom, and what both sides hold then.

use std::collections::HashSet;

use alloy_primitives::{B256, U256};
use devnet::okx::Endpoint;
use serde_json::{Value, json};

use crate::purse::{By, header};
use crate::shop::{CENT, Header, Shop};

fn checksummed(shop: &Shop, by: By) -> String {
    match by {
        By::Exact => shop.net.buyers[0].address.to_checksum(None),
        By::Deferred => shop.session.address.to_checksum(None),
    }
}

fn same(text: &Value, address: &str) -> bool {
    text.as_str()
        .is_some_and(|text| text.eq_ignore_ascii_case(address))
}

#[tokio::test]
async fn an_exact_payment_is_settled_by_the_transaction_of_its_receipt() {
    let shop = Shop::open().await;
    for (sold, path) in (1..).zip(["/cheap", "/exact", "/first"]) {
        let paid = shop.payment(By::Exact, path).await;
        let receipt = shop.pay(path, &paid).await.served();
        assert!(
            receipt
                .get("status")
                .is_none_or(|status| status == "success")
        );
        assert!(same(&receipt["payer"], &checksummed(&shop, By::Exact)));
        assert_eq!(receipt["amount"], CENT.to_string());
        let hash: B256 = receipt["transaction"].as_str().unwrap().parse().unwrap();
        assert!(shop.net.chain.receipt(hash).unwrap().status());
        assert_eq!(shop.on_chain(), CENT * sold);
        assert_eq!(shop.kitchen.runs() as u64, sold);
        let known = shop.kitchen.last().unwrap();
        assert_eq!(
            known.payer().unwrap().to_string().to_lowercase(),
            checksummed(&shop, By::Exact).to_lowercase()
        );
        shop.pay(path, &paid).await.spent();
        assert_eq!(shop.on_chain(), CENT * sold);
    }
}

#[tokio::test]
async fn a_deferred_payment_moves_exactly_when_its_batch_lands() {
    let shop = Shop::open().await;
    let mut paid = Vec::new();
    for path in ["/cheap", "/deferred", "/first"] {
        let header = shop.payment(By::Deferred, path).await;
        let receipt = shop.pay(path, &header).await.served();
        assert_eq!(receipt["status"], "success");
        assert_eq!(receipt["transaction"], "");
        assert_eq!(receipt["amount"], CENT.to_string());
        assert!(same(&receipt["payer"], &checksummed(&shop, By::Deferred)));
        shop.pay(path, &header).await.spent();
        assert_eq!(shop.on_chain(), 0, "nothing moves before the batch");
        paid.push((path, header));
    }
    let landings = shop.okx.land_batch();
    assert_eq!(landings.len(), 1);
    assert_eq!(landings[0].payer, shop.session.address);
    assert_eq!(landings[0].payee, shop.net.seller.address);
    assert_eq!(landings[0].amount, U256::from(3 * CENT));
    assert_eq!(shop.on_chain(), 3 * CENT);
    for (path, header) in &paid {
        shop.pay(path, header).await.spent();
    }
    assert!(shop.okx.land_batch().is_empty());
    assert_eq!((shop.kitchen.runs(), shop.on_chain()), (3, 3 * CENT));
}

#[tokio::test]
async fn a_route_that_takes_one_scheme_takes_no_payment_of_the_other() {
    let shop = Shop::open().await;
    let offers = shop.get("/cheap", &[]).await.offers();
    let schemes: Vec<_> = offers.accepts.iter().map(|offer| &*offer.scheme).collect();
    assert_eq!(schemes, ["exact", "aggr_deferred"]);
    for (by, path) in [(By::Exact, "/deferred"), (By::Deferred, "/exact")] {
        assert_eq!(shop.get(path, &[]).await.offers().accepts.len(), 1);
        let paid = shop.vague_payment(by).await;
        let answer = shop.pay(path, &paid).await;
        answer.refused(402, "invalid_payment_requirements");
        assert_eq!((shop.kitchen.runs(), shop.earned(by)), (0, 0));
        assert!(shop.guard.is_empty());
    }
    assert_eq!(shop.asked(Endpoint::Verify), 0, "OKX is not asked about it");
}

#[tokio::test]
async fn okx_is_asked_about_our_offer_and_signed_for_anew_each_time() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let required = shop.get("/cheap", &[]).await.requirements(by);
        // What the buyer adds to its echo stays here, but for the certificate.
        let mut envelope = shop.envelope(by, "/cheap").await;
        envelope["accepted"]["extra"]["more"] = "of the buyer's".into();
        envelope["extensions"] = json!({"more": "of the buyer's"});
        shop.pay("/cheap", &header(&envelope)).await.served();
        for endpoint in [Endpoint::Verify, Endpoint::Settle] {
            let calls = shop.calls_of(endpoint);
            let body = &calls.last().unwrap().body;
            assert_eq!(body["paymentRequirements"], required);
            assert!(!body.to_string().contains("of the buyer's"), "{body}");
            assert!(
                body["paymentRequirements"]["extra"]
                    .get("sessionCert")
                    .is_none()
            );
            let echoed = &body["paymentPayload"]["accepted"]["extra"]["sessionCert"];
            match by {
                By::Exact => assert_eq!(*echoed, Value::Null),
                By::Deferred => assert_eq!(*echoed, shop.session.certificate()),
            }
            assert_eq!(body["paymentPayload"]["payload"], envelope["payload"]);
        }
        let calls = shop.calls_of(Endpoint::Settle);
        assert_eq!(calls.last().unwrap().body["syncSettle"], true);
    }
    let calls = shop.okx.calls();
    assert_eq!(
        calls.len(),
        5,
        "supported, and twice each of verify and settle"
    );
    let signatures: HashSet<_> = calls
        .iter()
        .map(|call| call.header("ok-access-sign"))
        .collect();
    assert_eq!(signatures.len(), calls.len());
    for call in &calls {
        let account = shop.okx.account();
        assert_eq!(call.header("ok-access-key"), account.key);
        assert!(
            !call
                .headers
                .values()
                .any(|value| value == account.secret.as_str())
        );
    }
}

#[tokio::test]
async fn two_payments_of_one_payer_are_two_meals() {
    let shop = Shop::open().await;
    for (sold, by) in (0..).step_by(2).zip(By::BOTH) {
        let [a, b]: [Header; 2] = [
            shop.payment(by, "/cheap").await,
            shop.payment(by, "/cheap").await,
        ];
        let (a, b) = tokio::join!(shop.pay("/cheap", &a), shop.pay("/cheap", &b));
        let hashes = [a.served(), b.served()].map(|receipt| receipt["transaction"].clone());
        assert_eq!(hashes[0] != hashes[1], by == By::Exact);
        assert_eq!(shop.earned(by), CENT * (sold + 2));
        assert_eq!(shop.kitchen.runs() as u64, sold + 2);
    }
}

#[tokio::test]
async fn a_payer_without_money_gets_no_meal_and_is_told_why() {
    let shop = Shop::open().await;
    let other = shop.net.buyers[2].address;
    for (by, wallet) in By::BOTH.into_iter().zip(&shop.net.buyers) {
        let paid = shop.payment(by, "/cheap").await;
        let (chain, token) = (&shop.net.chain, shop.net.token.address);
        let all = chain.balance_of(token, wallet.address);
        chain.transfer(token, wallet, other, all).unwrap();
        let answer = shop.pay("/cheap", &paid).await;
        answer.refused(402, "invalid_exact_evm_insufficient_balance");
        assert_eq!(shop.guard.len(), usize::from(by == By::Deferred));
        chain
            .transfer(token, &shop.net.buyers[2], wallet.address, all)
            .unwrap();
        shop.pay("/cheap", &paid).await.served();
    }
    assert_eq!(shop.kitchen.runs(), 2);
    assert_eq!(shop.earned(By::Deferred), 2 * CENT);
}

#[tokio::test]
async fn a_payer_that_okx_blocks_is_told_no_more_than_no() {
    let shop = Shop::open().await;
    for (by, wallet) in By::BOTH.into_iter().zip(&shop.net.buyers) {
        shop.okx.block(wallet.address);
        let paid = shop.payment(by, "/cheap").await;
        shop.pay("/cheap", &paid)
            .await
            .refused(402, "payment_refused");
        assert_eq!((shop.kitchen.runs(), shop.earned(by)), (0, 0));
    }
    assert!(shop.guard.is_empty());
}
