/// Where a seller's word and ours differ. The worst is assumed then: that all that was promised is
/// charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Dispute {
    /// The receipt can't be read, or came more than once.
    #[error("the receipt cannot be read")]
    Unreadable,
    /// It is of another channel.
    #[error("the receipt is of another channel")]
    Channel,
    /// It is of another network.
    #[error("the receipt is of another network")]
    Network,
    /// It counts more than was ever promised.
    #[error("the receipt counts {said} where {promised} was promised")]
    BeyondPromise {
        /// What it says, in base units.
        said: u128,
        /// The highest voucher, in base units.
        promised: u128,
    },
    /// It counts less than was counted before.
    #[error("the receipt counts {said} where {seen} was counted before")]
    Backwards {
        /// What it says, in base units.
        said: u128,
        /// What the seller has said before, in base units.
        seen: u128,
    },
    /// More was charged than what was delivered costs.
    #[error("{charged} was charged where {due} was due")]
    Overcharged {
        /// What the seller has charged, in base units.
        charged: u128,
        /// What it should have charged at most, in base units.
        due: u128,
    },
}
