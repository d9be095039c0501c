//! Every digest and signature case that concerns this crate, in both directions.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use payment_evm::permit2::{self, ChargePermit, ExactPermit, Spelling, TokenPermissions};
use payment_evm::{Authorization, Domain, EvmSignature, Token};
use serde_json::Value;
use support::{address, decimal, domain, signer, word};
use vectors::{Tally, cases, load, text};

#[test]
fn x402_eip3009_digests_and_signatures() {
    let file = load("x402_core.json");
    let mut tally = Tally::new("x402 eip3009.cases");
    for case in cases(&file, "/eip3009/cases") {
        let id = text(case, "id");
        let domain = domain(&case["domain"]);
        assert_eq!(domain.separator(), word(case, "domainSeparator"), "{id}");
        let authorization: Authorization =
            serde_json::from_value(case["authorization"].clone()).unwrap();
        assert_eq!(
            authorization.struct_hash(),
            word(case, "structHash"),
            "{id}"
        );
        let digest = word(case, "digest");
        assert_eq!(authorization.digest(&domain), digest, "{id}");
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        authorization.check_signature(&domain, &signature).unwrap();
        let key = &file["keys"][text(case, "signerKey")];
        let signer = signer(key);
        assert_eq!(signer.address(), address(key, "address"), "{id}");
        assert_eq!(
            signer.sign(&digest).unwrap().to_hex(),
            text(case, "signature"),
            "{id}"
        );
        // What we write is what came, to the letter.
        assert_eq!(
            serde_json::to_value(authorization).unwrap(),
            case["authorization"],
            "{id}"
        );
        tally.ran();
    }
}

#[test]
fn any_changed_member_changes_the_signer() {
    let file = load("x402_core.json");
    let base = &cases(&file, "/eip3009/cases")[0];
    let signature = EvmSignature::from_hex(text(base, "signature")).unwrap();
    let mut tally = Tally::new("x402 signatureForms.mutations");
    for case in cases(&file, "/signatureForms/mutations") {
        let field = text(case, "field");
        let mut changed = base.clone();
        match field.strip_prefix("domain.") {
            Some(member) => changed["domain"][member] = case["newValue"].clone(),
            None => changed["authorization"][field] = case["newValue"].clone(),
        }
        let authorization: Authorization =
            serde_json::from_value(changed["authorization"].clone()).unwrap();
        let domain = domain(&changed["domain"]);
        assert_eq!(
            authorization.digest(&domain),
            word(case, "digest"),
            "{field}"
        );
        let recovered = signature.recover(&authorization.digest(&domain)).unwrap();
        assert_eq!(recovered, address(case, "recovered"), "{field}");
        assert!(
            authorization.check_signature(&domain, &signature).is_err(),
            "{field}"
        );
        tally.ran();
    }
}

#[test]
fn okx_authorizations() {
    let file = load("eip712_okx.json");
    let mut tally = Tally::new("okx transferWithAuthorization, receiveWithAuthorization");
    for list in ["/transferWithAuthorization", "/receiveWithAuthorization"] {
        for case in cases(&file, list) {
            let name = text(case, "name");
            let domain = domain(&case["domain"]);
            assert_eq!(domain.separator(), word(case, "domainSeparator"), "{name}");
            let authorization: Authorization =
                serde_json::from_value(case["message"].clone()).unwrap();
            let digest = match text(case, "primaryType") {
                "TransferWithAuthorization" => authorization.digest(&domain),
                "ReceiveWithAuthorization" => authorization.receive_digest(&domain),
                other => panic!("{other}"),
            };
            assert_eq!(digest, word(case, "digest"), "{name}");
            let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
            assert_eq!(signature.r(), word(case, "r"), "{name}");
            assert_eq!(signature.s(), word(case, "s"), "{name}");
            assert_eq!(
                u64::from(signature.v()),
                case["v"].as_u64().unwrap(),
                "{name}"
            );
            assert_eq!(
                signature.check(&digest, address(case, "signerAddress")),
                Ok(()),
                "{name}"
            );
            let signer = signer(&file["keys"][text(case, "signer")]);
            assert_eq!(signer.sign(&digest).unwrap(), signature, "{name}");
            tally.ran();
        }
    }
}

#[test]
fn okx_domains() {
    let file = load("eip712_okx.json");
    let mut tally = Tally::new("okx domains");
    for case in cases(&file, "/domains") {
        assert_eq!(
            domain(case).separator(),
            word(case, "domainSeparator"),
            "{case}"
        );
        tally.ran();
    }
    let mut types = Tally::new("okx typeHashes");
    types.left_out(
        4,
        "escrow types belong to sessions; EIP712Domain shows in every separator",
    );
    for (name, digest) in [
        (
            "TransferWithAuthorization",
            Authorization::digest as fn(&Authorization, &Domain) -> _,
        ),
        ("ReceiveWithAuthorization", Authorization::receive_digest),
    ] {
        // The type hash leads the encoded data, so it can be told from the digest alone.
        let list = format!("/{}{}", name[..1].to_lowercase(), &name[1..]);
        let case = &cases(&file, &list)[0];
        let authorization: Authorization = serde_json::from_value(case["message"].clone()).unwrap();
        let encoded = text(case, "encodedData");
        assert_eq!(&encoded[..66], text(&file["typeHashes"][name], "typeHash"));
        let bytes = alloy_primitives::hex::decode(encoded).unwrap();
        let domain = domain(&case["domain"]);
        let expected = domain.digest(alloy_primitives::keccak256(bytes));
        assert_eq!(digest(&authorization, &domain), expected);
        types.ran();
    }
}

#[test]
fn mpp_authorizations() {
    let file = load("mpp_core.json");
    let mut tally = Tally::new("mpp evm.charge_authorization");
    for case in cases(&file, "/evm/charge_authorization") {
        // The payload is flat: its other members are ignored here.
        let authorization: Authorization = serde_json::from_value(case["payload"].clone()).unwrap();
        let domain = domain(&case["domain"]);
        assert_eq!(authorization.digest(&domain), word(case, "digest"));
        let signature = serde_json::from_value(case["payload"]["signature"].clone()).unwrap();
        assert_eq!(authorization.check_signature(&domain, &signature), Ok(()));
        tally.ran();
    }
    let mut tally = Tally::new("mpp evm.session_open_receive_with_authorization");
    let case = &file["evm"]["session_open_receive_with_authorization"];
    let authorization: Authorization = serde_json::from_value(case["message"].clone()).unwrap();
    let digest = authorization.receive_digest(&domain(&case["token_domain"]));
    assert_eq!(digest, word(case, "digest"));
    let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
    assert_eq!(signature.check(&digest, address(case, "signer")), Ok(()));
    tally.ran();
}

#[test]
fn mpp_charge_permits_in_both_spellings() {
    let file = load("mpp_core.json");
    let payer = signer(&load("x402_core.json")["keys"]["hardhat0"]);
    let mut tally = Tally::new("mpp evm.charge_permit2");
    for case in cases(&file, "/evm/charge_permit2") {
        let spelling = [Spelling::Canonical, Spelling::Spaced]
            .into_iter()
            .find(|spelling| spelling.witness_type_string() == text(case, "witnessTypeString"))
            .unwrap();
        let permitted: Vec<TokenPermissions> =
            serde_json::from_value(case["permitted"].clone()).unwrap();
        assert_eq!(case["batch"].as_bool(), Some(permitted.len() > 1));
        let permit = ChargePermit {
            permitted,
            spender: address(case, "spender"),
            nonce: decimal(case, "nonce"),
            deadline: decimal(case, "deadline"),
            challenge_hash: word(case, "challengeHash"),
            external_id: text(case, "externalId").to_owned(),
        };
        assert_eq!(permit.type_hash(spelling), word(case, "typehash"));
        assert_eq!(permit.witness_hash(spelling), word(case, "witnessHash"));
        let domain = permit2::domain(case["chainId"].as_u64().unwrap(), permit2::PERMIT2);
        let digest = permit.digest(&domain, spelling);
        assert_eq!(digest, word(case, "digest"));
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        assert_eq!(signature.check(&digest, address(case, "signer")), Ok(()));
        assert_eq!(payer.sign(&digest).unwrap(), signature);
        tally.ran();
    }
}

#[test]
fn x402_exact_permits() {
    let file = load("x402_core.json");
    let mut tally = Tally::new("x402 permit2.cases");
    for case in cases(&file, "/permit2/cases") {
        if text(case, "scheme") != "exact" {
            tally.left_out(1, "scheme upto is not offered");
            continue;
        }
        let message = &case["permit2Authorization"];
        let permit = ExactPermit {
            permitted: serde_json::from_value(message["permitted"].clone()).unwrap(),
            spender: address(message, "spender"),
            nonce: decimal(message, "nonce"),
            deadline: decimal(message, "deadline"),
            witness: serde_json::from_value(message["witness"].clone()).unwrap(),
        };
        assert_eq!(permit.spender, permit2::EXACT_PROXY);
        let chain_id = case["domain"]["chainId"].as_u64().unwrap();
        let domain = permit2::domain(chain_id, permit2::PERMIT2);
        assert_eq!(domain.separator(), word(case, "domainSeparator"));
        assert_eq!(permit.struct_hash(), word(case, "structHash"));
        assert_eq!(permit.digest(&domain), word(case, "digest"));
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        let signer = signer(&file["keys"][text(case, "signerKey")]);
        assert_eq!(
            signature.check(&permit.digest(&domain), signer.address()),
            Ok(())
        );
        assert_eq!(signer.sign(&permit.digest(&domain)).unwrap(), signature);
        tally.ran();
    }
}

#[test]
fn constants_of_the_drafts() {
    let file = load("mpp_core.json");
    let constants = &file["evm"]["constants"];
    assert_eq!(permit2::PERMIT2, address(constants, "permit2_canonical"));
    let case = &cases(&file, "/evm/charge_authorization")[0]["payload"];
    let authorization: Authorization = serde_json::from_value(case.clone()).unwrap();
    let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
    let call = authorization.calldata(&signature);
    let selector = text(constants, "selector.transferWithAuthorization(v,r,s)");
    assert_eq!(alloy_primitives::hex::encode_prefixed(&call[..4]), selector);
    assert_eq!(call.len(), 4 + 9 * 32);
}

#[test]
fn known_tokens_sign_in_the_domain_of_the_vectors() {
    let file = load("x402_core.json");
    let mut tally = Tally::new("x402 eip3009.cases by known token");
    for case in cases(&file, "/eip3009/cases") {
        let contract = address(&case["domain"], "verifyingContract");
        let chain_id = case["domain"]["chainId"].as_u64().unwrap();
        if case["id"].as_str().is_some_and(|id| id.contains("WRONG")) {
            let declared: Value = case["domain"].clone();
            let token = Token::known(chain_id, contract).unwrap();
            assert_ne!(token.domain().separator(), domain(&declared).separator());
            tally.ran();
            continue;
        }
        let token = Token::known(chain_id, contract).unwrap();
        assert_eq!(
            token.domain().separator(),
            word(case, "domainSeparator"),
            "{case}"
        );
        tally.ran();
    }
}
