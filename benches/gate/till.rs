//! Those who settle, in process and at once: they say yes and keep nothing.

use alloy_primitives::{Address, B256};
use mpp_evm::{ChargeBackend, CheckedCharge, CredentialType};
use payment_core::Denied;
use x402_core::wire::SupportedResponse;
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer};

/// Settles x402 payments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Till;

/// Settles MPP charges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend;

const SETTLED_BY: B256 = B256::repeat_byte(0xab);

impl Facilitator for Till {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let payer = request.payer().cloned();
        Ok(VerifyAnswer::Valid { payer })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        Ok(SettleAnswer::Settled {
            transaction: SETTLED_BY.to_string().into(),
            network: request.offer().network().clone(),
            payer: request.payer().cloned(),
            amount: Some(request.amount()),
        })
    }

    async fn reconcile(
        &self,
        _: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

impl ChargeBackend for Backend {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        kind == CredentialType::Authorization
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(())
    }

    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }

    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
}
