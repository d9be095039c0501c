//! Many at once.

use std::sync::Arc;

use devnet::okx::{Endpoint, Repeats};
use tokio::task::JoinSet;

use crate::purse::{Words, header};
use crate::shop::{CENT, Plan, Shop, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_tasks_on_one_channel_are_served_what_is_paid_for_and_no_more() {
    let shop = Shop::open().await;
    let (deposit, affordable) = (41 * CENT + CENT / 2, 41);
    let id = shop.channel_of(1, deposit, 0).await;
    let challenge = shop.challenge("session", "/cheap").await;
    let paid = header(&challenge, None, &shop.voucher(id, deposit));
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        tasks.spawn(shop.send_owned("/cheap", &paid));
    }
    let mut served = 0;
    for answer in soon(tasks.join_all()).await {
        match answer.status.as_u16() {
            200 => {
                answer.served();
                served += 1;
            }
            _ => answer.is_a_no(),
        }
    }
    // Those who met each other at the books may come again.
    while served < affordable {
        let answer = shop.get("/cheap", std::slice::from_ref(&paid)).await;
        answer.served();
        served += 1;
    }
    assert_eq!(served, affordable);
    let answer = shop.get("/cheap", &[paid]).await;
    answer.refused("402 session_insufficient_balance");
    assert_eq!(shop.kitchen.runs() as u128, u128::from(affordable as u32));
    let spent = u128::from(affordable as u32) * CENT;
    shop.counters(id, [deposit, deposit, spent, 0]).await;
    shop.desk.close_channel(id).await.unwrap();
    // The only voucher there is covers half a cent more than was used.
    shop.holds(deposit, 0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_equal_openings_at_once_are_one_deposit() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = Shop::where_repeats_are(repeats, Plan::default()).await;
        let open = shop.town.open(Words::Okx, 1, 10 * CENT, Some(CENT));
        let paid = shop.header("/cheap", &open).await;
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            tasks.spawn(shop.send_owned("/cheap", &paid));
        }
        let mut opened = 0;
        for answer in soon(tasks.join_all()).await {
            match answer.status.as_u16() {
                200 => {
                    answer.managed("open");
                    opened += 1;
                }
                // Told to come again, never to pay again.
                409 | 503 => answer.is_a_no(),
                _ => panic!("{repeats:?}: {}", answer.word()),
            }
        }
        assert!(opened >= 1, "{repeats:?}");
        shop.holds(0, 0, 10 * CENT);
        shop.counters(shop.id(1), [10 * CENT, CENT, 0, 0]).await;
        assert_eq!(shop.kitchen.runs(), 0);
        shop.get("/cheap", &[paid]).await.managed("open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_equal_top_ups_at_once_are_one_deposit() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = Shop::where_repeats_are(repeats, Plan::default()).await;
        let id = shop.channel_of(1, 10 * CENT, 0).await;
        let top_up = shop.top_up(Words::Okx, id, CENT, 1);
        let paid = shop.header("/cheap", &top_up).await;
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            tasks.spawn(shop.send_owned("/cheap", &paid));
        }
        for answer in soon(tasks.join_all()).await {
            match answer.status.as_u16() {
                200 => drop(answer.managed("topUp")),
                503 => answer.is_a_no(),
                _ => panic!("{repeats:?}: {}", answer.word()),
            }
        }
        assert_eq!(shop.on_chain(id).deposit, 11 * CENT);
        shop.counters(id, [11 * CENT, 0, 0, 0]).await;
        // Whoever has not heard of it hears of it now.
        shop.get("/cheap", &[paid]).await.managed("topUp");
        shop.counters(id, [11 * CENT, 0, 0, 0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_equal_charges_at_once_are_one_payment_and_one_meal() {
    for (repeats, path) in [
        (Repeats::SameAnswer, "/cheap"),
        (Repeats::Refused, "/first"),
    ] {
        let shop = Shop::where_repeats_are(repeats, Plan::default()).await;
        let paid = shop.charged(Words::Okx, path, 1).await;
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            tasks.spawn(shop.send_owned(path, &paid));
        }
        let mut served = 0;
        for answer in soon(tasks.join_all()).await {
            match answer.status.as_u16() {
                200 => {
                    answer.served();
                    served += 1;
                }
                _ => answer.is_a_no(),
            }
        }
        assert_eq!((served, shop.kitchen.runs()), (1, 1));
        assert_eq!(shop.asked(Endpoint::ChargeSettle), 1);
        shop.holds(CENT, 0, 0);
    }
}

/// Two processes of one seller, with books in common: each brings what it is asked to bring.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_the_same_books_pay_nothing_twice() {
    let shop = Shop::open().await;
    let books = Arc::new(mpp_evm::session::MemoryChannelStore::default());
    let [one, two] =
        [0, 1].map(|_| Shop::keeping(Arc::clone(&shop.town), &Plan::default(), Arc::clone(&books)));
    let id = one.channel_of(1, 10 * CENT, 0).await;
    for cents in 1..=6 {
        let shop = if cents % 2 == 0 { &one } else { &two };
        shop.pay("/cheap", &shop.voucher(id, cents * CENT))
            .await
            .served();
    }
    let both = tokio::join!(one.desk.settle_channel(id), two.desk.settle_channel(id));
    assert!(both.0.is_ok() || both.1.is_ok());
    one.holds(6 * CENT, 0, 4 * CENT);
    let _ = tokio::join!(one.desk.close_channel(id), two.desk.close_channel(id));
    one.holds(6 * CENT, 0, 0);
}
