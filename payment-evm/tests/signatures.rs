//! Which forms of a signature are taken.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use alloy_primitives::{Address, B256, hex};
use payment_core::Secret;
use payment_evm::{EvmSignature, LocalSigner, SignatureError, Signer, SignerError};
use proptest::prelude::*;
use support::{address, word};
use vectors::{Tally, cases, load, text};

/// Everything a seller does with a signature that a stranger sent.
fn take(signature: &str, digest: &B256, declared: Address) -> Result<(), SignatureError> {
    EvmSignature::from_hex(signature)?.check(digest, declared)
}

#[test]
fn only_what_a_token_contract_takes() {
    let file = load("x402_core.json");
    let forms = &file["signatureForms"];
    let (digest, signer) = (word(forms, "digest"), address(forms, "signer"));
    let mut tally = Tally::new("x402 signatureForms.cases");
    for case in cases(&file, "/signatureForms/cases") {
        let outcome = take(text(case, "signature"), &digest, signer);
        assert_eq!(
            outcome.is_ok(),
            case["expectAccept"].as_bool().unwrap(),
            "{case}: {outcome:?}"
        );
        tally.ran();
    }
}

#[test]
fn each_form_is_refused_for_its_own_reason() {
    let file = load("x402_core.json");
    let case = |id: &str| {
        let found = cases(&file, "/signatureForms/cases")
            .iter()
            .find(|case| case["id"] == id);
        EvmSignature::from_hex(text(found.unwrap(), "signature")).unwrap_err()
    };
    assert_eq!(case("v-0-or-1"), SignatureError::V(0));
    assert_eq!(case("v-29"), SignatureError::V(29));
    assert_eq!(case("high-s"), SignatureError::HighS);
    for id in ["r-zero", "s-zero", "r-ge-n"] {
        assert_eq!(case(id), SignatureError::OutOfRange, "{id}");
    }
    for id in [
        "eip2098-compact-64-bytes",
        "empty",
        "truncated-64",
        "66-bytes",
        "no-0x-prefix",
    ] {
        assert!(matches!(case(id), SignatureError::Hex(_)), "{id}");
    }
    assert_eq!(
        EvmSignature::from_bytes(&[1; 64]),
        Err(SignatureError::Length(64))
    );
}

#[test]
fn okx_rejects() {
    let file = load("eip712_okx.json");
    let session_signer = address(&file["keys"]["session-signer"], "address");
    let payer = address(&file["keys"]["payer"], "address");
    let mut tally = Tally::new("okx signatureRejects");
    for case in cases(&file, "/signatureRejects") {
        let name = text(case, "name");
        let digest = word(case, "digest");
        let declared = if name.starts_with("delegated") {
            session_signer
        } else {
            payer
        };
        let refused = take(text(case, "signature"), &digest, declared).unwrap_err();
        if case["recovered"].is_string() {
            let recovered = address(case, "recovered");
            assert_eq!(
                refused,
                SignatureError::OtherSigner {
                    declared,
                    recovered
                },
                "{name}"
            );
        }
        tally.ran();
    }
}

#[test]
fn r_without_a_point_is_an_error_and_no_address() {
    // 5 is not the x of any point of the curve.
    let mut bytes = [0; 65];
    (bytes[31], bytes[63], bytes[64]) = (5, 1, 27);
    let signature = EvmSignature::from_bytes(&bytes).unwrap();
    assert_eq!(
        signature.recover(&B256::repeat_byte(1)),
        Err(SignatureError::Unrecoverable)
    );
}

#[test]
fn half_the_order_is_the_last_s_that_is_taken() {
    let half = hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");
    let mut bytes = [1; 65];
    bytes[64] = 27;
    bytes[32..64].copy_from_slice(&half);
    assert!(EvmSignature::from_bytes(&bytes).is_ok());
    bytes[63] += 1;
    assert_eq!(EvmSignature::from_bytes(&bytes), Err(SignatureError::HighS));
}

#[test]
fn hex_of_any_case_is_one_signature_and_leaves_in_lower_case() {
    let file = load("x402_core.json");
    let canonical = text(&cases(&file, "/signatureForms/cases")[0], "signature");
    let upper = format!("0x{}", canonical[2..].to_uppercase());
    let signature = EvmSignature::from_hex(&upper).unwrap();
    assert_eq!(signature, EvmSignature::from_hex(canonical).unwrap());
    assert_eq!(
        serde_json::to_string(&signature).unwrap(),
        format!("\"{canonical}\"")
    );
    assert!(serde_json::from_str::<EvmSignature>(&format!("\"{canonical}00\"")).is_err());
}

#[test]
fn keys_are_read_strictly_and_never_shown() {
    let text = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let signer = LocalSigner::from_hex(text).unwrap();
    assert_eq!(
        format!("{signer:?}"),
        "LocalSigner(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266)"
    );
    let bytes = hex::decode(text).unwrap();
    for secret in [
        Secret::new(text),
        Secret::new(&text[2..]),
        Secret::new(bytes),
    ] {
        assert_eq!(
            LocalSigner::from_secret(&secret).unwrap().address(),
            signer.address()
        );
    }
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for bad in [
        "",
        "0x",
        &text[..65],
        &"0".repeat(64),
        order,
        &"zz".repeat(32),
    ] {
        assert!(
            matches!(LocalSigner::from_hex(bad), Err(SignerError::Key)),
            "{bad}"
        );
    }
}

#[test]
fn random_keys_differ() {
    let (one, two) = (
        LocalSigner::random().unwrap(),
        LocalSigner::random().unwrap(),
    );
    assert_ne!(one.address(), two.address());
    assert_ne!(
        payment_evm::random_word().unwrap(),
        payment_evm::random_word().unwrap()
    );
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("a local key does not wait"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_we_sign_is_what_we_take(key in any::<[u8; 32]>(), digest in any::<[u8; 32]>()) {
        let Ok(signer) = LocalSigner::from_secret(&Secret::new(key)) else { return Ok(()) };
        let digest = B256::new(digest);
        let signature = wait(signer.sign_digest(&digest)).unwrap();
        prop_assert_eq!(signature, signer.sign(&digest).unwrap());
        prop_assert_eq!(EvmSignature::from_hex(&signature.to_hex()), Ok(signature));
        prop_assert_eq!(EvmSignature::from_bytes(&signature.to_bytes()), Ok(signature));
        prop_assert_eq!(signature.check(&digest, signer.address()), Ok(()));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), digest in any::<[u8; 32]>()) {
        if let Ok(signature) = EvmSignature::from_bytes(&bytes) {
            let _ = signature.recover(&B256::new(digest));
        }
    }
}
