use std::future::Future;
use std::time::Duration;

use alloy_primitives::{B256, Keccak256};
use bytes::Bytes;

use crate::Timestamp;

/// The name of one thing that can be used once: an authorization, a challenge, a transaction.
///
/// Made from decoded values, so that no spelling of the same thing gets another key. There is
/// one namespace for all routes, protocols and envelope versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplayKey([u8; 32]);

impl ReplayKey {
    /// Names a thing by its kind and the values that identify it. Distinct lists of values give
    /// distinct keys: each part is hashed with its length.
    #[must_use]
    pub fn new(kind: &'static str, parts: &[&[u8]]) -> Self {
        let mut hash = Keccak256::new();
        for part in std::iter::once(kind.as_bytes()).chain(parts.iter().copied()) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().0)
    }

    /// One EIP-3009 authorization or other nonce of a token: the same key whichever protocol,
    /// version or route it arrives by.
    #[must_use]
    pub fn token_nonce(chain_id: u64, token: [u8; 20], from: [u8; 20], nonce: [u8; 32]) -> Self {
        Self::new(
            "token-nonce",
            &[&chain_id.to_be_bytes(), &token, &from, &nonce],
        )
    }

    /// The 32 bytes, for a store.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<B256> for ReplayKey {
    fn from(hash: B256) -> Self {
        Self(hash.0)
    }
}

/// A wish to use a credential once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reservation<'a> {
    /// All keys of the credential; they are taken together or not at all. The first names the
    /// record.
    pub keys: &'a [ReplayKey],
    /// What the credential buys: route and request. A credential is good for one scope.
    pub scope: [u8; 32],
    /// Until when anyone could still accept the credential. The record outlives it.
    pub keep_until: Timestamp,
    /// The present moment.
    pub now: Timestamp,
    /// How long the reservation stands without news.
    pub lease: Duration,
}

impl<'a> Reservation<'a> {
    /// A reservation of these keys for this scope.
    #[must_use]
    pub const fn new(
        keys: &'a [ReplayKey],
        scope: [u8; 32],
        keep_until: Timestamp,
        now: Timestamp,
        lease: Duration,
    ) -> Self {
        Self {
            keys,
            scope,
            keep_until,
            now,
            lease,
        }
    }
}

/// Proof of holding a reservation. Whoever reserves after the lease ran out gets another ticket,
/// and the first one is void.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ticket {
    /// The key that names the record.
    pub key: ReplayKey,
    /// Distinguishes this holder from every other.
    pub token: u64,
}

/// What came of a wish to reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Reserve {
    /// It is ours. Go on from where the record stands.
    Held(Ticket, Resume),
    /// Another request holds it right now.
    InFlight,
    /// It was used up, or belongs to another scope.
    Spent,
}

/// Where a reserved credential stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resume {
    /// Nothing was done with it.
    Fresh,
    /// A settlement may have been sent; here is what was known of it.
    Unsettled(Bytes),
    /// It was settled and not delivered; here is the receipt.
    Paid(Bytes),
}

/// What a cheap look at a credential tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing is known of it, or nothing that matters yet.
    Open,
    /// Its settlement has begun: it is to be followed up, even past its validity.
    Started,
    /// Used up: no signature needs to be recovered to say no.
    Spent,
}

/// How far a held credential has come. Each step is stored before what it permits is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// The settlement is about to be sent. From here on no lease sets the credential free, and
    /// nobody else follows it up before a whole lease has passed.
    Settling,
    /// The outcome of the settlement is not known. The hold is given up; a retry reconciles.
    Unknown(Bytes),
    /// The money has moved; the response has not left yet.
    Paid(Bytes),
    /// The money has moved and nothing was delivered. The hold is given up; a retry is served.
    /// Also takes `Spent` back, for the ticket that recorded it and for no other: a delivery that
    /// was stored and then could not leave.
    Undelivered(Bytes),
    /// Settled and delivered.
    Spent,
}

/// The store cannot say yes. The gate stays closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreFault {
    /// No room for another record. Nothing old is forgotten to make some.
    #[error("the replay store is full")]
    Full,
    /// The ticket is void: the lease ran out and another request holds the record.
    #[error("the reservation was lost")]
    Lost,
    /// The store does not answer, or what it holds is not to be trusted.
    #[error("the replay store is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sees to it that a credential is used once. Every operation is one atomic step.
///
/// A backend that cannot reserve several keys at once, or compare before it swaps, cannot
/// implement this trait.
pub trait ReplayGuard: Send + Sync + 'static {
    /// Looks without changing anything.
    ///
    /// # Errors
    ///
    /// `StoreFault` when the store does not answer.
    fn look(
        &self,
        keys: &[ReplayKey],
        now: Timestamp,
    ) -> impl Future<Output = Result<Standing, StoreFault>> + Send;

    /// Takes all the keys or none. A settlement that has begun is handed only to the same keys
    /// and the same scope; a credential so old that its record may be forgotten is spent.
    ///
    /// # Errors
    ///
    /// `StoreFault::Full` or `Unavailable`; nothing is reserved then.
    fn reserve(
        &self,
        wish: Reservation<'_>,
    ) -> impl Future<Output = Result<Reserve, StoreFault>> + Send;

    /// Records a step. [`Stage::Spent`] is the commit.
    ///
    /// # Errors
    ///
    /// `StoreFault::Lost` when the ticket is void: whoever holds it must stop.
    fn advance(
        &self,
        ticket: &Ticket,
        stage: Stage,
    ) -> impl Future<Output = Result<(), StoreFault>> + Send;

    /// Forgets a reservation after a definite no. A void ticket changes nothing.
    ///
    /// # Errors
    ///
    /// `StoreFault::Unavailable`; the lease sets the credential free then.
    fn release(&self, ticket: &Ticket) -> impl Future<Output = Result<(), StoreFault>> + Send;
}

impl<G: ReplayGuard> ReplayGuard for std::sync::Arc<G> {
    async fn look(&self, keys: &[ReplayKey], now: Timestamp) -> Result<Standing, StoreFault> {
        (**self).look(keys, now).await
    }

    async fn reserve(&self, wish: Reservation<'_>) -> Result<Reserve, StoreFault> {
        (**self).reserve(wish).await
    }

    async fn advance(&self, ticket: &Ticket, stage: Stage) -> Result<(), StoreFault> {
        (**self).advance(ticket, stage).await
    }

    async fn release(&self, ticket: &Ticket) -> Result<(), StoreFault> {
        (**self).release(ticket).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_run_into_each_other() {
        let a = ReplayKey::new("k", &[b"ab", b"c"]);
        assert_ne!(a, ReplayKey::new("k", &[b"a", b"bc"]));
        assert_ne!(a, ReplayKey::new("k", &[b"abc"]));
        assert_ne!(a, ReplayKey::new("kab", &[b"c"]));
        assert_eq!(a, ReplayKey::new("k", &[b"ab", b"c"]));
    }
}
