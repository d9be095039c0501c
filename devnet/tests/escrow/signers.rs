//! Whose signature a voucher needs, and in which form.

use alloy_consensus::TxEip7702;
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, uint};
use alloy_sol_types::{SolCall, sol};
use devnet::IPaymentChannelEscrow::*;
use devnet::{Artifact, ESCROW, ITollToken, Wallet};

use crate::stage::{DEPOSIT, Stage, Voucher, domain};
use crate::support::in_domain;

const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);

sol! {
    interface ISmartWallet {
        function execute(address target, uint256 value, bytes calldata data) external returns (bytes memory);
    }
}

fn with_signer(stage: &Stage, signer: Address) -> B256 {
    let opening = openCall {
        authorizedSigner: signer,
        ..stage.opening(1)
    };
    stage.run(&stage.payer, &opening);
    stage.id(&opening)
}

fn signed(stage: &Stage, id: B256, signature: impl Into<Bytes>) -> settleCall {
    settleCall {
        signature: signature.into(),
        ..stage.settling(id, 100_000)
    }
}

fn wallet_of(stage: &Stage, owner: &Wallet) -> Address {
    let creation = Artifact::smart_wallet().with_arguments(&(owner.address,));
    stage
        .net
        .chain
        .deploy(&stage.net.settler, creation)
        .unwrap()
}

/// ERC-1271's yes.
const MAGIC: [u8; 32] = {
    let mut word = [0; 32];
    [word[0], word[1], word[2], word[3]] = [0x16, 0x26, 0xba, 0x7e];
    word
};

/// Code that answers every call with the first bytes of a word.
fn answering(word: &[u8; 32], length: u8) -> Vec<u8> {
    // PUSH32 word, PUSH1 0, MSTORE, PUSH1 length, PUSH1 0, RETURN
    let rest = [0x60, 0x00, 0x52, 0x60, length, 0x60, 0x00, 0xf3];
    [&[0x7f], &word[..], &rest].concat()
}

fn placed(stage: &Stage, code: &[u8]) -> Address {
    let address = Address::from_word(alloy_primitives::keccak256(code));
    stage
        .net
        .chain
        .place_code(address, Bytes::copy_from_slice(code));
    address
}

/// Gives an account of a key the code of a contract, by a transaction that the key signs.
fn delegate(stage: &Stage, account: &Wallet, code: Address) {
    let chain = &stage.net.chain;
    let authorization = Authorization {
        chain_id: U256::from(chain.chain_id()),
        address: code,
        nonce: chain.nonce(account.address),
    };
    let signature = account.sign_digest(authorization.signature_hash());
    let signature = Signature::from_raw_array(&signature).unwrap();
    let transaction = TxEip7702 {
        chain_id: chain.chain_id(),
        nonce: chain.nonce(stage.stranger.address),
        gas_limit: 100_000,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 1,
        to: stage.stranger.address,
        authorization_list: vec![authorization.into_signed(signature)],
        ..TxEip7702::default()
    };
    let raw = stage.stranger.sign_transaction(transaction).encoded_2718();
    let hash = chain.submit(&raw).unwrap();
    assert!(chain.receipt(hash).unwrap().status());
    assert_eq!(chain.code_at(account.address).len(), 23);
}

#[test]
fn voucher_is_for_one_channel_amount_escrow_and_chain() {
    let stage = Stage::new();
    let (id, other) = (stage.open(1), stage.open(2));
    let elsewhere = |domain: B256| {
        let message = Voucher {
            channelId: id,
            cumulativeAmount: 100_000,
        };
        stage.payer.sign_digest(in_domain(domain, &message))
    };
    let chain_id = stage.net.chain.chain_id();
    let bent = [
        stage.voucher(other, 100_000),
        stage.voucher(id, 99_999),
        stage.voucher(id, 100_001),
        elsewhere(domain(chain_id, Address::repeat_byte(1))).into(),
        elsewhere(domain(chain_id + 1, ESCROW)).into(),
        elsewhere(stage.net.token.domain_separator()).into(),
        stage.voucher_by(&stage.payee, id, 100_000),
        stage.voucher_by(&stage.stranger, id, 100_000),
    ];
    for signature in bent {
        stage.refused::<InvalidSignature>(&stage.payee, &signed(&stage, id, signature.clone()));
        let close = closeCall {
            channelId: id,
            cumulativeAmount: 100_000,
            signature,
        };
        stage.refused::<InvalidSignature>(&stage.payee, &close);
    }
    assert_eq!(
        domain(chain_id, ESCROW),
        stage.read(&domainSeparatorCall {})
    );
    stage.run(&stage.payee, &stage.settling(id, 100_000));
}

#[test]
fn signature_has_one_form() {
    let stage = Stage::new();
    let id = stage.open(1);
    let good: [u8; 65] = stage.voucher(id, 100_000)[..].try_into().unwrap();
    let with_v = |v: u8| [&good[..64], &[v]].concat();
    let s = U256::from_be_slice(&good[32..64]);
    let mut high = good;
    high[32..64].copy_from_slice(&(ORDER - s).to_be_bytes::<32>());
    high[64] = 55 - good[64];
    let mut compact = good[..64].to_vec();
    compact[32] |= (good[64] - 27) << 7;
    let mut without_r = good;
    without_r[..32].fill(0);
    let mut without_s = good;
    without_s[32..64].fill(0);
    let bent = [
        Vec::new(),
        vec![0; 65],
        with_v(55 - good[64]),
        with_v(good[64] - 27),
        with_v(0),
        with_v(1),
        with_v(29),
        with_v(35),
        with_v(255),
        high.to_vec(),
        [&high[..64], &[good[64]]].concat(),
        compact,
        good[..64].to_vec(),
        [&good[..], &[0]].concat(),
        without_r.to_vec(),
        without_s.to_vec(),
    ];
    for (case, signature) in bent.into_iter().enumerate() {
        assert_ne!(signature, good, "case {case}");
        stage.refused::<InvalidSignature>(&stage.payee, &signed(&stage, id, signature));
    }
    stage.run(&stage.payee, &signed(&stage, id, good));
}

#[test]
fn named_signer_replaces_the_payer() {
    let stage = Stage::new();
    let signer = Wallet::named("session key");
    let id = with_signer(&stage, signer.address);
    stage.refused::<InvalidSignature>(&stage.payee, &stage.settling(id, 100_000));
    stage.refused::<InvalidSignature>(&stage.payee, &stage.closing(id, 100_000));
    let voucher = stage.voucher_by(&signer, id, 100_000);
    stage.run(&stage.payee, &signed(&stage, id, voucher));
    // The signer signs, and that is all it may.
    let ask = requestCloseCall { channelId: id };
    let refused = stage.ask(signer.address, &ask).unwrap_err();
    let devnet::CallError::Reverted { data, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(
        data[..],
        alloy_sol_types::SolError::abi_encode(&NotPayer {})[..]
    );
}

#[test]
fn contract_account_can_sign_vouchers() {
    let stage = Stage::new();
    let owner = Wallet::named("owner");
    let id = with_signer(&stage, wallet_of(&stage, &owner));
    stage.refused::<InvalidSignature>(&stage.payee, &stage.settling(id, 100_000));
    stage.refused::<InvalidSignature>(&stage.payee, &signed(&stage, id, Bytes::new()));
    let voucher = stage.voucher_by(&owner, id, 100_000);
    stage.run(&stage.payee, &signed(&stage, id, voucher));
}

#[test]
fn only_the_magic_word_is_a_yes() {
    let stage = Stage::new();
    let mut dirty = MAGIC;
    dirty[31] = 1;
    let shifted: U256 = U256::from_be_bytes(MAGIC) >> 224;
    let reverting = {
        let mut code = answering(&MAGIC, 32);
        *code.last_mut().unwrap() = 0xfd;
        code
    };
    let codes = [
        vec![0x00],
        answering(&MAGIC, 31),
        answering(&MAGIC, 4),
        answering(&dirty, 32),
        answering(&[0xff; 32], 32),
        answering(&shifted.to_be_bytes::<32>(), 32),
        reverting,
    ];
    for (case, code) in codes.iter().enumerate() {
        let opening = openCall {
            authorizedSigner: placed(&stage, code),
            ..stage.opening(u8::try_from(case).unwrap())
        };
        stage.run(&stage.payer, &opening);
        let id = stage.id(&opening);
        stage.refused::<InvalidSignature>(&stage.payee, &stage.settling(id, 100_000));
    }
    let id = with_signer(&stage, placed(&stage, &answering(&MAGIC, 32)));
    stage.run(&stage.payee, &signed(&stage, id, Bytes::new()));
}

#[test]
fn contract_account_can_be_the_payer() {
    let stage = Stage::new();
    let owner = &stage.payer;
    let account = wallet_of(&stage, owner);
    let act = |target: Address, data: Vec<u8>| {
        let call = ISmartWallet::executeCall {
            target,
            value: U256::ZERO,
            data: data.into(),
        };
        let receipt = stage.net.chain.send(owner, account, call.abi_encode());
        assert!(receipt.unwrap().status());
    };
    let grant = U256::from(DEPOSIT * 3);
    stage
        .net
        .chain
        .grant(stage.token(), account, grant)
        .unwrap();
    let approve = ITollToken::approveCall {
        spender: ESCROW,
        value: U256::MAX,
    };
    act(stage.token(), approve.abi_encode());
    let opening = stage.opening(1);
    act(ESCROW, opening.abi_encode());
    let id = stage.read(&computeChannelIdCall {
        payer: account,
        payee: opening.payee,
        token: opening.token,
        salt: opening.salt,
        authorizedSigner: opening.authorizedSigner,
    });
    assert_eq!(stage.channel(id).payer, account);
    stage.refused::<InvalidSignature>(
        &stage.payee,
        &signed(&stage, id, stage.voucher_by(&stage.stranger, id, 100_000)),
    );
    stage.run(&stage.payee, &stage.settling(id, 100_000));
    // Its owner is not the payer, it is.
    stage.refused::<NotPayer>(owner, &requestCloseCall { channelId: id });
    act(ESCROW, requestCloseCall { channelId: id }.abi_encode());
    stage.net.chain.advance(std::time::Duration::from_secs(900));
    act(ESCROW, withdrawCall { channelId: id }.abi_encode());
    assert_eq!(stage.balance(account), DEPOSIT * 3 - 100_000);
}

#[test]
fn contract_account_can_be_the_payer_of_an_authorized_opening() {
    let stage = Stage::new();
    let account = wallet_of(&stage, &stage.payer);
    let grant = U256::from(DEPOSIT);
    stage
        .net
        .chain
        .grant(stage.token(), account, grant)
        .unwrap();
    let opening = stage.opening(1);
    let nonce = stage.read(&openNonceCall {
        from: account,
        payee: opening.payee,
        token: opening.token,
        salt: opening.salt,
        authorizedSigner: opening.authorizedSigner,
    });
    let call = stage.authorized_opening(&opening);
    let message = crate::support::ReceiveWithAuthorization {
        from: account,
        to: ESCROW,
        value: U256::from(DEPOSIT),
        validAfter: U256::ZERO,
        validBefore: call.validBefore,
        nonce,
    };
    let call = openWithAuthorizationCall {
        from: account,
        nonce,
        signature: crate::support::sign(&stage.net, &stage.payer, &message).into(),
        ..call
    };
    stage.run(&stage.stranger, &call);
    assert_eq!(stage.balance(ESCROW), DEPOSIT);
}

#[test]
fn contract_account_can_be_the_payee() {
    let stage = Stage::new();
    let account = wallet_of(&stage, &stage.payee);
    let opening = openCall {
        payee: account,
        ..stage.opening(1)
    };
    stage.run(&stage.payer, &opening);
    let id = stage.id(&opening);
    // Its owner does not call for it, but signs for it.
    stage.refused::<NotPayee>(&stage.payee, &stage.settling(id, 100_000));
    stage.run(&stage.stranger, &stage.authorized_settling(id, 100_000, 1));
    stage.run(&stage.stranger, &stage.authorized_closing(id, 200_000, 2));
    assert_eq!(stage.balance(account), 200_000);
}

/// A payer that signed vouchers, was served for them, and then got code that disowns them.
#[test]
fn code_that_a_payers_account_gets_later_cannot_disown_its_vouchers() {
    let stage = Stage::new();
    let (id, other) = (stage.open(1), stage.open(2));
    let accepted = stage.settling(id, 100_000);
    // The token's code has no `isValidSignature`: whoever asks it is refused.
    delegate(&stage, &stage.payer, stage.token());
    stage.run(&stage.payee, &accepted);
    stage.run(&stage.payee, &stage.closing(other, 100_000));
    let foreign = settleCall {
        signature: stage.voucher_by(&stage.stranger, id, 200_000),
        ..stage.settling(id, 200_000)
    };
    stage.refused::<InvalidSignature>(&stage.payee, &foreign);
}

#[test]
fn code_that_a_signers_account_gets_later_cannot_disown_its_vouchers() {
    let stage = Stage::new();
    let signer = Wallet::named("session key");
    let id = with_signer(&stage, signer.address);
    let accepted = signed(&stage, id, stage.voucher_by(&signer, id, 100_000));
    delegate(&stage, &signer, stage.token());
    stage.run(&stage.payee, &accepted);
}

/// The code of such an account may still sign what its key did not.
#[test]
fn code_of_a_signers_account_can_sign_too() {
    let stage = Stage::new();
    let signer = Wallet::named("session key");
    let id = with_signer(&stage, signer.address);
    let voucher = signed(&stage, id, stage.voucher_by(&stage.stranger, id, 100_000));
    stage.refused::<InvalidSignature>(&stage.payee, &voucher);
    delegate(&stage, &signer, placed(&stage, &answering(&MAGIC, 32)));
    stage.run(&stage.payee, &voucher);
}

#[test]
fn payees_key_signs_though_its_account_has_code() {
    let stage = Stage::new();
    let id = stage.open(1);
    let settling = stage.authorized_settling(id, 100_000, 1);
    delegate(&stage, &stage.payee, stage.token());
    stage.run(&stage.stranger, &settling);
    stage.run(&stage.payee, &stage.settling(id, 200_000));
    stage.run(&stage.stranger, &stage.authorized_closing(id, 300_000, 2));
}
