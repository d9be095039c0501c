use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_consensus::transaction::{Recovered, SignerRecoverable, TransactionInfo};
use alloy_consensus::{Transaction as _, TxEip1559, TxEnvelope, TxType};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_eth::{
    Block, BlockTransactionsKind, Filter, Log, Transaction, TransactionReceipt, TransactionRequest,
};
use alloy_sol_types::SolCall;
use revm::context::TxEnv;

use crate::artifacts::{Artifact, PERMIT2};
use crate::clock::{ChainClock, TimeSource};
use crate::error::{CallError, SendError, SubmitError};
use crate::evm::{self, BASE_FEE, GAS_LIMIT, TIP};
use crate::token::{ITollToken, Token, TokenSpec};
use crate::wallet::Wallet;
use crate::world::World;

/// Gas for what wallets send through [`Chain::send`]: enough to deploy anything we have.
const SEND_GAS: u64 = 8_000_000;

/// A chain inside the process. Shared by reference; every method locks for its own duration.
#[derive(Debug)]
pub struct Chain {
    chain_id: u64,
    /// Owner of every test token.
    minter: Wallet,
    world: Mutex<World>,
}

impl Chain {
    pub(crate) fn new(chain_id: u64, source: TimeSource, minter: Wallet, escrow: Address) -> Self {
        let mut world = World::new(chain_id, ChainClock::new(source));
        world.place_code(PERMIT2, Artifact::permit2().runtime);
        // Nothing in its code depends on where it stands, and its constructor leaves no storage.
        world.place_code(escrow, Artifact::escrow().runtime);
        Self {
            chain_id,
            minter,
            world: Mutex::new(world),
        }
    }

    /// The id this chain signs for.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    // Time

    /// The time a block mined now would carry, in seconds since the epoch. Calls see it too.
    pub fn now(&self) -> u64 {
        self.world().clock.now()
    }

    /// Moves the chain's time ahead of its source, by whole seconds.
    pub fn advance(&self, by: Duration) {
        self.world().clock.advance(by);
    }

    /// Sets the time of the next block; time runs on from there.
    ///
    /// # Errors
    /// The latest block's time, where `time` is before it.
    pub fn set_next_block_time(&self, time: u64) -> Result<(), u64> {
        self.world().clock.pin(time)
    }

    // Mining, and holding it up

    /// Mines what waits, a block each, or one empty block.
    pub fn mine(&self) {
        self.world().mine();
    }

    /// While paused, transactions wait until [`Self::mine`]; ending the pause mines them.
    pub fn pause_mining(&self, paused: bool) {
        let mut world = self.world();
        world.paused = paused;
        if !paused {
            world.mine_ready();
        }
    }

    /// While held, receipts and transactions are not found, though they are mined.
    pub fn hold_receipts(&self, held: bool) {
        self.world().held = held;
    }

    /// How many transactions wait.
    pub fn waiting(&self) -> usize {
        self.world().pool.len()
    }

    // Reading

    /// The latest block's number.
    pub fn height(&self) -> u64 {
        self.world().height()
    }

    /// Native balance, in wei.
    pub fn native_balance(&self, account: Address) -> U256 {
        self.world().account(account).balance
    }

    /// Transactions an account has sent.
    pub fn nonce(&self, account: Address) -> u64 {
        self.world().account(account).nonce
    }

    /// Like [`Self::nonce`], with those that wait.
    pub fn pending_nonce(&self, account: Address) -> u64 {
        self.world().pending_nonce(account)
    }

    /// Code of an account, empty where there is none.
    pub fn code_at(&self, address: Address) -> Bytes {
        self.world().code(address)
    }

    /// One word of storage.
    pub fn storage_at(&self, address: Address, slot: U256) -> U256 {
        self.world().storage(address, slot)
    }

    /// Token balance in base units; zero where `token` is none.
    pub fn balance_of(&self, token: Address, account: Address) -> U256 {
        self.read(token, &ITollToken::balanceOfCall { account })
            .unwrap_or_default()
    }

    /// Calls a contract as nobody in particular, in the block that would be mined now.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call(&self, to: Address, data: impl Into<Bytes>) -> Result<Bytes, CallError> {
        self.call_as(Address::ZERO, to, data)
    }

    /// Calls a contract as an account, which need not have signed anything.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn call_as(
        &self,
        from: Address,
        to: Address,
        data: impl Into<Bytes>,
    ) -> Result<Bytes, CallError> {
        evm::answer(
            self.world()
                .ask(evm::question(from, TxKind::Call(to), data.into()))?,
        )
    }

    /// Calls a function by its type and decodes what it returns.
    ///
    /// # Errors
    /// See [`CallError`]; bytes that do not decode are [`CallError::Invalid`].
    pub fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, CallError> {
        let bytes = self.call(to, call.abi_encode())?;
        C::abi_decode_returns(&bytes).map_err(|error| CallError::Invalid(error.to_string()))
    }

    /// Calls as a JSON-RPC request describes.
    ///
    /// # Errors
    /// See [`CallError`].
    pub fn simulate(&self, request: &TransactionRequest) -> Result<Bytes, CallError> {
        evm::answer(self.world().ask(question(request))?)
    }

    /// The gas a transaction needs, a little rounded up.
    ///
    /// # Errors
    /// As [`Self::simulate`], where it would not succeed with any amount.
    pub fn estimate_gas(&self, request: &TransactionRequest) -> Result<u64, CallError> {
        let world = self.world();
        let question = question(request);
        let whole = world.ask(question.clone())?;
        let (spent, used) = (whole.gas().total_gas_spent(), whole.tx_gas_used());
        evm::answer(whole)?;
        let suffices = |gas_limit| {
            let tried = world.ask(TxEnv {
                gas_limit,
                ..question.clone()
            });
            tried.is_ok_and(|result| result.is_success())
        };
        // Inner calls keep back a 64th, so what was spent need not suffice.
        let (mut low, mut high) = (used.saturating_sub(1), question.gas_limit);
        let guess = spent.saturating_add(spent / 32);
        if guess < high && suffices(guess) {
            high = guess;
        }
        while high - low > high / 64 {
            let middle = low + (high - low) / 2;
            if suffices(middle) {
                high = middle
            } else {
                low = middle
            }
        }
        Ok(high)
    }

    /// A block by number.
    pub fn block(&self, number: u64, kind: BlockTransactionsKind) -> Option<Block> {
        self.world().block(number).map(|block| block.to_rpc(kind))
    }

    /// A block by hash.
    pub fn block_by_hash(&self, hash: B256, kind: BlockTransactionsKind) -> Option<Block> {
        self.world()
            .block_by_hash(hash)
            .map(|block| block.to_rpc(kind))
    }

    /// A transaction, mined or waiting; `None` while receipts are held.
    pub fn transaction(&self, hash: B256) -> Option<Transaction> {
        let world = self.world();
        if world.held {
            return None;
        }
        if let Some(block) = world.block_of(hash) {
            return block.transaction();
        }
        let waiting = world.pool.find(hash)?.clone();
        Some(Transaction::from_transaction(
            waiting,
            TransactionInfo {
                hash: Some(hash),
                ..TransactionInfo::default()
            },
        ))
    }

    /// What came of a mined transaction; `None` while receipts are held.
    pub fn receipt(&self, hash: B256) -> Option<TransactionReceipt> {
        let world = self.world();
        if world.held {
            None
        } else {
            world.block_of(hash)?.receipt()
        }
    }

    /// Logs of blocks `from` to `to`, both inclusive, that the filter's addresses and topics match,
    /// oldest first. The block range in the filter itself is not looked at.
    pub fn logs(&self, filter: &Filter, from: u64, to: u64) -> Vec<Log> {
        let world = self.world();
        let start = usize::try_from(from)
            .unwrap_or(usize::MAX)
            .min(world.blocks().len());
        let end = usize::try_from(to.saturating_add(1))
            .unwrap_or(usize::MAX)
            .min(world.blocks().len());
        let range = world.blocks().get(start..end).unwrap_or_default();
        range
            .iter()
            .flat_map(|block| block.logs())
            .filter(|log| filter.matches(&log.inner))
            .collect()
    }

    // Sending

    /// Takes a signed transaction in its EIP-2718 encoding, as `eth_sendRawTransaction` does.
    ///
    /// # Errors
    /// See [`SubmitError`]. A transaction that reverts is mined and no error.
    pub fn submit(&self, raw: &[u8]) -> Result<B256, SubmitError> {
        let transaction = TxEnvelope::decode_2718_exact(raw)
            .map_err(|error| SubmitError::Undecodable(error.to_string()))?;
        match transaction.tx_type() {
            TxType::Legacy | TxType::Eip2930 | TxType::Eip1559 | TxType::Eip7702 => {}
            TxType::Eip4844 => return Err(SubmitError::UnsupportedType(3)),
        }
        if transaction.chain_id() != Some(self.chain_id) {
            return Err(SubmitError::WrongChain {
                have: transaction.chain_id(),
                want: self.chain_id,
            });
        }
        let sender = transaction
            .recover_signer()
            .map_err(|_| SubmitError::BadSignature)?;
        self.world()
            .submit(Recovered::new_unchecked(transaction, sender))
    }

    /// Signs and sends a call with the wallet's next nonce. A transaction that reverts has a
    /// receipt that says so.
    ///
    /// # Errors
    /// See [`SendError`]; never [`SendError::Reverted`].
    pub fn send(
        &self,
        wallet: &Wallet,
        to: Address,
        data: impl Into<Bytes>,
    ) -> Result<TransactionReceipt, SendError> {
        self.dispatch(wallet, TxKind::Call(to), U256::ZERO, data.into())
    }

    /// Sends native coin, in wei.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn pay(
        &self,
        wallet: &Wallet,
        to: Address,
        wei: U256,
    ) -> Result<TransactionReceipt, SendError> {
        self.dispatch(wallet, TxKind::Call(to), wei, Bytes::new())
            .and_then(succeeded)
    }

    /// Deploys a contract and says where it stands. `creation` carries its constructor's arguments.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn deploy(&self, wallet: &Wallet, creation: Bytes) -> Result<Address, SendError> {
        let receipt = self
            .dispatch(wallet, TxKind::Create, U256::ZERO, creation)
            .and_then(succeeded)?;
        receipt
            .contract_address
            .ok_or(SendError::Reverted(receipt.transaction_hash))
    }

    /// Makes new coins of a test token and gives them to an account.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn mint(
        &self,
        token: Address,
        to: Address,
        value: U256,
    ) -> Result<TransactionReceipt, SendError> {
        self.send(
            &self.minter,
            token,
            ITollToken::mintCall { to, value }.abi_encode(),
        )
        .and_then(succeeded)
    }

    /// Transfers tokens, paid for by their holder.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn transfer(
        &self,
        token: Address,
        from: &Wallet,
        to: Address,
        value: U256,
    ) -> Result<TransactionReceipt, SendError> {
        self.send(
            from,
            token,
            ITollToken::transferCall { to, value }.abi_encode(),
        )
        .and_then(succeeded)
    }

    /// Adds a test token: at the address its spec names, or where a transaction deploys it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn add_token(&self, spec: TokenSpec) -> Result<Token, SendError> {
        let creation = spec.creation_code(self.minter.address);
        let address = match spec.place() {
            None => self.deploy(&self.minter, creation)?,
            Some(address) => {
                let placed = self
                    .world()
                    .place_contract(self.minter.address, creation, address);
                placed.map_err(|error| SubmitError::Invalid(error.to_string()))?;
                address
            }
        };
        Ok(spec.stand_at(address, self.chain_id))
    }

    /// Puts runtime code at an address, without a transaction.
    pub fn place_code(&self, address: Address, runtime: Bytes) {
        self.world().place_code(address, runtime);
    }

    /// Sets a native balance, in wei, without a transaction.
    pub fn set_native_balance(&self, account: Address, wei: U256) {
        self.world().fund(account, wei);
    }

    /// Mints without a transaction or a block: what an account holds from the start.
    ///
    /// # Errors
    /// See [`CallError`], where `token` is not a test token.
    pub fn grant(&self, token: Address, to: Address, value: U256) -> Result<(), CallError> {
        self.world().grant(token, self.minter.address, to, value)
    }

    fn dispatch(
        &self,
        wallet: &Wallet,
        to: TxKind,
        value: U256,
        input: Bytes,
    ) -> Result<TransactionReceipt, SendError> {
        // One lock from the nonce to the block, so that two tasks may share a wallet.
        let mut world = self.world();
        let transaction = wallet.sign_transaction(TxEip1559 {
            chain_id: self.chain_id,
            nonce: world.pending_nonce(wallet.address),
            gas_limit: SEND_GAS,
            max_fee_per_gas: u128::from(BASE_FEE + TIP),
            max_priority_fee_per_gas: u128::from(TIP),
            to,
            value,
            access_list: Default::default(),
            input,
        });
        let hash = world.submit(Recovered::new_unchecked(transaction, wallet.address))?;
        world
            .block_of(hash)
            .and_then(|block| block.receipt())
            .ok_or(SendError::Waiting(hash))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        // Blocks are appended last, so a panic in between leaves a world that can still be read.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn succeeded(receipt: TransactionReceipt) -> Result<TransactionReceipt, SendError> {
    if receipt.status() {
        Ok(receipt)
    } else {
        Err(SendError::Reverted(receipt.transaction_hash))
    }
}

fn question(request: &TransactionRequest) -> TxEnv {
    let data = request.input.input().cloned().unwrap_or_default();
    TxEnv {
        value: request.value.unwrap_or_default(),
        gas_limit: request.gas.unwrap_or(GAS_LIMIT).min(GAS_LIMIT),
        access_list: request.access_list.clone().unwrap_or_default(),
        ..evm::question(
            request.from.unwrap_or_default(),
            request.to.unwrap_or(TxKind::Create),
            data,
        )
    }
}
