//! Nothing is signed for terms that are not the channel's.

use alloy_primitives::address;
use payment_core::{Network, usd};
use serde_json::{Value, json};

use super::seller::{ESCROW, PRICE, Turn};
use super::{market, session};
use crate::tests::CHAIN;
use crate::{BuyerError, Difference, SessionBudget, SessionError, Skip};

const OTHER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

#[tokio::test]
async fn nothing_is_signed_for_another_escrow_payee_token_or_chain() {
    let base_usdc = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
    type Change = Box<dyn Fn(&mut Value)>;
    let changes: [(Difference, Change); 4] = [
        (
            Difference::Escrow,
            Box::new(|r| r["methodDetails"]["escrowContract"] = json!(OTHER)),
        ),
        (
            Difference::Payee,
            Box::new(|r| r["recipient"] = json!(OTHER)),
        ),
        (
            Difference::Token,
            Box::new(|r| r["currency"] = json!(OTHER)),
        ),
        (
            Difference::Chain,
            Box::new(move |r| {
                r["methodDetails"]["chainId"] = json!(8453);
                r["currency"] = base_usdc.clone();
            }),
        ),
    ];
    for (difference, change) in changes {
        let (bench, seller) = market().await;
        let other = payment_evm::Token::custom(CHAIN, OTHER.parse().unwrap(), "T", 6, "T", "1");
        let builder = bench.builder().network(Network::eip155(8453)).token(other);
        let budget = SessionBudget::deposit(usd!("0.10"));
        let mut session = builder.build().unwrap().session(budget).start().unwrap();
        let _ = session.get(seller.url()).send().await.unwrap();
        // Shown when the old challenge has run out, and in the place of one that is refused.
        seller.till(|till| change(&mut till.request));
        for expired in [false, true] {
            if expired {
                bench.clock.advance(std::time::Duration::from_secs(300));
            }
            let error = session.get(seller.url()).send().await.unwrap_err();
            let same = matches!(error, SessionError::OtherChannel(said) if said == difference);
            assert!(same, "{difference}: {error:?}");
        }
        // One voucher went out for the challenge that was good.
        assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE]);
        let error = session.close().await.unwrap_err();
        assert!(matches!(error, SessionError::OtherChannel(_)), "{error:?}");
        assert_eq!(seller.payloads("close"), [] as [Value; 0]);
    }
}

#[tokio::test]
async fn a_channel_that_is_given_up_makes_room_for_one_on_other_terms_within_the_budget() {
    let (bench, seller) = market().await;
    let other = payment_evm::Token::custom(CHAIN, OTHER.parse().unwrap(), "T", 6, "T", "1");
    let budget = SessionBudget::deposit(usd!("0.05")).total(usd!("0.08"));
    let builder = bench.builder().token(other).build().unwrap();
    let mut session = builder.session(budget).start().unwrap();
    assert_eq!(session.give_up().unwrap(), None);
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.till(|till| till.request["methodDetails"]["escrowContract"] = json!(OTHER));
    bench.clock.advance(std::time::Duration::from_secs(300));
    let error = session.get(seller.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::OtherChannel(_)), "{error:?}");

    let first = session.give_up().unwrap().unwrap();
    // All that was promised may be taken yet.
    assert_eq!(first.spent, first.promised);
    assert_eq!(session.give_up().unwrap(), None);
    let _ = session.get(seller.url()).send().await;
    let opened = seller.payloads("open");
    assert_eq!(opened.len(), 2);
    assert_ne!(opened[0]["channelId"], opened[1]["channelId"]);
    let deposits: Vec<u64> = opened
        .iter()
        .map(|open| {
            open["authorization"]["value"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap()
        })
        .collect();
    // The deposit that was left behind counts.
    assert_eq!(deposits, [50_000, 30_000]);
}

#[tokio::test]
async fn a_price_above_the_limit_is_not_paid_though_the_channel_is_open() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    seller.till(|till| till.request["amount"] = json!("100001"));
    let error = session.get(seller.url()).send().await.unwrap_err();
    let SessionError::Unpaid(BuyerError::NothingPayable { skipped }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(skipped[0].reason, Skip::AboveLimit);
    assert!(
        seller
            .vouchers()
            .iter()
            .all(|voucher| *voucher <= 2 * PRICE)
    );
}

#[tokio::test]
async fn a_channel_is_not_opened_for_terms_that_the_buyer_does_not_allow() {
    type Change = fn(&mut Value);
    let changes: [(Skip, Change); 8] = [
        (Skip::Network, |r| r["methodDetails"]["chainId"] = json!(1)),
        (Skip::Token, |r| r["currency"] = json!(OTHER)),
        (Skip::Payee, |r| {
            r["recipient"] = json!("0x0000000000000000000000000000000000000000")
        }),
        (Skip::AboveLimit, |r| r["amount"] = json!("100001")),
        (Skip::Amount, |r| r["amount"] = json!("0")),
        (Skip::Unreadable, |r| {
            r["methodDetails"]["escrowContract"] = r["recipient"].clone()
        }),
        (Skip::Transfer, |r| {
            r["methodDetails"]["credentialTypes"] = json!(["hash"])
        }),
        (Skip::Unreadable, |r| r["suggestedDeposit"] = json!(1)),
    ];
    for (skip, change) in changes {
        let (bench, seller) = market().await;
        seller.till(|till| change(&mut till.request));
        let mut session = session(&bench);
        let error = session.get(seller.url()).send().await.unwrap_err();
        let SessionError::Unpaid(BuyerError::NothingPayable { skipped }) = error else {
            panic!("{skip}: {error:?}")
        };
        assert_eq!(skipped[0].reason, skip);
        assert_eq!(seller.log(), ["402"]);
        assert!(session.standing().is_none());
    }
    let (bench, seller) = market().await;
    seller.till(|till| till.lifetime = 3601);
    let error = session(&bench).get(seller.url()).send().await.unwrap_err();
    assert!(format!("{error:?}").contains("TooLong"), "{error:?}");
}

#[tokio::test]
async fn only_named_escrows_get_deposits() {
    let (bench, seller) = market().await;
    let start = |escrow| {
        let budget = SessionBudget::deposit(usd!("0.10"));
        let session = bench.buyer().session(budget).escrow(CHAIN, escrow);
        session.start().unwrap()
    };
    let mut wary = start(address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"));
    let error = wary.get(seller.url()).send().await.unwrap_err();
    assert!(
        matches!(error, SessionError::UnknownEscrow { .. }),
        "{error:?}"
    );
    assert_eq!(seller.log(), ["402"]);
    let mut trusting = start(ESCROW.parse().unwrap());
    let _ = trusting.get(seller.url()).send().await.unwrap();
}

#[tokio::test]
async fn a_channel_is_spent_at_one_seller() {
    let (bench, seller) = market().await;
    let other = super::Seller::open(&bench).await;
    let mut session = session(&bench);
    let _ = session.get(seller.url()).send().await.unwrap();
    let error = session.get(other.url()).send().await.unwrap_err();
    assert!(matches!(error, SessionError::OtherSeller), "{error:?}");
    assert!(other.log().is_empty());
}

#[tokio::test]
async fn deposits_are_not_sent_over_plain_http() {
    let (bench, seller) = market().await;
    let mut session = session(&bench);
    // Loopback is this machine; a name that is not is another.
    let port = seller
        .url()
        .split(':')
        .nth(2)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let loopback = std::net::SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let resolve =
        move |client: reqwest::ClientBuilder| client.no_proxy().resolve("shop.example", loopback);
    let builder = bench.builder().client(resolve);
    let budget = SessionBudget::deposit(usd!("0.10"));
    let mut far = builder.build().unwrap().session(budget).start().unwrap();
    let error = far
        .get(format!("http://shop.example:{port}/weather"))
        .send()
        .await;
    let error = error.unwrap_err();
    assert!(
        matches!(error, SessionError::Unpaid(BuyerError::PlainHttp)),
        "{error:?}"
    );
    assert_eq!(seller.log(), ["402"]);
    seller.hook(|_, _| Turn::Honest);
    let _ = session.get(seller.url()).send().await.unwrap();
}
