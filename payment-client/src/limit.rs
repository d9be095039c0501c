use payment_core::Money;

/// How much a buyer may spend. There is no buyer without one.
///
/// ```
/// use payment_client::SpendLimit;
/// use payment_core::usd;
///
/// // At most ten cents a call, and five dollars in the life of the buyer.
/// let limit = SpendLimit::per_payment(usd!("0.10")).total(usd!("5"));
/// # let _ = limit;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpendLimit {
    pub(crate) per_payment: Money,
    pub(crate) total: Option<Money>,
}

impl SpendLimit {
    /// Allows payments of at most this much each, and any number of them until [`Self::total`]
    /// says otherwise.
    #[must_use]
    pub const fn per_payment(most: Money) -> Self {
        Self {
            per_payment: most,
            total: None,
        }
    }

    /// Allows all payments of one buyer and its clones together at most this much. A signed
    /// payment that may have reached a seller counts whatever the seller answered.
    #[must_use]
    pub const fn total(self, most: Money) -> Self {
        Self {
            total: Some(most),
            ..self
        }
    }
}
