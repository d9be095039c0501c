//! Channels that end: by the buyer's close, by its requestClose, behind our back, and while the
//! chain is silent (RULES.md, T67, T68).

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use devnet::Fault;
use devnet::IPaymentChannelEscrow::{requestCloseCall, withdrawCall};
use mpp_evm::session::{ChannelId, Escrow as _, Keeper};
use tokio::sync::Notify;

use crate::answer::units;
use crate::kitchen::Mood;
use crate::shop::{CENT, Plan, Shop, settle_down, soon};
use crate::stage::GRACE;

const FINALIZED: &str = "session/channel-finalized";

/// Two cents spent of three that are authorized of five.
async fn shop_and_channel() -> (Shop, B256) {
    planned(Plan::default()).await
}

async fn planned(plan: Plan) -> (Shop, B256) {
    let shop = Shop::planned(plan).await;
    let id = shop.channel_of(1, 5 * CENT, 0).await;
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    (shop, id)
}

fn request_close(shop: &Shop, id: B256) {
    shop.stage
        .run(&shop.stage.payer, &requestCloseCall { channelId: id });
}

#[tokio::test]
async fn t67_a_pending_close_is_noticed_within_a_minute_and_stops_service() {
    let (shop, id) = shop_and_channel().await;
    request_close(&shop, id);
    shop.advance(59);
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .served();
    shop.advance(1);
    for path in ["/cheap", "/metered", "/stream"] {
        shop.pay(path, &shop.voucher(id, 5 * CENT))
            .await
            .refused(410, FINALIZED);
        shop.note(path, &shop.voucher(id, 5 * CENT))
            .await
            .refused(410, FINALIZED);
    }
    shop.counters(id, 4 * CENT, 3 * CENT).await;
    // What was earned is still there to be settled.
    let highest = shop.channel(id).await.unsettled().unwrap();
    shop.escrow
        .settle(ChannelId::new(id), &highest)
        .await
        .unwrap();
    shop.books(3, 4 * CENT, CENT);
}

#[tokio::test]
async fn t67_a_top_up_ends_a_pending_close() {
    let (shop, id) = shop_and_channel().await;
    request_close(&shop, id);
    shop.advance(60);
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    shop.pay("/cheap", &shop.top_up(id, CENT, 1))
        .await
        .managed("topUp");
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .served();
    // And a second one is noticed again.
    request_close(&shop, id);
    shop.advance(60);
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    shop.books(3, 0, 6 * CENT);
}

#[tokio::test]
async fn t67_a_channel_finalized_behind_our_back_is_gone() {
    let (shop, id) = shop_and_channel().await;
    request_close(&shop, id);
    shop.advance(GRACE);
    shop.stage
        .run(&shop.stage.payer, &withdrawCall { channelId: id });
    for _ in 0..2 {
        shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
            .await
            .refused(410, FINALIZED);
        shop.pay("/cheap", &shop.close(id, 4 * CENT))
            .await
            .refused(410, FINALIZED);
        let top_up = shop.top_up(id, CENT, 1);
        shop.pay("/cheap", &top_up).await.refused(410, FINALIZED);
        let open = shop.open_payload(&shop.opening(1, 5 * CENT), CENT);
        shop.pay("/cheap", &open).await.refused(410, FINALIZED);
    }
    shop.counters(id, 3 * CENT, 2 * CENT).await;
    shop.books(2, 0, 0);
}

#[tokio::test]
async fn t67_a_silent_node_serves_nobody_and_loses_nothing() {
    for fault in [Fault::Http500, Fault::CloseBefore, Fault::CloseAfter] {
        let (shop, id) = shop_and_channel().await;
        let before = shop.channel(id).await;
        shop.advance(60);
        shop.stage.net.rpc.fail_next(100, fault);
        let voucher = shop.voucher(id, 4 * CENT);
        for payload in [
            &voucher,
            &shop.close(id, 2 * CENT),
            &shop.top_up(id, CENT, 1),
        ] {
            let answer = shop.pay("/cheap", payload).await;
            answer.refused(503, &answer.problem());
            assert_eq!(shop.channel(id).await, before, "{fault:?}");
        }
        shop.stage.net.rpc.heal();
        shop.pay("/cheap", &voucher).await.served();
        shop.counters(id, 4 * CENT, 3 * CENT).await;
        shop.books(3, 0, 5 * CENT);
    }
}

#[tokio::test]
async fn t67_the_node_is_not_asked_for_each_call() {
    let (shop, id) = shop_and_channel().await;
    shop.stage.net.rpc.fail_next(100, Fault::CloseBefore);
    shop.advance(59);
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
}

#[tokio::test]
async fn t68_closing_pays_what_the_buyer_says_if_that_covers_what_was_spent() {
    for (said, paid) in [(2, 2), (3, 3), (4, 4), (5, 5), (1, 3), (0, 3)] {
        let (shop, id) = shop_and_channel().await;
        let receipt = shop
            .pay("/cheap", &shop.close(id, said * CENT))
            .await
            .managed("close");
        assert_eq!(units(&receipt, "spent"), 2 * CENT);
        assert!(shop.stage.channel(id).finalized);
        shop.books(2, paid * CENT, 0);
        // It is final.
        for payload in [
            shop.voucher(id, 4 * CENT),
            shop.close(id, 5 * CENT),
            shop.top_up(id, CENT, 1),
        ] {
            shop.pay("/cheap", &payload).await.refused(410, FINALIZED);
        }
        let channel = shop.channel(id).await;
        assert!(channel.finalized() && channel.settled() >= channel.spent());
        shop.books(2, paid * CENT, 0);
    }
}

#[tokio::test]
async fn t68_closing_above_the_deposit_is_refused_and_leaves_it_open() {
    let (shop, id) = shop_and_channel().await;
    let answer = shop.pay("/cheap", &shop.close(id, 5 * CENT + 1)).await;
    answer.refused(402, "session/amount-exceeds-deposit");
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    shop.books(3, 0, 5 * CENT);
}

#[tokio::test]
async fn t68_what_is_settled_already_is_not_a_payment() {
    let (shop, id) = shop_and_channel().await;
    let voucher = shop.signed_voucher(id, 3 * CENT);
    shop.escrow
        .settle(ChannelId::new(id), &voucher)
        .await
        .unwrap();
    shop.advance(60);
    // Nothing new is authorized by it.
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    let again = shop.pay("/cheap", &shop.voucher(id, 3 * CENT)).await;
    again.refused(402, "session/insufficient-balance");
    let receipt = shop
        .pay("/cheap", &shop.close(id, 3 * CENT))
        .await
        .managed("close");
    assert_eq!(units(&receipt, "spent"), 3 * CENT);
    shop.books(3, 3 * CENT, 0);
}

#[tokio::test]
async fn t68_a_close_while_a_request_is_in_work_pays_for_it() {
    let (shop, id) = shop_and_channel().await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let header = shop.header("/cheap", &shop.voucher(id, 4 * CENT)).await;
    let slow = tokio::spawn(shop.send_owned("/cheap", &[header]));
    shop.kitchen.started(3).await;
    // Two are spent and one is set aside: two do not cover it.
    shop.pay("/cheap", &shop.close(id, 2 * CENT))
        .await
        .managed("close");
    shop.books(3, 3 * CENT, 0);
    shop.pay("/cheap", &shop.voucher(id, 5 * CENT))
        .await
        .refused(410, FINALIZED);
    go_on.notify_one();
    let receipt = slow.await.unwrap().served();
    assert_eq!(units(&receipt, "spent"), 3 * CENT);
    let channel = shop.channel(id).await;
    assert!(channel.spent() <= channel.settled());
}

#[tokio::test]
async fn t68_no_new_work_once_closing_has_begun() {
    let (shop, id) = shop_and_channel().await;
    shop.stage.net.chain.pause_mining(true);
    let header = shop.header("/cheap", &shop.close(id, 2 * CENT)).await;
    let closing = tokio::spawn(shop.send_owned("/cheap", &[header]));
    soon(async {
        while shop.channel(id).await.closing_until().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for path in ["/cheap", "/metered", "/stream"] {
        shop.pay(path, &shop.voucher(id, 4 * CENT))
            .await
            .refused(410, FINALIZED);
    }
    shop.pay("/cheap", &shop.close(id, 5 * CENT))
        .await
        .refused(410, FINALIZED);
    soon(async {
        while shop.stage.net.chain.waiting() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    shop.stage.net.chain.pause_mining(false);
    closing.await.unwrap().managed("close");
    shop.books(2, 2 * CENT, 0);
}

#[tokio::test]
async fn t68_two_closes_at_once_are_one() {
    let (shop, id) = shop_and_channel().await;
    let sent = shop.stage.net.chain.nonce(shop.stage.payee.address);
    let a = shop.header("/cheap", &shop.close(id, 2 * CENT)).await;
    let b = shop.header("/cheap", &shop.close(id, 4 * CENT)).await;
    let (a, b) = tokio::join!(
        shop.send_owned("/cheap", &[a]),
        shop.send_owned("/cheap", &[b])
    );
    let closed = [&a, &b]
        .iter()
        .filter(|answer| answer.status == 200)
        .count();
    assert_eq!(closed, 1);
    for answer in [a, b].iter().filter(|answer| answer.status != 200) {
        answer.refused(410, FINALIZED);
    }
    assert_eq!(
        shop.stage.net.chain.nonce(shop.stage.payee.address),
        sent + 1
    );
    let channel = shop.channel(id).await;
    assert!(channel.finalized() && channel.settled() >= channel.spent());
}

#[tokio::test]
async fn t68_a_close_without_a_receipt_is_unknown_and_found_again() {
    let plan = Plan {
        mined_within: Duration::from_millis(50),
        ..Plan::default()
    };
    let (shop, id) = planned(plan).await;
    shop.stage.net.chain.pause_mining(true);
    let close = shop.close(id, 2 * CENT);
    let answer = shop.pay("/cheap", &close).await;
    answer.refused(503, &answer.problem());
    // It may be closed any moment.
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    shop.stage.net.chain.pause_mining(false);
    shop.advance(120);
    let sent = shop.stage.net.chain.nonce(shop.stage.payee.address);
    let answer = shop.pay("/cheap", &close).await;
    assert!(answer.status == 200 || answer.status == 410, "{answer:?}");
    assert_eq!(shop.stage.net.chain.nonce(shop.stage.payee.address), sent);
    assert!(shop.channel(id).await.finalized());
    shop.books(2, 2 * CENT, 0);
}

#[tokio::test]
async fn t68_a_close_that_cannot_be_sent_leaves_the_channel_open() {
    let (shop, id) = shop_and_channel().await;
    shop.stage.net.rpc.fail_next(100, Fault::CloseBefore);
    let answer = shop.pay("/cheap", &shop.close(id, 2 * CENT)).await;
    answer.refused(503, &answer.problem());
    assert!(shop.channel(id).await.is_open().is_ok());
    shop.stage.net.rpc.heal();
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    shop.pay("/cheap", &shop.close(id, 3 * CENT))
        .await
        .managed("close");
    shop.books(3, 3 * CENT, 0);
}

#[tokio::test]
async fn t68_a_client_that_hangs_up_on_its_close_has_closed() {
    let (shop, id) = shop_and_channel().await;
    let header = shop.header("/cheap", &shop.close(id, 2 * CENT)).await;
    let closing = tokio::spawn(shop.send_owned("/cheap", &[header]));
    soon(async {
        while shop.channel(id).await.closing_until().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    closing.abort();
    let _ = closing.await;
    soon(async {
        while !shop.channel(id).await.finalized() {
            settle_down().await;
        }
    })
    .await;
    shop.books(2, 2 * CENT, 0);
}

#[tokio::test]
async fn t67_a_pending_close_is_settled_well_inside_the_grace_period() {
    let (shop, id) = shop_and_channel().await;
    request_close(&shop, id);
    shop.advance(GRACE / 2);
    let keeper = Keeper::new(shop.desk.clone());
    keeper.tick().await;
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    let [_, seller, _] = shop.stage.purses();
    assert!(seller >= 2 * CENT, "what was spent is paid");
    shop.advance(GRACE);
    if !shop.stage.channel(id).finalized {
        shop.stage
            .run(&shop.stage.payer, &withdrawCall { channelId: id });
    }
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    shop.books(2, seller, 0);
    let channel = shop.channel(id).await;
    assert!(channel.finalized() && channel.settled() >= channel.spent());
}

/// The payer withdraws while a request is in work: nobody is left to pay for it.
#[tokio::test]
async fn t67_what_was_withdrawn_meanwhile_does_not_pay_for_an_answer() {
    let (shop, id) = shop_and_channel().await;
    let go_on = Arc::new(Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&go_on)));
    let header = shop.header("/cheap", &shop.voucher(id, 4 * CENT)).await;
    let slow = tokio::spawn(shop.send_owned("/cheap", &[header]));
    shop.kitchen.started(3).await;
    request_close(&shop, id);
    shop.advance(GRACE);
    shop.stage
        .run(&shop.stage.payer, &withdrawCall { channelId: id });
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused(410, FINALIZED);
    go_on.notify_one();
    slow.await.unwrap().refused(410, FINALIZED);
    assert_eq!(shop.channel(id).await.spent(), 2 * CENT);
    shop.books(3, 0, 0);
}
