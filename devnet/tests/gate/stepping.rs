use std::sync::Arc;

use alloy_primitives::{Address, B256};
use devnet::{Chain, Devnet, Wallet};
use mpp_evm::{ChargeBackend, CheckedCharge, CredentialType, Proof};
use payment_core::{Denied, Fault};
use payment_evm::{Authorization, EvmSignature};
use serde_json::Value;
use tokio::task::yield_now;
use x402_core::wire::SupportedResponse;
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer};

/// Verifies and settles on the chain without a socket: every await is one that a test can count.
#[derive(Clone)]
pub struct Stepping {
    chain: Arc<Chain>,
    settler: Wallet,
    token: Address,
}

impl Stepping {
    pub fn new(net: &Devnet) -> Self {
        Self {
            chain: Arc::clone(&net.chain),
            settler: net.settler.clone(),
            token: net.token.address,
        }
    }

    async fn simulate(&self, authorization: &Authorization, signature: &EvmSignature) -> bool {
        yield_now().await;
        let call = authorization.calldata(signature);
        let fine = self
            .chain
            .call_as(self.settler.address, self.token, call)
            .is_ok();
        yield_now().await;
        fine
    }

    /// Sends, unless the authorization was used: then there is nothing to find but success.
    async fn transfer(&self, authorization: &Authorization, signature: &EvmSignature) -> B256 {
        yield_now().await;
        let call = authorization.calldata(signature);
        let receipt = self
            .chain
            .send(&self.settler, self.token, call)
            .expect("the chain takes it");
        assert!(receipt.status(), "a second transfer was tried");
        yield_now().await;
        receipt.transaction_hash
    }
}

fn signed(request: &PaymentRequest) -> (Authorization, EvmSignature) {
    let body: Value = serde_json::from_str(&request.body()).unwrap();
    let payload = &body["paymentPayload"]["payload"];
    let authorization = serde_json::from_value(payload["authorization"].clone()).unwrap();
    let signature = EvmSignature::from_hex(payload["signature"].as_str().unwrap()).unwrap();
    (authorization, signature)
}

impl Facilitator for Stepping {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let (authorization, signature) = signed(request);
        if self.simulate(&authorization, &signature).await {
            let payer = request.payer().cloned();
            return Ok(VerifyAnswer::Valid { payer });
        }
        let code = "invalid_exact_evm_transaction_simulation_failed".into();
        Ok(VerifyAnswer::Invalid { code })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let (authorization, signature) = signed(request);
        let hash = self.transfer(&authorization, &signature).await;
        Ok(SettleAnswer::Settled {
            transaction: hash.to_string().into(),
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
        panic!("every settlement here is known");
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

impl ChargeBackend for Stepping {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        kind == CredentialType::Authorization
    }

    fn sender(&self) -> Option<Address> {
        Some(self.settler.address)
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        let Proof::Authorization {
            authorization,
            signature,
        } = charge.proof()
        else {
            panic!("another credential type");
        };
        match self.simulate(authorization, signature).await {
            true => Ok(()),
            false => Err(Fault::upstream("stepping", "would fail").into()),
        }
    }

    async fn settle(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        let Proof::Authorization {
            authorization,
            signature,
        } = charge.proof()
        else {
            panic!("another credential type");
        };
        Ok(self.transfer(authorization, signature).await)
    }

    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        panic!("every settlement here is known");
    }
}
