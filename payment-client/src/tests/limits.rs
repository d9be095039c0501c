//! What is not paid is not signed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use payment_core::{Money, Network, usd};
use payment_evm::{EvmSignature, LocalSigner, Signer, SignerError, Token};
use serde_json::json;

use super::shop::{Shop, Step, answer, step};
use super::terms::*;
use super::{Bench, CHAIN, signer};
use crate::{BuildError, Buyer, BuyerError, Skip, SpendLimit};

/// Why the one offer of a 402 is not paid; nothing may have been signed or sent.
pub(super) async fn skipped(buyer: &Buyer<LocalSigner>, refusal: Step) -> Vec<Skip> {
    let shop = Shop::open([refusal]).await;
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let BuyerError::NothingPayable { skipped } = error else {
        panic!("{error:?}")
    };
    assert_eq!(shop.seen().len(), 1);
    assert!(buyer.spent().is_zero());
    skipped.iter().map(|skipped| skipped.reason).collect()
}

#[tokio::test]
async fn a_price_above_the_limit_is_not_signed() {
    let buyer = Bench::new().buyer();
    for (amount, over) in [("100000", false), ("100001", true), ("1000000000000", true)] {
        let mut requirements = exact();
        requirements["amount"] = json!(amount);
        let mut request = charge();
        request["amount"] = json!(amount);
        if over {
            let v2 = v2(&[requirements]);
            assert_eq!(skipped(&buyer, v2).await, [Skip::AboveLimit]);
            let mpp = mpp(&[challenge(&request)]);
            assert_eq!(skipped(&buyer, mpp).await, [Skip::AboveLimit]);
        } else {
            let shop = Shop::open([v2(&[requirements]), step(200, &[])]).await;
            let _ = Bench::new().buyer().get(shop.url()).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_limit_counts_whole_tokens_by_our_own_decimals() {
    let token = || Token::custom(CHAIN, PAY_TO.parse().unwrap(), "DAI", 18, "Dai", "1");
    let mut requirements = exact();
    requirements["asset"] = json!(PAY_TO);
    requirements["extra"] = json!({"name": "Dai", "version": "1"});
    let bench = Bench::new();
    let buyer = bench.builder().token(token()).build().unwrap();
    for (amount, paid) in [("100000000000000000", true), ("100000000000000001", false)] {
        requirements["amount"] = json!(amount);
        let shop = Shop::open([v2(&[requirements.clone()]), step(200, &[])]).await;
        let reply = buyer.get(shop.url()).send().await;
        assert_eq!(reply.is_ok(), paid, "{amount}");
    }
    // Not without the user's word for it.
    requirements["amount"] = json!("1");
    let unknown = skipped(&bench.buyer(), v2(&[requirements])).await;
    assert_eq!(unknown, [Skip::Token]);
}

#[tokio::test]
async fn the_total_ends_payments_and_says_what_is_left() {
    let bench = Bench::new();
    let limit = SpendLimit::per_payment(usd!("0.10")).total(usd!("0.025"));
    let buyer = bench.limited(limit).build().unwrap();
    let shop = Shop::open([
        v2(&[exact()]),
        step(200, &[]),
        v2(&[exact()]),
        step(200, &[]),
    ])
    .await;
    for _ in 0..2 {
        let _ = buyer.get(shop.url()).send().await.unwrap();
    }
    shop.add(v2(&[exact()]));
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let BuyerError::TotalReached { price, left } = error else {
        panic!("{error:?}")
    };
    assert_eq!((price, left), (usd!("0.01"), usd!("0.005")));
    assert_eq!(shop.seen().len(), 5);
    assert!(!shop.seen()[4].pays());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_never_pass_the_total() {
    let bench = Bench::new();
    let limit = SpendLimit::per_payment(usd!("0.10")).total(usd!("0.07"));
    let buyer = bench.limited(limit).build().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let shop = Shop::open([v2(&[exact()]), step(200, &[])]).await;
        let buyer = buyer.clone();
        tasks.spawn(async move {
            let reply = buyer.get(shop.url()).send().await;
            let paid = shop.seen().iter().filter(|seen| seen.pays()).count();
            assert_eq!(paid, usize::from(reply.is_ok()));
            match reply {
                Ok(_) => 1,
                Err(BuyerError::TotalReached { .. }) => 0,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let paid: u32 = tasks.join_all().await.into_iter().sum();
    assert_eq!(paid, 7);
    assert_eq!(buyer.spent(), usd!("0.07"));
}

struct NoHand;

impl Signer for NoHand {
    fn address(&self) -> Address {
        signer().address()
    }

    async fn sign_digest(&self, _: &B256) -> Result<EvmSignature, SignerError> {
        Err(SignerError::Unavailable("locked".into()))
    }
}

#[tokio::test]
async fn an_unsigned_payment_is_not_counted() {
    let buyer = Buyer::builder(NoHand)
        .spend_limit(SpendLimit::per_payment(usd!("0.10")))
        .network(Network::eip155(CHAIN))
        .clock(Bench::new().clock)
        .client(reqwest::ClientBuilder::no_proxy)
        .build()
        .unwrap();
    for refusal in [
        v2(&[exact()]),
        v1(&[exact_v1()]),
        mpp(&[challenge(&charge())]),
    ] {
        let shop = Shop::open([refusal]).await;
        let error = buyer.get(shop.url()).send().await.unwrap_err();
        assert!(matches!(error, BuyerError::Signer(_)), "{error:?}");
        assert!(buyer.spent().is_zero());
        assert_eq!(shop.seen().len(), 1);
    }
}

/// Takes a minute to sign.
struct SlowHand(Bench);

impl Signer for SlowHand {
    fn address(&self) -> Address {
        signer().address()
    }

    async fn sign_digest(&self, digest: &B256) -> Result<EvmSignature, SignerError> {
        self.0.clock.advance(Duration::from_secs(60));
        signer().sign(digest)
    }
}

#[tokio::test]
async fn an_offer_that_ran_out_while_it_was_signed_is_not_sent() {
    let bench = Bench::new();
    let clock = Arc::clone(&bench.clock);
    let buyer = Buyer::builder(SlowHand(bench))
        .spend_limit(SpendLimit::per_payment(usd!("0.10")))
        .network(Network::eip155(CHAIN))
        .clock(clock)
        .client(reqwest::ClientBuilder::no_proxy)
        .build()
        .unwrap();
    let shop = Shop::open([v2(&[exact()])]).await;
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    assert!(matches!(error, BuyerError::TooSlow), "{error:?}");
    assert!(buyer.spent().is_zero());
    assert_eq!(shop.seen().len(), 1);
}

#[tokio::test]
async fn the_longest_validity_is_the_users_to_set() {
    let longest = |seconds| {
        Bench::new()
            .builder()
            .longest_validity(Duration::from_secs(seconds))
    };
    let buyer = longest(59).build().unwrap();
    assert_eq!(skipped(&buyer, v2(&[exact()])).await, [Skip::TooLong]);
    let shop = Shop::open([v2(&[exact()]), step(200, &[])]).await;
    let buyer = longest(60).build().unwrap();
    assert!(buyer.get(shop.url()).send().await.is_ok());
}

#[tokio::test]
async fn other_networks_are_not_paid() {
    let mut elsewhere = exact();
    elsewhere["network"] = json!("eip155:8453");
    elsewhere["asset"] = json!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
    elsewhere["extra"]["name"] = json!("USD Coin");
    let buyer = Bench::new().buyer();
    assert_eq!(
        skipped(&buyer, v2(&[elsewhere.clone()])).await,
        [Skip::Network]
    );
    let mut request = charge();
    request["methodDetails"]["chainId"] = json!(8453);
    request["currency"] = elsewhere["asset"].clone();
    assert_eq!(
        skipped(&buyer, mpp(&[challenge(&request)])).await,
        [Skip::Network]
    );
    let mut named = exact_v1();
    named["network"] = json!("base");
    named["asset"] = elsewhere["asset"].clone();
    named["extra"]["name"] = json!("USD Coin");
    assert_eq!(skipped(&buyer, v1(&[named])).await, [Skip::Network]);
}

#[tokio::test]
async fn payments_do_not_cross_networks_in_the_clear() {
    let shop = Shop::open([v2(&[exact()]), v2(&[exact()]), step(200, &[])]).await;
    let port = shop.url().rsplit_once(':').unwrap().1.to_owned();
    // A name that is not this machine's own, resolved to it.
    let url = format!("http://shop.example:{port}");
    let resolve = |client: reqwest::ClientBuilder| {
        client
            .no_proxy()
            .resolve("shop.example", ([127, 0, 0, 1], 0).into())
    };
    let bench = Bench::new();
    let buyer = bench.builder().client(resolve).build().unwrap();
    let error = buyer.get(&*url).send().await.unwrap_err();
    assert!(matches!(error, BuyerError::PlainHttp), "{error:?}");
    assert!(buyer.spent().is_zero());
    let buyer = bench.builder().client(resolve).allow_plain_http();
    let reply = buyer.build().unwrap().get(&*url).send().await.unwrap();
    assert!(reply.payment().is_some());
}

#[tokio::test]
async fn requests_that_cannot_be_paid_are_not_sent() {
    let shop = Shop::open([]).await;
    let buyer = Bench::new().buyer();
    for (name, value) in [
        ("payment-signature", "e30="),
        ("x-payment", "e30="),
        ("payment-authorization", "Payment e30"),
        ("authorization", "Payment e30"),
        ("authorization", "Bearer x, payment e30"),
    ] {
        let call = buyer
            .get(shop.url())
            .header(name.parse().unwrap(), value.parse().unwrap());
        let error = call.send().await.unwrap_err();
        assert!(matches!(error, BuyerError::AlreadyPaid), "{value}");
    }
    let call = buyer.post(shop.url()).body(reqwest::Body::wrap(Once));
    let error = call.send().await.unwrap_err();
    assert!(matches!(error, BuyerError::BodyNotRepeatable));
    assert!(shop.seen().is_empty());
}

/// A body that can't be read twice.
struct Once;

impl http_body::Body for Once {
    type Data = bytes::Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>> {
        Poll::Ready(None)
    }
}

#[test]
fn there_is_no_buyer_without_a_network_or_with_a_limit_that_is_none() {
    let limit = SpendLimit::per_payment(usd!("0.10"));
    let error = Buyer::builder(signer()).spend_limit(limit).build();
    assert!(matches!(error, Err(BuildError::NoNetwork)));
    let fine = Money::from_decimal("0.0000000000000000001").unwrap();
    for limit in [SpendLimit::per_payment(fine), limit.total(fine)] {
        let error = Bench::new().limited(limit).build();
        assert!(matches!(error, Err(BuildError::Limit)));
    }
}

#[tokio::test]
async fn a_402_without_offers_is_an_error_that_says_so() {
    let buyer = Bench::new().buyer();
    for body in ["", "pay me", "{}", "{\"x402Version\":1}"] {
        let reasons = skipped(&buyer, Step::Answer(answer(402, &[], body))).await;
        assert_eq!(reasons, [], "{body}");
    }
}
