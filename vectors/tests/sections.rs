//! Every section of the files that concern what is built is either run by some test or left out
//! with a reason. A new section without a line here does not pass.

use serde_json::Value;

/// What becomes of a section.
enum Fate {
    /// Run by tests of this crate.
    Run(&'static str),
    /// Not a list of cases: keys and texts that other sections refer to.
    About,
    /// Not run, and why.
    Left(&'static str),
}

use Fate::{About, Left, Run};

const PERMIT2: &str = "x402 by Permit2 is not built yet";
const REFERENCE: &str = "records what other servers do, not what is right";

const X402_CORE: &[(&str, Fate)] = &[
    ("about", About),
    ("producedWith", About),
    ("keys", Run("vectors")),
    ("eip3009", Run("payment-evm, x402-evm")),
    ("signatureForms", Run("payment-evm, x402-evm")),
    (
        "permit2",
        Run("payment-evm: digests of exact; upto is left out there"),
    ),
    ("eip2612", Left(PERMIT2)),
    (
        "erc6492",
        Left("signatures of contract wallets are refused"),
    ),
    (
        "batchSettlement",
        Left("the scheme batch-settlement is not built"),
    ),
    (
        "offerReceipt",
        Left("the extension offer-receipt is not built"),
    ),
    ("siwx", Left("the extension sign-in-with-x is not built")),
    (
        "builderCode",
        Left("the extension builder-code is not built"),
    ),
    ("headers", Run("x402-core")),
    ("messages", Run("x402-core")),
    ("malformedPaymentSignature", Run("x402-core")),
    (
        "xPaymentHeaderOnV2Server",
        Left("one offering takes both versions here"),
    ),
    ("matching", Run("x402-core")),
    ("routes", Run("payment-core")),
    ("money", Run("x402-core")),
    ("tokenAmount", Run("x402-core")),
    ("parsePrice", Run("x402-core")),
    (
        "settlementOverrides",
        Run("x402-core: charges; the scheme upto is not built yet"),
    ),
    ("extensionEcho", Left("no extension is offered yet")),
    ("initFailures", Left(REFERENCE)),
    ("serverCore", Left(REFERENCE)),
    ("httpFlows", Left(REFERENCE)),
    (
        "v1",
        Run("x402-core: examples; the rest records other servers"),
    ),
    ("disagreements", Left(REFERENCE)),
];

const X402_ASSETS: &[(&str, Fate)] = &[
    ("about", About),
    ("domainField", About),
    ("rules", About),
    ("producedWith", About),
    ("evm", Run("payment-evm")),
    ("svm", Left("no chain but EVM is settled here")),
    ("knownWrongDeclarations", Run("payment-evm")),
    ("v1NetworkNames", Run("x402-core")),
    ("differences", Left(REFERENCE)),
];

const MPP_CORE: &[(&str, Fate)] = &[
    ("_about", About),
    ("challenge_id", Run("mpp-core")),
    ("challenge_id_pipe_collision", Run("mpp-core")),
    ("jcs", Run("mpp-core")),
    ("www_authenticate_parse", Run("mpp-core")),
    ("www_authenticate_list", Run("mpp-core")),
    ("www_authenticate_format", Run("mpp-core")),
    ("authorization_parse", Run("mpp-core")),
    ("credential_encode", Run("mpp-core")),
    ("receipt_parse", Run("mpp-core")),
    ("body_digest", Run("mpp-core")),
    ("accept_payment_parse", Run("mpp-core")),
    ("accept_payment_rank", Run("mpp-core")),
    ("http_flow_observed", Run("mpp-core: core_draft_expected")),
    ("jsonrpc_mcp", Left("the MCP transport is not built")),
    ("sse", Run("payment-core: writing; payment-client: reading")),
    (
        "websocket_frames_mppx",
        Left("the WebSocket transport is not built"),
    ),
    (
        "evm",
        Run("payment-evm, mpp-evm: charge, and ids, vouchers and authorizations of sessions"),
    ),
    ("session_decisions", Run("mpp-evm; devnet, on axum")),
];

const OKX_WIRE: &[(&str, Fate)] = &[
    ("about", About),
    ("hmac", Run("gateways, devnet")),
    ("x402", Run("x402-core by way of gateways; devnet")),
    ("mpp", Run("mpp-evm, payment-client, gateways, devnet")),
];

const EIP712_OKX: &[(&str, Fate)] = &[
    ("about", About),
    ("produced_with", About),
    ("unverified", About),
    ("keys", About),
    (
        "typeHashes",
        Run("payment-evm: EIP-3009; mpp-evm: the escrow's"),
    ),
    ("domains", Run("payment-evm, mpp-evm")),
    ("channelIds", Run("mpp-evm")),
    ("openNonces", Run("mpp-evm")),
    ("topUpNonces", Run("mpp-evm")),
    ("vouchers", Run("mpp-evm")),
    ("settleAuthorizations", Run("mpp-evm")),
    ("closeAuthorizations", Run("mpp-evm")),
    ("transferWithAuthorization", Run("payment-evm")),
    ("receiveWithAuthorization", Run("payment-evm")),
    ("signatureRejects", Run("payment-evm, mpp-evm")),
];

#[test]
fn every_section_is_run_or_left_out_with_a_reason() {
    for (name, fates) in [
        ("x402_core.json", X402_CORE),
        ("x402_assets.json", X402_ASSETS),
        ("mpp_core.json", MPP_CORE),
        ("eip712_okx.json", EIP712_OKX),
        ("okx_wire.json", OKX_WIRE),
    ] {
        let file = vectors::load(name);
        let sections: Vec<&String> = file.as_object().unwrap().keys().collect();
        let (mut run, mut left) = (0, 0);
        for section in &sections {
            let fate = fates.iter().find(|(known, _)| known == section);
            let (_, fate) = fate.unwrap_or_else(|| panic!("{name}: what of {section}?"));
            match fate {
                About => {}
                Run(by) => {
                    run += 1;
                    println!("vectors: {name} {section}: run by {by}");
                }
                Left(why) => {
                    left += 1;
                    let cases = count(&file[section.as_str()]);
                    println!("vectors: {name} {section}: {cases} left out ({why})");
                }
            }
        }
        println!("vectors: {name}: {run} sections run, {left} left out");
        assert_eq!(sections.len(), fates.len(), "{name}: a line for no section");
    }
}

/// How many cases a section holds, as far as it is a list of them.
fn count(section: &Value) -> usize {
    match section {
        Value::Array(cases) => cases.len(),
        Value::Object(members) => match members.get("cases") {
            Some(cases) => count(cases),
            None => members.len(),
        },
        _ => 1,
    }
}
