//! Ids, nonces and digests, byte for byte as in the vectors: the escrow stands at the address and on
//! the chain each case names.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use devnet::IPaymentChannelEscrow::*;
use devnet::{Artifact, Devnet, TokenSpec, Wallet};
use serde_json::Value;
use vectors::{Tally, cases, load, text};

use crate::stage::{ChannelOpenWitness, ChannelTopUpWitness, TokenPermissions};
use crate::stage::{Stage, domain, opening, permit2_domain, raising};
use crate::support::in_domain;

fn at<T: std::str::FromStr<Err: std::fmt::Debug>>(case: &Value, member: &str) -> T {
    text(case, member).parse().unwrap()
}

/// An escrow at an address of a chain.
struct Copy {
    net: Devnet,
    address: Address,
}

impl Copy {
    fn new(chain_id: u64, address: Address) -> Self {
        let net = Devnet::builder().chain_id(chain_id).build().unwrap();
        net.chain.place_code(address, Artifact::escrow().runtime);
        Self { net, address }
    }

    fn read<C: SolCall>(&self, call: &C) -> C::Return {
        self.net.chain.read(self.address, call).unwrap()
    }
}

#[test]
fn channel_ids() {
    let (mpp, okx) = (load("mpp_core.json"), load("eip712_okx.json"));
    let mut tally = Tally::new("channel ids");
    let rows = cases(&mpp, "/evm/channel_id")
        .iter()
        .map(|case| (case, "escrowContract"));
    let rows = rows.chain(
        cases(&okx, "/channelIds")
            .iter()
            .map(|case| (case, "escrow")),
    );
    for (case, escrow) in rows {
        let copy = Copy::new(case["chainId"].as_u64().unwrap(), at(case, escrow));
        let id = copy.read(&computeChannelIdCall {
            payer: at(case, "payer"),
            payee: at(case, "payee"),
            token: at(case, "token"),
            salt: at(case, "salt"),
            authorizedSigner: at(case, "authorizedSigner"),
        });
        assert_eq!(id, at::<B256>(case, "channelId"), "{}", text(case, "name"));
        tally.ran();
    }
}

#[test]
fn domains() {
    let (mpp, okx) = (load("mpp_core.json"), load("eip712_okx.json"));
    let rows = cases(&okx, "/domains")
        .iter()
        .chain([&mpp["evm"]["domain"]]);
    let mut tally = Tally::new("escrow domains");
    for case in rows {
        if case["name"] != "EVM Payment Channel" {
            tally.left_out(1, "the domain of a token");
            continue;
        }
        let (chain_id, address) = (
            case["chainId"].as_u64().unwrap(),
            at(case, "verifyingContract"),
        );
        let wanted: B256 = at(case, "domainSeparator");
        assert_eq!(
            Copy::new(chain_id, address).read(&domainSeparatorCall {}),
            wanted
        );
        assert_eq!(domain(chain_id, address), wanted);
        tally.ran();
    }
}

#[test]
fn nonces_of_openings_and_top_ups() {
    let (mpp, okx) = (load("mpp_core.json"), load("eip712_okx.json"));
    let stage = Stage::new();
    let mut tally = Tally::new("EIP-3009 nonces");
    let rows = cases(&mpp, "/evm/session_eip3009_nonce").iter();
    let rows = rows
        .chain(cases(&okx, "/openNonces"))
        .chain(cases(&okx, "/topUpNonces"));
    for case in rows {
        let nonce = if case["topUpSalt"].is_string() {
            stage.read(&topUpNonceCall {
                channelId: at(case, "channelId"),
                additionalDeposit: at(case, "additionalDeposit"),
                from: at(case, "from"),
                topUpSalt: at(case, "topUpSalt"),
            })
        } else {
            stage.read(&openNonceCall {
                from: at(case, "from"),
                payee: at(case, "payee"),
                token: at(case, "token"),
                salt: at(case, "salt"),
                authorizedSigner: at(case, "authorizedSigner"),
            })
        };
        assert_eq!(nonce, at::<B256>(case, "nonce"), "{case}");
        tally.ran();
    }
}

/// Every digest of a voucher, settlement or close, from either file.
#[test]
fn vouchers_and_payees_authorizations() {
    let (mpp, okx) = (load("mpp_core.json"), load("eip712_okx.json"));
    let copy = Copy::new(196, at(&mpp["evm"]["domain"], "verifyingContract"));
    let mut tally = Tally::new("escrow digests");
    for case in cases(&mpp, "/evm/voucher") {
        let call = voucherDigestCall {
            channelId: at(case, "channelId"),
            cumulativeAmount: at(case, "cumulativeAmount"),
        };
        assert_eq!(copy.read(&call), at::<B256>(case, "digest"));
        tally.ran();
    }
    let authorization = |copy: &Copy, kind: &str, message: &Value| {
        let (id, amount) = (at(message, "channelId"), at(message, "cumulativeAmount"));
        let (nonce, deadline) = (at(message, "nonce"), at(message, "deadline"));
        if kind == "SettleAuthorization" {
            copy.read(&settleAuthorizationDigestCall {
                channelId: id,
                cumulativeAmount: amount,
                nonce,
                deadline,
            })
        } else {
            copy.read(&closeAuthorizationDigestCall {
                channelId: id,
                cumulativeAmount: amount,
                nonce,
                deadline,
            })
        }
    };
    for case in cases(&mpp, "/evm/payee_authorization") {
        let digest = authorization(&copy, text(case, "primaryType"), case);
        assert_eq!(digest, at::<B256>(case, "digest"));
        tally.ran();
    }
    let rows = cases(&okx, "/vouchers").iter();
    let rows = rows.chain(cases(&okx, "/settleAuthorizations"));
    for case in rows.chain(cases(&okx, "/closeAuthorizations")) {
        let (domain, message) = (&case["domain"], &case["message"]);
        let chain_id = domain["chainId"].as_u64().unwrap();
        let copy = Copy::new(chain_id, at(domain, "verifyingContract"));
        let digest = match text(case, "primaryType") {
            "Voucher" => copy.read(&voucherDigestCall {
                channelId: at(message, "channelId"),
                cumulativeAmount: at(message, "cumulativeAmount"),
            }),
            kind => authorization(&copy, kind, message),
        };
        assert_eq!(digest, at::<B256>(case, "digest"), "{}", text(case, "name"));
        tally.ran();
    }
}

/// The signed opening and top-up of the vectors, and their vouchers, on the chain they were made for.
#[test]
fn signed_vectors_are_paid() {
    let file = load("mpp_core.json");
    let evm = &file["evm"];
    let escrow: Address = at(&evm["domain"], "verifyingContract");
    let signed = &evm["session_open_receive_with_authorization"];
    let message = &signed["message"];
    let token: Address = at(&signed["token_domain"], "verifyingContract");
    let (payer, payee) = (Wallet::development(0), Wallet::development(1));
    let before = at::<u64>(message, "validBefore") - 1;
    let net = Devnet::builder()
        .chain_id(196)
        .clock(std::sync::Arc::new(move || before))
        .token(TokenSpec::new("USD Coin", "2").at(token))
        .build()
        .unwrap();
    net.chain.place_code(escrow, Artifact::escrow().runtime);
    let purse = U256::from(100_000_000);
    net.chain.grant(token, payer.address, purse).unwrap();
    let approve = devnet::ITollToken::approveCall {
        spender: devnet::PERMIT2,
        value: U256::MAX,
    };
    let send = |by: &Wallet, to: Address, data: Vec<u8>| {
        net.chain.call_as(by.address, to, data.clone()).unwrap();
        assert!(net.chain.send(by, to, data).unwrap().status());
    };
    send(&payer, token, approve.abi_encode());

    let case = &cases(&file, "/evm/channel_id")[0];
    let open = openWithAuthorizationCall {
        payee: payee.address,
        token,
        deposit: at(message, "value"),
        salt: at(case, "salt"),
        authorizedSigner: Address::ZERO,
        from: payer.address,
        validAfter: at(message, "validAfter"),
        validBefore: at(message, "validBefore"),
        nonce: at(message, "nonce"),
        signature: at::<Bytes>(signed, "signature"),
    };
    send(&net.settler, escrow, open.abi_encode());

    let permit = cases(&file, "/evm/session_permit2/cases");
    let permit = permit
        .iter()
        .find(|case| case["action"] == "topUp")
        .unwrap();
    let top_up = topUpWithPermit2Call {
        channelId: at(case, "channelId"),
        additionalDeposit: at(&permit["permitted"], "amount"),
        from: payer.address,
        nonce: at(permit, "nonce"),
        deadline: at(permit, "deadline"),
        signature: at::<Bytes>(permit, "signature"),
    };
    send(&net.settler, escrow, top_up.abi_encode());
    let held = net.chain.balance_of(token, escrow);
    assert_eq!(held, U256::from(15_000_000));

    let voucher = &cases(&file, "/evm/voucher")[1];
    let settle = settleCall {
        channelId: at(voucher, "channelId"),
        cumulativeAmount: at(voucher, "cumulativeAmount"),
        signature: at::<Bytes>(voucher, "signature"),
    };
    for bad in [
        "signature_high_s_must_reject",
        "signature_eip2098_64_bytes",
        "signature_v_0_1_form",
    ] {
        let call = settleCall {
            signature: at::<Bytes>(voucher, bad),
            ..settle.clone()
        };
        let error = net.chain.call_as(payee.address, escrow, call.abi_encode());
        let Err(devnet::CallError::Reverted { data, .. }) = error else {
            panic!("{bad}: {error:?}");
        };
        assert_eq!(
            data,
            Bytes::from(alloy_sol_types::SolError::abi_encode(&InvalidSignature {})),
            "{bad}"
        );
    }
    send(&payee, escrow, settle.abi_encode());
    assert_eq!(
        net.chain.balance_of(token, payee.address),
        U256::from(250_000)
    );
}

/// The opening of the vectors through Permit2.
#[test]
fn signed_permit_of_the_vectors_opens() {
    let file = load("mpp_core.json");
    let permits = cases(&file, "/evm/session_permit2/cases");
    let permit = permits
        .iter()
        .find(|case| case["action"] == "open")
        .unwrap();
    let (permitted, witness) = (&permit["permitted"], &permit["witness"]);
    let (token, escrow): (Address, Address) = (at(permitted, "token"), at(permit, "spender"));
    let payer = Wallet::development(0);
    let before = at::<u64>(permit, "deadline") - 1;
    let net = Devnet::builder()
        .chain_id(196)
        .clock(std::sync::Arc::new(move || before))
        .token(TokenSpec::new("USD Coin", "2").at(token))
        .build()
        .unwrap();
    net.chain.place_code(escrow, Artifact::escrow().runtime);
    net.chain
        .grant(token, payer.address, U256::from(100_000_000))
        .unwrap();
    let approve = devnet::ITollToken::approveCall {
        spender: devnet::PERMIT2,
        value: U256::MAX,
    };
    assert!(
        net.chain
            .send(&payer, token, approve.abi_encode())
            .unwrap()
            .status()
    );
    let open = openWithPermit2Call {
        payee: at(witness, "payee"),
        token,
        deposit: at(permitted, "amount"),
        salt: at(witness, "salt"),
        authorizedSigner: at(witness, "authorizedSigner"),
        from: payer.address,
        nonce: at(permit, "nonce"),
        deadline: at(permit, "deadline"),
        signature: at::<Bytes>(permit, "signature"),
    };
    let id = net
        .chain
        .call_as(net.settler.address, escrow, open.abi_encode())
        .unwrap();
    assert_eq!(
        id[..],
        at::<B256>(&cases(&file, "/evm/channel_id")[0], "channelId")[..]
    );
}

/// What the tests of this folder sign is what the vectors sign.
#[test]
fn permits_of_these_tests_are_the_vectors() {
    let file = load("mpp_core.json");
    for case in cases(&file, "/evm/session_permit2/cases") {
        let permitted = TokenPermissions {
            token: at(&case["permitted"], "token"),
            amount: at(&case["permitted"], "amount"),
        };
        let (spender, nonce, deadline) =
            (at(case, "spender"), at(case, "nonce"), at(case, "deadline"));
        let witness = &case["witness"];
        let digest = if case["action"] == "open" {
            let witness = ChannelOpenWitness {
                payee: at(witness, "payee"),
                salt: at(witness, "salt"),
                authorizedSigner: at(witness, "authorizedSigner"),
            };
            let message = opening::PermitWitnessTransferFrom {
                permitted,
                spender,
                nonce,
                deadline,
                witness,
            };
            in_domain(permit2_domain(196), &message)
        } else {
            let witness = ChannelTopUpWitness {
                channelId: at(witness, "channelId"),
            };
            let message = raising::PermitWitnessTransferFrom {
                permitted,
                spender,
                nonce,
                deadline,
                witness,
            };
            in_domain(permit2_domain(196), &message)
        };
        assert_eq!(digest, at::<B256>(case, "digest"));
    }
}
