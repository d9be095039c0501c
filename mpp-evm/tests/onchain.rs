//! Charges on a real chain: every type pays from end to end, once, and what is not known is not
//! guessed.

#![allow(clippy::unwrap_used)]

#[path = "support/net.rs"]
mod net;

use std::time::Duration;

use alloy_primitives::aliases::{U48, U160};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{SolCall, sol};
use devnet::{Fault, ITollToken, PERMIT2};
use http::HeaderValue;
use mpp_core::{PAYMENT_RECEIPT, RawCredential};
use mpp_evm::{ChallengeHash, ChargeBackend, CredentialType, OnchainCharge, Split};
use net::{Answer, PRICE, Shop, signer};
use payment_core::{Denied, usd};
use payment_evm::{Authorization, EvmSignature};
use serde_json::{Value, json};

sol! {
    /// The other half of Permit2: transfers by allowance, several in one call.
    #[derive(Debug)]
    struct AllowanceTransferDetails {
        address from;
        address to;
        uint160 amount;
        address token;
    }

    interface IAllowance {
        function approve(address token, address spender, uint160 amount, uint48 expiration) external;
        function transferFrom(AllowanceTransferDetails[] details) external;
    }
}

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

    shop.get(Some(&credential))
        .await
        .is_refused("invalid-challenge");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

/// Takes both flavours of an authorization.
async fn of_both_flavours() -> Shop {
    let both = [CredentialType::Authorization, CredentialType::Transfers];
    Shop::with(|charge| charge.credential_types(both)).await
}

#[tokio::test]
async fn an_authorization_in_okxs_form_pays_once_whatever_challenge_it_is_shown_to() {
    let shop = of_both_flavours().await;
    let (first, second) = (shop.challenge().await, shop.challenge().await);
    let transfer = shop.transfer_to_seller(&first);
    let answer = shop.get(Some(&shop.okx(&first, &[transfer]))).await;
    answer.is_served();
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
    let hash: B256 = answer.receipt().reference.parse().unwrap();
    assert!(shop.net.chain.receipt(hash).unwrap().status());
    // Nothing in what was signed names the first challenge.
    let height = shop.net.chain.height();
    for challenge in [&first, &second] {
        let again = shop.okx(challenge, &[transfer]);
        shop.get(Some(&again)).await.is_refused("invalid-challenge");
    }
    assert_eq!((shop.net.chain.height(), shop.served()), (height, 1));
    // And the second challenge is still good, for another transfer.
    let other = shop.transfer_to_seller(&second);
    shop.get(Some(&shop.okx(&second, &[other])))
        .await
        .is_served();
    assert_eq!(shop.income(), 2 * PRICE);
}

#[tokio::test]
async fn one_authorization_does_not_pay_in_both_forms() {
    for okx_first in [true, false] {
        let shop = of_both_flavours().await;
        let (bound, other) = (shop.challenge().await, shop.challenge().await);
        let authorization = Authorization {
            nonce: ChallengeHash::Packed.of(&bound.id, &bound.realm),
            ..shop.transfer_to_seller(&bound)
        };
        let flat = shop.flat(&bound, &authorization);
        let nested = shop.okx(&other, &[authorization]);
        let (first, second) = if okx_first {
            (nested, flat)
        } else {
            (flat, nested)
        };
        shop.get(Some(&first)).await.is_served();
        let answer = shop.get(Some(&second)).await;
        answer.is_refused("invalid-challenge");
        assert_eq!((shop.income(), shop.served()), (PRICE, 1));
    }
}

#[tokio::test]
async fn an_authorization_that_was_used_elsewhere_is_refused_before_it_is_served() {
    let shop = of_both_flavours().await;
    let challenge = shop.challenge().await;
    let transfer = shop.transfer_to_seller(&challenge);
    let signature = shop
        .buyer()
        .sign(&transfer.digest(&shop.token.domain()))
        .unwrap();
    let (chain, sender) = (&shop.net.chain, &shop.net.buyers[1]);
    let used = chain.send(sender, shop.token.address, transfer.calldata(&signature));
    assert!(used.unwrap().status());
    let answer = shop.get(Some(&shop.okx(&challenge, &[transfer]))).await;
    answer.is_refused("verification-failed");
    assert_eq!(shop.served(), 0);
}

#[tokio::test]
async fn what_takes_several_transactions_is_not_offered() {
    let net = devnet::Devnet::start().await.unwrap();
    let own = OnchainCharge::new(net::settler(&net).await);
    let chain_id = net.token.chain_id;
    for (kind, legs, takes) in [
        (CredentialType::Transfers, 1, true),
        (CredentialType::Transfers, 2, false),
        (CredentialType::Authorization, 1, true),
        (CredentialType::Authorization, 2, false),
        (CredentialType::Permit2, 2, true),
        (CredentialType::Hash, 2, false),
    ] {
        assert_eq!(own.takes(chain_id, kind, legs), takes, "{kind:?} {legs}");
        assert!(!own.takes(chain_id + 1, kind, legs), "{kind:?} {legs}");
    }
}

#[tokio::test]
async fn a_permit_pays_once() {
    let shop = Shop::taking(CredentialType::Permit2).await;
    shop.approve_permit2();
    let credential = shop.permit(&shop.challenge().await).await;
    shop.get(Some(&credential)).await.is_served();
    assert_eq!(shop.income(), PRICE);
    shop.get(Some(&credential))
        .await
        .is_refused("invalid-challenge");
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
    shop.get(Some(&credential))
        .await
        .is_refused("verification-failed");
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
    shop.get(Some(&credential))
        .await
        .is_refused("invalid-challenge");
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
}

#[tokio::test]
async fn a_transaction_that_is_on_the_chain_already_pays_nothing() {
    let shop = Shop::taking(CredentialType::Transaction).await;
    let credential = shop.transaction(&shop.challenge().await).await;
    let raw = hex::decode(payload(&credential)["signature"].as_str().unwrap()).unwrap();
    shop.net.chain.submit(&raw).unwrap();
    shop.get(Some(&credential))
        .await
        .is_refused("verification-failed");
    assert_eq!(shop.served(), 0);
}

#[tokio::test]
async fn a_transaction_that_can_not_be_mined_yet_is_refused_before_it_is_served() {
    // A node would keep it, and so would the shop: for good, and at no cost to the buyer.
    let shop = Shop::taking(CredentialType::Transaction).await;
    let next = shop.net.chain.nonce(shop.net.buyers[0].address);
    let gap = shop.transaction_at(&shop.challenge().await, next + 1).await;
    shop.get(Some(&gap)).await.is_refused("verification-failed");
    assert_eq!((shop.served(), shop.net.chain.waiting()), (0, 0));
    // Behind one that waits it can be.
    shop.net.chain.pause_mining(true);
    let approve = ITollToken::approveCall {
        spender: PERMIT2,
        value: U256::ZERO,
    };
    let buyer = shop.net.buyers[0].clone();
    shop.queue(&buyer, shop.token.address, approve.abi_encode().into());
    shop.get(Some(&gap)).await;
    assert_eq!((shop.served(), shop.net.chain.waiting()), (1, 2));
}

#[tokio::test]
async fn nothing_is_broadcast_for_a_buyer_who_can_not_pay() {
    let shop = Shop::taking(CredentialType::Transaction).await;
    let challenge = shop.challenge().await;
    let credential = shop.transaction(&challenge).await;
    // Somebody else sends this, so that the nonce of the buyer's account stays good.
    let (other, token) = (&shop.net.buyers[1], shop.token.address);
    assert!(
        shop.net
            .chain
            .send(other, token, empties_the_purse(&shop))
            .unwrap()
            .status()
    );
    let height = shop.net.chain.height();
    shop.get(Some(&credential))
        .await
        .is_refused("payment-insufficient");
    assert_eq!(
        (shop.net.chain.height(), shop.net.chain.waiting()),
        (height, 0)
    );
}

#[tokio::test]
async fn a_hash_pays_for_its_own_sender_once() {
    let shop = Shop::taking(CredentialType::Hash).await;
    let (first, second) = (shop.challenge().await, shop.challenge().await);
    let buyer = shop.net.buyers[0].clone();
    let hash = shop.transfer(&buyer, shop.net.seller.address, PRICE);

    let thief = shop.hash(&first, shop.net.buyers[1].address, hash);
    shop.get(Some(&thief))
        .await
        .is_refused("verification-failed");
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
    let coins = shop
        .net
        .chain
        .pay(&buyer, seller, U256::from(PRICE))
        .unwrap()
        .transaction_hash;
    for hash in [old, less, more, elsewhere, coins] {
        let credential = shop.hash(&challenge, buyer.address, hash);
        shop.get(Some(&credential))
            .await
            .is_refused("verification-failed");
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
    shop.get(Some(&credential))
        .await
        .is_refused("verification-failed");
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
        let credential = shop.pay_by(kind, &shop.challenge().await).await;
        shop.net.chain.hold_receipts(true);
        for _ in 0..2 {
            let answer = shop.get(Some(&credential)).await;
            assert_eq!(
                (answer.status, &*answer.code),
                (503, "settlement_pending"),
                "{kind:?}"
            );
        }
        assert_eq!(shop.income(), PRICE, "{kind:?}");
        shop.net.chain.hold_receipts(false);
        // Even past the time of the challenge: what was paid in time is delivered.
        shop.net.chain.advance(Duration::from_secs(3600));
        shop.get(Some(&credential)).await.is_served();
        assert_eq!(shop.income(), PRICE, "{kind:?}");
        shop.get(Some(&credential))
            .await
            .is_refused("invalid-challenge");
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

/// Visits the shop while mining is paused and `rival` waits in front of the settlement, then lets
/// both be mined.
async fn visit_behind(shop: &Shop, credential: &HeaderValue, rival: Bytes) -> Answer {
    shop.net.chain.pause_mining(true);
    shop.queue(&shop.net.buyers[1], shop.token.address, rival);
    let settlement_waits = async {
        while shop.net.chain.waiting() < 2 {
            tokio::task::yield_now().await;
        }
        shop.net.chain.pause_mining(false);
    };
    tokio::join!(shop.get(Some(credential)), settlement_waits).0
}

#[tokio::test]
async fn a_revert_is_a_definite_no() {
    for kind in [
        CredentialType::Authorization,
        CredentialType::Permit2,
        CredentialType::Transaction,
    ] {
        let shop = Shop::taking(kind).await;
        shop.approve_permit2();
        let credential = shop.pay_by(kind, &shop.challenge().await).await;
        let answer = visit_behind(&shop, &credential, empties_the_purse(&shop)).await;
        answer.is_refused("verification-failed");
        assert_eq!(
            (shop.income(), shop.balance(shop.net.buyers[0].address)),
            (0, 0),
            "{kind:?}"
        );
        assert!(!answer.headers.contains_key(PAYMENT_RECEIPT));
        // The answer can be paid: its challenge is fresh.
        assert_ne!(answer.challenge(), shop.challenge().await);
    }
}

#[tokio::test]
async fn a_revert_found_later_is_a_definite_no() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let credential = shop.authorization(&shop.challenge().await).await;
    shop.net.chain.pause_mining(true);
    shop.queue(
        &shop.net.buyers[1],
        shop.token.address,
        empties_the_purse(&shop),
    );
    assert_eq!(shop.get(Some(&credential)).await.status, 503);
    shop.net.chain.pause_mining(false);
    shop.get(Some(&credential))
        .await
        .is_refused("verification-failed");
    assert_eq!(
        (shop.income(), shop.balance(shop.net.buyers[0].address)),
        (0, 0)
    );
}

#[tokio::test]
async fn a_signature_that_somebody_else_sent_is_not_taken_for_a_no() {
    for kind in [CredentialType::Authorization, CredentialType::Transfers] {
        let shop = Shop::taking(kind).await;
        let credential = shop.pay_by(kind, &shop.challenge().await).await;
        let copied = match kind {
            CredentialType::Transfers => payload(&credential)["authorization"].clone(),
            _ => payload(&credential),
        };
        let authorization: Authorization = serde_json::from_value(copied.clone()).unwrap();
        let signature = EvmSignature::from_hex(copied["signature"].as_str().unwrap()).unwrap();
        let answer = visit_behind(&shop, &credential, authorization.calldata(&signature)).await;
        assert_eq!((answer.status, &*answer.code), (503, "settlement_pending"));
        assert_eq!((shop.income(), shop.served()), (PRICE, 1));
        // However often it is asked, the buyer is never told to pay again.
        assert_eq!(shop.get(Some(&credential)).await.status, 503);
    }
}

#[tokio::test]
async fn a_signature_that_was_used_before_it_was_sent_is_not_taken_for_a_no() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let credential = shop.authorization(&shop.challenge().await).await;
    let copied = payload(&credential);
    let authorization: Authorization = serde_json::from_value(copied.clone()).unwrap();
    let signature = EvmSignature::from_hex(copied["signature"].as_str().unwrap()).unwrap();
    let rival = || {
        let data = authorization.calldata(&signature);
        let (chain, sender) = (&shop.net.chain, &shop.net.buyers[1]);
        chain.send(sender, shop.token.address, data).unwrap();
    };
    let answer = shop.get_while(Some(&credential), rival).await;
    assert_eq!((answer.status, &*answer.code), (503, "settlement_pending"));
    assert_eq!((shop.income(), shop.served()), (PRICE, 1));
    assert_eq!(shop.get(Some(&credential)).await.status, 503);
}

#[tokio::test]
async fn a_settlement_without_evidence_is_sent_again_only_while_its_nonce_is_free() {
    for kind in [
        CredentialType::Authorization,
        CredentialType::Transfers,
        CredentialType::Permit2,
        CredentialType::Transaction,
    ] {
        let shop = Shop::taking(kind).await;
        shop.approve_permit2();
        let credential = shop.pay_by(kind, &shop.challenge().await).await;
        shop.reconcile(&credential, b"").await.unwrap();
        assert_eq!(shop.income(), PRICE, "{kind:?}");
        let again = shop.reconcile(&credential, b"").await;
        if kind == CredentialType::Transaction {
            // Its hash is in the credential, so it is found.
            again.unwrap();
        } else {
            assert!(
                matches!(again, Err(Denied::Unknown(_))),
                "{kind:?}: {again:?}"
            );
        }
        assert_eq!(shop.income(), PRICE, "{kind:?}");
    }
}

#[tokio::test]
async fn a_hash_is_not_set_free_for_want_of_an_answer() {
    let shop = Shop::taking(CredentialType::Hash).await;
    let challenge = shop.challenge().await;
    let buyer = shop.net.buyers[0].clone();
    let hash = shop.transfer(&buyer, shop.net.seller.address, PRICE);
    let credential = shop.hash(&challenge, buyer.address, hash);
    shop.net.chain.hold_receipts(true);
    let unanswered = shop.reconcile(&credential, b"").await;
    assert!(
        matches!(unanswered, Err(Denied::Unknown(_))),
        "{unanswered:?}"
    );
    shop.net.chain.hold_receipts(false);
    shop.reconcile(&credential, b"").await.unwrap();
}

#[tokio::test]
async fn a_transaction_with_two_such_transfers_is_refused() {
    let shop = Shop::taking(CredentialType::Hash).await;
    shop.approve_permit2();
    let (buyer, seller) = (shop.net.buyers[0].clone(), shop.net.seller.address);
    let amount = U160::from(PRICE);
    let allow = IAllowance::approveCall {
        token: shop.token.address,
        spender: buyer.address,
        amount: U160::MAX,
        expiration: U48::MAX,
    };
    shop.net
        .chain
        .send(&buyer, PERMIT2, allow.abi_encode())
        .unwrap();
    let challenge = shop.challenge().await;
    let detail = AllowanceTransferDetails {
        from: buyer.address,
        to: seller,
        amount,
        token: shop.token.address,
    };
    let send = |details: Vec<AllowanceTransferDetails>| {
        let call = IAllowance::transferFromCall { details };
        let receipt = shop
            .net
            .chain
            .send(&buyer, PERMIT2, call.abi_encode())
            .unwrap();
        assert!(receipt.status());
        shop.hash(&challenge, buyer.address, receipt.transaction_hash)
    };
    let twice = send(vec![detail.clone(), detail.clone()]);
    shop.get(Some(&twice))
        .await
        .is_refused("verification-failed");
    let once = send(vec![detail]);
    shop.get(Some(&once)).await.is_served();
}

#[tokio::test]
async fn a_node_that_fails_settles_nothing_and_loses_nothing() {
    let shop = Shop::taking(CredentialType::Authorization).await;
    let credential = shop.authorization(&shop.challenge().await).await;
    shop.net
        .rpc
        .fail_next_calling("eth_call", 1, Fault::Http500);
    let answer = shop.get(Some(&credential)).await;
    assert_eq!((answer.status, &*answer.code), (503, "chain_unavailable"));
    assert_eq!(shop.served(), 0);

    // The broadcast goes through, but the answer to it is lost.
    shop.net
        .rpc
        .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
    let answer = shop.get(Some(&credential)).await;
    assert_eq!((answer.status, &*answer.code), (503, "settlement_pending"));
    assert_eq!(shop.income(), PRICE);
    shop.get(Some(&credential)).await.is_served();
    assert_eq!(shop.income(), PRICE);
}

fn payload(credential: &HeaderValue) -> Value {
    let token = credential
        .to_str()
        .unwrap()
        .strip_prefix("Payment ")
        .unwrap();
    let raw = RawCredential::decode(token.as_bytes()).unwrap();
    serde_json::from_str(raw.read().unwrap().payload.get()).unwrap()
}

/// A call by which anybody takes the buyer's whole purse, as the buyer has signed.
fn empties_the_purse(shop: &Shop) -> Bytes {
    let buyer = signer(&shop.net.buyers[0]);
    let authorization = Authorization {
        from: buyer.address(),
        to: Address::repeat_byte(0x66),
        value: U256::from(shop.balance(buyer.address())),
        valid_after: U256::ZERO,
        valid_before: U256::MAX,
        nonce: B256::repeat_byte(0x66),
    };
    let signature = buyer
        .sign(&authorization.digest(&shop.token.domain()))
        .unwrap();
    authorization.calldata(&signature)
}
