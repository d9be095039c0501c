use std::collections::HashMap;

use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{
    EMPTY_OMMER_ROOT_HASH, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Sealable,
    Transaction as _, TxEnvelope, TxType,
};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bloom, Bytes, TxKind, U256};
use revm::DatabaseCommit;
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use revm::database_interface::DatabaseRef;
use revm::state::{AccountInfo, EvmState};

use crate::block::{Mined, MinedBlock};
use crate::clock::ChainClock;
use crate::error::{CallError, SubmitError};
use crate::evm::{self, BASE_FEE, COINBASE, GAS_LIMIT, Rules, State};
use crate::pool::Pool;

/// All of a chain that changes. One lock guards it.
#[derive(Debug)]
pub(crate) struct World {
    chain_id: u64,
    pub(crate) clock: ChainClock,
    pub(crate) state: State,
    blocks: Vec<MinedBlock>,
    by_hash: HashMap<B256, u64>,
    by_transaction: HashMap<B256, u64>,
    pub(crate) pool: Pool,
    pub(crate) paused: bool,
    pub(crate) held: bool,
}

impl World {
    /// A chain of one empty block.
    pub(crate) fn new(chain_id: u64, clock: ChainClock) -> Self {
        let mut world = Self {
            chain_id,
            clock,
            state: State::default(),
            blocks: Vec::new(),
            by_hash: HashMap::new(),
            by_transaction: HashMap::new(),
            pool: Pool::default(),
            paused: false,
            held: false,
        };
        let time = world.clock.now();
        world.append(time, None);
        world
    }

    pub(crate) fn height(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    pub(crate) fn block(&self, number: u64) -> Option<&MinedBlock> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn blocks(&self) -> &[MinedBlock] {
        &self.blocks
    }

    pub(crate) fn block_by_hash(&self, hash: B256) -> Option<&MinedBlock> {
        self.block(*self.by_hash.get(&hash)?)
    }

    pub(crate) fn block_of(&self, transaction: B256) -> Option<&MinedBlock> {
        self.block(*self.by_transaction.get(&transaction)?)
    }

    pub(crate) fn account(&self, address: Address) -> AccountInfo {
        match self.state.basic_ref(address) {
            Ok(info) => info.unwrap_or_default(),
            Err(never) => match never {},
        }
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        let info = self.account(address);
        match self.state.code_by_hash_ref(info.code_hash) {
            Ok(code) => code.original_bytes(),
            Err(never) => match never {},
        }
    }

    pub(crate) fn storage(&self, address: Address, slot: U256) -> U256 {
        match self.state.storage_ref(address, slot) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    pub(crate) fn pending_nonce(&self, address: Address) -> u64 {
        self.pool.free_nonce(address, self.account(address).nonce)
    }

    /// Runs a question in the block that would be mined now.
    pub(crate) fn ask(&self, question: TxEnv) -> Result<ExecutionResult, CallError> {
        self.try_out(question).map(|(result, _)| result)
    }

    /// Like [`Self::ask`], with the state that would follow.
    pub(crate) fn try_out(
        &self,
        question: TxEnv,
    ) -> Result<(ExecutionResult, EvmState), CallError> {
        let block = evm::block_env(self.height() + 1, self.clock.now());
        evm::run(&self.state, self.chain_id, block, question, Rules::Call)
            .map(|done| (done.result, done.state))
            .map_err(|error| CallError::Invalid(error.to_string()))
    }

    /// Takes a transaction whose encoding, chain and signature were checked.
    pub(crate) fn submit(
        &mut self,
        transaction: Recovered<TxEnvelope>,
    ) -> Result<B256, SubmitError> {
        let hash = *transaction.tx_hash();
        if self.by_transaction.contains_key(&hash) || self.pool.find(hash).is_some() {
            return Err(SubmitError::AlreadyKnown(hash));
        }
        let sender = transaction.signer();
        let account = self.account(sender);
        if transaction.nonce() < account.nonce {
            return Err(SubmitError::NonceTooLow {
                have: transaction.nonce(),
                next: account.nonce,
            });
        }
        let want = greatest_cost(&transaction);
        if account.balance < want {
            return Err(SubmitError::InsufficientFunds {
                sender,
                have: account.balance,
                want,
            });
        }
        if transaction.gas_limit() > GAS_LIMIT {
            return Err(SubmitError::Invalid("exceeds block gas limit".into()));
        }
        if transaction.max_fee_per_gas() < u128::from(BASE_FEE) {
            return Err(SubmitError::Invalid(
                "max fee per gas less than block base fee".into(),
            ));
        }
        if self.paused || transaction.nonce() > account.nonce {
            self.pool.insert(transaction)?;
            return Ok(hash);
        }
        self.mine_one(transaction)?;
        self.mine_ready();
        Ok(hash)
    }

    /// Mines what waits, a block each; an empty block where nothing could be mined.
    pub(crate) fn mine(&mut self) {
        if self.mine_ready() == 0 {
            let time = self.clock.now();
            self.append(time, None);
        }
    }

    pub(crate) fn mine_ready(&mut self) -> usize {
        let mut mined = 0;
        loop {
            let Self { pool, state, .. } = self;
            let next_nonce = |address| match state.basic_ref(address) {
                Ok(info) => info.unwrap_or_default().nonce,
                Err(never) => match never {},
            };
            let Some(transaction) = pool.take_ready(next_nonce) else {
                return mined;
            };
            let hash = *transaction.tx_hash();
            match self.mine_one(transaction) {
                Ok(()) => mined += 1,
                Err(error) => tracing::warn!(%hash, %error, "waiting transaction dropped"),
            }
        }
    }

    fn mine_one(&mut self, transaction: Recovered<TxEnvelope>) -> Result<(), SubmitError> {
        let time = self.clock.now();
        let block = evm::block_env(self.height() + 1, time);
        let done = evm::run(
            &self.state,
            self.chain_id,
            block,
            evm::signed(&transaction),
            Rules::Transaction,
        )
        .map_err(|error| SubmitError::Invalid(error.to_string()))?;
        self.state.commit(done.state);
        let gas_used = done.result.tx_gas_used();
        let receipt = Receipt {
            status: done.result.is_success().into(),
            cumulative_gas_used: gas_used,
            logs: if done.result.is_success() {
                done.result.logs().to_vec()
            } else {
                Vec::new()
            },
        };
        let receipt = envelope(transaction.tx_type(), receipt.with_bloom());
        let created = match transaction.kind() {
            TxKind::Create => done.result.created_address(),
            TxKind::Call(_) => None,
        };
        self.append(
            time,
            Some(Mined {
                transaction,
                receipt,
                gas_used,
                created,
            }),
        );
        Ok(())
    }

    fn append(&mut self, time: u64, mined: Option<Mined>) {
        let number = self.blocks.len() as u64;
        let transactions: Vec<_> = mined
            .iter()
            .map(|mined| mined.transaction.inner().clone())
            .collect();
        let receipts: Vec<_> = mined.iter().map(|mined| mined.receipt.clone()).collect();
        let header = Header {
            parent_hash: self
                .blocks
                .last()
                .map(|parent| parent.header.hash())
                .unwrap_or_default(),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: COINBASE,
            // No trie is kept: nothing that reads this chain asks for proofs of state.
            state_root: B256::ZERO,
            transactions_root: calculate_transaction_root(&transactions),
            receipts_root: calculate_receipt_root(&receipts),
            logs_bloom: mined
                .as_ref()
                .map_or(Bloom::ZERO, |mined| *mined.receipt.logs_bloom()),
            number,
            gas_limit: GAS_LIMIT,
            gas_used: mined.as_ref().map_or(0, |mined| mined.gas_used),
            timestamp: time,
            mix_hash: alloy_primitives::keccak256(number.to_be_bytes()),
            base_fee_per_gas: Some(BASE_FEE),
            withdrawals_root: Some(alloy_consensus::proofs::calculate_withdrawals_root(
                &Withdrawals::default(),
            )),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            ..Header::default()
        }
        .seal_slow();
        self.state
            .cache
            .block_hashes
            .insert(U256::from(number), header.hash());
        self.by_hash.insert(header.hash(), number);
        let block = MinedBlock { header, mined };
        if let Some(hash) = block.transaction_hash() {
            self.by_transaction.insert(hash, number);
        }
        self.blocks.push(block);
        self.clock.mined_at(time);
    }
}

/// Gas at its greatest price, and value; the top of the range where that does not fit.
fn greatest_cost(transaction: &Recovered<TxEnvelope>) -> U256 {
    U256::from(transaction.gas_limit())
        .saturating_mul(U256::from(transaction.max_fee_per_gas()))
        .saturating_add(transaction.value())
}

fn envelope(kind: TxType, receipt: ReceiptWithBloom<Receipt>) -> ReceiptEnvelope {
    match kind {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}
