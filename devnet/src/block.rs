use alloy_consensus::transaction::{Recovered, TransactionInfo};
use alloy_consensus::{Header, ReceiptEnvelope, Sealed, Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256};
use alloy_rpc_types_eth::{
    Block, BlockTransactions, BlockTransactionsKind, Header as RpcHeader, Log, Transaction,
    TransactionReceipt,
};

/// A mined block: none or one transaction.
#[derive(Clone, Debug)]
pub(crate) struct MinedBlock {
    pub(crate) header: Sealed<Header>,
    pub(crate) mined: Option<Mined>,
}

/// A transaction and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) transaction: Recovered<TxEnvelope>,
    pub(crate) receipt: ReceiptEnvelope,
    pub(crate) gas_used: u64,
    pub(crate) created: Option<Address>,
}

impl MinedBlock {
    pub(crate) fn to_rpc(&self, kind: BlockTransactionsKind) -> Block {
        let transactions = match kind {
            BlockTransactionsKind::Full => {
                BlockTransactions::Full(self.transaction().into_iter().collect())
            }
            BlockTransactionsKind::Hashes => {
                BlockTransactions::Hashes(self.transaction_hash().into_iter().collect())
            }
        };
        let size = alloy_primitives::U256::from(self.header.size());
        let header = RpcHeader::from_sealed(self.header.clone()).with_size(Some(size));
        Block::new(header, transactions)
    }

    pub(crate) fn transaction_hash(&self) -> Option<B256> {
        self.mined
            .as_ref()
            .map(|mined| *mined.transaction.tx_hash())
    }

    pub(crate) fn transaction(&self) -> Option<Transaction> {
        let mined = self.mined.as_ref()?;
        let place = TransactionInfo {
            hash: Some(*mined.transaction.tx_hash()),
            index: Some(0),
            block_hash: Some(self.header.hash()),
            block_number: Some(self.header.number),
            base_fee: self.header.base_fee_per_gas,
            block_timestamp: Some(self.header.timestamp),
        };
        Some(Transaction::from_transaction(
            mined.transaction.clone(),
            place,
        ))
    }

    pub(crate) fn receipt(&self) -> Option<TransactionReceipt> {
        let mined = self.mined.as_ref()?;
        let logs = self.logs();
        let mut logs = logs.into_iter();
        Some(TransactionReceipt {
            inner: mined.receipt.clone().map_logs(|log| {
                logs.next().unwrap_or_else(|| Log {
                    inner: log,
                    ..Log::default()
                })
            }),
            transaction_hash: *mined.transaction.tx_hash(),
            transaction_index: Some(0),
            block_hash: Some(self.header.hash()),
            block_number: Some(self.header.number),
            gas_used: mined.gas_used,
            effective_gas_price: mined
                .transaction
                .effective_gas_price(self.header.base_fee_per_gas),
            blob_gas_used: None,
            blob_gas_price: None,
            from: mined.transaction.signer(),
            to: mined.transaction.to(),
            contract_address: mined.created,
        })
    }

    pub(crate) fn logs(&self) -> Vec<Log> {
        let Some(mined) = &self.mined else {
            return Vec::new();
        };
        let transaction_hash = Some(*mined.transaction.tx_hash());
        mined
            .receipt
            .logs()
            .iter()
            .zip(0..)
            .map(|(log, index)| Log {
                inner: log.clone(),
                block_hash: Some(self.header.hash()),
                block_number: Some(self.header.number),
                block_timestamp: Some(self.header.timestamp),
                transaction_hash,
                transaction_index: Some(0),
                log_index: Some(index),
                removed: false,
            })
            .collect()
    }
}
