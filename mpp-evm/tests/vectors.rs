//! The byte-exact cases of evm/charge.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, U256};
use mpp_core::{Challenge, EncodedRequest, Presented, RawCredential};
use mpp_evm::{ChallengeHash, CredentialType};
use payment_core::Timestamp;
use payment_evm::permit2::{self, ChargePermit, PERMIT2, Spelling, TokenPermissions};
use payment_evm::{Domain, EvmSignature, Token, wire};
use serde_json::{Value, json};
use support::*;
use vectors::{Tally, cases, load, text};

const PACKED: &str = "packed_concat (draft-evm-charge, mppx<=0.11.0)";
const ARRAY: &str = "json_array (pympp>=0.15.0)";

fn word(text: &str) -> B256 {
    wire::word::parse(text).unwrap()
}

fn address(text: &str) -> Address {
    wire::address::parse(text).unwrap()
}

#[test]
fn challenge_hashes() {
    let file = load("mpp_core.json");
    let mut tally = Tally::new("mpp charge_challenge_hash");
    for case in cases(&file, "/evm/charge_challenge_hash") {
        let (id, realm) = (text(case, "challengeId"), text(case, "realm"));
        assert_eq!(
            ChallengeHash::Packed.of(id, realm),
            word(text(case, PACKED)),
            "{case}"
        );
        assert_eq!(
            ChallengeHash::JsonArray.of(id, realm),
            word(text(case, ARRAY)),
            "{case}"
        );
        tally.ran();
    }
    assert_eq!(tally.count(), 5);
}

#[test]
fn authorizations_of_both_forms_pay_our_bill() {
    let file = load("mpp_core.json");
    let terms = terms(&charge());
    let mut tally = Tally::new("mpp charge_authorization");
    for case in cases(&file, "/evm/charge_authorization") {
        let domain = &case["domain"];
        let contract = address(text(domain, "verifyingContract"));
        let token = Token::known(domain["chainId"].as_u64().unwrap(), contract).unwrap();
        assert_eq!(
            (&*token.name, &*token.version),
            (text(domain, "name"), text(domain, "version"))
        );
        let presented = Case::of(case["payload"].clone())
            .from(text(case, "source"))
            .at(ISSUED);
        assert_taken(&presented, &*terms);
        let mut spoilt = case["payload"].clone();
        spoilt["value"] = json!("1000001");
        assert_refused(
            "spoilt",
            &Case::of(spoilt),
            &*terms,
            "verification-failed",
            "amount",
        );
        tally.ran();
    }
    assert_eq!(tally.count(), 2);
}

#[test]
fn permits_of_both_spellings_recover_their_signer() {
    let file = load("mpp_core.json");
    let mut tally = Tally::new("mpp charge_permit2");
    for case in cases(&file, "/evm/charge_permit2") {
        let permitted = case["permitted"].as_array().unwrap();
        assert_eq!(case["batch"].as_bool().unwrap(), permitted.len() > 1);
        let permit = ChargePermit {
            permitted: permitted
                .iter()
                .map(|one| TokenPermissions {
                    token: address(text(one, "token")),
                    amount: wire::decimal::parse(text(one, "amount")).unwrap(),
                })
                .collect(),
            spender: address(text(case, "spender")),
            nonce: wire::decimal::parse(text(case, "nonce")).unwrap(),
            deadline: wire::decimal::parse(text(case, "deadline")).unwrap(),
            challenge_hash: word(text(case, "challengeHash")),
            external_id: text(case, "externalId").to_owned(),
        };
        let spelling = [Spelling::Canonical, Spelling::Spaced]
            .into_iter()
            .find(|spelling| spelling.witness_type_string() == text(case, "witnessTypeString"));
        let spelling = spelling.unwrap();
        let domain = permit2::domain(case["chainId"].as_u64().unwrap(), PERMIT2);
        let digest = permit.digest(&domain, spelling);
        assert_eq!(digest, word(text(case, "digest")));
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        assert_eq!(
            signature.recover(&digest).unwrap(),
            address(text(case, "signer"))
        );
        // The hash that was signed is that of the first challenge in the list.
        assert_eq!(
            permit.challenge_hash,
            ChallengeHash::Packed.of("aB3cDeF4gHiJkLmN", REALM)
        );
        tally.ran();
    }
    assert_eq!(tally.count(), 4);
}

#[test]
fn constants_of_the_charge() {
    let file = load("mpp_core.json");
    let constants = file["evm"]["constants"].as_object().unwrap();
    let mut tally = Tally::new("mpp evm constants (charge)");
    let constant = |name: &str| constants[name].as_str().unwrap();
    assert_eq!(address(constant("permit2_canonical")), PERMIT2);
    tally.ran();
    let transfer = alloy_primitives::keccak256("transfer(address,uint256)");
    assert_eq!(
        constant("selector.transfer"),
        alloy_primitives::hex::encode_prefixed(&transfer[..4])
    );
    tally.ran();
    let rest = constants.len() - tally.count();
    tally.left_out(rest, "of sessions, or of payment-evm, which runs them");
}

/// The whole exchange as it was recorded, but for one thing: its request spells the recipient
/// with a wrong checksum and it has no `opaque`, so no challenge of ours reads quite like it.
/// What it asks for is compared as values, and the credential is judged by our own terms.
#[test]
fn the_recorded_exchange_is_taken() {
    let file = load("mpp_core.json");
    let exchange = &file["evm"]["charge_exchange"];
    let challenge = Challenge::parse(text(exchange, "www_authenticate")).unwrap();
    let terms = terms(&charge());

    let mut asked = Value::from(challenge.request.decode());
    let recipient = address(text(&asked, "recipient"));
    asked["recipient"] = json!(recipient.to_checksum(None));
    assert_eq!(asked, Value::from(terms.request().clone()));
    assert!(EncodedRequest::encode(terms.request()).is_ok());

    let token = text(exchange, "authorization")
        .strip_prefix("Payment ")
        .unwrap();
    let raw = RawCredential::decode(token.as_bytes()).unwrap();
    let credential = raw.read().unwrap();
    let now = Timestamp::from_seconds(EXPIRES - 2);
    let mut payment = terms
        .bind(Presented {
            challenge: &credential.challenge,
            issued: Timestamp::from_seconds(ISSUED),
            expires: challenge.expires_at().unwrap(),
            source: credential.source.as_deref(),
            payload: credential.payload,
            now,
            margin_seconds: 0,
            asks: mpp_core::Asks::Content,
            idempotency_key: None,
        })
        .unwrap();
    payment.in_time().unwrap();
    payment.check().unwrap();
    assert_eq!(payment.payer().unwrap().evm(), Some(payer().address()));

    let settled = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            payment.verify().await.unwrap();
            payment.settle().await.unwrap()
        });
    let receipt = mpp_core::Receipt::of(settled, "evm", &credential.challenge.id, now);
    assert_eq!(
        receipt,
        mpp_core::Receipt::parse(text(exchange, "payment_receipt")).unwrap()
    );
    let mut tally = Tally::new("mpp charge_exchange");
    tally.ran();
}

#[test]
fn wrong_checksums_of_the_draft_are_read_by_value() {
    let file = load("mpp_core.json");
    let mut tally = Tally::new("mpp address_checksum_notes");
    let pointer = "/evm/address_checksum_notes/draft_example_addresses_with_invalid_EIP55";
    for case in cases(&file, pointer) {
        let written = case.as_str().unwrap();
        assert_ne!(
            address(written).to_checksum(None),
            written,
            "its checksum is right after all"
        );
        let source = format!("did:pkh:eip155:8453:{written}");
        let terms = terms(&charge().credential_types([CredentialType::Hash]));
        let hash = json!({"type": "hash", "hash": B256::ZERO.to_string()});
        let payment = Case::of(hash).from(source).judge(&*terms).unwrap();
        let paid = payment.paid();
        assert_eq!(paid.payer().unwrap().evm(), Some(address(written)));
        tally.ran();
    }
}

#[test]
fn the_domain_in_the_table_is_that_of_the_exchange() {
    let token = usdc();
    assert_eq!(
        token.domain(),
        Domain::new("USD Coin", Some("2"), 8453, token.address)
    );
    assert_eq!(U256::from(token.decimals), U256::from(6));
}
