#![allow(clippy::unwrap_used)]

use mpp_core::{Asks, EncodedRequest, Mpp};
use payment_core::{ConfigError, Gate, Money, Secret, Tariff, usd};
use serde_json::Value;

use super::super::fixture::*;
use super::*;

const VECTOR_TYPES: [CredentialType; 2] = [CredentialType::Authorization, CredentialType::Hash];

fn of_the_vectors() -> Session<NeverAsked> {
    session()
        .deposits(VECTOR_TYPES)
        .min_voucher_delta(usd!("0.01"))
}

#[test]
fn the_request_is_that_of_the_vectors_byte_for_byte() {
    let file = vectors::load("mpp_core.json");
    let exchange = &file["evm"]["session_exchange"];
    let terms = terms(&of_the_vectors(), tariff());
    let mut request = terms.request().clone();
    // The vector spells one address with a wrong checksum; ours are right.
    let theirs = vectors::text(&exchange["request"], "currency").to_owned();
    assert_eq!(request["currency"], TOKEN.to_checksum(None));
    assert!(theirs.eq_ignore_ascii_case(&TOKEN.to_string()));
    request.insert("currency".to_owned(), json!(theirs));
    assert_eq!(Value::Object(request.clone()), exchange["request"]);
    let encoded = EncodedRequest::encode(&request).unwrap();
    let covered = vectors::text(exchange, "hmac_input");
    assert_eq!(covered.split('|').nth(3), Some(encoded.as_str()));
}

#[test]
fn the_credentials_of_the_vectors_are_bound_and_their_signatures_good() {
    let file = vectors::load("mpp_core.json");
    let credentials = &file["evm"]["session_exchange"]["credentials"];
    let session = of_the_vectors();
    let terms = terms(&session, tariff());
    with_channel(&session, channel());
    let mut tally = vectors::Tally::new("session_exchange");
    for (name, case) in credentials.as_object().unwrap() {
        let asks = Asks::Nothing;
        let mut payment = bind(&*terms, &case["payload"], None, NOW, asks).unwrap();
        payment.in_time().unwrap();
        payment.check().unwrap();
        at_once(payment.verify()).unwrap();
        if name == "voucher" {
            let known = at_once(session.ledger().load(super::super::fixture::opening().id()));
            assert_eq!(known.unwrap().unwrap().accepted(), 250_000);
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 3);
}

fn member(session: &Session<NeverAsked>, route: impl Into<Route>, pointer: &str) -> Value {
    let request = Value::Object(terms(session, route).request().clone());
    request.pointer(pointer).cloned().unwrap_or(Value::Null)
}

#[test]
fn absent_members_are_left_out() {
    let plain = session();
    let by_hash = session().deposits([CredentialType::Hash]);
    let elsewhere = session().permit2_at(PAYEE);
    let route = || Route::priced(usd!("0.01"));
    for (session, pointer, expected) in [
        (&plain, "/unitType", json!("request")),
        (&plain, "/amount", json!("10000")),
        (&plain, "/suggestedDeposit", Value::Null),
        (&plain, "/description", Value::Null),
        (&plain, "/methodDetails/minVoucherDelta", Value::Null),
        (&plain, "/methodDetails/feePayer", json!(true)),
        (&plain, "/methodDetails/permit2Contract", Value::Null),
        (
            &plain,
            "/methodDetails/credentialTypes",
            json!(["authorization", "permit2", "hash"]),
        ),
        (&by_hash, "/methodDetails/feePayer", Value::Null),
        (&by_hash, "/methodDetails/credentialTypes", json!(["hash"])),
        (
            &elsewhere,
            "/methodDetails/permit2Contract",
            json!(PAYEE.to_checksum(None)),
        ),
    ] {
        assert_eq!(member(session, route(), pointer), expected, "{pointer}");
    }
    let described = route().description("The weather");
    assert_eq!(member(&plain, described, "/description"), "The weather");
}

fn refused(session: &Session<NeverAsked>, route: impl Into<Route>) -> ConfigError {
    match session.terms(&route.into()) {
        Ok(terms) => panic!("offered: {:?}", terms.request()),
        Err(error) => error,
    }
}

fn setting(error: &ConfigError) -> &str {
    match error {
        ConfigError::Setting { setting, .. } => setting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn settings_that_cannot_work_are_found_when_the_route_is_built() {
    let with_escrow = |escrow| Session::new(token(), PAYEE, escrow);
    let elsewhere = with_escrow(NeverAsked {
        chain_id: 1,
        ..NeverAsked::ON_CHAIN
    });
    let useless = with_escrow(NeverAsked {
        takes: &[],
        ..NeverAsked::ON_CHAIN
    });
    let by_hash = |session: Session<NeverAsked>| session.deposits([CredentialType::Hash]);
    let hash_only = with_escrow(NeverAsked {
        takes: &[CredentialType::Hash],
        ..NeverAsked::ON_CHAIN
    });
    let plain_token = token().transfer(TransferMethod::Permit2);
    let without_authorizations = Session::new(plain_token, PAYEE, NeverAsked::ON_CHAIN);
    for (name, session, expected) in [
        ("another chain", by_hash(elsewhere), "escrow"),
        (
            "a payee without a key",
            Session::new(token(), PAYER, NeverAsked::ON_CHAIN),
            "escrow",
        ),
        ("no type", useless, "deposits"),
        ("none named", session().deposits([]), "deposits"),
        (
            "one twice",
            session().deposits([CredentialType::Hash, CredentialType::Hash]),
            "deposits",
        ),
        (
            "one the escrow does not take",
            hash_only.deposits(VECTOR_TYPES),
            "deposits",
        ),
        (
            "one the token does not take",
            without_authorizations.deposits(VECTOR_TYPES),
            "deposits",
        ),
    ] {
        assert_eq!(setting(&refused(&session, tariff())), expected, "{name}");
    }
    #[cfg(feature = "onchain")]
    {
        let session = session().deposits([CredentialType::Transaction]);
        assert_eq!(setting(&refused(&session, tariff())), "deposits");
    }
}

#[test]
fn a_token_without_authorizations_is_offered_without_them() {
    let token = token().transfer(TransferMethod::Permit2);
    let session = Session::new(token, PAYEE, NeverAsked::ON_CHAIN);
    let types = member(&session, tariff(), "/methodDetails/credentialTypes");
    assert_eq!(types, json!(["permit2", "hash"]));
}

#[test]
fn amounts_are_exact_and_not_nothing() {
    let finer = usd!("0.0000001");
    let route = || Route::priced(usd!("0.01"));
    for (name, error) in [
        ("price", refused(&session(), Route::priced(finer))),
        (
            "deposit",
            refused(&session(), Tariff::per_call(usd!("0.01")).deposit(finer)),
        ),
        (
            "delta",
            refused(&session().min_voucher_delta(finer), route()),
        ),
        (
            "least deposit",
            refused(&session().min_deposit(finer), route()),
        ),
    ] {
        assert!(matches!(error, ConfigError::Price(_)), "{name}: {error:?}");
    }
    let nothing = Money::from_decimal("0").unwrap();
    let error = refused(&session(), Route::priced(nothing));
    assert!(matches!(error, ConfigError::ZeroPrice), "{error:?}");
}

#[test]
fn what_is_set_aside_can_be_counted() {
    let fine = Token::custom(CHAIN, TOKEN, "T", 36, "T", "1");
    let session = Session::new(fine, PAYEE, NeverAsked::ON_CHAIN);
    let route = |units| Tariff::per("token", usd!("1")).up_to(units);
    assert_eq!(setting(&refused(&session, route(u64::MAX))), "up_to");
    assert!(session.terms(&route(100).into()).is_ok());
    let beyond = Tariff::per_call(usd!("1000"));
    assert_eq!(setting(&refused(&session, beyond)), "price");
}

#[test]
fn only_sessions_take_a_route_by_the_unit() {
    let charge = crate::Charge::new(token(), PAYEE).settle_with(NeverAsked::ON_CHAIN);
    let mpp = |method: Box<dyn FnOnce(mpp_core::MppBuilder) -> mpp_core::MppBuilder>| {
        let builder = Mpp::builder("api.example.com", Secret::new([7; 32]));
        Gate::new(method(builder).build().unwrap())
    };
    let charges = mpp(Box::new(move |builder| builder.method(charge)));
    assert!(matches!(charges.route(tariff()), Err(ConfigError::NoAsset)));
    let sessions = mpp(Box::new(|builder| builder.method(session())));
    assert!(sessions.route(tariff()).is_ok());
}

#[test]
fn a_channel_pays_nobody_but_the_payee() {
    let at = |account: Address| session().terms(&Route::priced(usd!("1")).pay_to(account.into()));
    assert!(at(PAYEE).is_ok());
    let other = at(payer().address()).err();
    assert!(matches!(other, Some(ConfigError::NoAsset)), "{other:?}");
    let foreign = Route::priced(usd!("1")).pay_to(payment_core::Account::Other("alice".into()));
    assert!(matches!(
        session().terms(&foreign),
        Err(ConfigError::NoAsset)
    ));
}

#[test]
fn an_option_means_a_session_by_intent_network_and_asset() {
    use payment_core::{Asset, Network};

    let option = || PaymentOption::new(usd!("1"));
    for (option, taken) in [
        (option(), true),
        (option().protocol(MPP).scheme("session"), true),
        (option().network(Network::eip155(CHAIN)), true),
        (option().asset(Asset::from(TOKEN)), true),
        (option().scheme("charge"), false),
        (option().network(Network::eip155(CHAIN + 1)), false),
        (option().asset(Asset::from(PAYEE)), false),
    ] {
        assert_eq!(session().takes(&option), taken, "{option:?}");
    }
}

#[test]
fn money_parsers_price_units_and_deposits() {
    let session = || {
        session().money_parser(|money, token| money.to_units(token.decimals).ok()?.checked_mul(2))
    };
    let request = |route: Tariff| terms(&session(), route).request().clone();
    let asked = request(Tariff::per("token", usd!("0.0001")).deposit(usd!("10")));
    assert_eq!(
        (&asked["amount"], &asked["suggestedDeposit"]),
        (&json!("200"), &json!("20000000"))
    );
}

#[test]
fn settling_alone_proves_no_voucher() {
    let session = session();
    let terms = terms(&session, tariff());
    with_channel(&session, channel());
    let mut payment = bind(&*terms, &voucher(500), None, NOW, Asks::Content).unwrap();
    payment.check().unwrap();
    assert!(!payment.is_proven_by_settling());
}
