//! Charges on a real chain: every type pays from end to end, once, and what is not known is not
//! guessed.

#![allow(clippy::unwrap_used)]

#[path = "support/net.rs"]
mod net;

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use devnet::Fault;
use mpp_evm::{CredentialType, Split};
use net::{PRICE, Shop, signer};
use payment_core::usd;
use serde_json::json;

#[tokio::test]
async fn an_authorization_pays_once() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let challenge = shop.challenge().await;
    let credential = shop.authorization(&challenge).await;
    let answer = shop.get(Some(&credential)).await;
    answer.is_served();
    assert_eq!(shop.income(), PRICE);
    let receipt = answer.receipt();
    assert_eq!(receipt.members["chainId"], json!(shop.token.chain_id));
    let hash: B256 = receipt.reference.parse().unwrap();
    assert!(shop.net.chain.receipt(hash).unwrap().status());

    shop.get(Some(&credential)).await.is_refused("invalid-challenge");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

#[tokio::test]
async fn a_permit_pays_once() {
    let shop = Shop::taking(CredentialType::Permit2).await;
    shop.approve_permit2();
    let credential = shop.permit(&shop.challenge().await).await;
    shop.get(Some(&credential)).await.is_served();
    assert_eq!(shop.income(), PRICE);
    shop.get(Some(&credential)).await.is_refused("invalid-challenge");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

#[tokio::test]
async fn a_split_permit_pays_everybody() {
    let partner = Address::repeat_byte(0x77);
    let shop = Shop::with(|charge| {
        charge
            .split(Split::new(partner, usd!("0.002")))
            .split(Split::new(partner, usd!("0.002")))
            .external_id("order-7")
    })
    .await;
    shop.approve_permit2();
    let credential = shop.permit(&shop.challenge().await).await;
    let answer = shop.get(Some(&credential)).await;
    answer.is_served();
    assert_eq!((shop.income(), shop.balance(partner)), (6_000, 4_000));
    assert_eq!(answer.receipt().members["externalId"], json!("order-7"));
}

#[tokio::test]
async fn a_permit_without_approval_is_refused_before_it_is_sent() {
    let shop = Shop::taking(CredentialType::Permit2).await;
    let height = shop.net.chain.height();
    let credential = shop.permit(&shop.challenge().await).await;
    shop.get(Some(&credential)).await.is_refused("verification-failed");
    assert_eq!((shop.net.chain.height(), shop.served()), (height, 0));
    // A definite no sets the credential free: the same one pays once the buyer has approved.
    shop.approve_permit2();
    shop.get(Some(&credential)).await.is_served();
}

#[tokio::test]
async fn a_transaction_pays_once_and_its_hash_does_not_pay_again() {
    let both = [CredentialType::Transaction, CredentialType::Hash];
    let shop = Shop::with(|charge| charge.credential_types(both)).await;
    let (first, second) = (shop.challenge().await, shop.challenge().await);
    let credential = shop.transaction(&first).await;
    let answer = shop.get(Some(&credential)).await;
    answer.is_served();
    assert_eq!(shop.income(), PRICE);

    let hash = answer.receipt().reference.parse().unwrap();
    let again = shop.hash(&second, shop.net.buyers[0].address, hash);
    shop.get(Some(&again)).await.is_refused("invalid-challenge");
    shop.get(Some(&credential)).await.is_refused("invalid-challenge");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

#[tokio::test]
async fn a_transaction_that_is_on_the_chain_already_pays_nothing() {
    let shop = Shop::taking(CredentialType::Transaction).await;
    let credential = shop.transaction(&shop.challenge().await).await;
    let raw = raw_transaction(&credential);
    shop.net.chain.submit(&raw).unwrap();
    shop.get(Some(&credential)).await.is_refused("verification-failed");
    assert_eq!(shop.served(), 0);
}

#[tokio::test]
async fn nothing_is_broadcast_for_a_buyer_who_can_not_pay() {
    let shop = Shop::taking(CredentialType::Transaction).await;
    let challenge = shop.challenge().await;
    let credential = shop.transaction(&challenge).await;
    // The buyer's purse is emptied by another wallet's pull, so that the nonce stays good.
    let rest = shop.balance(shop.net.buyers[0].address);
    empty(&shop, rest).await;
    let height = shop.net.chain.height();
    shop.get(Some(&credential)).await.is_refused("payment-insufficient");
    assert_eq!((shop.net.chain.height(), shop.net.chain.waiting()), (height, 0));
}

#[tokio::test]
async fn a_hash_pays_for_its_own_sender_once() {
    let shop = Shop::taking(CredentialType::Hash).await;
    let (first, second) = (shop.challenge().await, shop.challenge().await);
    let buyer = shop.net.buyers[0].clone();
    let hash = shop.transfer(&buyer, shop.net.seller.address, PRICE);

    let thief = shop.hash(&first, shop.net.buyers[1].address, hash);
    shop.get(Some(&thief)).await.is_refused("verification-failed");
    let credential = shop.hash(&first, buyer.address, hash);
    let answer = shop.get(Some(&credential)).await;
    answer.is_served();
    assert_eq!(answer.receipt().reference, hash.to_string());
    let again = shop.hash(&second, buyer.address, hash);
    shop.get(Some(&again)).await.is_refused("invalid-challenge");
    assert_eq!(shop.served(), 1);
}

#[tokio::test]
async fn transfers_that_are_not_this_payment_are_refused() {
    let shop = Shop::taking(CredentialType::Hash).await;
    let buyer = shop.net.buyers[0].clone();
    let seller = shop.net.seller.address;
    let old = shop.transfer(&buyer, seller, PRICE);
    shop.net.chain.advance(Duration::from_secs(10));
    let challenge = shop.challenge().await;
    let less = shop.transfer(&buyer, seller, PRICE - 1);
    let more = shop.transfer(&buyer, seller, PRICE + 1);
    let elsewhere = shop.transfer(&buyer, shop.net.settler.address, PRICE);
    let coins = shop.net.chain.pay(&buyer, seller, U256::from(PRICE)).unwrap().transaction_hash;
    for hash in [old, less, more, elsewhere, coins] {
        let credential = shop.hash(&challenge, buyer.address, hash);
        shop.get(Some(&credential)).await.is_refused("verification-failed");
    }
    // One that nobody has seen may be on its way, so the buyer is asked to come back with it.
    let unseen = shop.hash(&challenge, buyer.address, B256::repeat_byte(9));
    let answer = shop.get(Some(&unseen)).await;
    assert_eq!((answer.status, &*answer.code), (503, "transfer_not_mined"));
    assert_eq!(shop.served(), 0);
}

#[tokio::test]
async fn the_settlement_of_another_payment_is_not_a_hash_payment() {
    let both = [CredentialType::Authorization, CredentialType::Hash];
    let shop = Shop::with(|charge| charge.credential_types(both)).await;
    let (first, second) = (shop.challenge().await, shop.challenge().await);
    let answer = shop.get(Some(&shop.authorization(&first).await)).await;
    answer.is_served();
    let hash = answer.receipt().reference.parse().unwrap();
    let credential = shop.hash(&second, shop.net.buyers[0].address, hash);
    shop.get(Some(&credential)).await.is_refused("verification-failed");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_reconciled_by_the_same_credential() {
    for kind in [
        CredentialType::Authorization,
        CredentialType::Permit2,
        CredentialType::Transaction,
    ] {
        let shop = Shop::taking(kind).await;
        shop.approve_permit2();
        let challenge = shop.challenge().await;
        let credential = match kind {
            CredentialType::Authorization => shop.authorization(&challenge).await,
            CredentialType::Permit2 => shop.permit(&challenge).await,
            _ => shop.transaction(&challenge).await,
        };
        shop.net.chain.hold_receipts(true);
        for _ in 0..2 {
            let answer = shop.get(Some(&credential)).await;
            assert_eq!((answer.status, &*answer.code), (503, "settlement_pending"), "{kind:?}");
        }
        assert_eq!(shop.income(), PRICE, "{kind:?}");
        shop.net.chain.hold_receipts(false);
        // Even past the time of the challenge: what was paid in time is delivered.
        shop.net.chain.advance(Duration::from_secs(3600));
        shop.get(Some(&credential)).await.is_served();
        assert_eq!(shop.income(), PRICE, "{kind:?}");
        shop.get(Some(&credential)).await.is_refused("invalid-challenge");
    }
}

#[tokio::test]
async fn a_transaction_that_waits_is_not_sent_twice() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let credential = shop.authorization(&shop.challenge().await).await;
    shop.net.chain.pause_mining(true);
    for _ in 0..3 {
        let answer = shop.get(Some(&credential)).await;
        assert_eq!(answer.status, 503);
    }
    assert_eq!((shop.net.chain.waiting(), shop.income()), (1, 0));
    shop.net.chain.pause_mining(false);
    shop.get(Some(&credential)).await.is_served();
    assert_eq!(shop.income(), PRICE);
}

#[tokio::test]
async fn a_revert_is_a_definite_no() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let challenge = shop.challenge().await;
    let credential = shop.authorization(&challenge).await;
    let rest = shop.balance(shop.net.buyers[0].address);
    // The settlement waits in the pool while another takes the purse.
    shop.net.chain.pause_mining(true);
    let answer = shop.get(Some(&credential)).await;
    assert_eq!(answer.status, 503);
    shop.net.chain.pause_mining(false);
    drop((rest, answer));
    shop.get(Some(&credential)).await.is_served();
}

#[tokio::test]
async fn a_node_that_fails_settles_nothing_and_loses_nothing() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let credential = shop.authorization(&shop.challenge().await).await;
    shop.net.rpc.fail_next_calling("eth_call", 1, Fault::Http500);
    let answer = shop.get(Some(&credential)).await;
    assert_eq!((answer.status, &*answer.code), (503, "chain_unavailable"));
    assert_eq!(shop.served(), 0);

    // The broadcast goes through, but the answer to it is lost.
    shop.net.rpc.fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let answer = shop.get(Some(&credential)).await;
    if answer.status == 503 {
        assert_eq!(answer.code, "settlement_pending");
        shop.get(Some(&credential)).await.is_served();
    }
    assert_eq!(shop.income(), PRICE);
}

fn raw_transaction(credential: &http::HeaderValue) -> Vec<u8> {
    let token = credential.to_str().unwrap().strip_prefix("Payment ").unwrap();
    let raw = mpp_core::RawCredential::decode(token.as_bytes()).unwrap();
    let payload: serde_json::Value =
        serde_json::from_str(raw.read().unwrap().payload.get()).unwrap();
    alloy_primitives::hex::decode(payload["signature"].as_str().unwrap()).unwrap()
}

/// Takes a buyer's whole purse by an authorization that somebody else sends.
async fn empty(shop: &Shop, units: u64) {
    let buyer = signer(&shop.net.buyers[0]);
    let authorization = payment_evm::Authorization {
        from: buyer.address(),
        to: Address::repeat_byte(0x66),
        value: U256::from(units),
        valid_after: U256::ZERO,
        valid_before: U256::MAX,
        nonce: B256::repeat_byte(0x66),
    };
    let signature = buyer.sign(&authorization.digest(&shop.token.domain())).unwrap();
    let data = authorization.calldata(&signature);
    let receipt = shop.net.chain.send(&shop.net.buyers[1], shop.token.address, data).unwrap();
    assert!(receipt.status());
}
