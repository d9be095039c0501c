//! What becomes of a settlement, answer by answer.

use super::*;

fn settled(members: Value) -> Value {
    let settled = json!({
        "success": true, "errorReason": null, "errorMessage": null, "payer": payer().to_string(),
        "transaction": HASH, "network": "eip155:196", "amount": "10000", "status": "success",
    });
    with(settled, members)
}

fn refused(reason: &str, members: Value) -> Value {
    let refused = json!({
        "success": false, "errorReason": reason, "errorMessage": "prose", "payer": null,
        "transaction": "", "network": "eip155:196",
    });
    with(refused, members)
}

fn status(status: &str, members: Value) -> Value {
    let status = json!({
        "success": true, "status": status, "transaction": HASH, "network": "eip155:196",
        "payer": payer().to_string(), "errorReason": null, "errorMessage": null,
    });
    with(status, members)
}

fn not_found() -> Value {
    json!({
        "success": false, "status": null, "transaction": null, "network": null, "payer": null,
        "errorReason": "not_found", "errorMessage": "prose",
    })
}

fn moved(amount: Option<&str>) -> SettleAnswer {
    SettleAnswer::Settled {
        transaction: HASH.into(),
        network: Network::eip155(196),
        payer: Some(payer()),
        amount: amount.map(|amount| amount.parse().unwrap()),
    }
}

fn under_way() -> SettleAnswer {
    SettleAnswer::Pending {
        transaction: Some(HASH.into()),
    }
}

fn open() -> SettleAnswer {
    SettleAnswer::Pending { transaction: None }
}

async fn settle(request: &PaymentRequest, acts: impl IntoIterator<Item = Act>) -> SettleAnswer {
    acting(acts).await.0.settle(request).await.unwrap()
}

async fn settle_as(request: &PaymentRequest, data: &Value) -> SettleAnswer {
    settle(request, [Act::data(data)]).await
}

/// OKX with little patience for what stays under way.
async fn brief(acts: impl IntoIterator<Item = Act>) -> (OkxFacilitator, Peer) {
    let peer = Peer::acting(acts).await;
    let okx = okx_at(&peer, hasty().poll_for(Duration::from_millis(250)));
    (okx, peer)
}

#[tokio::test]
async fn a_success_with_its_transaction_is_settled() {
    let (okx, peer) = acting([Act::data(&settled(json!({})))]).await;
    assert_eq!(okx.settle(&exact()).await.unwrap(), moved(Some("10000")));
    let okx = okx.settles(SettleMode::Asynchronous);
    assert_eq!(okx.settle(&exact()).await.unwrap(), moved(Some("10000")));
    assert_eq!(peer.asked(), [SETTLING, SETTLING]);
    for (request, waits) in peer.requests().iter().zip([true, false]) {
        let waits = Map::from_iter([("syncSettle".to_owned(), waits.into())]);
        assert_eq!(request.body, exact().body_with(&waits));
    }
    let vector = vector()["paymentResponse"]["json"].clone();
    assert_eq!(settle_as(&exact(), &vector).await, moved(None));
    // Plain facilitators have no status.
    for none in [json!({ "status": null }), json!({ "status": "" })] {
        let answer = settle_as(&exact(), &settled(none)).await;
        assert_eq!(answer, moved(Some("10000")));
    }
}

#[tokio::test]
async fn what_a_success_says_is_kept_to_be_compared() {
    let other = settled(json!({
        "network": "eip155:1", "payer": "0x0000000000000000000000000000000000000001", "amount": "9",
    }));
    let SettleAnswer::Settled {
        network,
        payer,
        amount,
        ..
    } = settle_as(&exact(), &other).await
    else {
        panic!("a settlement");
    };
    assert_eq!(network, Network::eip155(1));
    assert_ne!(payer, Some(super::payer()));
    assert_eq!(amount, Some("9".parse().unwrap()));
}

#[tokio::test]
async fn a_success_that_is_not_whole_is_none() {
    for members in [
        json!({ "success": "true" }),
        json!({ "success": 1 }),
        json!({ "success": null }),
        json!({ "transaction": "" }),
        json!({ "transaction": null }),
        json!({ "transaction": "0xab" }),
        json!({ "transaction": "see https://scan.example/tx" }),
        json!({ "transaction": format!("{HASH}00") }),
        json!({ "transaction": 7 }),
        json!({ "network": null }),
        json!({ "network": "" }),
        json!({ "network": "X Layer" }),
        json!({ "amount": "1.5" }),
        json!({ "amount": 10000 }),
        json!({ "payer": {} }),
        json!({ "status": true }),
        json!({ "errorReason": 7 }),
    ] {
        let (okx, peer) = acting([Act::data(&settled(members.clone()))]).await;
        let fault = okx.settle(&exact()).await.unwrap_err();
        let garbage = matches!(fault, FacilitatorFault::Garbage(_));
        assert!(garbage, "{members}: {fault:?}");
        assert_eq!(peer.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_batch_takes_a_payment_without_a_transaction() {
    let taken = settled(json!({ "transaction": "" }));
    let deferred = SettleAnswer::Deferred {
        network: Network::eip155(196),
        payer: Some(payer()),
        amount: Some("10000".parse().unwrap()),
    };
    assert_eq!(settle_as(&deferring(), &taken).await, deferred);
    let taken = with(taken, json!({ "transaction": null }));
    assert_eq!(settle_as(&deferring(), &taken).await, deferred);
    // One with a transaction is settled; one that is pending, or has an odd one, is neither.
    let answer = settle_as(&deferring(), &settled(json!({}))).await;
    assert_eq!(answer, moved(Some("10000")));
    let waits = with(taken.clone(), json!({ "status": "pending" }));
    assert_eq!(settle_as(&deferring(), &waits).await, open());
    let odd = with(taken, json!({ "transaction": "odd" }));
    assert!(saying(&odd).await.settle(&deferring()).await.is_err());
}

#[tokio::test]
async fn what_is_under_way_is_asked_about_until_it_is_done() {
    for progress in ["pending", "timeout", "failed", "a status of tomorrow"] {
        let acts = [
            settled(json!({ "status": progress })),
            not_found(),
            status("pending", json!({})),
            status("success", json!({})),
        ];
        let (okx, peer) = acting(acts.iter().map(Act::data)).await;
        let answer = okx.settle(&exact()).await.unwrap();
        assert_eq!(answer, moved(None), "{progress}");
        assert_eq!(peer.asked(), [SETTLING, STATUS, STATUS, STATUS]);
        assert!(peer.requests().iter().all(|request| request.is_signed()));
    }
}

#[tokio::test]
async fn a_transaction_that_failed_is_a_no() {
    let pending = settled(json!({ "status": "pending" }));
    let failed = status("failed", json!({ "errorReason": "prose" }));
    let acts = [&pending, &failed].map(Act::data);
    let answer = settle(&exact(), acts).await;
    assert_eq!(answer, Code::TransactionFailed.into());
    // OKX leaves members out as it likes.
    let bare = json!({ "success": true, "status": "failed" });
    let acts = [&pending, &bare].map(Act::data);
    let answer = settle(&exact(), acts).await;
    assert_eq!(answer, Code::TransactionFailed.into());
}

#[tokio::test]
async fn only_the_status_of_this_payment_counts() {
    let stranger = "0x0000000000000000000000000000000000000001";
    for said in [
        status("failed", json!({ "transaction": OTHER })),
        status("failed", json!({ "network": "eip155:1" })),
        status("failed", json!({ "network": "prose" })),
        status("failed", json!({ "payer": stranger })),
        status("success", json!({ "transaction": OTHER })),
        status("success", json!({ "network": "eip155:1" })),
        status("success", json!({ "payer": stranger })),
        status("success", json!({ "network": null })),
        status("success", json!({ "success": false })),
        status("failed", json!({ "success": false })),
        status("SUCCESS", json!({})),
        status("", json!({})),
        json!({ "success": true, "transaction": HASH, "network": "eip155:196" }),
        not_found(),
        json!({ "success": false, "errorReason": "rpc trouble" }),
        json!({ "success": "yes", "status": "success" }),
    ] {
        let acts = [settled(json!({ "status": "timeout" })), said.clone()];
        let (okx, peer) = brief(acts.iter().map(Act::data)).await;
        assert_eq!(okx.settle(&exact()).await.unwrap(), under_way(), "{said}");
        let asked = peer.requests().len();
        assert!(asked > 1, "asked before the time was up: {said}");
    }
}

#[tokio::test]
async fn asking_ends_with_the_time_for_it() {
    for silence in [Act::Hang, Act::code(50113), Act::Close, Act::code(50011)] {
        let acts = [Act::data(&settled(json!({ "status": "timeout" }))), silence];
        let (okx, _peer) = brief(acts).await;
        let begun = Instant::now();
        assert_eq!(okx.settle(&exact()).await.unwrap(), under_way());
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn without_time_nothing_is_asked() {
    let pending = settled(json!({ "status": "pending" }));
    for poll_for in [Duration::ZERO, Duration::from_secs(1)] {
        let peer = Peer::acting([Act::data(&pending)]).await;
        let options = hasty()
            .poll_every(Duration::from_secs(1))
            .poll_for(poll_for);
        let answer = okx_at(&peer, options).settle(&exact()).await.unwrap();
        assert_eq!(answer, under_way());
        assert_eq!(peer.asked(), [SETTLING]);
    }
}

#[tokio::test]
async fn what_has_no_transaction_is_not_asked_about() {
    for hash in ["", "0xab", "../../admin", "0x&txHash=0xab"] {
        for progress in ["pending", "timeout"] {
            let data = settled(json!({ "status": progress, "transaction": hash }));
            let (okx, peer) = acting([Act::data(&data)]).await;
            assert_eq!(okx.settle(&exact()).await.unwrap(), open(), "{hash}");
            assert_eq!(peer.asked(), [SETTLING]);
        }
    }
}

#[tokio::test]
async fn a_refusal_is_put_in_our_words() {
    for (reason, code) in [
        ("insufficient_balance", Code::Balance),
        ("expired", Code::ValidBefore),
        ("toAddr mismatch", Code::Recipient),
        ("payer_blocked", Code::Facilitator),
        ("we do not like you", Code::Facilitator),
        ("transaction_failed", Code::Facilitator),
        (
            "invalid_exact_evm_transaction_failed",
            Code::TransactionFailed,
        ),
    ] {
        let no = refused(reason, json!({}));
        for request in [exact(), deferring()] {
            let answer = settle_as(&request, &no).await;
            assert_eq!(answer, code.into(), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_leaves_it_open_is_none() {
    for no in [
        refused("nonce_used", json!({})),
        refused("payment processing", json!({})),
        refused("onchain_error", json!({})),
        refused("settlement_timeout", json!({})),
        refused("unexpected_settle_error", json!({})),
        refused("", json!({})),
        refused("x", json!({ "errorReason": null })),
        // A no that says it is not over.
        refused("expired", json!({ "status": "pending" })),
        refused("expired", json!({ "status": "timeout" })),
        refused("expired", json!({ "status": "success" })),
        refused("expired", json!({ "status": "a status of tomorrow" })),
        // With what is no transaction, but something.
        refused("expired", json!({ "transaction": "0xab" })),
    ] {
        let (okx, peer) = acting([Act::data(&no)]).await;
        assert_eq!(okx.settle(&exact()).await.unwrap(), open(), "{no}");
        assert_eq!(peer.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_with_a_transaction_is_asked_about() {
    for reason in [
        "insufficient_balance",
        "onchain_error",
        "settlement_timeout",
    ] {
        let no = refused(reason, json!({ "transaction": HASH }));
        let acts = [&no, &status("failed", json!({}))].map(Act::data);
        let answer = settle(&exact(), acts).await;
        assert_eq!(answer, Code::TransactionFailed.into());
        let acts = [&no, &status("success", json!({}))].map(Act::data);
        assert_eq!(settle(&exact(), acts).await, moved(None));
    }
}

#[tokio::test]
async fn the_transaction_that_spent_the_nonce_may_be_of_another_payment() {
    let no = refused("nonce_used", json!({ "transaction": HASH }));
    let acts = [no, status("success", json!({}))];
    let (okx, peer) = acting(acts.iter().map(Act::data)).await;
    assert_eq!(okx.settle(&exact()).await.unwrap(), open());
    assert_eq!(peer.asked(), [SETTLING]);
}

#[tokio::test]
async fn a_fault_while_settling_says_whether_anything_was_sent() {
    for act in [
        Act::code(50011),
        Act::code(50113),
        Act::Say(401, Vec::new()),
    ] {
        let fault = acting([act]).await.0.settle(&exact()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::NotSent(_)), "{fault:?}");
    }
    for act in [
        Act::code(50026),
        Act::code(51000),
        Act::Close,
        Act::json(401, &json!({ "code": 0, "data": settled(json!({})) })),
    ] {
        let (okx, peer) = acting([act]).await;
        let fault = okx.settle(&exact()).await.unwrap_err();
        assert!(matches!(fault, FacilitatorFault::Unknown(_)), "{fault:?}");
        assert_eq!(peer.requests().len(), 1);
    }
    let (okx, _peer) = acting([Act::Say(502, b"<html>".to_vec())]).await;
    let fault = okx.settle(&exact()).await.unwrap_err();
    assert!(matches!(fault, FacilitatorFault::Garbage(_)), "{fault:?}");
    let peer = Peer::acting([Act::Hang]).await;
    let okx = okx_at(&peer, hasty().settle_timeout(Duration::from_millis(100)));
    let fault = okx.settle(&exact()).await.unwrap_err();
    assert!(matches!(fault, FacilitatorFault::TimedOut), "{fault:?}");
}

#[tokio::test]
async fn a_known_transaction_is_asked_about_once() {
    for (said, answer) in [
        (status("success", json!({})), moved(None)),
        (status("failed", json!({})), Code::TransactionFailed.into()),
        (status("pending", json!({})), under_way()),
    ] {
        let (okx, peer) = acting([Act::data(&said)]).await;
        for spelling in [HASH.to_owned(), HASH.replace('b', "B")] {
            let known = okx.reconcile(&exact(), Some(&spelling)).await.unwrap();
            assert_eq!(known, answer, "{said}");
        }
        assert_eq!(peer.asked(), [STATUS, STATUS]);
    }
    for said in [
        status("failed", json!({ "transaction": OTHER })),
        status("success", json!({ "transaction": OTHER })),
        json!({ "success": true }),
    ] {
        let (okx, peer) = acting([Act::data(&said)]).await;
        assert!(okx.reconcile(&exact(), Some(HASH)).await.is_err(), "{said}");
        assert_eq!(peer.asked(), [STATUS], "nothing is settled again");
    }
}

#[tokio::test]
async fn a_transaction_that_okx_does_not_know_is_settled_again() {
    let again = |settling: Value| async move {
        let (okx, peer) = acting([Act::data(&not_found()), Act::data(&settling)]).await;
        let known = okx.reconcile(&exact(), Some(HASH)).await.unwrap();
        assert_eq!(peer.asked(), [STATUS, SETTLING]);
        known
    };
    assert_eq!(again(settled(json!({}))).await, moved(Some("10000")));
    // It may be there, and not be found yet.
    for reason in ["nonce_used", "payment processing", "insufficient_balance"] {
        let refused = json!({ "success": false, "errorReason": reason });
        let known = again(refused).await;
        assert!(matches!(known, SettleAnswer::Pending { .. }), "{reason}");
    }
}

#[tokio::test]
async fn without_a_transaction_it_is_settled_again() {
    for transaction in [None, Some(""), Some("0xab"), Some("a/../b?c#d")] {
        let (okx, peer) = acting([Act::data(&settled(json!({})))]).await;
        let known = okx.reconcile(&exact(), transaction).await.unwrap();
        assert_eq!(known, moved(Some("10000")));
        assert_eq!(peer.asked(), [SETTLING]);
    }
    let taken = settled(json!({ "transaction": "" }));
    let known = saying(&taken).await.reconcile(&deferring(), None).await;
    assert!(matches!(known, Ok(SettleAnswer::Deferred { .. })));
    let acts = [
        settled(json!({ "status": "timeout" })),
        status("success", json!({})),
    ];
    let (okx, _peer) = acting(acts.iter().map(Act::data)).await;
    assert_eq!(okx.reconcile(&exact(), None).await.unwrap(), moved(None));
}

#[tokio::test]
async fn a_refusal_of_the_second_proves_nothing_about_the_first() {
    for reason in [
        "nonce_used",
        "insufficient_balance",
        "expired",
        "invalid_signature",
        "invalid_exact_evm_transaction_failed",
    ] {
        let okx = saying(&refused(reason, json!({}))).await;
        let known = okx.reconcile(&exact(), None).await.unwrap();
        assert_eq!(known, open(), "{reason}");
    }
    // The second may have failed because the first went through.
    let acts = [
        settled(json!({ "status": "timeout" })),
        status("failed", json!({})),
    ];
    let (okx, _peer) = acting(acts.iter().map(Act::data)).await;
    assert_eq!(okx.reconcile(&exact(), None).await.unwrap(), open());
}

#[tokio::test]
async fn the_status_of_a_transaction_can_be_asked_for() {
    let transaction = HASH.parse().unwrap();
    for (said, expected) in [
        (status("success", json!({})), SettleStatus::Success),
        (status("pending", json!({})), SettleStatus::Pending),
        (status("failed", json!({})), SettleStatus::Failed),
        (not_found(), SettleStatus::NotFound),
    ] {
        let (okx, peer) = acting([Act::data(&said)]).await;
        assert_eq!(okx.settle_status(transaction).await.unwrap(), expected);
        assert_eq!(peer.asked(), [STATUS]);
    }
    for said in [
        json!({ "success": true }),
        json!({ "success": false, "status": "success" }),
        status("success", json!({ "transaction": OTHER })),
    ] {
        let (okx, _peer) = acting([Act::data(&said)]).await;
        assert!(okx.settle_status(transaction).await.is_err(), "{said}");
    }
}
