/// Why a channel can't do what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// It is of another payee, token, payer or signer than it should be.
    #[error("the channel is another's")]
    Foreign,
    /// The escrow can't tell who signs its vouchers, and nobody has opened it here.
    #[error("the signer of the channel is not known")]
    NoSigner,
    /// It is closed for good.
    #[error("the channel is finalized")]
    Finalized,
    /// The payer has asked to close it, or it is being closed.
    #[error("the channel is closing")]
    Closing,
    /// The voucher adds less than the least step.
    #[error("the voucher adds {delta} where {least} is the least")]
    DeltaTooSmall {
        /// What it adds.
        delta: u128,
        /// What it must add.
        least: u128,
    },
    /// The voucher promises more than was deposited.
    #[error("the voucher promises {cumulative} of a deposit of {deposit}")]
    ExceedsDeposit {
        /// What it promises.
        cumulative: u128,
        /// What there is.
        deposit: u128,
    },
    /// What is authorized does not cover the cost.
    #[error("{available} is available of a cost of {cost}")]
    Insufficient {
        /// What is left.
        available: u128,
        /// What is needed.
        cost: u128,
    },
    /// Too many requests are in work on this channel.
    #[error("too many requests are in work on the channel")]
    Busy,
    /// A later stream has taken over.
    #[error("a later stream has taken over")]
    Superseded,
    /// A number passes its bound.
    #[error("a number passes its bound")]
    Overflow,
}
