//! Transactions that take their time, and those that fail.

use std::time::Duration;

use alloy_primitives::B256;
use devnet::Wallet;
use devnet::okx::{Act, Endpoint, Okx, Repeats};
use gateways::okx::SettleMode;
use serde_json::json;

use crate::purse::By;
use crate::row::Start;
use crate::shop::{CENT, Header, Plan, Shop};
use crate::words::beside;

const FAILED: &str = "invalid_exact_evm_transaction_failed";

async fn in_mode(mode: SettleMode) -> Shop {
    let plan = Plan {
        mode,
        ..Plan::default()
    };
    Shop::planned(plan, Okx::builder()).await
}

/// Pays while no block is mined: the transaction waits.
async fn sent(shop: &Shop, path: &str) -> Header {
    let header = shop.payment(By::Exact, path).await;
    shop.net.chain.pause_mining(true);
    shop.pay(path, &header).await.pending();
    assert_eq!(shop.net.chain.waiting(), 1);
    header
}

/// Gives away all that a wallet holds. While no block is mined, it waits.
fn give_all(shop: &Shop, from: &Wallet, to: &Wallet) {
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let all = chain.balance_of(token, from.address);
    let _ = chain.transfer(token, from, to.address, all);
}

#[tokio::test]
async fn a_settlement_that_stays_pending_is_503_until_it_lands_and_then_served_once() {
    for mode in [SettleMode::Synchronous, SettleMode::Asynchronous] {
        let shop = in_mode(mode).await;
        for path in ["/cheap", "/first"] {
            let start = Start::of(&shop, By::Exact);
            let header = sent(&shop, path).await;
            for _ in 0..3 {
                let answer = shop.pay(path, &header).await;
                answer.pending();
                assert!(answer.message("payment-response")["transaction"].is_string());
            }
            let cooked = usize::from(path == "/cheap");
            start.check(&shop, By::Exact, cooked, 0);
            shop.net.chain.pause_mining(false);
            start.check(&shop, By::Exact, cooked, CENT);
            shop.pay(path, &header).await.served();
            for _ in 0..3 {
                shop.pay(path, &header).await.spent();
            }
            start.check(&shop, By::Exact, cooked + 1, CENT);
            assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
        }
    }
}

#[tokio::test]
async fn a_pending_settlement_outlives_the_expiry_of_its_payment() {
    for mode in [SettleMode::Synchronous, SettleMode::Asynchronous] {
        let shop = in_mode(mode).await;
        let header = sent(&shop, "/cheap").await;
        shop.clock.advance(Duration::from_secs(30 * 24 * 3600));
        shop.pay("/cheap", &header).await.pending();
        assert_eq!(shop.on_chain(), 0);
    }
}

#[tokio::test]
async fn a_settlement_whose_transaction_fails_is_refused_with_a_fresh_offer() {
    for mode in [SettleMode::Synchronous, SettleMode::Asynchronous] {
        let shop = in_mode(mode).await;
        for path in ["/cheap", "/first"] {
            let start = Start::of(&shop, By::Exact);
            let header = shop.payment(By::Exact, path).await;
            shop.net.chain.pause_mining(true);
            // Mined before the settlement, this leaves nothing for it.
            let [buyer, other] = [&shop.net.buyers[0], &shop.net.buyers[2]];
            give_all(&shop, buyer, other);
            shop.pay(path, &header).await.pending();
            shop.pay(path, &header).await.pending();
            shop.net.chain.pause_mining(false);
            let answer = shop.pay(path, &header).await;
            answer.refused(402, FAILED);
            let said = answer.message("payment-response");
            assert_eq!(
                (&said["success"], &said["errorReason"]),
                (&json!(false), &json!(FAILED))
            );
            let cooked = usize::from(path == "/cheap");
            start.check(&shop, By::Exact, cooked, 0);
            assert_eq!(shop.guard.len(), start.kept, "released");
            // OKX does not send it again, and the offer is good for another payment.
            give_all(&shop, other, buyer);
            shop.pay(path, &header).await.spent();
            let fresh = shop.payment(By::Exact, path).await;
            let mut answer = shop.pay(path, &fresh).await;
            let mut meals = cooked + 1;
            if mode == SettleMode::Asynchronous {
                answer.pending();
                answer = shop.pay(path, &fresh).await;
                meals += cooked;
            }
            answer.served();
            start.check(&shop, By::Exact, meals, CENT);
        }
    }
}

/// The second answer tells which transaction it was; from then on that one is asked about.
#[tokio::test]
async fn a_settlement_whose_answer_was_lost_is_followed_up_by_its_transaction() {
    for fails in [false, true] {
        let shop = Shop::open().await;
        for path in ["/cheap", "/first"] {
            let start = Start::of(&shop, By::Exact);
            let header = shop.payment(By::Exact, path).await;
            shop.net.chain.pause_mining(true);
            let [buyer, other] = [&shop.net.buyers[0], &shop.net.buyers[2]];
            if fails {
                give_all(&shop, buyer, other);
            }
            shop.okx.order(Endpoint::Settle, Act::CloseAfter);
            for _ in 0..3 {
                shop.pay(path, &header).await.pending();
            }
            shop.net.chain.pause_mining(false);
            let cooked = usize::from(path == "/cheap");
            let answer = shop.pay(path, &header).await;
            if fails {
                answer.refused(402, FAILED);
                start.check(&shop, By::Exact, cooked, 0);
                give_all(&shop, other, buyer);
            } else {
                answer.served();
                start.check(&shop, By::Exact, cooked + 1, CENT);
            }
            shop.pay(path, &header).await.spent();
            assert_eq!(shop.asked(Endpoint::Settle), start.settled + 2);
        }
    }
}

/// The first attempt may be what used it up before it expired; only the chain could tell.
#[tokio::test]
async fn a_payment_that_expired_while_it_was_open_stays_open() {
    let shop = Shop::open().await;
    for (act, earned) in [(Act::CloseBefore, 0), (Act::CloseAfter, CENT)] {
        let start = Start::of(&shop, By::Exact);
        let header = shop.payment(By::Exact, "/cheap").await;
        shop.okx.order(Endpoint::Settle, act);
        shop.pay("/cheap", &header).await.pending();
        shop.clock.advance(Duration::from_secs(3600));
        start.check(&shop, By::Exact, 1, earned);
        let again = shop.pay("/cheap", &header).await;
        if earned == 0 {
            again.pending();
            shop.pay("/cheap", &header).await.pending();
            start.check(&shop, By::Exact, 1, 0);
        } else {
            again.served();
            start.check(&shop, By::Exact, 2, CENT);
        }
    }
}

/// It is asked to settle again, which can't move money twice: a yes is one, a no proves nothing.
#[tokio::test]
async fn a_transaction_that_okx_does_not_know_is_settled_again() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = Shop::planned(Plan::default(), Okx::builder().repeats(repeats)).await;
        for by in By::BOTH {
            let start = Start::of(&shop, by);
            let header = shop.payment(by, "/cheap").await;
            let unknown = B256::repeat_byte(7);
            let late = json!({"status": "pending", "transaction": unknown});
            shop.okx.order(Endpoint::Settle, beside(&late));
            let answer = shop.pay("/cheap", &header).await;
            answer.pending();
            let said = answer.message("payment-response");
            assert_eq!(said["transaction"], json!(unknown));
            if repeats == Repeats::SameAnswer {
                shop.pay("/cheap", &header).await.served();
                shop.pay("/cheap", &header).await.spent();
                start.check(&shop, by, 2, CENT);
            } else {
                shop.pay("/cheap", &header).await.pending();
                shop.pay("/cheap", &header).await.pending();
                start.check(&shop, by, 1, CENT);
            }
        }
    }
}

/// What OKX calls pending of a batch has no transaction to ask about: it is asked to settle again,
/// and takes the payment once.
#[tokio::test]
async fn a_deferred_payment_that_is_pending_is_503_and_served_once_it_was_taken() {
    let shop = Shop::open().await;
    for path in ["/cheap", "/first"] {
        let start = Start::of(&shop, By::Deferred);
        let header = shop.payment(By::Deferred, path).await;
        let pending = json!({"status": "pending"});
        for _ in 0..3 {
            shop.okx.order(Endpoint::Settle, beside(&pending));
            shop.pay(path, &header).await.pending();
        }
        let cooked = usize::from(path == "/cheap");
        start.check(&shop, By::Deferred, cooked, CENT);
        shop.pay(path, &header).await.served();
        shop.pay(path, &header).await.spent();
        start.check(&shop, By::Deferred, cooked + 1, CENT);
    }
}

/// A batch that fails is OKX's loss and not the buyer's: it owes what it took.
#[tokio::test]
async fn a_batch_that_fails_is_still_owed_and_the_payment_is_used() {
    let shop = Shop::open().await;
    let header = shop.payment(By::Deferred, "/cheap").await;
    shop.pay("/cheap", &header).await.served();
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let (wallet, other) = (&shop.net.buyers[1], &shop.net.buyers[2]);
    let all = chain.balance_of(token, wallet.address);
    chain.transfer(token, wallet, other.address, all).unwrap();
    assert_eq!(shop.okx.land_batch()[0].transaction, None);
    assert_eq!(shop.on_chain(), 0);
    shop.pay("/cheap", &header).await.spent();
    chain.transfer(token, other, wallet.address, all).unwrap();
    assert_eq!(shop.earned(By::Deferred), CENT);
    assert_eq!(shop.kitchen.runs(), 1);
}
