use std::borrow::Cow;
use std::error::Error;
use std::sync::{Arc, OnceLock};

use http::{HeaderName, HeaderValue};
use payment_core::{
    Account, Ask, BoxFuture, Denied, Fault, Paid, Payment, Pending, Purpose, Receipt, Refusal,
    ReplayKey, Soon, Timestamp, Units,
};

use crate::code::refuse_as;
use crate::crowd::Outside;
use crate::evidence::Evidence;
use crate::request::Charge;
use crate::wire::{self, SettleResponse};
use crate::{
    Code, Facilitator, FacilitatorFault, NAME, Offer, PaymentRequest, SchemePayment, SettleAnswer,
    Settlement, VerifyAnswer, Version, Window, refuse,
};

/// A payment bound to one of our offers, with the facilitator that settles it.
pub(crate) struct BoundPayment<F> {
    outside: Arc<Outside<F>>,
    bound: Box<dyn SchemePayment>,
    version: Version,
    offer: Offer,
    resource: Box<str>,
    window: Window,
    /// Whether the facilitator has verified this very payload.
    verified: bool,
    /// What the handler charges, where that is for it to say and it has said so.
    charge: Option<Units>,
    /// Made when the facilitator is first asked, after `check`.
    request: OnceLock<PaymentRequest>,
}

const PENDING: &str = "settlement_pending";

impl<F: Facilitator> BoundPayment<F> {
    pub(crate) fn new(
        outside: Arc<Outside<F>>,
        bound: Box<dyn SchemePayment>,
        version: Version,
        offer: Offer,
        ask: &Ask,
        margin_seconds: u64,
    ) -> Self {
        let window = Window::new(ask.now, margin_seconds, offer.max_timeout_seconds());
        Self {
            outside,
            bound,
            version,
            offer,
            resource: ask.resource.clone(),
            window,
            verified: false,
            charge: None,
            request: OnceLock::new(),
        }
    }

    fn request(&self) -> &PaymentRequest {
        self.request.get_or_init(|| {
            let (offer, resource) = (self.offer.clone(), self.resource.clone());
            PaymentRequest::new(self.version, offer, resource, &*self.bound)
        })
    }

    /// Whether it moves less than is asked: nothing is begun with that, and nothing settled by it.
    /// What has been settled when it was the price is delivered all the same. (I4, T04)
    fn is_short(&self) -> bool {
        self.bound.amount() < self.offer.amount()
    }

    async fn ask_verify(&self) -> Result<(), Denied> {
        // Held while it is asked about. Who has proven to have an account counts elsewhere.
        let _crowd = match self.bound.payer() {
            Some(_) => None,
            None => Some(self.outside.crowd.enter().ok_or_else(crowded)?),
        };
        let request = self.request();
        match self.outside.facilitator.verify(request).await {
            Ok(VerifyAnswer::Valid { payer }) => {
                if payer.is_some() && payer.as_ref() != self.bound.claimed_payer() {
                    let cause = FacilitatorFault::Garbage("verified another payer");
                    return Err(Fault::upstream("facilitator_answer", cause).into());
                }
                Ok(())
            }
            Ok(VerifyAnswer::Invalid { code }) => Err(refuse_as(&code).into()),
            Err(fault) => Err(as_fault(fault).into()),
        }
    }

    async fn ask_settle(&mut self) -> Result<Receipt, Denied> {
        if self.is_short() {
            return Err(refuse(Code::Value).into());
        }
        if self.bound.settlement() == Settlement::UpTo {
            let most = self.bound.amount();
            let charge = *self.charge.get_or_insert(most);
            if charge > most {
                let cause = "more than the buyer has signed";
                return Err(Fault::internal("charge_too_large", cause).into());
            }
        }
        let request = &*self.charged();
        match self.outside.facilitator.settle(request).await {
            Ok(answer) => self.outcome(request, answer, Evidence::default()),
            Err(fault @ FacilitatorFault::NotSent(_)) => Err(as_fault(fault).into()),
            Err(fault) => Err(self.pending(&Evidence::default(), fault)),
        }
    }

    async fn ask_again(&mut self, earlier: Evidence) -> Result<Receipt, Denied> {
        self.charge = earlier.charge();
        if self.is_short() {
            // It may be another one with the nonce of what was begun, and asking may settle it.
            let cause = "less than the price of the moment is not asked about";
            return Err(self.pending(&earlier, cause));
        }
        let request = &*self.charged();
        match self
            .outside
            .facilitator
            .reconcile(request, earlier.transaction())
            .await
        {
            Ok(answer) => self.outcome(request, answer, earlier),
            // Not even "not sent" tells anything about the settlement sent before.
            Err(fault) => Err(self.pending(&earlier, fault)),
        }
    }

    /// What a facilitator is to settle.
    fn charged(&self) -> Cow<'_, PaymentRequest> {
        let request = self.request();
        match (self.bound.settlement(), self.charge) {
            (Settlement::UpTo, Some(units)) => Cow::Owned(request.charging(Charge::Exactly(units))),
            (Settlement::UpTo, None) => Cow::Owned(request.charging(Charge::AtMost)),
            _ => Cow::Borrowed(request),
        }
    }

    fn outcome(
        &self,
        request: &PaymentRequest,
        answer: SettleAnswer,
        earlier: Evidence,
    ) -> Result<Receipt, Denied> {
        if let Some(why) = answer.contradicts(request) {
            return Err(self.pending(&earlier, FacilitatorFault::Garbage(why)));
        }
        match answer {
            SettleAnswer::Settled {
                transaction,
                amount,
                ..
            } => {
                let amount = amount.unwrap_or_else(|| request.amount());
                self.receipt(&transaction, amount, None)
            }
            SettleAnswer::Deferred { .. } if self.bound.settlement() == Settlement::Batch => {
                self.receipt("", request.amount(), Some("success"))
            }
            SettleAnswer::Deferred { .. } => {
                let cause = FacilitatorFault::Garbage("deferred what settles at once");
                Err(self.pending(&earlier, cause))
            }
            SettleAnswer::Refused { code } => Err(self.refused(&code).into()),
            SettleAnswer::Pending { transaction } => {
                let evidence = Evidence::new(transaction).or(earlier);
                Err(self.pending(&evidence, FacilitatorFault::Garbage("not settled yet")))
            }
        }
    }

    /// The receipt. The payer and the network are the ones we know, not the ones we were told.
    fn receipt(
        &self,
        transaction: &str,
        amount: Units,
        status: Option<&str>,
    ) -> Result<Receipt, Denied> {
        let network = self.offer.network_in(self.version);
        let mut response = SettleResponse::success(transaction, network, self.payer_text());
        response.status = status.map(str::to_owned);
        if self.version == Version::V2 {
            response.amount = Some(amount.to_string());
        }
        let value = match self.version {
            Version::V2 => wire::encode(&response),
            Version::V1 => wire::encode_ascii(&response),
        };
        // Texts always encode. Were they not to, the money has moved all the same.
        let value = value.unwrap_or_default();
        // A handler that fails after an upfront settlement: the buyer sees that it has paid.
        let receipt = Receipt::new(transaction, &self.version.receipt_header(), value);
        Ok(receipt.moving(amount).with_errors())
    }

    fn refused(&self, code: &str) -> Refusal {
        let refusal = refuse_as(code);
        let spelling = refusal.problem().code.clone();
        match self.failure(&spelling, "") {
            Some((name, value)) => refusal.header(name, value),
            None => refusal,
        }
    }

    fn pending(
        &self,
        evidence: &Evidence,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Denied {
        let transaction = evidence.transaction().unwrap_or_default();
        Denied::Unknown(Pending {
            headers: self.failure(PENDING, transaction).into_iter().collect(),
            evidence: evidence.clone().of_charge(self.charge).to_bytes(),
            code: PENDING,
            cause: cause.into(),
        })
    }

    /// A receipt that says that nothing was paid, or nothing yet.
    fn failure(&self, reason: &str, transaction: &str) -> Option<(HeaderName, HeaderValue)> {
        let network = self.offer.network_in(self.version);
        let response = SettleResponse::failure(reason, transaction, network, self.payer_text());
        let value = wire::encode_ascii(&response).ok()?;
        Some((self.version.receipt_header(), value.try_into().ok()?))
    }

    fn payer_text(&self) -> Option<String> {
        self.proven_payer().map(ToString::to_string)
    }

    /// Who pays, by a signature that was checked here or by the facilitator.
    fn proven_payer(&self) -> Option<&Account> {
        let verified = || self.bound.claimed_payer().filter(|_| self.verified);
        self.bound.payer().or_else(verified)
    }
}

fn crowded() -> Fault {
    Fault::unavailable(
        "too_many_payments",
        "many unproven payments are being verified",
    )
}

fn as_fault(fault: FacilitatorFault) -> Fault {
    match fault {
        FacilitatorFault::NotSent(_) => Fault::unavailable("facilitator_unavailable", fault),
        FacilitatorFault::TimedOut => Fault::timeout("facilitator_timeout", fault),
        FacilitatorFault::Unknown(_) => Fault::upstream("facilitator_unavailable", fault),
        FacilitatorFault::Garbage(_) => Fault::upstream("facilitator_answer", fault),
    }
}

impl<F: Facilitator> Payment for BoundPayment<F> {
    fn keys(&self) -> &[ReplayKey] {
        self.bound.keys()
    }

    fn keep_until(&self) -> Timestamp {
        self.bound.keep_until()
    }

    fn spent(&self) -> Refusal {
        refuse(self.bound.spent())
    }

    fn in_time(&self) -> Result<(), Refusal> {
        if self.is_short() {
            return Err(refuse(Code::Value));
        }
        self.bound.in_time(self.window)
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        self.bound.check()
    }

    fn payer(&self) -> Option<&Account> {
        self.proven_payer()
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async move {
            self.ask_verify().await?;
            self.verified = true;
            Ok(())
        })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        // `check` has recovered whose payment it is; or its keys name the very payload that the
        // facilitator has verified before.
        self.verified = true;
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        let paid = Paid::new(NAME, self.bound.amount())
            .with(self.offer.network().clone(), self.offer.asset().clone());
        let paid = match self.proven_payer() {
            Some(payer) => paid.by(payer.clone()),
            None => paid,
        };
        match self.bound.settlement() {
            Settlement::UpTo => paid.up_to(),
            _ => paid,
        }
    }

    fn is_proven_by_settling(&self) -> bool {
        // A batch is owed to whoever was verified, and a charge of nothing proves nothing.
        self.bound.settlement() == Settlement::Transaction
    }

    fn charge(&mut self, units: Units) {
        self.charge = Some(units);
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::later(self.ask_settle())
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        let earlier = Evidence::read(evidence);
        // As `resume`.
        self.verified = true;
        Soon::later(self.ask_again(earlier))
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        // Verifying took nothing.
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests;
