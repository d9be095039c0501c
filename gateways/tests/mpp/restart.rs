//! A seller that stops and starts again, with its books and without them.

use std::path::PathBuf;
use std::sync::Arc;

use devnet::IPaymentChannelEscrow::{requestCloseCall, withdrawCall};
use devnet::okx::{Act, Endpoint, Repeats};
use mpp_evm::session::{ChannelError, DeskError, Keeper, LedgerError, MemoryChannelStore};
use payment_evm::random_word;
use payment_store::FileChannelStore;

use crate::answer::units;
use crate::purse::Words;
use crate::shop::{CENT, Plan, Shop, Town};

const DEPOSIT: u128 = 10 * CENT;
const GRACE: u64 = 900;

struct Room(PathBuf);

impl Room {
    fn new() -> Self {
        let name = format!("tollgate-okx-{}", random_word().unwrap());
        Self(std::env::temp_dir().join(name))
    }

    /// A process of the seller's: its own gate, replay guard, and memory of calls, and these books.
    fn process(&self, town: &Arc<Town>) -> Shop<FileChannelStore> {
        let store = FileChannelStore::open(&self.0).unwrap();
        Shop::keeping(Arc::clone(town), &Plan::default(), store)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_seller_that_starts_again_with_its_books_goes_on_where_it_was() {
    let (town, room) = (Town::found(Repeats::Refused).await, Room::new());
    let shop = room.process(&town);
    let open = town.open(Words::Okx, 1, DEPOSIT, None);
    shop.pay("/cheap", &open).await.managed("open");
    let id = town.id(1);
    let mut spent = 0;
    for _ in 0..3 {
        let shop = room.process(&town);
        for _ in 0..2 {
            spent += CENT;
            let answer = shop.pay("/cheap", &town.voucher(id, spent)).await;
            assert_eq!(units(&answer.served(), "spent"), spent);
        }
        // What was served before is not served again by an old voucher.
        let answer = shop.pay("/cheap", &town.voucher(id, spent)).await;
        answer.refused("402 session_insufficient_balance");
    }
    room.process(&town).desk.settle_channel(id).await.unwrap();
    town.holds(spent, 0, DEPOSIT - spent);
    // The opening is there for all to repeat; what became of the channel is told to its signer.
    let shop = room.process(&town);
    let answer = shop.pay("/cheap", &open).await;
    answer.refused("402 session_invalid_signature");
    let signed = town.open(Words::Okx, 1, DEPOSIT, Some(spent));
    shop.pay("/cheap", &signed).await.managed("open");
    shop.counters(id, [DEPOSIT, spent, spent, spent]).await;
    room.process(&town).desk.close_channel(id).await.unwrap();
    town.holds(spent, 0, 0);
}

/// The process ends while OKX works; the next one finds out what has become of it.
#[tokio::test]
async fn what_was_under_way_when_the_seller_stopped_is_found_by_the_next() {
    for act in [Act::CloseBefore, Act::CloseAfter] {
        let (town, room) = (Town::found(Repeats::Refused).await, Room::new());
        let blind = |endpoint| {
            town.okx.order(Endpoint::SessionStatus, Act::Honest);
            town.okx.order(endpoint, act.clone());
            for _ in 0..2 {
                town.okx.order(Endpoint::SessionStatus, Act::Status(500));
            }
        };
        let pending = "503 settlement_pending";
        let open = town.open(Words::Okx, 1, DEPOSIT, Some(3 * CENT));
        let id = town.id(1);
        let shop = room.process(&town);
        let header = shop.header("/cheap", &open).await;
        blind(Endpoint::SessionOpen);
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        answer.refused(pending);
        town.okx.heal();
        let shop = room.process(&town);
        shop.get("/cheap", &[header]).await.managed("open");
        shop.counters(id, [DEPOSIT, 3 * CENT, 0, 0]).await;
        town.holds(0, 0, DEPOSIT);
        for _ in 0..2 {
            shop.pay("/cheap", &town.voucher(id, 3 * CENT))
                .await
                .served();
        }
        blind(Endpoint::SessionSettle);
        assert!(shop.desk.settle_channel(id).await.is_err());
        town.okx.heal();
        let shop = room.process(&town);
        shop.desk.settle_channel(id).await.unwrap();
        town.holds(3 * CENT, 0, DEPOSIT - 3 * CENT);
        blind(Endpoint::SessionClose);
        assert!(shop.desk.close_channel(id).await.is_err());
        town.okx.heal();
        // The keeper of the next process takes it up, once nobody else can be at it.
        town.advance(121);
        let shop = room.process(&town);
        Keeper::new(shop.desk.clone()).tick().await;
        assert!(town.on_chain(id).finalized);
        assert!(shop.channel(id).await.finalized());
        town.holds(3 * CENT, 0, 0);
    }
}

/// A top-up whose answer was lost, and the memory of it: refused, and counted as soon as the
/// channel is looked at.
#[tokio::test]
async fn a_top_up_that_only_the_last_process_knew_of_is_counted_all_the_same() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let (town, room) = (Town::found(repeats).await, Room::new());
        let shop = room.process(&town);
        let id = town.id(1);
        let open = town.open(Words::Okx, 1, CENT, None);
        shop.pay("/cheap", &open).await.managed("open");
        let top_up = town.top_up(Words::Okx, id, CENT, 1);
        let header = shop.header("/cheap", &top_up).await;
        town.okx.order(Endpoint::SessionStatus, Act::Honest);
        town.okx.order(Endpoint::SessionTopUp, Act::CloseAfter);
        for _ in 0..2 {
            town.okx.order(Endpoint::SessionStatus, Act::Status(500));
        }
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        answer.refused("503 settlement_pending");
        town.okx.heal();
        let shop = room.process(&town);
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        match repeats {
            Repeats::Refused => answer.refused("402 malformed_credential"),
            _ => drop(answer.managed("topUp")),
        }
        town.advance(60);
        shop.pay("/cheap", &town.voucher(id, 2 * CENT))
            .await
            .served();
        shop.counters(id, [2 * CENT, 2 * CENT, CENT, 0]).await;
        town.holds(0, 0, 2 * CENT);
    }
}

/// OKX names no signer of a channel, so one that is in no books is not taken up. Its payer is not
/// asked to pay again, can show its opening, and gets its money back without the seller.
#[tokio::test]
async fn a_channel_that_the_books_have_lost_serves_nobody_and_its_payer_gets_its_money_back() {
    let town = Town::found(Repeats::SameAnswer).await;
    let first = Shop::keeping(
        Arc::clone(&town),
        &Plan::default(),
        MemoryChannelStore::default(),
    );
    let open = town.open(Words::Okx, 1, DEPOSIT, None);
    first.pay("/cheap", &open).await.managed("open");
    let id = town.id(1);
    first
        .pay("/cheap", &town.voucher(id, 3 * CENT))
        .await
        .served();
    let shop = Shop::keeping(
        Arc::clone(&town),
        &Plan::default(),
        MemoryChannelStore::default(),
    );
    for payload in [
        town.voucher(id, 4 * CENT),
        town.close(id, 4 * CENT),
        town.top_up(Words::Okx, id, CENT, 1),
    ] {
        let answer = shop.pay("/cheap", &payload).await;
        answer.refused("410 session_channel_not_found");
    }
    let adopted = shop.desk.adopt(id).await;
    let refused = DeskError::Ledger(LedgerError::Refused(ChannelError::NoSigner));
    assert_eq!(adopted.unwrap_err().to_string(), refused.to_string());
    assert!(shop.ledger.load(id).await.unwrap().is_none());
    town.holds(0, 0, DEPOSIT);
    // Alone it takes as long as the contract says, and all of it comes back.
    town.run(&requestCloseCall {
        channelId: id.word(),
    });
    town.advance(GRACE);
    town.run(&withdrawCall {
        channelId: id.word(),
    });
    town.holds(0, 0, 0);
    assert_eq!(shop.kitchen.runs(), 0);
}

/// The opening names the signer, and the name of the channel is the hash of it: who still has it
/// can present it, and goes on. What was used and not settled is the seller's loss.
#[tokio::test]
async fn a_payer_who_presents_its_opening_again_goes_on_with_a_seller_that_has_lost_its_books() {
    let town = Town::found(Repeats::SameAnswer).await;
    let first = Shop::keeping(
        Arc::clone(&town),
        &Plan::default(),
        MemoryChannelStore::default(),
    );
    let open = town.open(Words::Okx, 1, DEPOSIT, None);
    first.pay("/cheap", &open).await.managed("open");
    let id = town.id(1);
    for cents in 1..=3 {
        first
            .pay("/cheap", &town.voucher(id, cents * CENT))
            .await
            .served();
    }
    first.desk.settle_channel(id).await.unwrap();
    let shop = Shop::keeping(
        Arc::clone(&town),
        &Plan::default(),
        MemoryChannelStore::default(),
    );
    let signed = town.open(Words::Okx, 1, DEPOSIT, Some(3 * CENT));
    shop.pay("/cheap", &signed).await.managed("open");
    // What was settled counts as spent: no voucher up to there buys anything again.
    shop.counters(id, [DEPOSIT, 3 * CENT, 3 * CENT, 3 * CENT])
        .await;
    shop.pay("/cheap", &town.voucher(id, 3 * CENT))
        .await
        .refused("402 session_insufficient_balance");
    shop.pay("/cheap", &town.voucher(id, 4 * CENT))
        .await
        .served();
    shop.desk.close_channel(id).await.unwrap();
    town.holds(4 * CENT, 0, 0);
}

/// The replay guard of a charge is gone with the process, and OKX says of a credential that was
/// settled that it is settled. The buyer pays once, whatever is answered; a seller that must not
/// serve twice keeps its guard elsewhere.
#[tokio::test]
async fn a_charge_moves_money_once_in_two_lives_of_the_seller() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let (town, room) = (Town::found(repeats).await, Room::new());
        let shop = room.process(&town);
        let paid = shop.charged(Words::Draft, "/first", 1).await;
        shop.get("/first", std::slice::from_ref(&paid))
            .await
            .served();
        let shop = room.process(&town);
        shop.get("/first", &[paid]).await;
        town.holds(CENT, 0, 0);
    }
}
