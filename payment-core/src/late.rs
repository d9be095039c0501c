use crate::{
    Account, BoxFuture, Denied, Paid, Payment, Purpose, Receipt, Refusal, ReplayKey, Soon,
    Timestamp, Units,
};

/// A payment of a price that is not asked any more. Nobody begins with it; but what was begun while
/// it was good is followed up, so that no buyer is told to sign again for what may have been paid.
/// Nor is it refused where the buyer has moved the money. (I4)
pub(crate) struct Late {
    pub(crate) payment: Box<dyn Payment>,
    /// What is said to whoever begins with it.
    pub(crate) refusal: Refusal,
}

impl Payment for Late {
    fn keys(&self) -> &[ReplayKey] {
        self.payment.keys()
    }

    fn keep_until(&self) -> Timestamp {
        self.payment.keep_until()
    }

    fn spent(&self) -> Refusal {
        self.payment.spent()
    }

    fn in_time(&self) -> Result<(), Refusal> {
        // Not asked of what was begun; and what has moved was paid by the offer, which is good still.
        match self.payment.has_moved() {
            true => self.payment.in_time(),
            false => Err(self.refusal.clone()),
        }
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

    fn has_moved(&self) -> bool {
        self.payment.has_moved()
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
