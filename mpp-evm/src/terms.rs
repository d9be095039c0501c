use std::sync::Arc;

use mpp_core::{MethodPayment, Presented, Terms};
use payment_core::Refusal;
use serde_json::{Map, Value};

use crate::authorization::BoundAuthorization;
use crate::candidate::Candidate;
use crate::mismatch::Mismatch;
use crate::payload::Payload;
use crate::payment::ChargePayment;
use crate::permit2::BoundPermit;
use crate::transfer_hash::BoundHash;
use crate::transfers::BoundTransfers;
use crate::{ChargeBackend, CredentialType, Due};

/// What one route asks for, as the wire says it and as credentials are compared with it.
pub(crate) struct ChargeTerms<B> {
    pub(crate) request: Map<String, Value>,
    pub(crate) due: Arc<Due>,
    pub(crate) backend: Arc<B>,
}

impl<B: ChargeBackend> Terms for ChargeTerms<B> {
    fn request(&self) -> &Map<String, Value> {
        &self.request
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn MethodPayment>, Refusal> {
        let due = &*self.due;
        match Payload::read(presented.payload.get())? {
            Payload::Authorization(payload) => {
                self.offered(CredentialType::Authorization)?;
                self.payment(
                    BoundAuthorization::bind(&payload, due, &presented)?,
                    &presented,
                )
            }
            Payload::Transfers(payload) => {
                self.offered(CredentialType::Transfers)?;
                self.payment(BoundTransfers::bind(&payload, due, &presented)?, &presented)
            }
            Payload::Permit2(payload) => {
                self.offered(CredentialType::Permit2)?;
                self.payment(BoundPermit::bind(&payload, due, &presented)?, &presented)
            }
            Payload::Transaction(raw) => self.bind_transaction(&raw, &presented),
            Payload::Hash(hash) => {
                self.offered(CredentialType::Hash)?;
                self.payment(BoundHash::bind(hash, due, &presented)?, &presented)
            }
        }
    }
}

impl<B: ChargeBackend> ChargeTerms<B> {
    fn offered(&self, kind: CredentialType) -> Result<(), Mismatch> {
        if self.due.types.contains(&kind) {
            Ok(())
        } else {
            Err(Mismatch::NotOffered)
        }
    }

    fn payment<C: Candidate>(
        &self,
        candidate: C,
        presented: &Presented<'_>,
    ) -> Result<Box<dyn MethodPayment>, Refusal> {
        let (due, backend) = (Arc::clone(&self.due), Arc::clone(&self.backend));
        Ok(Box::new(ChargePayment::new(
            due, backend, candidate, presented,
        )))
    }

    #[cfg(feature = "onchain")]
    fn bind_transaction(
        &self,
        raw: &str,
        presented: &Presented<'_>,
    ) -> Result<Box<dyn MethodPayment>, Refusal> {
        use crate::transaction::BoundTransaction;
        self.offered(CredentialType::Transaction)?;
        self.payment(
            BoundTransaction::bind(raw, &self.due, presented)?,
            presented,
        )
    }

    #[cfg(not(feature = "onchain"))]
    fn bind_transaction(
        &self,
        _raw: &str,
        _presented: &Presented<'_>,
    ) -> Result<Box<dyn MethodPayment>, Refusal> {
        Err(Mismatch::NotOffered.into())
    }
}
