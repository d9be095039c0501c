use alloy_primitives::{Address, B256, Bytes, U256};

/// Why a call did not return.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The contract said no.
    #[error("execution reverted{}", reason.as_ref().map(|text| format!(": {text}")).unwrap_or_default())]
    Reverted {
        /// The text of `Error(string)` or `Panic(uint256)`, where it is one.
        reason: Option<String>,
        /// The bytes it reverted with.
        data: Bytes,
    },
    /// The machine stopped: out of gas, bad opcode and the like.
    #[error("execution halted: {0}")]
    Halted(String),
    /// The call was not one that could be made.
    #[error("{0}")]
    Invalid(String),
    /// State is kept for the latest block only.
    #[error("no state is kept for that block, only for the latest")]
    NoState,
}

/// Why a signed transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// Not the encoding of a transaction.
    #[error("transaction does not decode: {0}")]
    Undecodable(String),
    /// Blob transactions are not taken here.
    #[error("transaction type {0} is not supported")]
    UnsupportedType(u8),
    /// The signature recovers nobody, or has a high s.
    #[error("invalid sender: signature does not recover")]
    BadSignature,
    /// Signed for another chain, or for none.
    #[error("invalid chain id: have {have:?}, want {want}")]
    WrongChain {
        /// What the transaction names.
        have: Option<u64>,
        /// This chain.
        want: u64,
    },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {have}")]
    NonceTooLow {
        /// The transaction's.
        have: u64,
        /// The first that is free.
        next: u64,
    },
    /// The sender could not pay for the greatest cost.
    #[error("insufficient funds for gas * price + value: address {sender} have {have} want {want}")]
    InsufficientFunds {
        /// Who would pay.
        sender: Address,
        /// Native balance.
        have: U256,
        /// Gas limit at the greatest price, and value.
        want: U256,
    },
    /// A waiting transaction has this nonce and pays as much.
    #[error("replacement transaction underpriced")]
    Underpriced,
    /// Seen before.
    #[error("already known")]
    AlreadyKnown(B256),
    /// Too many wait.
    #[error("txpool is full")]
    PoolFull,
    /// The machine would not start it: too little gas, fee below the base fee and the like.
    #[error("{0}")]
    Invalid(String),
}

/// Why a transaction that a wallet sent did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It was not taken.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// It waits: mining is paused, or a nonce before it is missing.
    #[error("transaction {0} is not mined yet")]
    Waiting(B256),
    /// It was mined and did nothing.
    #[error("transaction {0} reverted")]
    Reverted(B256),
}
