use alloy_primitives::{Address, B256};
use mpp_core::refuse;
use mpp_evm::{ChargeBackend, CheckedCharge, CredentialType, Proof};
use payment_core::{Denied, Fault, Money, Pending, Route};
use serde_json::value::RawValue;
use x402_core::{
    Facilitator, FacilitatorFault, PaymentRequest, Presented, Scheme, SettleAnswer, VerifyAnswer,
    Version,
};
use x402_evm::ExactEvm;

/// Settles MPP charges through an x402 facilitator: an `authorization` credential is an EIP-3009
/// authorization, and settling those is what facilitators do.
pub(crate) struct FacilitatorCharge<F> {
    facilitator: F,
}

impl<F: Facilitator> FacilitatorCharge<F> {
    pub(crate) const fn new(facilitator: F) -> Self {
        Self { facilitator }
    }
}

impl<F: Facilitator> ChargeBackend for FacilitatorCharge<F> {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        kind == CredentialType::Authorization
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        match self.facilitator.verify(&request(charge)?).await {
            Ok(VerifyAnswer::Valid { .. }) => Ok(()),
            Ok(_) => Err(refuse::verification_failed("the payment can't be settled").into()),
            Err(error) => Err(Fault::upstream("facilitator_unavailable", error).into()),
        }
    }

    async fn settle(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        settled(charge, self.facilitator.settle(&request(charge)?).await)
    }

    async fn reconcile(&self, charge: &CheckedCharge, evidence: &[u8]) -> Result<B256, Denied> {
        let known = std::str::from_utf8(evidence)
            .ok()
            .filter(|text| !text.is_empty());
        let answer = self.facilitator.reconcile(&request(charge)?, known).await;
        settled(charge, answer)
    }
}

/// The same payment in the facilitator's words. The offer is made of what is due, not of what
/// was signed.
fn request(charge: &CheckedCharge) -> Result<PaymentRequest, Denied> {
    let Proof::Authorization {
        authorization,
        signature,
    } = charge.proof()
    else {
        return Err(Fault::internal("facilitator", "not an authorization").into());
    };
    let due = charge.due();
    let broken = |reason: &'static str| Denied::from(Fault::internal("facilitator", reason));
    let price: Money = due
        .amount
        .display(due.token.decimals)
        .parse()
        .map_err(|_| broken("an amount that is no money"))?;
    let exact = ExactEvm::new(due.token.clone(), due.recipient);
    let offer = exact
        .offer(&Route::priced(price))
        .map_err(|_| broken("no offer"))?;
    let payload = serde_json::json!({
        "signature": signature.to_hex(),
        "authorization": authorization,
    });
    let payload = RawValue::from_string(payload.to_string()).map_err(|_| broken("no payload"))?;
    let mut payment = exact.bind(Presented::new(
        &offer,
        Version::V2,
        &payload,
        payment_core::Timestamp::default(),
    ))?;
    payment.check()?;
    Ok(PaymentRequest::new(
        Version::V2,
        offer,
        "mpp:charge",
        &*payment,
    ))
}

/// Only a success that is about this very payment is one.
fn settled(
    charge: &CheckedCharge,
    answer: Result<SettleAnswer, FacilitatorFault>,
) -> Result<B256, Denied> {
    let due = charge.due();
    match answer {
        Ok(SettleAnswer::Settled {
            transaction,
            network,
            payer,
            amount,
        }) => {
            let same = network == due.token.network()
                && payer.is_none_or(|payer| payer.evm() == Some(charge.payer()))
                && amount.is_none_or(|amount| amount == due.amount);
            match transaction.parse() {
                Ok(hash) if same => Ok(hash),
                _ => Err(pending(None, "a success that is not this payment's".into())),
            }
        }
        Ok(SettleAnswer::Refused { .. }) => {
            Err(refuse::verification_failed("the payment was not settled").into())
        }
        Ok(SettleAnswer::Pending { transaction }) => {
            Err(pending(transaction, "the settlement is under way".into()))
        }
        Ok(_) => Err(pending(None, "an answer of a kind not known here".into())),
        Err(FacilitatorFault::NotSent(error)) => {
            Err(Fault::unavailable("facilitator_unavailable", error).into())
        }
        Err(error) => Err(pending(None, error.into())),
    }
}

fn pending(
    transaction: Option<Box<str>>,
    cause: Box<dyn std::error::Error + Send + Sync>,
) -> Denied {
    Denied::Unknown(Pending {
        evidence: transaction.map(String::from).unwrap_or_default().into(),
        headers: Vec::new(),
        code: "settlement_pending",
        cause,
    })
}
