//! Several ways to pay one route.

use std::sync::Arc;

use alloy_primitives::{Address, address};
use http::StatusCode;
use payment_core::{
    Account, Asset, ConfigError, Gate, Money, Network, PaymentOption, ProtocolName, Route, Units,
    usd,
};
use payment_evm::{LocalSigner, Token};
use serde_json::json;
use x402_core::X402;
use x402_evm::{AggrDeferred, ExactEvm, buyer};

use crate::shop::{SELLER, Shop, YesMan};

const NOW: u64 = 1_740_672_000;
const ALICE: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

fn token(chain: u64) -> Token {
    Token::default_on(chain).unwrap()
}

/// Exact on Base Sepolia and on Base, deferred on Base.
fn x402() -> X402<Arc<YesMan>> {
    X402::new(Arc::default())
        .accept(ExactEvm::new(token(84532), SELLER))
        .accept(ExactEvm::new(token(8453), SELLER))
        .accept(AggrDeferred::new(token(8453), SELLER))
}

fn shop(route: Route) -> Shop {
    Shop::on(x402(), route, LocalSigner::random().unwrap(), NOW)
}

/// Scheme, network and amount of each offer.
async fn offered(shop: &Shop) -> Vec<(String, String, String)> {
    let offers = shop.offers().await.v2.accepts.into_iter();
    let offers = offers.map(|offer| (offer.scheme, offer.network, offer.amount));
    offers.collect()
}

fn rows(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let own = |row: &(&str, &str, &str)| (row.0.into(), row.1.into(), row.2.into());
    rows.iter().map(own).collect()
}

fn priced(price: Money) -> PaymentOption {
    PaymentOption::new(price)
}

const BASE: Network = Network::eip155(8453);
const SEPOLIA: Network = Network::eip155(84532);

#[tokio::test]
async fn options_stand_in_the_sellers_order_each_at_its_price() {
    let route = Route::priced(usd!("1")).options([
        priced(usd!("0.02")).scheme("aggr_deferred"),
        priced(usd!("0.03")).network(BASE),
        priced(usd!("0.01")).asset(Asset::from(token(84532).address)),
    ]);
    let expected = rows(&[
        ("aggr_deferred", "eip155:8453", "20000"),
        ("exact", "eip155:8453", "30000"),
        ("aggr_deferred", "eip155:8453", "30000"),
        ("exact", "eip155:84532", "10000"),
    ]);
    assert_eq!(offered(&shop(route)).await, expected);
    let all = rows(&[
        ("exact", "eip155:84532", "10000"),
        ("exact", "eip155:8453", "10000"),
        ("aggr_deferred", "eip155:8453", "10000"),
    ]);
    assert_eq!(offered(&shop(Route::priced(usd!("0.01")))).await, all);
}

#[tokio::test]
async fn each_option_is_paid_at_its_own_price_and_no_other() {
    let route = Route::priced(usd!("1")).options([
        priced(usd!("0.02")).network(BASE),
        priced(usd!("0.01")).network(SEPOLIA),
    ]);
    let shop = shop(route);
    let offers = shop.offers().await.v2;
    for at in [0, 2] {
        let offer = &offers.accepts[at];
        let payment = buyer::pay_v2(&offers.resource, offer, &shop.buyer, shop.now());
        let got = shop.pay_v2(&payment.await.unwrap()).await;
        assert_eq!(got.status, StatusCode::OK, "{offer:?}");
    }
    // The cheap amount on the dear network.
    let mut crossed = offers.accepts[0].clone();
    crossed.amount = offers.accepts[2].amount.clone();
    let payment = buyer::pay_v2(&offers.resource, &crossed, &shop.buyer, shop.now());
    let got = shop.pay_v2(&payment.await.unwrap()).await;
    assert_eq!(got.code(), "invalid_payment_requirements");
}

#[tokio::test]
async fn version_1_gets_the_first_offer_of_each_scheme_and_network() {
    let route = Route::priced(usd!("1")).options([
        priced(usd!("0.02")).scheme("exact").network(BASE),
        priced(usd!("0.01")).scheme("exact"),
    ]);
    let shop = shop(route);
    let offers = shop.offers().await;
    assert_eq!(offers.v2.accepts.len(), 3);
    let v1 = offers.v1.accepts.iter();
    let v1: Vec<_> = v1
        .map(|offer| (&*offer.network, &*offer.max_amount_required))
        .collect();
    assert_eq!(v1, [("base", "20000"), ("base-sepolia", "10000")]);
    let payment = buyer::pay_v1(&offers.v1.accepts[0], &shop.buyer, shop.now());
    let got = shop.pay_v1(&payment.await.unwrap()).await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn a_payee_of_an_option_goes_before_that_of_the_route_and_that_of_the_scheme() {
    let bob = address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC");
    let route = Route::priced(usd!("1")).pay_to(ALICE.into()).options([
        priced(usd!("0.02")).scheme("exact").network(BASE),
        priced(usd!("0.02"))
            .scheme("aggr_deferred")
            .pay_to(bob.into()),
    ]);
    let payees = |shop: Shop| async move {
        let offers = shop.offers().await.v2.accepts.into_iter();
        offers.map(|offer| offer.pay_to).collect::<Vec<_>>()
    };
    let (alice, bob) = (ALICE.to_checksum(None), bob.to_checksum(None));
    assert_eq!(payees(shop(route)).await, [&*alice, &*bob]);
    let route = Route::priced(usd!("0.01")).pay_to(ALICE.into());
    assert_eq!(payees(shop(route)).await, [&*alice; 3]);
    let route = Route::priced(usd!("0.01"));
    assert_eq!(payees(shop(route)).await, [&*SELLER.to_checksum(None); 3]);
}

#[tokio::test]
async fn who_pays_the_schemes_account_has_not_paid_the_routes() {
    let shop = shop(Route::priced(usd!("0.01")).pay_to(ALICE.into()));
    let offers = shop.offers().await.v2;
    let mut wrong = offers.accepts[0].clone();
    wrong.pay_to = SELLER.to_checksum(None);
    let paid = buyer::pay_v2(&offers.resource, &wrong, &shop.buyer, shop.now());
    let mut paid = paid.await.unwrap();
    assert_eq!(
        shop.pay_v2(&paid).await.code(),
        "invalid_payment_requirements"
    );
    // The same authorization under an honest echo.
    paid.accepted = offers.accepts[0].clone();
    assert_eq!(
        shop.pay_v2(&paid).await.code(),
        "invalid_exact_evm_recipient_mismatch"
    );
    let paid = buyer::pay_v2(
        &offers.resource,
        &offers.accepts[0],
        &shop.buyer,
        shop.now(),
    );
    let got = shop.pay_v2(&paid.await.unwrap()).await;
    assert_eq!(got.status, StatusCode::OK);
}

fn refused(route: Route) -> ConfigError {
    Gate::new(x402()).route(route).unwrap_err()
}

fn setting(route: Route) -> &'static str {
    match refused(route) {
        ConfigError::Setting { setting, .. } => setting,
        other => panic!("{other}"),
    }
}

#[test]
fn an_option_that_nobody_takes_is_found_at_the_start() {
    let with = |option| Route::priced(usd!("1")).options([priced(usd!("0.01")), option]);
    for option in [
        priced(usd!("0.02")).network(Network::eip155(196)),
        priced(usd!("0.02")).scheme("upto"),
        priced(usd!("0.02")).protocol(ProtocolName::new("mpp")),
        priced(usd!("0.02")).asset(Asset::from(SELLER)),
        priced(usd!("0.02"))
            .scheme("aggr_deferred")
            .network(SEPOLIA),
    ] {
        let error = refused(with(option.clone()));
        assert!(
            matches!(error, ConfigError::NoProtocol),
            "{option:?} {error}"
        );
    }
    let inexact = refused(with(priced(usd!("0.0000001"))));
    assert!(matches!(inexact, ConfigError::Price(_)), "{inexact}");
}

#[test]
fn only_an_account_of_the_chain_can_be_paid() {
    for account in [
        Account::Other("alice".into()),
        Account::from(Address::ZERO),
        Account::from(token(84532).address),
    ] {
        assert_eq!(
            setting(Route::priced(usd!("0.01")).pay_to(account.clone())),
            "pay_to"
        );
        let option = priced(usd!("0.01")).pay_to(account);
        assert_eq!(
            setting(Route::priced(usd!("0.01")).options([option])),
            "pay_to"
        );
    }
}

#[tokio::test]
async fn two_options_that_come_to_the_same_are_offered_once() {
    let route = Route::priced(usd!("1")).options([
        priced(usd!("0.01")).network(SEPOLIA),
        priced(usd!("0.01")).scheme("exact"),
    ]);
    let expected = rows(&[
        ("exact", "eip155:84532", "10000"),
        ("exact", "eip155:8453", "10000"),
    ]);
    assert_eq!(offered(&shop(route)).await, expected);
    // Of two schemes, nobody could tell which is meant.
    let twice = x402().accept(ExactEvm::new(token(8453), SELLER));
    let error = Gate::new(twice).route(usd!("0.01")).unwrap_err();
    assert!(error.to_string().starts_with("accept:"), "{error}");
}

#[tokio::test]
async fn money_parsers_price_offers_and_what_pays_them() {
    let euros = |money: Money, token: &Token| {
        let dollars = money.to_units(token.decimals).ok()?;
        dollars.basis_points_floor(9_000)
    };
    let base = |money: Money, token: &Token| {
        (token.chain_id == 8453 && money == usd!("0.01")).then(|| Units::from(7))
    };
    let x402 = X402::new(Arc::<YesMan>::default())
        .accept(
            ExactEvm::new(token(8453), SELLER)
                .money_parser(base)
                .money_parser(euros),
        )
        .accept(AggrDeferred::new(token(8453), SELLER).money_parser(euros))
        .accept(ExactEvm::new(token(84532), SELLER));
    let route = Route::priced(usd!("0.01"));
    let shop = Shop::on(x402, route, LocalSigner::random().unwrap(), NOW);
    let offers = shop.offers().await.v2;
    let amounts: Vec<_> = offers.accepts.iter().map(|offer| &*offer.amount).collect();
    assert_eq!(amounts, ["7", "9000", "10000"]);
    let payment = buyer::pay_v2(
        &offers.resource,
        &offers.accepts[0],
        &shop.buyer,
        shop.now(),
    );
    let got = shop.pay_v2(&payment.await.unwrap()).await;
    assert_eq!(got.status, StatusCode::OK);
    let panics = ExactEvm::new(token(8453), SELLER).money_parser(|_, _| panic!("no rate"));
    let gate = Gate::new(X402::new(Arc::<YesMan>::default()).accept(panics));
    let error = gate.route(usd!("0.01")).unwrap_err();
    assert!(error.to_string().contains("money_parser"), "{error}");
}

#[tokio::test]
async fn the_output_schema_is_for_version_1() {
    let schema = json!({ "type": "object", "properties": { "resource": { "const": "" } } });
    let route = Route::priced(usd!("0.01")).output_schema(schema.clone());
    let offers = shop(route).offers().await;
    assert_eq!(offers.v1.accepts[0].output_schema, Some(schema));
    assert_eq!(
        offers.v1.accepts[0].resource,
        "https://api.example.com/weather"
    );
    assert_eq!(
        shop(Route::priced(usd!("0.01"))).offers().await.v1.accepts[0].output_schema,
        None
    );
}
