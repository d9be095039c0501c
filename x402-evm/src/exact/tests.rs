#![allow(clippy::unwrap_used)]

use alloy_primitives::address;
use payment_core::{Asset, Money, Price, usd};
use payment_evm::TransferMethod;
use serde_json::{Value, json};

use super::*;

fn price(text: &str) -> Route {
    Route::priced(Money::from_decimal(text).unwrap())
}

fn token_of(case: &Value) -> Token {
    let domain = &case["domain"];
    Token::custom(
        domain["chainId"].as_u64().unwrap(),
        vectors::text(domain, "verifyingContract").parse().unwrap(),
        "TOKEN",
        0,
        vectors::text(domain, "name").to_owned(),
        vectors::text(domain, "version").to_owned(),
    )
}

/// An offer of exactly these base units; the time it is good for does not matter here.
fn offer_of(token: &Token, pay_to: Address, units: Units) -> Offer {
    let route = Route::priced(usd!("1"));
    let (asset, pay_to) = (Asset::from(token.address), Account::from(pay_to));
    let network = token.network();
    Offer::new(EXACT, network, asset, pay_to, units, Map::new(), &route).unwrap()
}

fn present(token: &Token, authorization: &Value, signature: &str) -> Result<Account, Refusal> {
    let pay_to: Address = vectors::text(authorization, "to").parse().unwrap();
    let units = vectors::text(authorization, "value").parse().unwrap();
    let offer = offer_of(token, pay_to, units);
    let payload = json!({ "signature": signature, "authorization": authorization });
    let payload: Box<RawValue> = serde_json::from_str(&payload.to_string()).unwrap();
    let scheme = ExactEvm::new(token.clone(), pay_to);
    let mut payment = scheme.bind(Presented::new(
        &offer,
        Version::V2,
        &payload,
        Timestamp::from_seconds(0),
    ))?;
    assert_eq!(payment.payer(), None, "nobody has proven anything yet");
    payment.check()?;
    let sent: Value = serde_json::from_str(payment.payload().get()).unwrap();
    assert_eq!(sent["authorization"], *authorization);
    Ok(payment.payer().unwrap().clone())
}

#[test]
fn signatures_of_the_vectors_are_taken() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 eip3009 through the scheme");
    for case in vectors::cases(&file, "/eip3009/cases") {
        if vectors::text(&case["authorization"], "value") == "0" {
            tally.left_out(1, "zero is not a price");
            continue;
        }
        let signature = vectors::text(case, "signature");
        let payer = present(&token_of(case), &case["authorization"], signature);
        let from = vectors::text(&case["authorization"], "from");
        assert_eq!(payer.unwrap().to_string(), from, "{}", case["id"]);
        tally.ran();
    }
}

#[test]
fn other_forms_of_a_signature_are_refused() {
    let file = vectors::load("x402_core.json");
    let base = &vectors::cases(&file, "/eip3009/cases")[0];
    assert_eq!(base["id"], file["signatureForms"]["base"]);
    let mut tally = vectors::Tally::new("x402 signature forms through the scheme");
    for case in vectors::cases(&file, "/signatureForms/cases") {
        let signature = vectors::text(case, "signature");
        let answer = present(&token_of(base), &base["authorization"], signature);
        assert_eq!(
            answer.is_ok(),
            case["expectAccept"] == true,
            "{}",
            case["id"]
        );
        if let Err(refusal) = answer {
            let code = &refusal.problem().code;
            assert!(
                [
                    "invalid_exact_evm_signature",
                    "unsupported_contract_signature"
                ]
                .contains(&&**code),
                "{} {code}",
                case["id"]
            );
        }
        tally.ran();
    }
    for case in vectors::cases(&file, "/signatureForms/mutations") {
        let mut changed = base.clone();
        let field = vectors::text(case, "field");
        match field.strip_prefix("domain.") {
            Some(member) => changed["domain"][member] = case["newValue"].clone(),
            None => changed["authorization"][field] = case["newValue"].clone(),
        }
        let signature = vectors::text(base, "signature");
        let answer = present(&token_of(&changed), &changed["authorization"], signature);
        assert_eq!(
            answer.unwrap_err().problem().code,
            "invalid_exact_evm_signature"
        );
        tally.ran();
    }
}

#[test]
fn contract_signatures_are_refused_by_name() {
    let file = vectors::load("x402_core.json");
    let base = &vectors::cases(&file, "/eip3009/cases")[0];
    let wrapped = vectors::text(&file["erc6492"], "wrapped");
    for (signature, code) in [
        (wrapped.to_owned(), "eip6492_factory_not_allowed"),
        (
            format!("0x{}", "ab".repeat(130)),
            "unsupported_contract_signature",
        ),
        (
            format!("0x{}", "zz".repeat(130)),
            "invalid_exact_evm_signature",
        ),
    ] {
        let answer = present(&token_of(base), &base["authorization"], &signature);
        assert_eq!(answer.unwrap_err().problem().code, code);
    }
}

#[test]
fn prices_become_units_exactly_or_not_at_all() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 money");
    for case in vectors::cases(&file, "/money/cases") {
        let Some(input) = case["input"].as_str().filter(|_| case["type"] == "string") else {
            tally.left_out(1, "a float is no price");
            continue;
        };
        let price = input.parse::<Price>().ok();
        let units = price
            .as_ref()
            .and_then(|price| price.money.to_units(6).ok());
        let units = units.filter(|units| !units.is_zero());
        let refused = case["error"] == true || case["recommended"].is_string();
        let expected = (!refused).then(|| vectors::text(case, "atomic6").parse().unwrap());
        assert_eq!(units, expected, "{input:?}");
        if let (Some(price), Some(_)) = (&price, expected) {
            let symbol = case["ok"]["symbol"].as_str();
            let same = |ours: &str| symbol.is_some_and(|text| text.eq_ignore_ascii_case(ours));
            assert!(
                price
                    .symbol
                    .as_deref()
                    .map_or_else(|| symbol.is_none(), same),
                "{input:?}"
            );
        }
        tally.ran();
    }
    let mut tally = vectors::Tally::new("x402 token amounts");
    for case in vectors::cases(&file, "/tokenAmount") {
        let (amount, decimals) = (vectors::text(case, "amount"), &case["decimals"]);
        let decimals = u8::try_from(decimals.as_u64().unwrap()).unwrap();
        let ours = Money::from_decimal(amount).ok();
        let ours = ours.and_then(|money| money.to_units(decimals).ok());
        let digits = amount.split_once('.').map_or(0, |(_, digits)| digits.len());
        let odd = amount.starts_with('-') || amount.ends_with('.') || case["error"] == true;
        if odd || digits > usize::from(decimals) {
            assert_eq!(ours, None, "{amount}: neither negative nor cut");
        } else {
            assert_eq!(
                ours.unwrap().to_string(),
                vectors::text(case, "atomic"),
                "{amount}"
            );
        }
        tally.ran();
    }
}

#[test]
fn a_plain_price_is_offered_in_the_default_token() {
    let file = vectors::load("x402_core.json");
    let mut tally = vectors::Tally::new("x402 parsePrice");
    let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    for case in vectors::cases(&file, "/parsePrice") {
        let Some(text) = case["price"].as_str() else {
            tally.left_out(
                1,
                "floats, and amounts in base units: not how a price is said here",
            );
            continue;
        };
        let price: Price = text.parse().unwrap();
        let network: Network = vectors::text(case, "network").parse().unwrap();
        let chain = network.chain_id().unwrap();
        let token = match &price.symbol {
            None => Token::default_on(chain),
            Some(symbol) => Token::by_symbol(chain, symbol),
        };
        let Some(token) = token else {
            assert!(case["error"].is_string(), "{text} {network}");
            tally.ran();
            continue;
        };
        let offer = ExactEvm::new(token.clone(), seller).offer(&Route::priced(price.money));
        let permit2 = case["result"]["extra"]["assetTransferMethod"] == "permit2";
        if permit2 || case["result"]["amount"] == "0" {
            assert!(offer.is_err(), "{text} {network}");
        } else {
            let offer = offer.unwrap();
            let expected = &case["result"];
            assert_eq!(
                offer.amount().to_string(),
                vectors::text(expected, "amount")
            );
            assert_eq!(offer.asset().to_string(), vectors::text(expected, "asset"));
            assert_eq!(Value::Object(offer.extra().clone()), expected["extra"]);
        }
        tally.ran();
    }
}

fn usdc() -> Token {
    Token::default_on(84532).unwrap()
}

#[test]
fn what_cannot_be_charged_is_not_configured() {
    let seller = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    let offer = |token: Token, pay_to, route: Route| ExactEvm::new(token, pay_to).offer(&route);
    assert!(offer(usdc(), seller, price("0.01")).is_ok());
    assert!(offer(usdc(), seller, price("0.0000001")).is_err());
    assert!(offer(usdc(), seller, price("0")).is_err());
    assert!(offer(usdc(), Address::ZERO, price("1")).is_err());
    assert!(offer(usdc(), usdc().address, price("1")).is_err());
    let permit2 = usdc().transfer(TransferMethod::Permit2);
    assert!(offer(permit2, seller, price("1")).is_err());
    let hasty = price("1").pay_within(std::time::Duration::from_secs(6));
    assert!(offer(usdc(), seller, hasty).is_err());
}
