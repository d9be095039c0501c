//! Whole lives of channels on the chain, to the last unit.

use mpp_evm::session::{ChannelId, Escrow as _};

use crate::answer::units;
use crate::shop::{CENT, Shop};

#[tokio::test]
async fn t63_a_life_of_three_hundred_calls_adds_up() {
    let shop = Shop::open().await;
    let [purse, ..] = shop.stage.purses();
    let id = shop.channel_of(1, 250 * CENT, 0).await;
    let challenge = shop.challenge("/cheap").await;
    let mut spent = 0;
    let mut call = async |voucher: u128| {
        let header = crate::purse::header(&challenge, None, &shop.voucher(id, voucher * CENT));
        let receipt = shop.get("/cheap", &[header]).await.served();
        spent += 1;
        assert_eq!(units(&receipt, "spent"), spent * CENT);
        assert_eq!(receipt["units"], u64::try_from(spent).unwrap());
        assert_eq!(units(&receipt, "acceptedCumulative"), voucher * CENT);
    };
    for voucher in 1..=200 {
        call(voucher).await;
    }
    shop.books(200, 0, 250 * CENT);
    shop.pay("/cheap", &shop.top_up(id, 100 * CENT, 1))
        .await
        .managed("topUp");
    for voucher in 201..=250 {
        call(voucher).await;
    }
    let kept = shop.channel(id).await.voucher().unwrap();
    shop.escrow.settle(ChannelId::new(id), &kept).await.unwrap();
    shop.books(250, 250 * CENT, 100 * CENT);
    shop.advance(61);
    // One voucher ahead for many calls.
    for _ in 251..=300 {
        call(320).await;
    }
    let channel = shop.channel(id).await;
    assert_eq!(
        (channel.deposit(), channel.settled()),
        (350 * CENT, 250 * CENT)
    );
    let answer = shop.pay("/cheap", &shop.close(id, 300 * CENT)).await;
    answer.managed("close");
    assert_eq!(units(&answer.json(), "settled"), 300 * CENT);
    shop.books(300, 300 * CENT, 0);
    assert_eq!(
        shop.stage.purses()[0],
        purse - 300 * CENT,
        "the rest came back"
    );
}

#[tokio::test]
async fn t61_many_channels_of_one_buyer_keep_their_own_accounts() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for salt in 1..=6 {
        ids.push(shop.channel_of(salt, 10 * CENT, 10 * CENT).await);
    }
    for (calls, id) in (1..).zip(&ids) {
        for _ in 0..calls {
            shop.pay("/cheap", &shop.voucher(*id, 10 * CENT))
                .await
                .served();
        }
    }
    for (calls, id) in (1..).zip(&ids) {
        shop.counters(*id, 10 * CENT, calls * CENT).await;
        shop.pay("/cheap", &shop.close(*id, calls * CENT))
            .await
            .managed("close");
    }
    shop.books(21, 21 * CENT, 0);
}
