use std::convert::Infallible;

use alloy_consensus::transaction::Recovered;
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, TxKind, U256, address, keccak256};
use alloy_sol_types::{Panic, Revert, SolError};
use revm::context::result::{EVMError, ExecutionResult, ResultAndState};
use revm::context::{BlockEnv, TxEnv};
use revm::context_interface::either::Either;
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE;
use revm::primitives::hardfork::SpecId;
use revm::{Context, ExecuteEvm, MainBuilder, MainContext};

use crate::error::CallError;

/// Everything the machine remembers.
pub(crate) type State = CacheDB<EmptyDB>;

/// A block's room.
pub(crate) const GAS_LIMIT: u64 = 30_000_000;
/// Price of gas in every block, in wei: it does not move.
pub(crate) const BASE_FEE: u64 = 1_000_000_000;
/// What wallets are told to tip, in wei.
pub(crate) const TIP: u64 = 1_000_000;
/// Who gets the tips.
pub(crate) const COINBASE: Address = address!("000000000000000000000000000000000000c01b");

/// Which rules a run is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A signed transaction: nonce, balance, fees.
    Transaction,
    /// A question: free, from any account.
    Call,
}

/// The block that would be mined with this number at this time.
pub(crate) fn block_env(number: u64, time: u64) -> BlockEnv {
    let mut block = BlockEnv {
        number: U256::from(number),
        beneficiary: COINBASE,
        timestamp: U256::from(time),
        gas_limit: GAS_LIMIT,
        basefee: BASE_FEE,
        difficulty: U256::ZERO,
        prevrandao: Some(keccak256(number.to_be_bytes())),
        ..BlockEnv::default()
    };
    block.set_blob_excess_gas_and_price(0, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE);
    block
}

/// Runs without changing the state; what would change is in the result.
pub(crate) fn run(
    state: &State,
    chain_id: u64,
    block: BlockEnv,
    transaction: TxEnv,
    rules: Rules,
) -> Result<ResultAndState, EVMError<Infallible>> {
    Context::mainnet()
        .with_ref_db(state)
        .with_block(block)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
            cfg.chain_id = chain_id;
            if rules == Rules::Call {
                cfg.tx_chain_id_check = false;
                cfg.disable_nonce_check = true;
                cfg.disable_balance_check = true;
                cfg.disable_base_fee = true;
                cfg.disable_eip3607 = true;
            }
        })
        .build_mainnet()
        .transact(transaction)
}

/// A signed transaction in the machine's terms. Blob transactions are refused before.
pub(crate) fn signed(transaction: &Recovered<TxEnvelope>) -> TxEnv {
    TxEnv {
        tx_type: transaction.tx_type() as u8,
        caller: transaction.signer(),
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        authorization_list: transaction
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .cloned()
            .map(Either::Left)
            .collect(),
        ..TxEnv::default()
    }
}

/// A question in the machine's terms.
pub(crate) fn question(from: Address, kind: TxKind, data: alloy_primitives::Bytes) -> TxEnv {
    TxEnv {
        caller: from,
        kind,
        data,
        gas_limit: GAS_LIMIT,
        gas_price: 0,
        ..TxEnv::default()
    }
}

/// What a question came to: the bytes returned, or why none were.
pub(crate) fn answer(result: ExecutionResult) -> Result<alloy_primitives::Bytes, CallError> {
    match result {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(CallError::Reverted {
            reason: reason(&output),
            data: output,
        }),
        ExecutionResult::Halt { reason, .. } => Err(CallError::Halted(format!("{reason:?}"))),
    }
}

fn reason(data: &[u8]) -> Option<String> {
    Revert::abi_decode(data)
        .map(|revert| revert.reason)
        .or_else(|_| Panic::abi_decode(data).map(|panic| panic.to_string()))
        .ok()
}
