//! MPP sessions on the escrow.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use devnet::IPaymentChannelEscrow::{openCall, requestCloseCall, topUpCall};
use devnet::okx::{Endpoint, Okx, Repeats};
use devnet::{ITollToken, X_LAYER_ESCROW};
use serde_json::{Value, json};

use crate::stage::{DEPOSIT, Stage, with, without};

const OPEN: Endpoint = Endpoint::SessionOpen;
const TOP_UP: Endpoint = Endpoint::SessionTopUp;
const SETTLE: Endpoint = Endpoint::SessionSettle;
const CLOSE: Endpoint = Endpoint::SessionClose;

impl Stage {
    async fn status(&self, channel: B256) -> Value {
        let query = format!("?channelId={channel}");
        let reply = self.get(Endpoint::SessionStatus, &query).await;
        reply.data().clone()
    }

    /// A transaction of the payer's own at the escrow.
    fn send(&self, call: &impl SolCall) -> B256 {
        let chain = &self.net.chain;
        let approve = ITollToken::approveCall {
            spender: X_LAYER_ESCROW,
            value: U256::MAX,
        };
        chain
            .send(&self.payer, self.token(), approve.abi_encode())
            .unwrap();
        let sent = chain.send(&self.payer, X_LAYER_ESCROW, call.abi_encode());
        sent.unwrap().transaction_hash
    }

    fn own_opening(&self, salt: u8) -> openCall {
        openCall {
            payee: self.payee.address,
            token: self.token(),
            deposit: u128::from(DEPOSIT),
            salt: B256::repeat_byte(salt),
            authorizedSigner: Address::ZERO,
        }
    }
}

#[tokio::test]
async fn a_channel_lives_from_opening_to_close_and_every_unit_is_where_it_belongs() {
    let stage = Stage::new().await;
    let before = stage.balance(stage.payer.address);
    let reply = stage.post(OPEN, &stage.opening(1)).await;
    let (data, channel) = (reply.data(), stage.channel(1));
    assert_eq!(data["channelId"], json!(channel));
    assert_eq!(data["deposit"], DEPOSIT.to_string());
    assert_eq!(
        (&data["intent"], &data["chainId"]),
        (&json!("session"), &json!(196))
    );
    assert_eq!(stage.balance(X_LAYER_ESCROW), DEPOSIT);

    let reply = stage.post(TOP_UP, &stage.raise(channel, 500)).await;
    assert_eq!(reply.data()["deposit"], (DEPOSIT + 500).to_string());

    let order = stage.redemption("settle", channel, Some(250_000));
    stage.post(SETTLE, &order).await.data();
    assert_eq!(stage.balance(stage.payee.address), 250_000);
    let status = stage.status(channel).await;
    assert_eq!(status["sessionStatus"], "OPEN");
    assert_eq!(status["settledOnChain"], "250000");
    assert_eq!(
        status["remainingBalance"],
        (DEPOSIT + 500 - 250_000).to_string()
    );
    assert_eq!(status["payee"], stage.payee.address.to_checksum(None));

    let order = stage.redemption("close", channel, Some(300_000));
    stage.post(CLOSE, &order).await.data();
    assert_eq!(stage.balance(stage.payee.address), 300_000);
    assert_eq!(stage.balance(stage.payer.address), before - 300_000);
    assert_eq!(stage.balance(X_LAYER_ESCROW), 0);
    assert_eq!(stage.status(channel).await["sessionStatus"], "CLOSED");
}

#[tokio::test]
async fn the_published_session_opens_grows_settles_and_closes() {
    let stage = Stage::new().await;
    let file = vectors::load("okx_wire.json");
    let mpp = &file["mpp"];
    let wallet = stage.payer.address;
    stage
        .net
        .chain
        .mint(stage.token(), wallet, U256::from(DEPOSIT))
        .unwrap();
    stage.post(OPEN, &mpp["sessionOpenAsSentToSa"]).await.data();
    let reply = stage.post(TOP_UP, &mpp["sessionTopUp"]["credential"]).await;
    assert_eq!(reply.data()["deposit"], "1500000");
    stage.post(SETTLE, &mpp["saSettleBody"]).await.data();
    assert_eq!(stage.balance(stage.payee.address), 250_000);
    // Both bodies name nonce 1, and an escrow takes a nonce once.
    assert_eq!(stage.post(CLOSE, &mpp["saCloseBody"]).await.code(), 70003);

    let stage = Stage::new().await;
    stage.post(OPEN, &mpp["sessionOpenAsSentToSa"]).await.data();
    stage.post(CLOSE, &mpp["saCloseBody"]).await.data();
    assert_eq!(stage.balance(stage.payee.address), 250_000);
    let reply = stage.post(CLOSE, &mpp["saCloseWaiverBody"]).await;
    assert_eq!(reply.code(), 70010);
    let whole = &mpp["sessionOpen"]["credential"];
    assert_eq!(Stage::new().await.post(OPEN, whole).await.code(), 70000);
}

#[tokio::test]
async fn a_waiver_gives_everything_back() {
    let stage = Stage::new().await;
    let before = stage.balance(stage.payer.address);
    let channel = stage.open(1).await;
    let waiver = stage.redemption("close", channel, None);
    assert_eq!(waiver["payload"]["voucherSignature"], "");
    stage.post(CLOSE, &waiver).await.data();
    assert_eq!(stage.balance(stage.payer.address), before);
    let channel = stage.open(2).await;
    let mut claim = stage.redemption("close", channel, Some(5));
    claim["payload"]["voucherSignature"] = "".into();
    assert_eq!(stage.post(CLOSE, &claim).await.code(), 70004);
    let waiver = stage.redemption("settle", channel, None);
    assert_eq!(stage.post(SETTLE, &waiver).await.code(), 70000);
}

#[tokio::test]
async fn the_first_voucher_is_not_for_the_service() {
    let stage = Stage::new().await;
    for member in ["cumulativeAmount", "voucherSignature"] {
        let body = with(&stage.opening(1), &format!("/payload/{member}"), json!("0"));
        assert_eq!(stage.post(OPEN, &body).await.code(), 70000, "{member}");
    }
    let hash = stage.send(&stage.own_opening(1));
    let shown = shown_opening(&stage, 1, hash);
    let body = with(&shown, "/payload/signature", json!("0x00"));
    assert_eq!(stage.post(OPEN, &body).await.code(), 70000);
    assert_eq!(stage.post(OPEN, &shown).await.code(), 0);
}

#[tokio::test]
async fn an_opening_that_differs_from_its_challenge_is_refused() {
    let stage = Stage::new().await;
    let body = stage.opening(1);
    let with_request = |pointer: &str, value: Value| {
        let request = with(&stage.session_request(), pointer, value);
        with(&body, "/challenge", stage.challenge("session", &request))
    };
    let stranger = json!(Address::repeat_byte(9));
    let terms = "/payload/authorization";
    for (body, code) in [
        (with_request("/recipient", stranger.clone()), 70003),
        (with_request("/currency", stranger.clone()), 70003),
        (with_request("/methodDetails/chainId", json!(1)), 70001),
        (
            with_request("/methodDetails/escrowContract", stranger.clone()),
            70011,
        ),
        (with_request("/methodDetails/feePayer", json!(false)), 70003),
        (
            with(&body, "/payload/channelId", json!(B256::repeat_byte(1))),
            70003,
        ),
        (
            with(&body, "/payload/salt", json!(B256::repeat_byte(9))),
            70003,
        ),
        (
            with(&body, "/payload/authorizedSigner", stranger.clone()),
            70003,
        ),
        (with(&body, &format!("{terms}/to"), stranger.clone()), 70003),
        (
            with(
                &body,
                &format!("{terms}/nonce"),
                json!(B256::repeat_byte(1)),
            ),
            70003,
        ),
        (
            with(&body, &format!("{terms}/value"), json!("999999")),
            70004,
        ),
        (
            with(&body, &format!("{terms}/value"), json!(1_000_000)),
            70000,
        ),
        (
            with(
                &body,
                "/source",
                json!(format!("did:pkh:eip155:196:{}", stage.other.address)),
            ),
            70003,
        ),
        (with(&body, "/payload/signature", json!("0x12")), 70004),
        (with(&body, "/payload/action", json!("topUp")), 70000),
        (without(&body, "/challenge"), 70000),
        (without(&body, "/payload/channelId"), 70000),
    ] {
        assert_eq!(stage.post(OPEN, &body).await.code(), code, "{body}");
    }
    assert_eq!(stage.balance(X_LAYER_ESCROW), 0);
    stage.okx.block(stage.payer.address);
    assert_eq!(stage.post(OPEN, &body).await.code(), 70002);
}

fn shown_opening(stage: &Stage, salt: u8, hash: B256) -> Value {
    json!({
        "challenge": stage.challenge("session", &stage.session_request()),
        "source": stage.did(),
        "payload": {
            "action": "open", "type": "hash", "hash": hash,
            "channelId": stage.channel(salt), "salt": B256::repeat_byte(salt),
        },
    })
}

#[tokio::test]
async fn an_opening_of_the_buyers_own_is_taken_as_the_chain_has_it() {
    let stage = Stage::new().await;
    let hash = stage.send(&stage.own_opening(1));
    let body = shown_opening(&stage, 1, hash);
    assert_eq!(
        stage.post(OPEN, &without(&body, "/source")).await.code(),
        70000
    );
    let other_hash = with(&body, "/payload/hash", json!(B256::repeat_byte(3)));
    assert_eq!(stage.post(OPEN, &other_hash).await.code(), 70007);
    assert_eq!(
        stage
            .post(OPEN, &shown_opening(&stage, 2, hash))
            .await
            .code(),
        70003
    );
    let reply = stage.post(OPEN, &body).await;
    assert_eq!(reply.data()["deposit"], DEPOSIT.to_string());
    let again = with(&body, "/challenge/id", json!("another"));
    assert_eq!(stage.post(OPEN, &again).await.code(), 70003);
}

#[tokio::test]
async fn a_top_up_must_be_what_was_signed_or_mined() {
    let stage = Stage::new().await;
    let channel = stage.open(1).await;
    let body = stage.raise(channel, 500);
    let stranger = json!(format!("did:pkh:eip155:196:{}", stage.other.address));
    for (body, code) in [
        (
            with(&body, "/payload/additionalDeposit", json!("501")),
            70003,
        ),
        (with(&body, "/payload/additionalDeposit", json!("0")), 70000),
        (with(&body, "/payload/topUpSalt", json!(B256::ZERO)), 70003),
        (without(&body, "/payload/topUpSalt"), 70000),
        (with(&body, "/payload/channelId", json!(B256::ZERO)), 70010),
        (with(&body, "/source", stranger), 70003),
    ] {
        assert_eq!(stage.post(TOP_UP, &body).await.code(), code, "{body}");
    }
    let hash = stage.send(&topUpCall {
        channelId: channel,
        additionalDeposit: 700,
    });
    let shown = |amount: &str| {
        json!({"source": stage.did(), "payload": {
            "action": "topUp", "type": "hash", "hash": hash, "channelId": channel,
            "additionalDeposit": amount,
        }})
    };
    assert_eq!(stage.post(TOP_UP, &shown("701")).await.code(), 70003);
    let reply = stage.post(TOP_UP, &shown("700")).await;
    assert_eq!(reply.data()["deposit"], (DEPOSIT + 700).to_string());
}

#[tokio::test]
async fn a_redemption_has_a_code_for_each_flaw() {
    let stage = Stage::new().await;
    let channel = stage.open(1).await;
    let order = |amount| stage.redemption("settle", channel, Some(amount));
    let body = order(1000);
    let unknown = with(&body, "/payload/channelId", json!(B256::repeat_byte(1)));
    let close = stage.redemption("close", channel, Some(1000));
    let as_close = with(&close, "/payload/action", json!("settle"));
    for (body, code) in [
        (with(&body, "/payload/cumulativeAmount", json!(1000)), 70000),
        (with(&body, "/payload/nonce", json!(1)), 70000),
        (without(&body, "/payload/deadline"), 70000),
        (with(&body, "/payload/action", json!("close")), 70000),
        (
            with(&body, "/payload/voucherSignature", json!("0x00")),
            70004,
        ),
        (
            with(&body, "/payload/cumulativeAmount", json!("1001")),
            70004,
        ),
        (with(&body, "/payload/nonce", json!("9")), 70004),
        (as_close, 70004),
        (unknown, 70010),
        (order(DEPOSIT + 1), 70012),
    ] {
        assert_eq!(stage.post(SETTLE, &body).await.code(), code, "{body}");
    }
    assert_eq!(stage.balance(stage.payee.address), 0);
    stage.post(SETTLE, &body).await.data();
    assert_eq!(stage.post(SETTLE, &order(999)).await.code(), 70013);
    stage.net.chain.advance(std::time::Duration::from_secs(61));
    assert_eq!(stage.post(SETTLE, &order(2000)).await.code(), 70003);
}

#[tokio::test]
async fn a_closed_channel_is_over_and_a_closing_one_still_pays() {
    let stage = Stage::new().await;
    let channel = stage.open(1).await;
    stage.send(&requestCloseCall { channelId: channel });
    assert_eq!(stage.status(channel).await["sessionStatus"], "CLOSING");
    let order = stage.redemption("close", channel, Some(10));
    stage.post(CLOSE, &order).await.data();
    assert_eq!(stage.balance(stage.payee.address), 10);
    let order = stage.redemption("settle", channel, Some(20));
    assert_eq!(stage.post(SETTLE, &order).await.code(), 70008);
    assert_eq!(
        stage.post(TOP_UP, &stage.raise(channel, 5)).await.code(),
        70008
    );
}

#[tokio::test]
async fn a_repeated_settlement_pays_once() {
    let stage = Stage::new().await;
    let channel = stage.open(1).await;
    let order = stage.redemption("settle", channel, Some(10));
    let first = stage.post(SETTLE, &order).await;
    assert_eq!(stage.post(SETTLE, &order).await, first);
    assert_eq!(stage.balance(stage.payee.address), 10);
    let strict = Stage::with(Okx::builder().repeats(Repeats::Refused)).await;
    strict.open(1).await;
    let reply = strict.post(OPEN, &strict.opening(1)).await;
    assert_eq!(reply.code(), 70003);
}

#[tokio::test]
async fn an_opening_that_waits_is_told_with_its_deposit_once_it_is_mined() {
    let stage = Stage::new().await;
    stage.net.chain.pause_mining(true);
    assert_eq!(stage.post(OPEN, &stage.opening(1)).await.code(), 70007);
    stage.net.chain.pause_mining(false);
    let reply = stage.post(OPEN, &stage.opening(1)).await;
    assert_eq!(reply.data()["deposit"], DEPOSIT.to_string());
}

#[tokio::test]
async fn the_status_of_no_channel_is_refused() {
    let stage = Stage::new().await;
    for (query, code) in [("", 70000), ("?channelId=1", 70000)] {
        assert_eq!(stage.get(Endpoint::SessionStatus, query).await.code(), code);
    }
    let query = format!("?channelId={}", B256::repeat_byte(1));
    assert_eq!(
        stage.get(Endpoint::SessionStatus, &query).await.code(),
        70010
    );
}
