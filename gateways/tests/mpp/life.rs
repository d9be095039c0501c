//! Whole lives of channels: the seller's books, the escrow and the balances agree to the unit.

use devnet::IPaymentChannelEscrow::{requestCloseCall, withdrawCall};
use devnet::okx::Endpoint;
use mpp_evm::session::{ChannelId, Keeper};

use crate::answer::units;
use crate::purse::{BOTH, Words};
use crate::shop::{CENT, Shop};

const GRACE: u64 = 900;

#[tokio::test]
async fn a_channel_opens_grows_settles_and_closes_in_either_words() {
    for words in BOTH {
        for first in [None, Some(0), Some(CENT)] {
            let shop = Shop::open().await;
            let id = shop.id(1);
            let open = shop.town.open(words, 1, 10 * CENT, first);
            shop.pay("/cheap", &open).await.managed("open");
            let accepted = first.unwrap_or(0);
            shop.counters(id, [10 * CENT, accepted, 0, 0]).await;
            shop.holds(0, 0, 10 * CENT);
            let mut spent = 0;
            for voucher in 1..=4 {
                let receipt = shop.pay("/cheap", &shop.voucher(id, voucher * CENT)).await;
                spent += CENT;
                assert_eq!(units(&receipt.served(), "spent"), spent);
            }
            shop.pay("/cheap", &shop.top_up(words, id, 5 * CENT, 1))
                .await
                .managed("topUp");
            shop.counters(id, [15 * CENT, 4 * CENT, 4 * CENT, 0]).await;
            shop.holds(0, 0, 15 * CENT);
            shop.desk.settle_channel(id).await.unwrap();
            shop.counters(id, [15 * CENT, 4 * CENT, 4 * CENT, 4 * CENT])
                .await;
            shop.holds(4 * CENT, 0, 11 * CENT);
            shop.pay("/cheap", &shop.voucher(id, 12 * CENT))
                .await
                .served();
            // Promised are twelve cents, used are five.
            let receipt = shop.pay("/cheap", &shop.close(id, 5 * CENT)).await;
            receipt.managed("close");
            assert_eq!(units(&receipt.json(), "settled"), 5 * CENT);
            shop.holds(5 * CENT, 0, 0);
            assert!(shop.on_chain(id).finalized && shop.channel(id).await.finalized());
            assert_eq!(shop.kitchen.runs(), 5);
            shop.pay("/cheap", &shop.voucher(id, 13 * CENT))
                .await
                .refused("410 session_channel_finalized");
        }
    }
}

#[tokio::test]
async fn a_channel_that_the_payer_opened_itself_lives_as_any() {
    for first in [None, Some(CENT)] {
        let shop = Shop::open().await;
        let id = shop.id(1);
        let hash = shop.opens(1, 10 * CENT);
        shop.pay("/cheap", &shop.open_shown(1, hash, first))
            .await
            .managed("open");
        shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
        let hash = shop.tops_up(id, 3 * CENT);
        let shown = shop.top_up_shown(id, 3 * CENT, hash);
        shop.pay("/cheap", &shown).await.managed("topUp");
        shop.counters(id, [13 * CENT, CENT, CENT, 0]).await;
        // Shown twice it counts once.
        let again = shop.pay("/cheap", &shown).await;
        assert!(
            again.status == 200 || again.status == 402,
            "{}",
            again.word()
        );
        shop.counters(id, [13 * CENT, CENT, CENT, 0]).await;
        shop.pay("/cheap", &shop.voucher(id, 13 * CENT))
            .await
            .served();
        shop.desk.close_channel(id).await.unwrap();
        shop.holds(13 * CENT, 0, 0);
    }
}

#[tokio::test]
async fn the_desk_closes_by_the_lowest_voucher_that_covers_what_was_used() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 10 * CENT, 0).await;
    for voucher in [1, 2, 3] {
        shop.pay("/cheap", &shop.voucher(id, voucher * CENT))
            .await
            .served();
    }
    shop.desk.close_channel(id).await.unwrap();
    shop.holds(3 * CENT, 0, 0);
    assert!(shop.desk.close_channel(id).await.is_err());
    shop.holds(3 * CENT, 0, 0);
}

#[tokio::test]
async fn a_channel_that_nothing_was_bought_on_is_closed_by_a_waiver() {
    for first in [None, Some(CENT)] {
        let shop = Shop::open().await;
        let open = shop.town.open(Words::Okx, 1, 10 * CENT, first);
        shop.pay("/cheap", &open).await.managed("open");
        let id = shop.id(1);
        shop.desk.close_channel(id).await.unwrap();
        shop.holds(0, 0, 0);
        assert!(shop.on_chain(id).finalized);
        let calls = shop.okx.calls();
        let close = calls
            .iter()
            .find(|call| call.endpoint == Endpoint::SessionClose)
            .unwrap();
        assert_eq!(close.body["payload"]["voucherSignature"], "");
    }
}

#[tokio::test]
async fn a_keeper_settles_what_was_earned_and_closes_what_is_idle() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 10 * CENT, 0).await;
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .served();
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .served();
    let keeper = Keeper::new(shop.desk.clone()).settle_at(2 * CENT);
    let tally = keeper.tick().await;
    assert_eq!((tally.settled, tally.failed), (1, 0));
    // All that it has a voucher for; what is not used stays the buyer's to use.
    shop.holds(4 * CENT, 0, 6 * CENT);
    shop.counters(id, [10 * CENT, 4 * CENT, 2 * CENT, 4 * CENT])
        .await;
    for _ in 0..2 {
        shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
            .await
            .served();
    }
    shop.advance(31 * 86_400);
    let tally = keeper.tick().await;
    assert_eq!((tally.closed, tally.failed), (1, 0));
    shop.holds(4 * CENT, 0, 0);
    assert_eq!(shop.kitchen.runs(), 4);
}

async fn ticks_until_settled(shop: &Shop, id: ChannelId, due: u128) {
    let keeper = Keeper::new(shop.desk.clone());
    for _ in 0..4 {
        let tally = keeper.tick().await;
        assert_eq!(tally.failed, 0);
        if shop.on_chain(id).settled == due {
            return;
        }
        shop.advance(60);
    }
    panic!("{} of {due} are settled", shop.on_chain(id).settled);
}

#[tokio::test]
async fn a_payer_who_closes_alone_has_paid_the_highest_voucher_within_the_grace_period() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 10 * CENT, 0).await;
    shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    shop.run(&requestCloseCall {
        channelId: id.word(),
    });
    shop.advance(60);
    shop.pay("/cheap", &shop.voucher(id, 4 * CENT))
        .await
        .refused("410 session_channel_finalized");
    ticks_until_settled(&shop, id, 3 * CENT).await;
    shop.holds(3 * CENT, 0, 7 * CENT);
    assert_eq!(shop.kitchen.runs(), 2);
    shop.advance(GRACE);
    shop.run(&withdrawCall {
        channelId: id.word(),
    });
    shop.holds(3 * CENT, 0, 0);
    let keeper = Keeper::new(shop.desk.clone());
    shop.advance(3600);
    keeper.tick().await;
    assert!(shop.channel(id).await.finalized());
}

#[tokio::test]
async fn a_top_up_ends_a_close_that_the_payer_has_asked_for() {
    for words in BOTH {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, 5 * CENT, 0).await;
        shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
        shop.run(&requestCloseCall {
            channelId: id.word(),
        });
        shop.advance(60);
        let voucher = shop.voucher(id, 2 * CENT);
        shop.pay("/cheap", &voucher)
            .await
            .refused("410 session_channel_finalized");
        shop.pay("/cheap", &shop.top_up(words, id, CENT, 1))
            .await
            .managed("topUp");
        shop.pay("/cheap", &voucher).await.served();
        shop.counters(id, [6 * CENT, 2 * CENT, 2 * CENT, 0]).await;
    }
}
