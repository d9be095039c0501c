use std::slice;

use http::HeaderName;
use payment_core::{
    Account, BoxFuture, Denied, Paid, Payment, Purpose, Receipt, Refusal, ReplayKey, Soon,
    Timestamp,
};

use crate::protocol::{VOUCHERS, unpaid};
use crate::voucher::{Press, Voucher};

/// Where a buyer reads that the voucher was taken.
pub(crate) const X_VOUCHER_RECEIPT: HeaderName = HeaderName::from_static("x-voucher-receipt");

/// A voucher bound to the price of a route.
///
/// The money moved when the voucher was sold. So all that settling has to do is what the gate does
/// by itself: to remember the voucher as used, before the answer leaves.
pub(crate) struct VoucherPayment {
    voucher: Voucher,
    key: ReplayKey,
    press: Press,
    needed_until: Timestamp,
}

impl VoucherPayment {
    pub(crate) fn new(voucher: Voucher, press: Press, needed_until: Timestamp) -> Self {
        Self {
            key: voucher.key(),
            voucher,
            press,
            needed_until,
        }
    }
}

impl Payment for VoucherPayment {
    fn keys(&self) -> &[ReplayKey] {
        slice::from_ref(&self.key)
    }

    /// A record of the voucher outlives the voucher.
    fn keep_until(&self) -> Timestamp {
        self.voucher.expires
    }

    fn spent(&self) -> Refusal {
        unpaid("voucher_spent", "the voucher was used")
    }

    fn in_time(&self) -> Result<(), Refusal> {
        if self.voucher.expires <= self.needed_until {
            return Err(unpaid("voucher_expired", "the voucher has expired"));
        }
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        if !self.press.knows(&self.voucher) {
            return Err(unpaid("voucher_unknown", "the voucher is not ours"));
        }
        Ok(())
    }

    /// Whoever holds a voucher may use it.
    fn payer(&self) -> Option<&Account> {
        None
    }

    /// There is nobody to ask: a signature of ours that was not used yet is all there is to know.
    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    /// The voucher itself is the proof that what it has paid for is the holder's.
    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        Paid::new(VOUCHERS, self.voucher.worth)
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        let serial = self.voucher.serial();
        Soon::now(Ok(Receipt::new(serial, &X_VOUCHER_RECEIPT, serial)))
    }

    /// Settling twice moves nothing twice.
    fn reconcile<'a>(&'a mut self, _: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        self.settle()
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
