//! Type `hash`: a transfer that the buyer has made. Weak by nature, so off unless asked for, and
//! tied as far as it can be: to its sender, to its age, and to being used once.

use alloy_primitives::{Address, B256};
use mpp_core::Presented;
use payment_core::{ReplayKey, Timestamp};

use crate::candidate::{Candidate, TRANSACTION_KEPT, transaction_key};
use crate::mismatch::Mismatch;
use crate::source::Source;
use crate::{Due, Proof};

pub(crate) struct BoundHash {
    payer: Address,
    hash: B256,
    issued: Timestamp,
    expires: Timestamp,
}

impl BoundHash {
    pub(crate) fn bind(hash: B256, due: &Due, presented: &Presented<'_>) -> Result<Self, Mismatch> {
        let source = Source::parse(presented.source.ok_or(Mismatch::NoSource)?);
        let source = source.ok_or(Mismatch::OddSource)?;
        source.is(due, source.address)?;
        let (issued, expires) = (presented.issued, presented.expires);
        Ok(Self {
            payer: source.address,
            hash,
            issued,
            expires,
        })
    }
}

impl Candidate for BoundHash {
    fn keys(&self, due: &Due) -> Vec<ReplayKey> {
        vec![transaction_key(due.token.chain_id, self.hash)]
    }

    fn keep_until(&self) -> Timestamp {
        self.expires
            .plus(std::time::Duration::from_secs(TRANSACTION_KEPT))
    }

    fn in_time(&self, _now: Timestamp, _margin_seconds: u64) -> Result<(), Mismatch> {
        // What has moved does not expire; the challenge's own expiry holds.
        Ok(())
    }

    fn has_moved(&self) -> bool {
        true
    }

    fn prove(&self, _due: &Due) -> Result<(Address, Proof), Mismatch> {
        // Nothing is signed. The chain proves the sender when the transfer is looked up.
        Ok((
            self.payer,
            Proof::Hash {
                hash: self.hash,
                not_before: self.issued,
            },
        ))
    }
}
