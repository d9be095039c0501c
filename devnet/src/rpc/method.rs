use std::time::Duration;

use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64};
use alloy_rpc_types_eth::{
    Block, BlockTransactionsKind, FeeHistory, Filter, FilterBlockOption, Log, TransactionRequest,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::message::{Params, RpcError};
use crate::chain::Chain;
use crate::error::CallError;
use crate::evm::{BASE_FEE, TIP};

/// The most blocks one fee history covers.
const HISTORY: u64 = 1024;

/// Answers one call.
pub(crate) fn dispatch(chain: &Chain, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "eth_chainId" => quantity(chain.chain_id()),
        "net_version" => Ok(json!(chain.chain_id().to_string())),
        "net_listening" => Ok(json!(true)),
        "eth_syncing" => Ok(json!(false)),
        "web3_clientVersion" => Ok(json!(concat!(
            "tollgate-devnet/",
            env!("CARGO_PKG_VERSION")
        ))),
        "eth_accounts" => Ok(json!([])),

        "eth_blockNumber" => quantity(chain.height()),
        "eth_getBlockByNumber" => block_by_number(chain, params),
        "eth_getBlockByHash" => reply(chain.block_by_hash(params.required(0)?, kind(params)?)),

        "eth_getBalance" => at_latest(chain, params, 1)
            .and_then(|()| reply(chain.native_balance(params.required(0)?))),
        "eth_getCode" => {
            at_latest(chain, params, 1).and_then(|()| reply(chain.code_at(params.required(0)?)))
        }
        "eth_getStorageAt" => {
            at_latest(chain, params, 2)?;
            reply(B256::from(
                chain.storage_at(params.required(0)?, params.required(1)?),
            ))
        }
        "eth_getTransactionCount" => transaction_count(chain, params),

        "eth_gasPrice" => quantity(BASE_FEE + TIP),
        "eth_maxPriorityFeePerGas" => quantity(TIP),
        "eth_feeHistory" => fee_history(chain, params),
        "eth_estimateGas" => {
            at_latest(chain, params, 1)?;
            without_overrides(params)?;
            quantity(chain.estimate_gas(&params.required::<TransactionRequest>(0)?)?)
        }
        "eth_call" => {
            at_latest(chain, params, 1)?;
            without_overrides(params)?;
            reply(chain.simulate(&params.required::<TransactionRequest>(0)?)?)
        }

        "eth_sendRawTransaction" => reply(chain.submit(&params.required::<Bytes>(0)?)?),
        "eth_getTransactionByHash" => reply(chain.transaction(params.required(0)?)),
        "eth_getTransactionReceipt" => reply(chain.receipt(params.required(0)?)),
        "eth_getLogs" => reply(logs(chain, &params.required::<Filter>(0)?)?),

        "evm_increaseTime" => {
            let seconds: U64 = params.required(0)?;
            chain.advance(Duration::from_secs(seconds.to()));
            quantity(seconds.to())
        }
        "evm_setNextBlockTimestamp" => {
            let time: U64 = params.required(0)?;
            chain.set_next_block_time(time.to()).map_err(|latest| {
                RpcError::new(
                    -32602,
                    format!("time {time} is before the latest block's, {latest}"),
                )
            })?;
            Ok(Value::Null)
        }
        "evm_mine" => {
            chain.mine();
            Ok(json!("0x0"))
        }
        unknown => Err(RpcError::new(
            -32601,
            format!("the method {unknown} does not exist"),
        )),
    }
}

fn reply(value: impl Serialize) -> Result<Value, RpcError> {
    serde_json::to_value(value).map_err(|error| RpcError::new(-32603, error.to_string()))
}

fn quantity(number: u64) -> Result<Value, RpcError> {
    reply(U64::from(number))
}

fn kind(params: &Params) -> Result<BlockTransactionsKind, RpcError> {
    Ok(match params.optional::<bool>(1)? {
        Some(true) => BlockTransactionsKind::Full,
        Some(false) | None => BlockTransactionsKind::Hashes,
    })
}

/// The number a tag stands for.
fn number(chain: &Chain, tag: BlockNumberOrTag) -> u64 {
    match tag {
        BlockNumberOrTag::Number(number) => number,
        BlockNumberOrTag::Earliest => 0,
        BlockNumberOrTag::Latest
        | BlockNumberOrTag::Pending
        | BlockNumberOrTag::Safe
        | BlockNumberOrTag::Finalized => chain.height(),
    }
}

fn block_by_number(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    let block: Option<Block> = chain.block(number(chain, params.required(0)?), kind(params)?);
    reply(block)
}

/// Refuses questions about the state of any block but the latest.
fn at_latest(chain: &Chain, params: &Params, place: usize) -> Result<(), RpcError> {
    let asked = match params.optional::<BlockId>(place)? {
        None => return Ok(()),
        Some(BlockId::Number(tag)) => Some(number(chain, tag)),
        Some(BlockId::Hash(hash)) => chain
            .block_by_hash(hash.block_hash, BlockTransactionsKind::Hashes)
            .map(|block| block.header.number),
    };
    if asked == Some(chain.height()) {
        Ok(())
    } else {
        Err(CallError::NoState.into())
    }
}

/// An answer that ignored overrides would be a wrong one.
fn without_overrides(params: &Params) -> Result<(), RpcError> {
    match params.optional::<serde_json::Map<String, Value>>(2)? {
        Some(overrides) if !overrides.is_empty() => {
            Err(RpcError::new(-32602, "state overrides are not supported"))
        }
        Some(_) | None => Ok(()),
    }
}

fn transaction_count(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    let account: Address = params.required(0)?;
    if params.optional::<BlockId>(1)? == Some(BlockId::pending()) {
        return quantity(chain.pending_nonce(account));
    }
    at_latest(chain, params, 1)?;
    quantity(chain.nonce(account))
}

fn fee_history(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    let wanted: U64 = params.required(0)?;
    let newest = number(chain, params.required(1)?).min(chain.height());
    let columns = params
        .optional::<Vec<f64>>(2)?
        .map(|percentiles| percentiles.len());
    let blocks = wanted.to::<u64>().min(HISTORY).min(newest + 1);
    let rows = usize::try_from(blocks).unwrap_or_default();
    reply(FeeHistory {
        base_fee_per_gas: vec![u128::from(BASE_FEE); rows + 1],
        // Half full is where a base fee stands still, as this one does.
        gas_used_ratio: vec![0.5; rows],
        base_fee_per_blob_gas: vec![1; rows + 1],
        blob_gas_used_ratio: vec![0.0; rows],
        oldest_block: newest + 1 - blocks,
        reward: columns.map(|columns| vec![vec![u128::from(TIP); columns]; rows]),
    })
}

fn logs(chain: &Chain, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = chain
                .block_by_hash(hash, BlockTransactionsKind::Hashes)
                .ok_or_else(|| RpcError::new(-32000, "unknown block"))?;
            (block.header.number, block.header.number)
        }
        FilterBlockOption::Range {
            from_block,
            to_block,
        } => (
            number(chain, from_block.unwrap_or_default()),
            number(chain, to_block.unwrap_or_default()),
        ),
    };
    Ok(chain.logs(filter, from, to))
}
