//! What a `transaction` credential must be to pay, and what does not.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use mpp_core::Terms;
use mpp_evm::buyer::{Bill, Consent, Gas};
use mpp_evm::{CredentialType, Split};
use payment_core::{Timestamp, Units, usd};
use serde_json::json;
use support::*;

fn shop() -> Box<dyn Terms> {
    terms(&charge().credential_types([CredentialType::Transaction]))
}

fn calldata(to: Address, value: u64) -> Vec<u8> {
    let words = (to.into_word(), U256::from(value).to_be_bytes::<32>());
    [&hex!("a9059cbb")[..], words.0.as_slice(), &words.1].concat()
}

fn honest() -> TxEip1559 {
    TxEip1559 {
        chain_id: 8453,
        nonce: 3,
        gas_limit: 80_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
        to: TxKind::Call(usdc().address),
        value: U256::ZERO,
        access_list: AccessList::default(),
        input: calldata(RECIPIENT, 1_000_000).into(),
    }
}

fn signature(transaction: &impl SignableTransaction<Signature>) -> Signature {
    let signature = payer().sign(&transaction.signature_hash()).unwrap();
    Signature::new(
        signature.r().into(),
        signature.s().into(),
        signature.v() == 28,
    )
}

fn raw(transaction: TxEip1559) -> Vec<u8> {
    let signature = signature(&transaction);
    transaction.into_signed(signature).encoded_2718()
}

fn case(raw: &[u8]) -> Case {
    Case::of(json!({"type": "transaction", "signature": hex::encode_prefixed(raw)}))
}

#[test]
fn an_honest_transaction_is_taken_and_names_its_sender() {
    let terms = shop();
    let case = case(&raw(honest()));
    let payment = case.judge(&*terms).unwrap();
    assert_eq!(payment.payer().unwrap().evm(), Some(payer().address()));
    assert_taken(&case.from(did(8453, payer().address())), &*terms);
}

#[test]
fn the_hash_of_a_transaction_is_the_same_key_as_the_transaction() {
    let both = [CredentialType::Transaction, CredentialType::Hash];
    let terms = terms(&charge().credential_types(both));
    let raw = raw(honest());
    let hash = json!({"type": "hash", "hash": keccak256(&raw).to_string()});
    let shown = Case::of(hash)
        .from(did(8453, payer().address()))
        .judge(&*terms)
        .unwrap();
    assert_eq!(case(&raw).judge(&*terms).unwrap().keys(), shown.keys());
}

#[test]
fn every_other_transaction_is_refused_though_it_is_signed() {
    let terms = shop();
    let with = |spoil: &dyn Fn(&mut TxEip1559)| {
        let mut transaction = honest();
        spoil(&mut transaction);
        case(&raw(transaction))
    };
    let data = |to, value| Bytes::from(calldata(to, value));
    let plain = "not a plain transfer";
    for (name, case, words) in [
        ("another chain", with(&|tx| tx.chain_id = 1), plain),
        (
            "coins beside it",
            with(&|tx| tx.value = U256::from(1)),
            plain,
        ),
        (
            "to another token",
            with(&|tx| tx.to = TxKind::Call(STRANGER)),
            "token",
        ),
        (
            "makes a contract",
            with(&|tx| tx.to = TxKind::Create),
            "token",
        ),
        (
            "pays less",
            with(&|tx| tx.input = data(RECIPIENT, 999_999)),
            "amount",
        ),
        (
            "pays more",
            with(&|tx| tx.input = data(RECIPIENT, 1_000_001)),
            "amount",
        ),
        (
            "pays another",
            with(&|tx| tx.input = data(STRANGER, 1_000_000)),
            "recipient",
        ),
        (
            "trailing bytes",
            with(&|tx| {
                tx.input = [calldata(RECIPIENT, 1_000_000), vec![0]].concat().into();
            }),
            plain,
        ),
        (
            "a byte short",
            with(&|tx| tx.input = calldata(RECIPIENT, 1_000_000)[..67].to_vec().into()),
            plain,
        ),
        (
            "approve",
            with(&|tx| {
                let mut input = calldata(RECIPIENT, 1_000_000);
                input[..4].copy_from_slice(&hex!("095ea7b3"));
                tx.input = input.into();
            }),
            plain,
        ),
        (
            "dirty address word",
            with(&|tx| {
                let mut input = calldata(RECIPIENT, 1_000_000);
                input[4] = 1;
                tx.input = input.into();
            }),
            plain,
        ),
        ("no call", with(&|tx| tx.input = Bytes::new()), plain),
        (
            "an access list",
            with(&|tx| {
                let item = AccessListItem {
                    address: STRANGER,
                    storage_keys: vec![B256::ZERO],
                };
                tx.access_list = AccessList(vec![item]);
            }),
            plain,
        ),
        ("no gas", with(&|tx| tx.gas_limit = 0), "gas"),
        ("bare gas", with(&|tx| tx.gas_limit = 21_000), "gas"),
        ("absurd gas", with(&|tx| tx.gas_limit = 30_000_000), "gas"),
        (
            "no fee",
            with(&|tx| {
                (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (0, 0);
            }),
            "gas",
        ),
        (
            "absurd fee",
            with(&|tx| tx.max_fee_per_gas = u128::MAX),
            "gas",
        ),
        (
            "a tip above the fee",
            with(&|tx| tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1),
            "gas",
        ),
    ] {
        assert_refused(name, &case, &*terms, "verification-failed", words);
    }
}

#[test]
fn the_source_must_be_the_sender() {
    let terms = shop();
    let case = case(&raw(honest()));
    for source in [did(8453, STRANGER), did(1, payer().address())] {
        assert_refused(
            "source",
            &case.clone().from(source),
            &*terms,
            "verification-failed",
            "source",
        );
    }
}

#[test]
fn one_encoding_and_one_signature() {
    let terms = shop();
    let raw = raw(honest());
    let failed = "verification-failed";
    let trailing = [raw.clone(), vec![0]].concat();
    assert_refused(
        "trailing",
        &case(&trailing),
        &*terms,
        failed,
        "plain transfer",
    );
    assert_refused(
        "cut",
        &case(&raw[..raw.len() - 1]),
        &*terms,
        failed,
        "plain transfer",
    );
    assert_refused(
        "untyped",
        &case(&raw[1..]),
        &*terms,
        failed,
        "plain transfer",
    );
    assert_refused("nothing", &case(&[]), &*terms, failed, "plain transfer");

    let good = signature(&honest());
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = U256::from_str_radix(order, 16).unwrap();
    let twin = Signature::new(good.r(), order - good.s(), !good.v());
    let twin = honest().into_signed(twin).encoded_2718();
    assert_refused("high s", &case(&twin), &*terms, failed, "low s");

    let old = TxEip2930 {
        chain_id: 8453,
        nonce: 3,
        gas_price: 2_000_000_000,
        gas_limit: 80_000,
        to: honest().to,
        value: U256::ZERO,
        access_list: AccessList::default(),
        input: honest().input,
    };
    let old_signature = signature(&old);
    let old = old.into_signed(old_signature).encoded_2718();
    assert_refused("type 1", &case(&old), &*terms, failed, "plain transfer");
    let huge = vec![2; 513];
    assert_refused(
        "huge",
        &case(&huge),
        &*terms,
        "malformed-credential",
        "members",
    );
    let odd = Case::of(json!({"type": "transaction", "signature": "02f8"}));
    assert_refused(
        "no prefix",
        &odd,
        &*terms,
        "malformed-credential",
        "members",
    );
}

#[test]
fn a_transaction_can_not_pay_a_split_nor_where_it_is_not_offered() {
    let case = case(&raw(honest()));
    let split = terms(&charge().split(Split::new(STRANGER, usd!("0.1"))));
    assert_refused("split", &case, &*split, "invalid-payload", "not offered");
    assert_refused(
        "unasked",
        &case,
        &*terms(&charge()),
        "invalid-payload",
        "not offered",
    );
}

#[tokio::test]
async fn what_a_buyer_signs_is_taken() {
    let terms = shop();
    let request = mpp_core::EncodedRequest::encode(terms.request()).unwrap();
    let challenge = mpp_core::Challenge::new(ID, REALM, "evm", "charge", request);
    let bill = Bill::read(&challenge, &[]).unwrap();
    let gas = Gas {
        nonce: 3,
        limit: 80_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1_000_000,
    };
    let consent = Consent::up_to(Units::from(1_000_000), Timestamp::from_seconds(ISSUED));
    let header = bill.transact(&payer(), gas, consent).await.unwrap();
    let token = header.to_str().unwrap().strip_prefix("Payment ").unwrap();
    let raw_credential = mpp_core::RawCredential::decode(token.as_bytes()).unwrap();
    let payload = raw_credential.read().unwrap().payload.get().to_owned();
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!(payload["signature"], hex::encode_prefixed(raw(honest())));
}
