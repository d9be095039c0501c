//! Deposits of every type, honest and not (RULES.md, T61, T65).

use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall as _;
use devnet::ESCROW;
use devnet::IPaymentChannelEscrow::{openCall, topUpCall};
use mpp_evm::CredentialType;
use payment_core::usd;
use serde_json::{Value, json};

use crate::answer::units;
use crate::purse::with;
use crate::shop::{CENT, Plan, Shop};

const FAILED: &str = "verification-failed";

fn sent(shop: &Shop) -> u64 {
    shop.stage.net.chain.nonce(shop.stage.payee.address)
}

fn payer(shop: &Shop) -> Address {
    shop.stage.payer.address
}

/// Refused without a transaction, and without a trace.
async fn refused(shop: &Shop, payload: &Value, status: u16, problem: &str) {
    let (height, channels) = (shop.stage.net.chain.height(), shop.store.len().await);
    let answer = shop.pay_as(payer(shop), "/cheap", payload).await;
    answer.refused(status, problem);
    assert_eq!(
        shop.stage.net.chain.height(),
        height,
        "a transaction was sent"
    );
    assert_eq!(shop.store.len().await, channels);
}

/// A transaction by which the payer opens.
fn opened_by_payer(shop: &Shop, opening: &openCall) -> B256 {
    shop.transact(&shop.stage.payer, opening)
}

fn topped_up_by_payer(shop: &Shop, id: B256, amount: u128) -> B256 {
    let call = topUpCall {
        channelId: id,
        additionalDeposit: amount,
    };
    shop.transact(&shop.stage.payer, &call)
}

#[tokio::test]
async fn t61_every_type_of_deposit_counts_as_the_chain_says() {
    let shop = Shop::open().await;
    for kind in 1..=4_u8 {
        let opening = shop.opening(kind, 5 * CENT);
        let id = shop.stage.id(&opening);
        let (open, top_up): (Value, Value) = match kind {
            1 => (shop.open_payload(&opening, CENT), shop.top_up(id, CENT, 1)),
            2 => (
                shop.open_permit2(&opening, 7, CENT),
                shop.top_up_permit2(id, CENT, 8),
            ),
            3 => {
                let hash = opened_by_payer(&shop, &opening);
                let more = topped_up_by_payer(&shop, id, CENT);
                (
                    shop.open_hash(&opening, hash, CENT),
                    shop.top_up_hash(id, CENT, more),
                )
            }
            // As other buyers spell it.
            _ => {
                let open = with(&shop.open_payload(&opening, CENT), "type", "transaction");
                let top_up = with(&shop.top_up(id, CENT, 1), "type", "transaction");
                let mut top_up = with(&top_up, "topUpSalt", top_up["salt"].clone());
                top_up.as_object_mut().unwrap().remove("salt");
                (open, top_up)
            }
        };
        let answer = shop.pay_as(payer(&shop), "/cheap", &open).await;
        let receipt = answer.managed("open");
        assert_eq!(units(&receipt, "acceptedCumulative"), CENT);
        assert!(receipt["txHash"].is_string());
        let answer = shop.pay_as(payer(&shop), "/cheap", &top_up).await;
        answer.managed("topUp");
        assert_eq!(units(&answer.json(), "deposit"), 6 * CENT);
        // The same again changes nothing.
        let transactions = sent(&shop);
        shop.pay_as(payer(&shop), "/cheap", &top_up)
            .await
            .managed("topUp");
        shop.pay_as(payer(&shop), "/cheap", &open)
            .await
            .managed("open");
        assert_eq!(sent(&shop), transactions);
        assert_eq!(shop.channel(id).await.deposit(), 6 * CENT);
        shop.pay("/cheap", &shop.voucher(id, 6 * CENT))
            .await
            .served();
        shop.counters(id, 6 * CENT, CENT).await;
    }
    shop.books(4, 0, 24 * CENT);
}

#[tokio::test]
async fn t61_opening_twice_changes_nothing() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let id = shop.stage.id(&opening);
    let open = shop.open_payload(&opening, CENT);
    shop.pay("/cheap", &open).await.managed("open");
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    let (transactions, before) = (sent(&shop), shop.channel(id).await);
    for again in [
        open.clone(),
        shop.open_payload(&opening, 0),
        shop.open_payload(&opening, 3 * CENT),
        // Signed for more than is there.
        shop.open_payload(&shop.opening(1, 50 * CENT), 2 * CENT),
        shop.open_permit2(&opening, 9, CENT),
    ] {
        let answer = shop.pay("/twin", &again).await;
        answer.managed("open");
        assert_eq!(units(&answer.json(), "deposit"), 5 * CENT);
        assert_eq!(shop.channel(id).await, before);
    }
    assert_eq!(sent(&shop), transactions);
    shop.books(1, 0, 5 * CENT);
}

#[tokio::test]
async fn t61_opening_many_times_at_once_is_one_deposit() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let header = shop
        .header("/cheap", &shop.open_payload(&opening, CENT))
        .await;
    let before = sent(&shop);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        calls.spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
    }
    for answer in calls.join_all().await {
        answer.managed("open");
    }
    assert_eq!(sent(&shop), before + 1);
    shop.counters(shop.stage.id(&opening), CENT, 0).await;
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn t61_topping_up_many_times_at_once_with_one_signature_is_one_deposit() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    for (at, payload) in [shop.top_up(id, CENT, 1), shop.top_up_permit2(id, CENT, 1)]
        .iter()
        .enumerate()
    {
        let header = shop.header("/cheap", payload).await;
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..4 {
            calls.spawn(shop.send_owned("/cheap", std::slice::from_ref(&header)));
        }
        for answer in calls.join_all().await {
            answer.managed("topUp");
        }
        assert_eq!(shop.channel(id).await.deposit(), (6 + at as u128) * CENT);
    }
    shop.books(0, 0, 7 * CENT);
}

#[tokio::test]
async fn t61_a_closed_channel_is_not_opened_again() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let id = shop.channel_of(1, 5 * CENT, CENT).await;
    shop.pay("/cheap", &shop.close(id, CENT))
        .await
        .managed("close");
    let gone = "session/channel-finalized";
    refused(&shop, &shop.open_payload(&opening, 5 * CENT), 410, gone).await;
    refused(&shop, &shop.open_permit2(&opening, 1, 5 * CENT), 410, gone).await;
    let voucher = with(
        &shop.voucher(id, 5 * CENT),
        "deposit",
        shop.open_member(&opening),
    );
    refused(&shop, &voucher, 410, gone).await;
    shop.books(0, CENT, 0);
}

#[tokio::test]
async fn t61_somebody_may_bring_the_deposit_before_us() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let id = shop.stage.id(&opening);
    let open = shop.open_payload(&opening, CENT);
    let call = shop.stage.authorized_opening(&opening);
    shop.stage.run(&shop.stage.stranger, &call);
    let transactions = sent(&shop);
    let receipt = shop.pay("/cheap", &open).await.managed("open");
    assert!(receipt.get("txHash").is_none());
    let call = shop.stage.authorized_top_up(id, CENT, 1);
    let top_up = shop.top_up_of(&call);
    shop.stage.run(&shop.stage.stranger, &call);
    shop.pay("/cheap", &top_up).await.managed("topUp");
    assert_eq!(shop.channel(id).await.deposit(), 6 * CENT);
    assert_eq!(sent(&shop), transactions);
    shop.books(0, 0, 6 * CENT);
}

#[tokio::test]
async fn t61_a_claim_above_what_is_there_is_worth_nothing() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    // Says one amount and signs another.
    for (said, signed) in [
        (2 * CENT, CENT),
        (CENT, 2 * CENT),
        (0, CENT),
        (u128::MAX, CENT),
    ] {
        let payload = with(
            &shop.top_up(id, signed, 1),
            "additionalDeposit",
            said.to_string(),
        );
        refused(&shop, &payload, 402, FAILED).await;
        let payload = with(
            &shop.top_up_permit2(id, signed, 1),
            "additionalDeposit",
            said.to_string(),
        );
        refused(&shop, &payload, 402, FAILED).await;
    }
    // A transaction of one cent is one cent, whatever is said of it and however often.
    let hash = topped_up_by_payer(&shop, id, CENT);
    for said in [CENT, 100 * CENT, u128::MAX] {
        let answer = shop
            .pay_as(payer(&shop), "/cheap", &shop.top_up_hash(id, said, hash))
            .await;
        if answer.status == 200 {
            answer.managed("topUp");
        }
        assert!(shop.channel(id).await.deposit() <= 6 * CENT);
    }
    assert_eq!(shop.channel(id).await.deposit(), 6 * CENT);
    let above = shop.pay("/cheap", &shop.voucher(id, 6 * CENT + 1)).await;
    above.refused(402, "session/amount-exceeds-deposit");
    shop.books(0, 0, 6 * CENT);
}

#[tokio::test]
async fn t65_a_stranger_adds_nothing_to_a_channel_and_takes_nothing_from_it() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    let stranger = shop.stage.net.buyers[1].clone();
    // Its own money, into another's channel.
    let mut call = shop.stage.authorized_top_up(id, CENT, 1);
    call.from = stranger.address;
    call.nonce = mpp_evm::session::top_up_nonce(
        mpp_evm::session::ChannelId::new(id),
        CENT,
        stranger.address,
        call.topUpSalt,
    );
    call.signature = shop
        .stage
        .token_signature(&stranger, CENT, call.nonce, call.validBefore);
    let payload = shop.top_up_of(&call);
    let before = shop.channel(id).await;
    // The node need not be asked.
    shop.stage
        .net
        .rpc
        .fail_next(100, devnet::Fault::CloseBefore);
    shop.pay("/cheap", &payload).await.refused(402, FAILED);
    shop.stage.net.rpc.heal();
    shop.pay_as(payer(&shop), "/cheap", &payload)
        .await
        .refused(402, FAILED);
    // The payer's money by the stranger's signature.
    let mut call = shop.stage.authorized_top_up(id, CENT, 1);
    call.signature = shop
        .stage
        .token_signature(&stranger, CENT, call.nonce, call.validBefore);
    shop.pay("/cheap", &shop.top_up_of(&call))
        .await
        .refused(402, "session/signer-mismatch");
    // Its transaction, on behalf of the payer and of itself.
    let hash = shop.transfer(&stranger, ESCROW, CENT);
    for source in [payer(&shop), stranger.address] {
        let answer = shop
            .pay_as(source, "/cheap", &shop.top_up_hash(id, CENT, hash))
            .await;
        answer.refused(402, FAILED);
    }
    assert_eq!(shop.channel(id).await, before);
}

#[tokio::test]
async fn t65_transactions_that_opened_something_else_open_nothing() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let other = opened_by_payer(&shop, &shop.opening(2, 5 * CENT));
    let transfer = shop.transfer(&shop.stage.payer, ESCROW, 5 * CENT);
    let strangers = shop.transfer(&shop.stage.net.buyers[1], ESCROW, 5 * CENT);
    for hash in [other, transfer, strangers] {
        let answer = shop
            .pay_as(payer(&shop), "/cheap", &shop.open_hash(&opening, hash, 0))
            .await;
        assert!(!answer.status.is_success(), "{answer:?}");
    }
    assert_eq!(shop.store.len().await, 0);
    // Without a source there is no payer.
    let hash = opened_by_payer(&shop, &opening);
    let open = shop.open_hash(&opening, hash, 0);
    shop.pay("/cheap", &open).await.refused(402, FAILED);
    // Another's is not the one it was opened with.
    for account in [shop.stage.stranger.address, shop.stage.payee.address] {
        shop.pay_as(account, "/cheap", &open)
            .await
            .refused(402, FAILED);
    }
    for source in [
        "",
        "did:pkh:eip155:1:0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "did:key:z6Mk",
    ] {
        let header = crate::purse::header(&shop.challenge("/cheap").await, Some(source), &open);
        shop.get("/cheap", &[header]).await.refused(402, FAILED);
    }
    shop.pay_as(payer(&shop), "/cheap", &open)
        .await
        .managed("open");
    shop.counters(shop.stage.id(&opening), 0, 0).await;
}

#[tokio::test]
async fn t65_a_reverted_transaction_is_a_definite_no() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    // More than the buyer has.
    let poor = shop.opening(1, 10_000_000 * CENT);
    let hash = shop.transact(&shop.stage.payer, &poor);
    let answer = shop
        .pay_as(payer(&shop), "/cheap", &shop.open_hash(&opening, hash, 0))
        .await;
    answer.refused(409, "session/transaction-reverted");
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    let hash = topped_up_by_payer(&shop, id, 10_000_000 * CENT);
    let top_up = shop.top_up_hash(id, CENT, hash);
    let answer = shop.pay_as(payer(&shop), "/cheap", &top_up).await;
    answer.refused(409, "session/transaction-reverted");
    assert_eq!(shop.channel(id).await.deposit(), 5 * CENT);
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn t61_a_transaction_that_is_not_mined_yet_is_unknown_and_counts_once_it_is() {
    let plan = Plan {
        patience: Duration::from_millis(50),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let opening = shop.opening(1, 5 * CENT);
    shop.stage.net.chain.pause_mining(true);
    let pending = match shop
        .stage
        .net
        .chain
        .send(&shop.stage.payer, ESCROW, opening.abi_encode())
    {
        Err(devnet::SendError::Waiting(hash)) => hash,
        other => panic!("{other:?}"),
    };
    for hash in [pending, B256::repeat_byte(9)] {
        let answer = shop
            .pay_as(
                payer(&shop),
                "/cheap",
                &shop.open_hash(&opening, hash, CENT),
            )
            .await;
        answer.refused(503, &answer.problem());
    }
    assert_eq!(shop.store.len().await, 0);
    shop.stage.net.chain.pause_mining(false);
    let open = shop.open_hash(&opening, pending, CENT);
    shop.pay_as(payer(&shop), "/cheap", &open)
        .await
        .managed("open");
    shop.counters(shop.stage.id(&opening), CENT, 0).await;
}

#[tokio::test]
async fn t61_our_transaction_that_is_not_mined_yet_is_sent_once() {
    let plan = Plan {
        mined_within: Duration::from_millis(50),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let opening = shop.opening(1, 5 * CENT);
    let open = shop.open_payload(&opening, CENT);
    shop.stage.net.chain.pause_mining(true);
    for _ in 0..2 {
        let answer = shop.pay("/cheap", &open).await;
        answer.refused(503, &answer.problem());
        assert_eq!(shop.stage.net.chain.waiting(), 1);
    }
    assert_eq!(shop.store.len().await, 0);
    shop.stage.net.chain.pause_mining(false);
    shop.pay("/cheap", &open).await.managed("open");
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn t60_channels_of_another_payee_token_or_escrow_are_not_ours() {
    let shop = Shop::open().await;
    let honest = shop.opening(1, 5 * CENT);
    let other_token = devnet::TokenSpec::new("Another Dollar", "1");
    let other_token = shop.stage.net.chain.add_token(other_token).unwrap().address;
    for (payee, token) in [
        (shop.stage.stranger.address, shop.stage.token()),
        (shop.stage.payee.address, other_token),
    ] {
        let foreign = openCall {
            payee,
            token,
            ..honest.clone()
        };
        let id = shop.stage.id(&foreign);
        // Named as it is, and named as ours.
        let payload = shop.open_payload(&foreign, CENT);
        refused(&shop, &payload, 402, FAILED).await;
        let payload = with(&payload, "channelId", shop.stage.id(&honest).to_string());
        refused(&shop, &payload, 402, FAILED).await;
        if token == shop.stage.token() {
            let hash = opened_by_payer(&shop, &foreign);
            refused(&shop, &shop.open_hash(&foreign, hash, CENT), 402, FAILED).await;
            refused(&shop, &shop.open_permit2(&foreign, 1, CENT), 402, FAILED).await;
        }
        let voucher = shop.voucher(id, CENT);
        shop.pay("/cheap", &voucher)
            .await
            .refused(410, "session/channel-not-found");
    }
    let honest = shop.open_payload(&honest, 0);
    for (path, value) in [
        ("to", json!(shop.stage.payee.address.to_string())),
        ("to", json!(shop.stage.token().to_string())),
        ("value", json!("1")),
        ("nonce", json!(B256::repeat_byte(1).to_string())),
        ("from", json!(shop.stage.stranger.address.to_string())),
    ] {
        let mut payload = honest.clone();
        payload["authorization"][path] = value;
        let problem = shop.pay("/cheap", &payload).await;
        assert_eq!(problem.status, 402, "{path}");
        refused(
            &shop,
            &payload,
            402,
            &shop
                .pay_as(payer(&shop), "/cheap", &payload)
                .await
                .problem(),
        )
        .await;
    }
    for (member, value) in [
        ("salt", json!(B256::repeat_byte(9).to_string())),
        ("channelId", json!(B256::repeat_byte(9).to_string())),
        (
            "authorizedSigner",
            json!(shop.stage.payer.address.to_string()),
        ),
        (
            "authorizedSigner",
            json!(shop.stage.stranger.address.to_string()),
        ),
    ] {
        refused(&shop, &with(&honest, member, value), 402, FAILED).await;
    }
    assert_eq!(shop.store.len().await, 0);
}

#[tokio::test]
async fn t61_permits_bind_what_they_are_for() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let honest = shop.open_permit2(&opening, 1, CENT);
    let witness = |change: &dyn Fn(&mut Value)| {
        let mut payload = honest.clone();
        change(&mut payload["authorization"]);
        payload
    };
    for payload in [
        witness(&|it| it["witness"]["payee"] = json!(shop.stage.stranger.address.to_string())),
        witness(&|it| it["witness"]["salt"] = json!(B256::repeat_byte(3).to_string())),
        witness(&|it| it["witness"]["channelId"] = json!(B256::repeat_byte(3).to_string())),
        witness(&|it| it["permitted"]["token"] = json!(ESCROW.to_string())),
        witness(&|it| it["from"] = json!(shop.stage.stranger.address.to_string())),
    ] {
        refused(&shop, &payload, 402, FAILED).await;
    }
    for payload in [
        witness(&|it| it["nonce"] = json!("2")),
        witness(&|it| it["permitted"]["amount"] = json!((6 * CENT).to_string())),
        witness(&|it| it["deadline"] = json!((shop.stage.now() + 61).to_string())),
    ] {
        refused(&shop, &payload, 402, "session/signer-mismatch").await;
    }
    // One for a channel adds to no other, nor opens one.
    let id = shop.channel_of(3, 5 * CENT, 0).await;
    let other = shop.channel_of(4, 5 * CENT, 0).await;
    let top_up = with(
        &shop.top_up_permit2(id, CENT, 5),
        "channelId",
        other.to_string(),
    );
    refused(&shop, &top_up, 402, FAILED).await;
    let mut named = top_up.clone();
    named["authorization"]["witness"]["channelId"] = json!(other.to_string());
    refused(&shop, &named, 402, "session/signer-mismatch").await;
    shop.books(0, 0, 10 * CENT);
}

#[tokio::test]
async fn t61_deposits_are_valid_long_enough_to_be_mined_to_the_second() {
    let shop = Shop::open().await;
    // Signed for a minute; thirty seconds must be left.
    let opening = shop.opening(1, 5 * CENT);
    let (authorized, permitted) = (
        shop.open_payload(&opening, 0),
        shop.open_permit2(&shop.opening(2, 5 * CENT), 1, 0),
    );
    shop.advance(31);
    refused(&shop, &authorized, 402, "payment-expired").await;
    refused(&shop, &permitted, 402, "payment-expired").await;
    let (authorized, permitted) = (
        shop.open_payload(&opening, 0),
        shop.open_permit2(&shop.opening(2, 5 * CENT), 1, 0),
    );
    shop.advance(30);
    shop.pay("/cheap", &authorized).await.managed("open");
    shop.pay("/cheap", &permitted).await.managed("open");
    let mut early = shop.top_up(shop.stage.id(&opening), CENT, 1);
    early["authorization"]["validAfter"] = json!((shop.stage.now() + 1).to_string());
    refused(&shop, &early, 402, FAILED).await;
}

#[tokio::test]
async fn t61_deposits_too_small_too_large_or_not_there_are_refused() {
    let plan = Plan {
        least_deposit: Some(usd!("0.05")),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let small = "payment-insufficient";
    for deposit in [0, 1, CENT, 5 * CENT - 1] {
        let opening = shop.opening(1, deposit);
        refused(&shop, &shop.open_payload(&opening, 0), 402, small).await;
        refused(&shop, &shop.open_permit2(&opening, 1, 0), 402, small).await;
    }
    let little = shop.opening(2, CENT);
    let hash = opened_by_payer(&shop, &little);
    refused(&shop, &shop.open_hash(&little, hash, 0), 402, small).await;
    for deposit in [1_000_000_001, u128::MAX] {
        let opening = shop.opening(1, deposit);
        refused(&shop, &shop.open_payload(&opening, 0), 402, small).await;
        refused(&shop, &shop.open_permit2(&opening, 1, 0), 402, small).await;
    }
    // A first voucher for more than the deposit is refused before anything is sent.
    let opening = shop.opening(1, 5 * CENT);
    let exceeds = "session/amount-exceeds-deposit";
    refused(
        &shop,
        &shop.open_payload(&opening, 5 * CENT + 1),
        402,
        exceeds,
    )
    .await;
    refused(
        &shop,
        &shop.open_permit2(&opening, 1, u128::MAX),
        402,
        exceeds,
    )
    .await;
    let id = shop.channel_of(1, 5 * CENT, 5 * CENT).await;
    refused(&shop, &shop.top_up(id, 0, 1), 402, small).await;
    refused(&shop, &shop.top_up(id, 1_000_000_000, 1), 402, small).await;
    let overflows = "session/transaction-reverted";
    refused(&shop, &shop.top_up(id, u128::MAX, 1), 409, overflows).await;
    assert_eq!(shop.channel(id).await.deposit(), 5 * CENT);
}

#[tokio::test]
async fn t61_types_that_are_not_offered_are_not_taken() {
    let plan = Plan {
        types: Some(vec![CredentialType::Permit2]),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let opening = shop.opening(1, 5 * CENT);
    let hash = opened_by_payer(&shop, &opening);
    for payload in [
        shop.open_payload(&opening, 0),
        with(&shop.open_payload(&opening, 0), "type", "transaction"),
        shop.open_hash(&opening, hash, 0),
        with(
            &shop.voucher(shop.stage.id(&opening), CENT),
            "deposit",
            shop.open_member(&opening),
        ),
    ] {
        refused(&shop, &payload, 402, "invalid-payload").await;
    }
    shop.pay(
        "/cheap",
        &shop.open_permit2(&shop.opening(2, 5 * CENT), 1, 0),
    )
    .await
    .managed("open");
}

#[tokio::test]
async fn t64_a_voucher_that_brings_its_deposit_is_served_at_once() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let id = shop.stage.id(&opening);
    let voucher = with(
        &shop.voucher(id, 5 * CENT),
        "deposit",
        shop.open_member(&opening),
    );
    shop.pay("/cheap", &voucher).await.served();
    shop.counters(id, 5 * CENT, CENT).await;
    let mut top_up = shop.top_up(id, CENT, 1);
    for member in ["channelId", "additionalDeposit"] {
        top_up.as_object_mut().unwrap().remove(member);
    }
    let voucher = with(&shop.voucher(id, 6 * CENT), "deposit", top_up);
    shop.pay("/twin", &voucher).await.served();
    shop.counters(id, 6 * CENT, 2 * CENT).await;
    // Sent again it is a replay: it costs, and brings no second deposit.
    shop.pay("/twin", &voucher).await.served();
    shop.counters(id, 6 * CENT, 3 * CENT).await;
    assert_eq!(shop.channel(id).await.deposit(), 6 * CENT);
    shop.books(3, 0, 6 * CENT);
}

/// Both signatures are looked at before gas is spent on one.
#[tokio::test]
async fn t60_a_deposit_is_not_brought_for_a_voucher_that_is_none() {
    let shop = Shop::open().await;
    let opening = shop.opening(1, 5 * CENT);
    let id = shop.stage.id(&opening);
    let strangers = shop.voucher_by(&shop.stage.stranger, id, CENT);
    let voucher = with(&strangers, "deposit", shop.open_member(&opening));
    refused(&shop, &voucher, 402, "session/signer-mismatch").await;
    let open = shop.open_payload(&opening, CENT);
    let open = with(&open, "voucherSignature", strangers["signature"].clone());
    refused(&shop, &open, 402, "session/signer-mismatch").await;
    let id = shop.channel_of(1, 5 * CENT, CENT).await;
    let mut top_up = shop.top_up(id, CENT, 1);
    for member in ["channelId", "additionalDeposit"] {
        top_up.as_object_mut().unwrap().remove(member);
    }
    let voucher = with(&strangers, "deposit", top_up);
    refused(&shop, &voucher, 402, "session/signer-mismatch").await;
    shop.books(0, 0, 5 * CENT);
}

#[tokio::test]
async fn t61_a_first_voucher_below_the_least_step_is_refused_before_anything_is_sent() {
    let plan = Plan {
        least_delta: Some(usd!("0.01")),
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let opening = shop.opening(1, 5 * CENT);
    let small = "session/delta-too-small";
    refused(&shop, &shop.open_payload(&opening, 1), 402, small).await;
    refused(&shop, &shop.open_payload(&opening, CENT - 1), 402, small).await;
    let id = shop.channel_of(1, 5 * CENT, CENT).await;
    refused(&shop, &shop.voucher(id, 2 * CENT - 1), 402, small).await;
    shop.pay("/cheap", &shop.voucher(id, 2 * CENT))
        .await
        .served();
    assert_eq!(
        shop.stage.channel(id).deposit,
        u128::try_from(U256::from(5 * CENT)).unwrap()
    );
}
