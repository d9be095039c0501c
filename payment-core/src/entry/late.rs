use crate::{
    Account, BoxFuture, Denied, Paid, Payment, Purpose, Receipt, Refusal, ReplayKey, Soon,
    Timestamp, Units,
};

/// A payment by a quote that has run out. Too late for this request, unless its settlement has begun
/// in an earlier one: then it is delivered as any other that was paid in time. (I4)
pub(super) struct Late {
    pub(super) payment: Box<dyn Payment>,
    /// Why it does not pay the price of today.
    pub(super) why: Refusal,
}

impl Payment for Late {
    fn in_time(&self) -> Result<(), Refusal> {
        Err(self.why.clone())
    }

    fn keys(&self) -> &[ReplayKey] {
        self.payment.keys()
    }

    fn keep_until(&self) -> Timestamp {
        self.payment.keep_until()
    }

    fn spent(&self) -> Refusal {
        self.payment.spent()
    }

    fn purpose(&self) -> Purpose {
        self.payment.purpose()
    }

    fn check(&mut self) -> Result<(), Refusal> {
        self.payment.check()
    }

    fn payer(&self) -> Option<&Account> {
        self.payment.payer()
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        self.payment.verify()
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        self.payment.resume()
    }

    fn is_delivered_later(&self) -> bool {
        self.payment.is_delivered_later()
    }

    fn is_proven_by_settling(&self) -> bool {
        self.payment.is_proven_by_settling()
    }

    fn paid(&self) -> Paid {
        self.payment.paid()
    }

    fn charge(&mut self, units: Units) {
        self.payment.charge(units);
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        self.payment.settle()
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        self.payment.reconcile(evidence)
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        self.payment.release()
    }
}
