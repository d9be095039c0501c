use std::future::Future;

use alloy_primitives::{Address, B256};
use payment_core::Denied;

use crate::{CheckedCharge, CredentialType};

/// What settles charges: the seller's own key on chain, or a hosted service.
pub trait ChargeBackend: Send + Sync + 'static {
    /// Whether it can settle this type of credential on this chain, in so many transfers, all of
    /// them or none. Asked when a route is built.
    fn takes(&self, chain_id: u64, kind: CredentialType, legs: usize) -> bool;

    /// The account that calls the Permit2 contract; buyers sign it as the spender. `None` when
    /// it settles no permits.
    fn sender(&self) -> Option<Address>;

    /// Finds out what can't be known without the chain: balance, allowance, whether the
    /// settlement would go through; for a hash, whether the transfer took place. Must not move
    /// money.
    fn verify(&self, charge: &CheckedCharge) -> impl Future<Output = Result<(), Denied>> + Send;

    /// Moves the money and proves that it has moved; answers the transaction.
    ///
    /// Only a definite success is `Ok`, only a definite no is `Denied::Refused` or
    /// `Denied::Failed`; everything else is `Denied::Unknown` with evidence to find it by.
    fn settle(&self, charge: &CheckedCharge) -> impl Future<Output = Result<B256, Denied>> + Send;

    /// Finds out what became of a settlement that may have been sent, from the evidence of
    /// `Denied::Unknown`; there is none when the process died before it was kept. Answers as
    /// `settle` does, and may settle where that cannot move money twice.
    fn reconcile(
        &self,
        charge: &CheckedCharge,
        evidence: &[u8],
    ) -> impl Future<Output = Result<B256, Denied>> + Send;
}
