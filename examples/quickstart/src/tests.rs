#![allow(clippy::unwrap_used)]

use alloy_primitives::U256;
use payment_client::SessionBudget;
use payment_core::usd;

use crate::books::{Moved, balances, channel, table};
use crate::reading::{self, Reading};
use crate::report::Report;
use crate::shop::{DEPOSIT, Shop};
use crate::{buying, story};

async fn read(shop: &Shop, report: &mut Report) -> Reading {
    let buyer = buying::buyer(&shop.net.buyers[0].key.to_string(), None).unwrap();
    let session = buyer.session(SessionBudget::deposit(DEPOSIT).total(usd!("0.05")));
    let (payer, url) = (buyer.address(), shop.story());
    reading::read(session, payer, &url, report).await.unwrap()
}

#[tokio::test]
async fn a_number_that_differs_from_the_chain_does_not_add_up() {
    let shop = Shop::open(0).await.unwrap();
    let report = &mut Report::new(true);
    let accounts = [
        ("buyer", shop.net.buyers[0].address),
        ("seller", shop.net.seller.address),
    ];
    let before = balances(&shop, &accounts);
    let read = read(&shop, report).await;
    assert!(read.good && read.text == story::words().collect::<Vec<_>>());
    assert!(channel(&shop, &read, report).await.unwrap());

    let spent = U256::from(read.spent);
    let due = [Moved::Out(spent), Moved::In(spent)];
    assert!(table(&shop, &accounts, &before, &due, report));
    for wrong in [
        [Moved::Out(spent + U256::ONE), Moved::In(spent)],
        [Moved::Out(spent), Moved::In(spent - U256::ONE)],
        [Moved::In(spent), Moved::Out(spent)],
    ] {
        assert!(!table(&shop, &accounts, &before, &wrong, report));
    }

    let same = || Reading {
        deposits: read.deposits.clone(),
        text: read.text.clone(),
        ..read
    };
    let mut wrong = [same(), same(), same(), same()];
    wrong[0].text.pop();
    wrong[1].spent -= 1;
    wrong[2].deposits.pop();
    wrong[3].deposits[0] += 1;
    for read in wrong {
        assert!(!channel(&shop, &read, report).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_no_stream_is_an_error_and_leaves_nothing_in_the_escrow() {
    let shop = Shop::open(0).await.unwrap();
    let (key, report) = (shop.net.buyers[0].key.to_string(), &mut Report::new(true));
    let accounts = [
        ("escrow", shop.net.escrow),
        ("seller", shop.net.seller.address),
    ];
    let error = buying::stream(&shop.weather(), &key, report).await;
    assert!(error.is_err());
    // The weather was told all the same, and is paid.
    let price = U256::from(10_000);
    assert_eq!(balances(&shop, &accounts), [U256::ZERO, price]);
    assert!(
        buying::stream(&format!("{}/free", shop.url), &key, report)
            .await
            .is_err()
    );
    assert_eq!(balances(&shop, &accounts), [U256::ZERO, price]);
}

#[tokio::test]
async fn a_stream_from_outside_is_read_to_its_end() {
    let shop = Shop::open(0).await.unwrap();
    let key = shop.net.buyers[0].key.to_string();
    let report = &mut Report::new(true);
    assert!(buying::stream(&shop.story(), &key, report).await.unwrap());
    assert!(buying::once(&shop.weather(), &key, report).await.unwrap());
    assert!(buying::once(&shop.story(), &key, report).await.is_err());
}
