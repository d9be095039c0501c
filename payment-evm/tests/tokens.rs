//! The table of tokens against its vectors.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::HashSet;

use payment_core::Network;
use payment_evm::{Domain, Token, TransferMethod};
use support::{address, word};
use vectors::{Tally, cases, load, text};

fn chain_id(case: &serde_json::Value) -> u64 {
    text(case, "network")
        .parse::<Network>()
        .unwrap()
        .chain_id()
        .unwrap()
}

#[test]
fn every_row_is_known_as_the_vectors_have_it() {
    let file = load("x402_assets.json");
    let mut tally = Tally::new("assets evm");
    for row in cases(&file, "/evm") {
        let token = Token::known(chain_id(row), address(row, "asset")).unwrap();
        assert_eq!(token.network().to_string(), text(row, "network"));
        assert_eq!(token.address, address(row, "asset"));
        assert_eq!(token.symbol, text(row, "symbol"));
        assert_eq!(u64::from(token.decimals), row["decimals"].as_u64().unwrap());
        assert_eq!(token.name, text(&row["eip712"], "name"));
        assert_eq!(token.version, text(&row["eip712"], "version"));
        assert_eq!(
            token.domain().separator(),
            word(row, "domainSeparator"),
            "{row}"
        );
        let method = match (
            text(row, "assetTransferMethod"),
            row["supportsEip2612"].as_bool(),
        ) {
            ("eip3009", None) => TransferMethod::Eip3009,
            ("permit2", None | Some(false)) => TransferMethod::Permit2,
            ("permit2", Some(true)) => TransferMethod::Permit2WithEip2612,
            other => panic!("{other:?}"),
        };
        assert_eq!(token.transfer, method, "{row}");
        tally.ran();
    }
}

#[test]
fn a_chain_has_the_default_of_the_vectors_or_none() {
    let file = load("x402_assets.json");
    let rows = cases(&file, "/evm");
    let chains: HashSet<u64> = rows.iter().map(chain_id).collect();
    for chain in chains {
        let defaults: Vec<_> = rows
            .iter()
            .filter(|row| chain_id(row) == chain && row["sdkDefault"] == true)
            .map(|row| address(row, "asset"))
            .collect();
        assert!(defaults.len() < 2, "{chain}");
        let ours = Token::default_on(chain).map(|token| token.address);
        assert_eq!(ours, defaults.first().copied(), "{chain}");
    }
    assert_eq!(Token::default_on(196), None);
}

#[test]
fn a_symbol_names_one_token_of_a_chain_in_any_case() {
    let file = load("x402_assets.json");
    let mut seen = HashSet::new();
    for row in cases(&file, "/evm") {
        let symbol = text(row, "symbol");
        assert!(
            seen.insert((chain_id(row), symbol.to_lowercase())),
            "two of {symbol}"
        );
        for spelling in [
            symbol.to_owned(),
            symbol.to_lowercase(),
            symbol.to_uppercase(),
        ] {
            let token = Token::by_symbol(chain_id(row), &spelling).unwrap();
            assert_eq!(token.address, address(row, "asset"), "{row}");
        }
    }
    assert_eq!(Token::by_symbol(84532, "DAI"), None);
}

#[test]
fn wrong_declarations_are_not_in_the_table() {
    let file = load("x402_assets.json");
    let mut tally = Tally::new("assets knownWrongDeclarations");
    for row in cases(&file, "/knownWrongDeclarations") {
        let (chain, contract) = (chain_id(row), address(row, "asset"));
        let declared = &row["declared"];
        let (name, version) = (text(declared, "name"), text(declared, "version"));
        let wrong = Domain::new(name, Some(version), chain, contract).separator();
        assert_eq!(wrong, word(row, "declaredSeparator"));
        let ours = Token::known(chain, contract).unwrap().domain().separator();
        assert_eq!(ours, word(row, "onchainSeparator"), "{row}");
        tally.ran();
    }
}

#[test]
fn the_table_has_nothing_beside_the_vectors() {
    let source = include_str!("../src/token/table.rs");
    let rows =
        source.matches("    Row::chosen(").count() + source.matches("    Row::listed(").count();
    assert_eq!(rows, cases(&load("x402_assets.json"), "/evm").len());
}

#[test]
fn a_token_elsewhere_is_another_token() {
    let usdc = Token::by_symbol(84532, "USDC").unwrap();
    assert_eq!(Token::known(8453, usdc.address), None);
    assert_eq!(Token::known(84532, usdc.address), Some(usdc));
}

#[test]
fn a_custom_token_signs_in_its_own_domain() {
    let usdc = Token::by_symbol(84532, "USDC").unwrap();
    let custom = Token::custom(84532, usdc.address, "USDC", 6, "USDC", "2");
    assert_eq!(custom, usdc);
    let other = Token::custom(31337, usdc.address, "USDC", 6, "USDC", "2");
    assert_ne!(other.domain(), usdc.domain());
    assert_eq!(
        other.transfer(TransferMethod::Permit2).transfer,
        TransferMethod::Permit2
    );
}
