//! Names and types, which make selectors and topics, are the draft's.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, hex, keccak256};
use alloy_sol_types::{SolCall, SolEventInterface, SolInterface};
use devnet::IPaymentChannelEscrow::{
    IPaymentChannelEscrowCalls as Calls, IPaymentChannelEscrowErrors as Errors,
    IPaymentChannelEscrowEvents as Events, *,
};
use serde_json::Value;

use crate::stage::{GRACE, Stage};

fn constants() -> Value {
    vectors::load("mpp_core.json")["evm"]["constants"].clone()
}

/// What the compiler says of the contract: signature by kind.
fn compiled(kind: &str) -> BTreeSet<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../contracts/out/PaymentChannelEscrow.json"
    );
    let artifact: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let entries = artifact["abi"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["type"] == kind)
        .map(|entry| {
            let inputs = entry["inputs"].as_array().unwrap().iter();
            let types: Vec<_> = inputs
                .map(|input| input["type"].as_str().unwrap())
                .collect();
            format!("{}({})", entry["name"].as_str().unwrap(), types.join(","))
        })
        .collect()
}

fn selectors(signatures: &BTreeSet<String>) -> BTreeSet<[u8; 4]> {
    let hashes = signatures.iter().map(|signature| keccak256(signature));
    hashes.map(|hash| hash[..4].try_into().unwrap()).collect()
}

#[test]
fn interface_is_what_the_compiler_made() {
    assert_eq!(
        selectors(&compiled("function")),
        Calls::selectors().collect()
    );
    assert_eq!(selectors(&compiled("error")), Errors::selectors().collect());
    let topics: BTreeSet<B256> = compiled("event").iter().map(keccak256).collect();
    assert_eq!(
        topics,
        Events::SELECTORS
            .iter()
            .map(|topic| B256::from(*topic))
            .collect()
    );
}

#[test]
fn functions_have_the_drafts_selectors() {
    let constants = constants();
    let functions: BTreeMap<&str, [u8; 4]> = [
        ("open", openCall::SELECTOR),
        ("openWithAuthorization", openWithAuthorizationCall::SELECTOR),
        ("openWithPermit2", openWithPermit2Call::SELECTOR),
        ("topUp", topUpCall::SELECTOR),
        (
            "topUpWithAuthorization",
            topUpWithAuthorizationCall::SELECTOR,
        ),
        ("topUpWithPermit2", topUpWithPermit2Call::SELECTOR),
        ("settle", settleCall::SELECTOR),
        (
            "settleWithAuthorization",
            settleWithAuthorizationCall::SELECTOR,
        ),
        ("close", closeCall::SELECTOR),
        (
            "closeWithAuthorization",
            closeWithAuthorizationCall::SELECTOR,
        ),
        ("requestClose", requestCloseCall::SELECTOR),
        ("withdraw", withdrawCall::SELECTOR),
    ]
    .into();
    let built = selectors(&compiled("function"));
    for (name, selector) in functions {
        assert_eq!(
            constants[format!("selector.{name}")],
            hex::encode_prefixed(selector),
            "{name}"
        );
        assert!(built.contains(&selector), "{name}");
    }
}

#[test]
fn errors_have_the_drafts_selectors() {
    let constants = constants();
    let wanted =
        constants["error_selectors (suggested names; parameterless form is our assumption)"]
            .as_object()
            .unwrap();
    assert_eq!(wanted.len(), 15);
    let built = compiled("error");
    for (signature, selector) in wanted {
        assert!(built.contains(signature), "{signature}");
        assert_eq!(
            hex::encode_prefixed(&keccak256(signature)[..4]),
            selector.as_str().unwrap()
        );
    }
}

#[test]
fn events_have_the_topics_that_tools_know() {
    let constants = constants();
    let wanted =
        constants["event_topics (tempo legacy reference ABI; the EVM draft defines no events)"]
            .as_object()
            .unwrap();
    assert_eq!(wanted.len(), 6);
    let built = compiled("event");
    for (signature, topic) in wanted {
        assert!(built.contains(signature), "{signature}");
        assert_eq!(keccak256(signature).to_string(), topic.as_str().unwrap());
    }
}

#[test]
fn constants_are_the_drafts() {
    let (stage, constants) = (Stage::new(), constants());
    assert_eq!(stage.read(&CLOSE_GRACE_PERIODCall {}), GRACE);
    assert_eq!(stage.read(&PERMIT2Call {}), devnet::PERMIT2);
    let type_hashes = [
        ("Voucher(uint128)", stage.read(&VOUCHER_TYPEHASHCall {})),
        (
            "SettleAuthorization",
            stage.read(&SETTLE_AUTHORIZATION_TYPEHASHCall {}),
        ),
        (
            "CloseAuthorization",
            stage.read(&CLOSE_AUTHORIZATION_TYPEHASHCall {}),
        ),
        (
            "ChannelOpenWitness",
            stage.read(&OPEN_WITNESS_TYPEHASHCall {}),
        ),
        (
            "ChannelTopUpWitness",
            stage.read(&TOP_UP_WITNESS_TYPEHASHCall {}),
        ),
    ];
    for (name, hash) in type_hashes {
        assert_eq!(
            constants[format!("typehash.{name}")],
            hash.to_string(),
            "{name}"
        );
    }
}
