use alloy_primitives::Address;
use payment_core::{ReplayKey, Timestamp};

use crate::mismatch::Mismatch;
use crate::{Due, Proof};

/// A payload whose values are those that are due. Its signature has not been looked at.
pub(crate) trait Candidate: Send + Sync + 'static {
    /// All that it uses up.
    fn keys(&self, due: &Due) -> Vec<ReplayKey>;

    /// Until when anyone could still accept it.
    fn keep_until(&self) -> Timestamp;

    /// Whether it is valid now and for so many seconds more.
    fn in_time(&self, now: Timestamp, margin_seconds: u64) -> Result<(), Mismatch>;

    /// Whether it names what the buyer has moved already.
    fn has_moved(&self) -> bool {
        false
    }

    /// Recovers the signature: who pays, and with what.
    fn prove(&self, due: &Due) -> Result<(Address, Proof), Mismatch>;
}

/// How long after the challenge a signature may stay valid, in seconds. Clients that count their
/// own hour are served; a signature that outlives that has to be kept for too long.
pub(crate) const LATEST_AFTER_EXPIRY: u64 = 3600;

/// How long a transaction is remembered beyond its challenge, in seconds. A hash may be shown
/// to any challenge that was issued before the transfer was mined: see
/// [`LONGEST_TO_PAY`].
pub(crate) const TRANSACTION_KEPT: u64 = 2 * LONGEST_TO_PAY;

/// The longest time to pay on a route that takes hashes, in seconds. It bounds how old a
/// transfer can be that still pays, and by it how long one must be remembered.
pub(crate) const LONGEST_TO_PAY: u64 = 24 * 3600;

/// The name of one transaction: the same for a raw transaction and for the hash of one that was
/// mined, so that neither pays after the other.
pub(crate) fn transaction_key(chain_id: u64, hash: alloy_primitives::B256) -> ReplayKey {
    ReplayKey::new(
        "evm-transaction",
        &[&chain_id.to_be_bytes(), hash.as_slice()],
    )
}
