//! The seller's own key: a node that fails, lies dead or is late (RULES.md, T13,
//! T56).

use std::time::Duration;

use devnet::Fault;
use mpp_evm::CredentialType;

use crate::answer::Answer;
use crate::purse::{mpp_header, v2_header};
use crate::shop::{CENT, Header, Means, Plan, Shop};

async fn open() -> Shop {
    Shop::planned(Plan {
        means: Means::Onchain,
        mined_within: Duration::from_millis(200),
        ..Plan::default()
    })
    .await
}

async fn each(shop: &Shop, path: &str) -> [(Header, &'static str); 2] {
    [
        (v2_header(&shop.x402(path).await), "payment-response"),
        (mpp_header(&shop.mpp(path).await), "payment-receipt"),
    ]
}

async fn pay(shop: &Shop, path: &str, header: &Header) -> Answer {
    shop.get(path, std::slice::from_ref(header)).await
}

#[tokio::test]
async fn node_fault_at_verify_is_5xx_and_the_payment_stays_good() {
    let shop = open().await;
    for (sold, (header, receipt)) in each(&shop, "/cheap").await.into_iter().enumerate() {
        for fault in [Fault::Http500, Fault::CloseBefore, Fault::CloseAfter] {
            shop.net.rpc.fail_next_calling("eth_call", 9, fault);
            let answer = pay(&shop, "/cheap", &header).await;
            assert!(
                [502, 503, 504].contains(&answer.status.as_u16()),
                "{fault:?}"
            );
            assert_ne!(answer.code(), "settlement_pending", "nothing was sent");
            answer.is_the_gates();
            shop.net.rpc.heal();
            shop.books(sold, CENT * sold as u64);
            assert_eq!(shop.guard.len(), sold);
        }
        pay(&shop, "/cheap", &header).await.served(receipt);
    }
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn a_broadcast_without_an_answer_is_pending_and_found_on_the_chain() {
    for path in ["/cheap", "/first"] {
        let shop = open().await;
        let mut sold = 0;
        let mut runs = 0;
        for (header, receipt) in each(&shop, path).await {
            shop.net
                .rpc
                .fail_next_calling("eth_sendRawTransaction", 1, Fault::CloseAfter);
            // Nor can it be looked for at once.
            shop.net
                .rpc
                .fail_next_calling("eth_getTransactionReceipt", 1000, Fault::Http500);
            let answer = pay(&shop, path, &header).await;
            answer.pending();
            sold += 1;
            runs += usize::from(path == "/cheap");
            shop.books(runs, CENT * sold);
            pay(&shop, path, &header).await.pending();
            shop.net.rpc.heal();
            pay(&shop, path, &header).await.served(receipt);
            runs += 1;
            shop.books(runs, CENT * sold);
            assert_eq!(pay(&shop, path, &header).await.status, 402);
            shop.books(runs, CENT * sold);
        }
    }
}

#[tokio::test]
async fn a_transaction_without_a_receipt_in_time_is_pending_and_names_itself() {
    let shop = open().await;
    let mut sold = 0;
    for (header, receipt) in each(&shop, "/cheap").await {
        shop.net.chain.hold_receipts(true);
        let answer = pay(&shop, "/cheap", &header).await;
        answer.pending();
        sold += 1;
        if receipt == "payment-response" {
            let hash = answer.message(receipt)["transaction"].clone();
            assert_eq!(hash.as_str().unwrap().len(), 66);
        }
        pay(&shop, "/cheap", &header).await.pending();
        shop.net.chain.hold_receipts(false);
        let hash = pay(&shop, "/cheap", &header).await.served(receipt);
        assert!(shop.net.chain.receipt(hash).unwrap().status());
        shop.books(2 * sold, CENT * sold as u64);
    }
}

#[tokio::test]
async fn a_transaction_not_mined_in_time_is_pending_and_not_sent_twice() {
    let shop = open().await;
    let mut sold = 0;
    for (header, receipt) in each(&shop, "/cheap").await {
        shop.net.chain.pause_mining(true);
        for _ in 0..3 {
            pay(&shop, "/cheap", &header).await.pending();
            assert_eq!(shop.net.chain.waiting(), 1);
        }
        shop.books(2 * sold + 1, CENT * sold as u64);
        shop.net.chain.pause_mining(false);
        pay(&shop, "/cheap", &header).await.served(receipt);
        sold += 1;
        shop.books(2 * sold, CENT * sold as u64);
    }
}

#[tokio::test]
async fn t20_a_payer_without_money_is_refused_before_the_handler() {
    let shop = open().await;
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let (wallet, other) = (&shop.net.buyers[0], shop.net.buyers[1].address);
    let payments = each(&shop, "/cheap").await;
    let all = chain.balance_of(token, wallet.address);
    chain.transfer(token, wallet, other, all).unwrap();
    let [(x402, _), (mpp, _)] = payments;
    let answer = pay(&shop, "/cheap", &x402).await;
    answer.refused(402, "invalid_exact_evm_insufficient_balance");
    pay(&shop, "/cheap", &mpp)
        .await
        .refused(402, "payment_insufficient");
    assert_eq!(shop.kitchen.runs(), 0);
    assert!(shop.guard.is_empty());
}

#[tokio::test]
async fn t56_only_authorizations_are_taken_unless_more_is_configured() {
    let shop = open().await;
    let challenge = shop.get("/cheap", &[]).await.challenge();
    let details = &challenge.request.decode()["methodDetails"];
    assert_eq!(
        details["credentialTypes"],
        serde_json::json!(["authorization"])
    );
    // A transfer that was really made does not help.
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let amount = alloy_primitives::U256::from(CENT);
    let seller = shop.net.seller.address;
    let paid = chain
        .transfer(token, &shop.net.buyers[0], seller, amount)
        .unwrap();
    let credential = shop.mpp_for(&challenge).await;
    for payload in [
        serde_json::json!({"type": "hash", "hash": paid.transaction_hash}),
        serde_json::json!({"type": "transaction", "signature": "0x02f8"}),
        serde_json::json!({"type": "permit2"}),
        serde_json::json!({"type": "other"}),
        serde_json::json!({}),
    ] {
        let mut other = credential.clone();
        other["payload"] = payload;
        let answer = pay(&shop, "/cheap", &mpp_header(&other)).await;
        assert_eq!(answer.status, 402);
        answer.is_the_gates();
    }
    shop.books(0, CENT);
}

#[tokio::test]
async fn t56_a_hash_is_good_for_one_challenge_of_the_sender_and_price() {
    let shop = Shop::planned(Plan {
        means: Means::Onchain,
        types: Some(vec![CredentialType::Hash]),
        ..Plan::default()
    })
    .await;
    let (chain, token) = (&shop.net.chain, shop.net.token.address);
    let (wallet, other) = (&shop.net.buyers[0], &shop.net.buyers[1]);
    let seller = shop.net.seller.address;
    let units = alloy_primitives::U256::from;
    let challenge = shop.get("/cheap", &[]).await.challenge();
    shop.advance(1);
    let transfer = |from, to, value: u64| {
        let mined = chain.transfer(token, from, to, units(value)).unwrap();
        mined.transaction_hash
    };
    let consent = mpp_evm::buyer::Consent::up_to(payment_core::Units::from(CENT), shop.now());
    let shown = |challenge: &mpp_core::Challenge, hash| {
        let bill = mpp_evm::buyer::Bill::read(challenge, &[]).unwrap();
        let header = bill
            .transferred(shop.buyer.address(), hash, consent)
            .unwrap();
        ("authorization", header.to_str().unwrap().to_owned())
    };
    for hash in [
        transfer(wallet, seller, CENT - 1),
        transfer(wallet, seller, CENT + 1),
        transfer(wallet, other.address, CENT),
        transfer(other, seller, CENT),
    ] {
        let answer = pay(&shop, "/cheap", &shown(&challenge, hash)).await;
        answer.refused(402, "verification_failed");
    }
    assert_eq!(shop.kitchen.runs(), 0);
    let good = transfer(wallet, seller, CENT);
    let header = shown(&challenge, good);
    assert_eq!(
        pay(&shop, "/cheap", &header)
            .await
            .served("payment-receipt"),
        good
    );
    // Used, whatever challenge it is shown for next.
    pay(&shop, "/cheap", &header)
        .await
        .refused(402, "invalid_challenge");
    let next = shop.get("/cheap", &[]).await.challenge();
    pay(&shop, "/cheap", &shown(&next, good))
        .await
        .refused(402, "invalid_challenge");
    let next = shop.get("/twin", &[]).await.challenge();
    pay(&shop, "/twin", &shown(&next, good))
        .await
        .refused(402, "invalid_challenge");
    assert_eq!(shop.kitchen.runs(), 1);
}

#[tokio::test]
async fn t13_a_broadcast_that_never_arrived_is_pending_until_nobody_can_accept_it() {
    let shop = open().await;
    for (header, _) in each(&shop, "/first").await {
        let broadcast = "eth_sendRawTransaction";
        shop.net
            .rpc
            .fail_next_calling(broadcast, 1, Fault::CloseBefore);
        pay(&shop, "/first", &header).await.pending();
        shop.books(0, 0);
        // It could still turn up: not sent again, and the buyer not told to pay again.
        pay(&shop, "/first", &header).await.pending();
        shop.books(0, 0);
    }
    let mut sold = 0;
    for at in 0..2 {
        let broadcast = "eth_sendRawTransaction";
        let (header, receipt) = each(&shop, "/first").await[at].clone();
        shop.net
            .rpc
            .fail_next_calling(broadcast, 1, Fault::CloseBefore);
        pay(&shop, "/first", &header).await.pending();
        shop.advance(3600);
        // Expired on the chain for good: now it is a no, and the buyer may pay anew.
        let answer = pay(&shop, "/first", &header).await;
        assert_eq!(answer.status, 402, "{receipt}: {}", answer.code());
        answer.is_the_gates();
        shop.books(sold, CENT * sold as u64);
        let (header, _) = each(&shop, "/first").await[at].clone();
        pay(&shop, "/first", &header).await.served(receipt);
        sold += 1;
        shop.books(sold, CENT * sold as u64);
    }
}
