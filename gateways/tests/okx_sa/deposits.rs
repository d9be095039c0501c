use std::time::Duration;

use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

use crate::scene::*;
use crate::server::*;

const OTHER: Address = Address::repeat_byte(9);
const ELSEWHERE: B256 = B256::repeat_byte(9);

#[tokio::test]
async fn an_opening_counts_for_what_the_receipt_says() {
    let scene = Scene::opened(5000).await;
    let channel = scene.channel().await.unwrap();
    assert_eq!(channel.deposit(), DEPOSIT);
    assert_eq!(channel.signer(), scene.buyer.address());
    let scene = Scene::new().await;
    scene.server.on("session/status", [code(70010)]);
    let less = scene.receipt_with([("deposit", json!("400000"))]);
    scene.server.on("session/open", [less]);
    scene.settle(&scene.open(5000)).await.unwrap();
    assert_eq!(scene.channel().await.unwrap().deposit(), 400_000);
}

#[tokio::test]
async fn an_opening_counts_for_no_more_than_was_signed() {
    for deposit in [json!("2000000"), json!(2_000_000), Value::Null] {
        let scene = Scene::new().await;
        scene.server.on("session/status", [code(70010)]);
        let more = scene.receipt_with([("deposit", deposit)]);
        scene.server.on("session/open", [more]);
        scene.settle(&scene.open(5000)).await.unwrap();
        assert_eq!(scene.channel().await.unwrap().deposit(), DEPOSIT);
    }
}

#[tokio::test]
async fn what_a_buyer_adds_about_the_deposit_counts_for_nothing() {
    let scene = Scene::new().await;
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [data(scene.receipt())]);
    let open = with(scene.open(5000), [("deposit", json!("9000000"))]);
    assert_eq!(
        word(&scene.settle(&open).await),
        "refused 402 invalid_payload"
    );
    assert!(scene.server.asked("session/open").is_empty());
}

/// Attack first: what is not the receipt of this opening opens nothing by itself.
#[tokio::test]
async fn a_receipt_of_something_else_opens_nothing() {
    let cases = [
        ("channelId", json!(ELSEWHERE.to_string())),
        ("channelId", Value::Null),
        ("channelId", json!("0xab")),
        ("chainId", json!(1)),
        ("chainId", Value::Null),
        ("status", json!("failed")),
        ("status", json!(1)),
        ("method", json!("tempo")),
        ("deposit", json!("-5")),
        ("deposit", json!(0.5)),
        ("deposit", json!({})),
    ];
    for (name, value) in cases {
        let scene = Scene::new().await;
        scene.server.on("session/status", [code(70010)]);
        scene.server.on(
            "session/open",
            [scene.receipt_with([(name, value.clone())])],
        );
        let outcome = scene.settle(&scene.open(5000)).await;
        assert_eq!(word(&outcome), "unknown", "{name} {value}");
        assert_eq!(scene.channel().await, None);
        // Unless it is there all the same.
        scene.server.on("session/status", [data(scene.status())]);
        assert_eq!(word(&scene.settle(&scene.open(5000)).await), "ok");
        assert_eq!(scene.server.asked("session/open").len(), 1);
    }
}

#[tokio::test]
async fn a_channel_that_is_there_is_not_opened_again() {
    let scene = Scene::new().await;
    let settled = [
        ("settledOnChain", json!("700")),
        ("deposit", json!("2000000")),
    ];
    scene
        .server
        .on("session/status", [scene.status_with(settled)]);
    scene.settle(&scene.open(5000)).await.unwrap();
    let channel = scene.channel().await.unwrap();
    assert_eq!((channel.deposit(), channel.spent()), (2_000_000, 700));
    assert!(scene.server.asked("session/open").is_empty());
}

#[tokio::test]
async fn a_channel_of_others_is_not_opened_by_its_status() {
    for (name, value, told) in [
        (
            "payer",
            json!(OTHER.to_string()),
            "refused 402 verification_failed",
        ),
        (
            "payee",
            json!(OTHER.to_string()),
            "refused 410 session_channel_not_found",
        ),
        (
            "token",
            json!(OTHER.to_string()),
            "refused 410 session_channel_not_found",
        ),
        (
            "sessionStatus",
            json!("CLOSED"),
            "refused 410 session_channel_finalized",
        ),
        (
            "sessionStatus",
            json!("CLOSING"),
            "refused 410 session_channel_finalized",
        ),
        (
            "sessionStatus",
            json!("closing"),
            "refused 410 session_channel_finalized",
        ),
    ] {
        let scene = Scene::new().await;
        scene
            .server
            .on("session/status", [scene.status_with([(name, value)])]);
        assert_eq!(word(&scene.settle(&scene.open(5000)).await), told, "{name}");
        assert_eq!(scene.channel().await, None);
        assert!(scene.server.asked("session/open").is_empty());
    }
}

#[tokio::test]
async fn a_refused_opening_is_refused_and_an_unclear_one_is_not() {
    for (reply, told) in [
        (code(70003), "refused 402 malformed_credential"),
        (code(70012), "refused 402 session_amount_exceeds_deposit"),
        (code(70011), "failed 500 okx_configuration"),
        (code(50113), "failed 502 okx_refused"),
        (code(8000), "unknown"),
        (code(70007), "unknown"),
        (code(-1), "unknown"),
        (Reply::Hangs, "unknown"),
        (Reply::Drops, "unknown"),
        (Reply::Says(504, String::new()), "unknown"),
    ] {
        let scene = Scene::new().await;
        scene.server.on("session/status", [code(70010)]);
        let said = format!("{reply:?}");
        scene.server.on("session/open", [reply]);
        assert_eq!(word(&scene.settle(&scene.open(5000)).await), told, "{said}");
        assert_eq!(scene.channel().await, None);
    }
}

/// The nonce is used up by the first, so the second is refused whatever became of it.
#[tokio::test]
async fn a_refusal_of_the_second_attempt_is_none_of_the_first() {
    let scene = Scene::new().await;
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [Reply::Hangs, code(70003)]);
    for _ in 0..3 {
        assert_eq!(word(&scene.settle(&scene.open(5000)).await), "unknown");
    }
    assert_eq!(scene.server.asked("session/open").len(), 3);
    scene.server.on("session/status", [data(scene.status())]);
    assert_eq!(word(&scene.settle(&scene.open(5000)).await), "ok");
}

/// Looking moves nothing, and any stranger can name a transaction: nothing is remembered of it.
#[tokio::test]
async fn a_transaction_that_is_not_found_is_remembered_by_nobody() {
    let scene = Scene::new().await;
    scene.server.on("session/status", [code(70010)]);
    scene.server.on("session/open", [code(70007), code(70003)]);
    let outcome = scene.settle(&scene.open_by_hash()).await;
    assert_eq!(word(&outcome), "unknown");
    let outcome = scene.settle(&scene.open_by_hash()).await;
    assert_eq!(word(&outcome), "refused 402 malformed_credential");
}

#[tokio::test]
async fn a_status_is_waited_for_however_the_waiting_is_set() {
    for (every, patience) in [
        (Duration::ZERO, Duration::from_millis(50)),
        (Duration::MAX, Duration::MAX),
    ] {
        let options = options().poll_every(every).poll_for(patience);
        let scene = Scene::called(options, |escrow| escrow).await;
        scene.open_well(5000).await;
        let before = scene.server.asked("session/status").len();
        scene.server.on("session/status", [data(scene.status())]);
        scene.server.on("session/settle", [data(scene.receipt())]);
        assert!(
            scene
                .session
                .desk()
                .settle_channel(scene.id())
                .await
                .is_err()
        );
        let asked = scene.server.asked("session/status").len() - before;
        assert!(asked <= 60, "{asked}");
    }
}

#[tokio::test]
async fn an_opening_that_okx_loses_but_makes_is_found() {
    let scene = Scene::new().await;
    scene
        .server
        .on("session/status", [code(70010), data(scene.status())]);
    scene.server.on("session/open", [Reply::Drops]);
    assert_eq!(word(&scene.settle(&scene.open(5000)).await), "ok");
    assert_eq!(scene.channel().await.unwrap().deposit(), DEPOSIT);
}

#[tokio::test]
async fn nothing_is_opened_while_okx_does_not_answer() {
    let scene = Scene::new().await;
    scene
        .server
        .on("session/status", [Reply::Says(503, String::new())]);
    let outcome = scene.settle(&scene.open(5000)).await;
    assert_eq!(word(&outcome), "failed 503 okx_unavailable");
    assert!(scene.server.asked("session/open").is_empty());
}

#[tokio::test]
async fn by_a_transaction_of_the_payer_a_channel_holds_what_okx_says() {
    for receipt in [json!("7000"), Value::Null] {
        let scene = Scene::new().await;
        let status = scene.status_with([("deposit", json!("7000"))]);
        scene.server.on("session/status", [code(70010), status]);
        scene
            .server
            .on("session/open", [scene.receipt_with([("deposit", receipt)])]);
        scene.settle(&scene.open_by_hash()).await.unwrap();
        assert_eq!(scene.channel().await.unwrap().deposit(), 7000);
    }
    // Less than the least that is asked for opens nothing.
    let mut scene = Scene::new().await;
    scene.session = scene.session.min_deposit(payment_core::usd!("0.01"));
    scene.server.on("session/status", [code(70010)]);
    let less = scene.receipt_with([("deposit", json!("9999"))]);
    scene.server.on("session/open", [less]);
    let outcome = scene.settle(&scene.open_by_hash()).await;
    assert_eq!(word(&outcome), "refused 402 payment_insufficient");
}

#[tokio::test]
async fn a_top_up_counts_for_what_the_channel_holds_and_what_was_signed() {
    for (said, held) in [
        (json!("1500000"), 1_500_000),
        (json!(1_500_000), 1_500_000),
        (json!("9000000"), 1_500_000),
        (json!("1200000"), 1_200_000),
        (json!("500000"), 1_000_000),
    ] {
        let scene = Scene::opened(5000).await;
        scene.server.on("session/status", [data(scene.status())]);
        scene
            .server
            .on("session/topUp", [scene.receipt_with([("deposit", said)])]);
        scene.settle(&scene.top_up(500_000, SALT)).await.unwrap();
        assert_eq!(scene.channel().await.unwrap().deposit(), held);
        let sent = &scene.server.asked("session/topUp")[0].body["payload"];
        assert_eq!(sent["topUpSalt"], json!(SALT.to_string()));
        assert_eq!(sent.get("salt"), None);
        assert_eq!(sent["type"], "transaction");
    }
}

#[tokio::test]
async fn a_top_up_that_may_have_arrived_is_told_by_the_deposit() {
    let scene = Scene::opened(5000).await;
    let top_up = scene.top_up(500_000, SALT);
    let held = |held: &str| scene.status_with([("deposit", json!(held))]);
    scene.server.on("session/status", [held("1000000")]);
    scene
        .server
        .on("session/topUp", [Reply::Drops, code(70003)]);
    assert_eq!(word(&scene.settle(&top_up).await), "unknown");
    // The nonce is used: refused. The deposit has not grown, or not by so much.
    assert_eq!(word(&scene.settle(&top_up).await), "unknown");
    scene.server.on("session/status", [held("1499999")]);
    assert_eq!(word(&scene.settle(&top_up).await), "unknown");
    scene.server.on("session/status", [held("1500000")]);
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    assert_eq!(scene.channel().await.unwrap().deposit(), 1_500_000);
    // It is over: nobody is asked to bring it again.
    let asked = scene.server.asked("session/topUp").len();
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    assert_eq!(scene.server.asked("session/topUp").len(), asked);
    assert_eq!(scene.channel().await.unwrap().deposit(), 1_500_000);
}

#[tokio::test]
async fn without_a_deposit_in_the_receipt_the_status_must_show_it() {
    let bare = |scene: &Scene| scene.receipt_with([("deposit", Value::Null)]);
    let scene = Scene::opened(5000).await;
    scene.server.on("session/status", [data(scene.status())]);
    scene.server.on("session/topUp", [bare(&scene)]);
    let top_up = scene.top_up(500_000, SALT);
    assert_eq!(word(&scene.settle(&top_up).await), "unknown");
    assert_eq!(scene.channel().await.unwrap().deposit(), DEPOSIT);
    let scene = Scene::patient().await;
    scene.open_well(5000).await;
    scene.server.on("session/topUp", [bare(&scene)]);
    let grown = || scene.status_with([("deposit", json!("1500000"))]);
    scene.server.on(
        "session/status",
        [data(scene.status()), data(scene.status()), grown()],
    );
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    assert_eq!(scene.channel().await.unwrap().deposit(), 1_500_000);
}

#[tokio::test]
async fn a_pending_close_ends_only_where_the_status_says_so() {
    let scene = Scene::opened(5000).await;
    let closing = |deposit: &str| {
        let members = [
            ("sessionStatus", json!("CLOSING")),
            ("deposit", json!(deposit)),
        ];
        scene.status_with(members)
    };
    scene.server.on("session/status", [closing("1000000")]);
    let desk = scene.session.desk();
    let channel = desk.refresh(scene.id()).await.unwrap();
    assert_ne!(channel.close_requested_at(), 0);
    // The receipt alone does not reopen it.
    let grown = scene.receipt_with([("deposit", json!("1500000"))]);
    scene.server.on("session/topUp", [grown]);
    scene.server.on("session/status", [closing("1000000")]);
    let top_up = scene.top_up(500_000, SALT);
    assert_eq!(word(&scene.settle(&top_up).await), "unknown");
    let open = scene.status_with([("deposit", json!("1500000"))]);
    scene
        .server
        .on("session/status", [closing("1000000"), open]);
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    let channel = scene.channel().await.unwrap();
    assert_eq!(
        (channel.close_requested_at(), channel.deposit()),
        (0, 1_500_000)
    );
}

#[tokio::test]
async fn a_top_up_by_a_transaction_holds_what_the_status_says() {
    let scene = Scene::opened(5000).await;
    let top_up = scene.top_up_by_hash(500_000);
    scene.server.on(
        "session/status",
        [scene.status_with([("deposit", json!("1400000"))])],
    );
    scene.server.on(
        "session/topUp",
        [scene.receipt_with([("deposit", json!("9000000"))])],
    );
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    assert_eq!(scene.channel().await.unwrap().deposit(), 1_400_000);
    let sent = &scene.server.asked("session/topUp")[0].body["payload"];
    assert_eq!(sent.get("topUpSalt"), None);
    // Shown again it is known.
    assert_eq!(word(&scene.settle(&top_up).await), "ok");
    assert_eq!(scene.server.asked("session/topUp").len(), 1);
    for (reply, told) in [
        (code(70003), "refused 402 malformed_credential"),
        (code(70007), "unknown"),
        (Reply::Drops, "unknown"),
    ] {
        let scene = Scene::opened(5000).await;
        scene.server.on("session/status", [data(scene.status())]);
        scene.server.on("session/topUp", [reply]);
        assert_eq!(word(&scene.settle(&top_up).await), told);
    }
}

#[tokio::test]
async fn a_top_up_of_what_is_gone_or_anothers_is_refused_before_it_is_sent() {
    for (reply, told) in [
        (None, "refused 410 session_channel_not_found"),
        (
            Some(("sessionStatus", json!("CLOSED"))),
            "refused 410 session_channel_finalized",
        ),
        (
            Some(("payer", json!(OTHER.to_string()))),
            "refused 402 verification_failed",
        ),
        (
            Some(("channelId", json!(ELSEWHERE.to_string()))),
            "failed 502 okx_answer",
        ),
        (
            Some(("settledOnChain", json!("1000001"))),
            "failed 502 okx_answer",
        ),
        (
            Some(("sessionStatus", json!("DONE"))),
            "failed 502 okx_answer",
        ),
        (Some(("deposit", Value::Null)), "failed 502 okx_answer"),
    ] {
        let scene = Scene::opened(5000).await;
        let reply = reply.map_or_else(|| code(70010), |member| scene.status_with([member]));
        scene.server.on("session/status", [reply]);
        let outcome = scene.settle(&scene.top_up(500_000, SALT)).await;
        assert_eq!(word(&outcome), told);
        assert!(scene.server.asked("session/topUp").is_empty());
    }
}
