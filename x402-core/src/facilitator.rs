use std::error::Error;
use std::future::Future;

use crate::wire::SupportedResponse;
use crate::{PaymentRequest, SettleAnswer, VerifyAnswer};

/// Who verifies and settles payments: a hosted service, or the seller's own key on chain.
pub trait Facilitator: Send + Sync + 'static {
    /// Whether the payment could be settled now. Moves nothing; may be asked again.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` when there is no answer to rely on.
    fn verify(
        &self,
        request: &PaymentRequest,
    ) -> impl Future<Output = Result<VerifyAnswer, FacilitatorFault>> + Send;

    /// Moves the money.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault`; only [`FacilitatorFault::NotSent`] says that nothing will move.
    ///
    /// # Cancel safety
    ///
    /// None: a dropped call may have moved the money. The gate does not drop it.
    fn settle(
        &self,
        request: &PaymentRequest,
    ) -> impl Future<Output = Result<SettleAnswer, FacilitatorFault>> + Send;

    /// Finds out what became of an earlier `settle` of the same payment, of which at most the
    /// transaction hash is known. May settle, if that can't move money twice.
    ///
    /// [`SettleAnswer::Refused`] has a stronger meaning here: no earlier attempt has moved or
    /// will move anything. "The nonce was used" is not that, and not a proof of payment either.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` when that is still not known.
    fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> impl Future<Output = Result<SettleAnswer, FacilitatorFault>> + Send;

    /// What it supports.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` when it does not say.
    fn supported(&self)
    -> impl Future<Output = Result<SupportedResponse, FacilitatorFault>> + Send;
}

impl<F: Facilitator> Facilitator for std::sync::Arc<F> {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        (**self).verify(request).await
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        (**self).settle(request).await
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        (**self).reconcile(request, transaction).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        (**self).supported().await
    }
}

/// No answer to rely on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FacilitatorFault {
    /// The request never left, or was turned away before anything looked at it: nothing will
    /// come of it.
    #[error("the facilitator can't be reached")]
    NotSent(#[source] Box<dyn Error + Send + Sync>),
    /// The request left and no answer came in time.
    #[error("the facilitator does not answer in time")]
    TimedOut,
    /// The request left and the answer was lost.
    #[error("the answer of the facilitator was lost")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
    /// An answer that says nothing that can be relied on.
    #[error("the facilitator's answer can't be relied on: {0}")]
    Garbage(&'static str),
}
