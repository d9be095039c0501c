//! The byte-exact cases of evm/session.

#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use mpp_evm::session::{
    ChainState, Channel, ChannelId, Opening, PayeeAuthorization, SignedVoucher, Venue, Voucher,
    escrow_domain, top_up_nonce,
};
use payment_core::Timestamp;
use payment_evm::{EvmSignature, LocalSigner, SignatureError, wire};
use serde_json::Value;
use vectors::{Tally, cases, load, text};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// The payer and the delegate of `mpp_core.json`: keys that every development node knows.
const DEV_KEYS: [&str; 2] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
];

fn address(case: &Value, member: &str) -> Address {
    wire::address::parse(text(case, member)).unwrap()
}

fn word(case: &Value, member: &str) -> B256 {
    wire::word::parse(text(case, member)).unwrap()
}

fn id(case: &Value) -> ChannelId {
    let text = text(case, "channelId");
    let id: ChannelId = text.parse().unwrap();
    // Both directions: one spelling out, any case in.
    assert_eq!(id.to_string(), text);
    let upper = format!("0x{}", text[2..].to_uppercase());
    assert_eq!(upper.parse::<ChannelId>().unwrap(), id);
    id
}

fn amount(case: &Value, member: &str) -> u128 {
    text(case, member).parse().unwrap()
}

fn number(case: &Value, member: &str) -> U256 {
    wire::decimal::parse(text(case, member)).unwrap()
}

fn opening(case: &Value, payer: &str, escrow: &str) -> Opening {
    Opening {
        payer: address(case, payer),
        payee: address(case, "payee"),
        token: address(case, "token"),
        salt: word(case, "salt"),
        authorized_signer: address(case, "authorizedSigner"),
        escrow: case[escrow]
            .as_str()
            .map_or(Address::ZERO, |_| address(case, escrow)),
        chain_id: case["chainId"].as_u64().unwrap_or_default(),
    }
}

/// A channel with room for every voucher, whose vouchers this account signs.
fn channel(id: ChannelId, domain: &Value, signer: Address) -> Channel {
    let venue = Venue {
        chain_id: domain["chainId"].as_u64().unwrap(),
        escrow: address(domain, "verifyingContract"),
        payee: Address::repeat_byte(2),
        token: Address::repeat_byte(3),
    };
    let chain = ChainState {
        payer: signer,
        payee: venue.payee,
        token: venue.token,
        authorized_signer: Some(Address::ZERO),
        deposit: u128::MAX,
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    };
    Channel::adopt(id, venue, &chain, NOW).unwrap()
}

/// The same channel without a key and with one.
fn known_and_unknown(channel: &Channel, signer: &LocalSigner) -> [Channel; 2] {
    let venue = channel.venue();
    let domain = escrow_domain(venue.chain_id, venue.escrow);
    let voucher = Voucher {
        channel: channel.id(),
        cumulative: 1,
    };
    let signed = SignedVoucher {
        cumulative: 1,
        signature: signer.sign(&voucher.digest(&domain)).unwrap(),
    };
    let checked = channel.check(signed, &domain).unwrap();
    [channel.clone(), channel.accept(&checked, 0).unwrap()]
}

#[test]
fn channel_ids() {
    let okx = load("eip712_okx.json");
    let mpp = load("mpp_core.json");
    let mut tally = Tally::new("okx channelIds, mpp evm.channel_id");
    for (file, list, escrow) in [
        (&okx, "/channelIds", "escrow"),
        (&mpp, "/evm/channel_id", "escrowContract"),
    ] {
        for case in cases(file, list) {
            let opening = opening(case, "payer", escrow);
            assert_eq!(opening.id(), id(case), "{case}");
            if let Some(encoded) = case["abiEncoded"].as_str() {
                let bytes = hex::decode(encoded).unwrap();
                assert_eq!(keccak256(bytes), opening.id().word());
            }
            // Each part of it counts.
            for change in [
                |it: &mut Opening| it.payer = Address::repeat_byte(1),
                |it: &mut Opening| it.payee = Address::repeat_byte(1),
                |it: &mut Opening| it.token = Address::repeat_byte(1),
                |it: &mut Opening| it.salt = B256::repeat_byte(1),
                |it: &mut Opening| it.authorized_signer = Address::repeat_byte(1),
                |it: &mut Opening| it.escrow = Address::repeat_byte(1),
                |it: &mut Opening| it.chain_id += 1,
            ] {
                let mut other = opening;
                change(&mut other);
                assert_ne!(other.id(), opening.id());
            }
            tally.ran();
        }
    }
    assert_eq!(tally.count(), 10);
}

#[test]
fn deposit_nonces() {
    let okx = load("eip712_okx.json");
    let mpp = load("mpp_core.json");
    let mut tally = Tally::new("okx openNonces, topUpNonces, mpp evm.session_eip3009_nonce");
    let lists = [
        cases(&okx, "/openNonces"),
        cases(&okx, "/topUpNonces"),
        cases(&mpp, "/evm/session_eip3009_nonce"),
    ];
    for case in lists.concat().iter() {
        let nonce = if case["channelId"].is_string() {
            let added = amount(case, "additionalDeposit");
            let salt = word(case, "topUpSalt");
            top_up_nonce(id(case), added, address(case, "from"), salt)
        } else {
            opening(case, "from", "escrow").nonce()
        };
        assert_eq!(nonce, word(case, "nonce"), "{case}");
        if let Some(encoded) = case["abiEncoded"].as_str() {
            assert_eq!(keccak256(hex::decode(encoded).unwrap()), nonce);
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 9);
}

#[test]
fn okx_vouchers() {
    let file = load("eip712_okx.json");
    let mut tally = Tally::new("okx vouchers");
    for case in cases(&file, "/vouchers") {
        let signer = LocalSigner::from_hex(text(&file["keys"][text(case, "signer")], "privateKey"));
        voucher_case(case, &case["message"], &case["domain"], &signer.unwrap());
        assert_eq!(
            address(case, "signerAddress"),
            address(&file["keys"][text(case, "signer")], "address")
        );
        tally.ran();
    }
    assert_eq!(tally.count(), 4);
}

#[test]
fn mpp_vouchers() {
    let file = load("mpp_core.json");
    let domain = &file["evm"]["domain"];
    let separator = escrow_domain(
        domain["chainId"].as_u64().unwrap(),
        address(domain, "verifyingContract"),
    );
    assert_eq!(separator.separator(), word(domain, "domainSeparator"));
    let mut tally = Tally::new("mpp evm.voucher");
    for case in cases(&file, "/evm/voucher") {
        let keys = DEV_KEYS.map(|key| LocalSigner::from_hex(key).unwrap());
        let key = keys
            .iter()
            .find(|key| key.address() == address(case, "signer"));
        voucher_case(case, case, domain, key.unwrap());
        // Other spellings of the same signature are not of the accepted form.
        for (member, refused) in [
            ("signature_high_s_must_reject", SignatureError::HighS),
            (
                "signature_eip2098_64_bytes",
                SignatureError::Hex(wire::HexError { digits: 130 }),
            ),
        ] {
            assert_eq!(EvmSignature::from_hex(text(case, member)), Err(refused));
        }
        let bare = EvmSignature::from_hex(text(case, "signature_v_0_1_form"));
        assert!(matches!(bare, Err(SignatureError::V(0 | 1))));
        tally.ran();
    }
    assert_eq!(tally.count(), 4);
}

fn voucher_case(case: &Value, message: &Value, domain: &Value, signer: &LocalSigner) {
    let escrow = address(domain, "verifyingContract");
    let domain_value = escrow_domain(domain["chainId"].as_u64().unwrap(), escrow);
    if case["domainSeparator"].is_string() {
        assert_eq!(domain_value.separator(), word(case, "domainSeparator"));
    }
    let voucher = Voucher {
        channel: id(message),
        cumulative: amount(message, "cumulativeAmount"),
    };
    let digest = voucher.digest(&domain_value);
    assert_eq!(digest, word(case, "digest"));
    assert_eq!(digest, domain_value.digest(word(case, "structHash")));
    let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
    assert_eq!(signer.sign(&digest).unwrap(), signature);
    let signed = SignedVoucher {
        cumulative: voucher.cumulative,
        signature,
    };
    let channel = channel(voucher.channel, domain, signer.address());
    for channel in known_and_unknown(&channel, signer) {
        let checked = channel.check(signed, &domain_value).unwrap();
        assert_eq!(checked.signed(), signed);
        assert_eq!(checked.key().address().unwrap(), signer.address());
        // The signature stands for nothing else.
        let other = SignedVoucher {
            cumulative: signed.cumulative ^ 1,
            signature,
        };
        assert!(channel.check(other, &domain_value).is_err());
        let elsewhere = escrow_domain(5, escrow);
        assert!(channel.check(signed, &elsewhere).is_err());
    }
}

/// Verification does not look at `v`; what goes to the contract must bear the right one.
#[test]
fn a_flipped_v_is_settled_as_the_contract_takes_it() {
    let file = load("eip712_okx.json");
    let mut tally = Tally::new("okx vouchers with v flipped");
    for case in cases(&file, "/vouchers") {
        let signer = LocalSigner::from_hex(text(&file["keys"][text(case, "signer")], "privateKey"));
        let signer = signer.unwrap();
        let right = EvmSignature::from_hex(text(case, "signature")).unwrap();
        let mut bytes = right.to_bytes();
        bytes[64] ^= 27 ^ 28;
        let cumulative = amount(&case["message"], "cumulativeAmount");
        let signature = EvmSignature::from_bytes(&bytes).unwrap();
        let flipped = SignedVoucher {
            cumulative,
            signature,
        };
        let escrow = address(&case["domain"], "verifyingContract");
        let domain = escrow_domain(case["domain"]["chainId"].as_u64().unwrap(), escrow);
        let channel = channel(id(&case["message"]), &case["domain"], signer.address());
        let [unknown, known] = known_and_unknown(&channel, &signer);
        assert!(unknown.check(flipped, &domain).is_err());
        let checked = known.check(flipped, &domain).unwrap();
        let kept = known.accept(&checked, 0).unwrap();
        if cumulative > 1 {
            assert_eq!(kept.unsettled().unwrap().signature, signature);
        }
        let digest = Voucher {
            channel: kept.id(),
            cumulative,
        }
        .digest(&domain);
        let sent = checked
            .signed()
            .signature
            .spelled_for(&digest, kept.signer());
        assert_eq!(sent, Some(right));
        assert_eq!(right.spelled_for(&digest, kept.signer()), Some(right));
        assert_eq!(right.spelled_for(&digest, Address::ZERO), None);
        tally.ran();
    }
    assert_eq!(tally.count(), 4);
}

#[test]
fn payee_authorizations() {
    let okx = load("eip712_okx.json");
    let mpp = load("mpp_core.json");
    let mut tally = Tally::new("okx settle-, closeAuthorizations, mpp evm.payee_authorization");
    let domain = &mpp["evm"]["domain"];
    let ours = [
        cases(&okx, "/settleAuthorizations"),
        cases(&okx, "/closeAuthorizations"),
    ]
    .concat();
    let theirs = cases(&mpp, "/evm/payee_authorization");
    let cases = ours
        .iter()
        .map(|case| (case, &case["message"], &case["domain"], "signerAddress"));
    let cases = cases.chain(theirs.iter().map(|case| (case, case, domain, "signer")));
    for (case, message, domain, signer) in cases {
        let contract = address(domain, "verifyingContract");
        let domain = escrow_domain(domain["chainId"].as_u64().unwrap(), contract);
        let authorization = PayeeAuthorization {
            channel: id(message),
            cumulative: amount(message, "cumulativeAmount"),
            nonce: number(message, "nonce"),
            deadline: number(message, "deadline"),
        };
        let settle = authorization.settle_digest(&domain);
        let close = authorization.close_digest(&domain);
        let (digest, other) = match text(case, "primaryType") {
            "SettleAuthorization" => (settle, close),
            "CloseAuthorization" => (close, settle),
            other => panic!("{other}"),
        };
        assert_eq!(digest, word(case, "digest"), "{case}");
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        let payee = address(case, signer);
        assert_eq!(signature.check(&digest, payee), Ok(()));
        assert!(signature.check(&other, payee).is_err());
        if let Some(key) = okx["keys"].get(case["signer"].as_str().unwrap()) {
            let signer = LocalSigner::from_hex(text(key, "privateKey")).unwrap();
            assert_eq!(signer.sign(&digest).unwrap(), signature);
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 10);
}

#[test]
fn escrow_domains_and_type_hashes() {
    let okx = load("eip712_okx.json");
    let mut tally = Tally::new("okx domains");
    for case in cases(&okx, "/domains") {
        if text(case, "name") != "EVM Payment Channel" {
            tally.left_out(1, "of tokens; payment-evm runs them");
            continue;
        }
        let domain = escrow_domain(
            case["chainId"].as_u64().unwrap(),
            address(case, "verifyingContract"),
        );
        assert_eq!(domain.separator(), word(case, "domainSeparator"));
        tally.ran();
    }
    assert!(tally.count() >= 2);
    // A type hash leads the encoded data, whose digest is ours.
    let mpp = load("mpp_core.json");
    let mut tally = Tally::new("type hashes of okx and mpp");
    for (name, list, constant) in [
        ("Voucher", "/vouchers", "typehash.Voucher(uint128)"),
        (
            "SettleAuthorization",
            "/settleAuthorizations",
            "typehash.SettleAuthorization",
        ),
        (
            "CloseAuthorization",
            "/closeAuthorizations",
            "typehash.CloseAuthorization",
        ),
    ] {
        let case = &cases(&okx, list)[0];
        let declared = &okx["typeHashes"][name];
        let hash = text(declared, "typeHash");
        assert_eq!(hash, text(&mpp["evm"]["constants"], constant));
        assert_eq!(
            keccak256(text(declared, "typeString")),
            word(declared, "typeHash")
        );
        let encoded = text(case, "encodedData");
        assert_eq!(&encoded[..66], hash);
        let contract = address(&case["domain"], "verifyingContract");
        let domain = escrow_domain(case["domain"]["chainId"].as_u64().unwrap(), contract);
        let hashed = keccak256(hex::decode(encoded).unwrap());
        assert_eq!(domain.digest(hashed), word(case, "digest"));
        tally.ran();
    }
    assert_eq!(tally.count(), 3);
}

/// Each reject, presented as a voucher on the channel it was made for.
#[test]
fn okx_rejects_are_no_vouchers() {
    let file = load("eip712_okx.json");
    let key = |name: &str| LocalSigner::from_hex(text(&file["keys"][name], "privateKey")).unwrap();
    let vouchers = cases(&file, "/vouchers");
    let mut tally = Tally::new("okx signatureRejects through Channel::check");
    for case in cases(&file, "/signatureRejects") {
        let name = text(case, "name");
        // By digest, else the voucher it pretends to be.
        let made_for = vouchers
            .iter()
            .find(|voucher| voucher["digest"] == case["digest"]);
        let (message, domain, signer) = match made_for {
            Some(voucher) => (
                &voucher["message"],
                &voucher["domain"],
                text(voucher, "signer"),
            ),
            None => (&vouchers[0]["message"], &vouchers[0]["domain"], "payer"),
        };
        let signer = key(signer);
        let escrow = address(domain, "verifyingContract");
        let domain_value = escrow_domain(domain["chainId"].as_u64().unwrap(), escrow);
        let channel = channel(id(message), domain, signer.address());
        match EvmSignature::from_hex(text(case, "signature")) {
            Err(_) => assert!(case["recovered"].is_null(), "{name}"),
            Ok(signature) => {
                assert!(case["recovered"].is_string(), "{name}");
                let signed = SignedVoucher {
                    cumulative: amount(message, "cumulativeAmount"),
                    signature,
                };
                for channel in known_and_unknown(&channel, &signer) {
                    let refused = channel.check(signed, &domain_value).unwrap_err();
                    let declared = signer.address();
                    let SignatureError::OtherSigner {
                        declared: said,
                        recovered,
                    } = refused
                    else {
                        panic!("{name}: {refused}");
                    };
                    assert_eq!(said, declared, "{name}");
                    if made_for.is_some() {
                        assert_eq!(recovered, address(case, "recovered"), "{name}");
                    }
                }
            }
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 12);
}
