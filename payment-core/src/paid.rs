use std::sync::{Arc, OnceLock};

use crate::{Account, Asset, Meter, Network, ProtocolName, Receipt, Units};

/// What a handler may know of the payment that opened its route. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Paid(Arc<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    protocol: ProtocolName,
    payer: Option<Account>,
    network: Option<Network>,
    asset: Option<Asset>,
    amount: Units,
    transaction: Option<Box<str>>,
    meter: Option<Meter>,
    /// What the handler charges, where that is for it to say; `None` once it is too late.
    actual: Option<Arc<OnceLock<Option<Units>>>>,
}

/// A handler can't charge this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChargeError {
    /// The amount was fixed by the offer, or has moved already.
    #[error("the amount is not for the handler to say")]
    Fixed,
    /// More than the buyer has signed.
    #[error("more than the buyer has authorized")]
    TooMuch,
    /// It was said before.
    #[error("the charge was set before")]
    Twice,
}

impl Paid {
    /// A payment of so many base units. For protocols.
    #[must_use]
    pub fn new(protocol: ProtocolName, amount: Units) -> Self {
        let facts = Facts {
            protocol,
            payer: None,
            network: None,
            asset: None,
            amount,
            transaction: None,
            meter: None,
            actual: None,
        };
        Self(Arc::new(facts))
    }

    /// What a request has that was let in unpaid: no amount, by nobody.
    #[must_use]
    pub(crate) fn nothing() -> Self {
        Self::new(FREE, Units::ZERO)
    }

    /// Leaves the charge to the handler: the amount is the most that it can be. For protocols whose
    /// buyers sign a maximum.
    #[must_use]
    pub fn up_to(mut self) -> Self {
        Arc::make_mut(&mut self.0).actual = Some(Arc::default());
        self
    }

    /// Whether the request was let in unpaid, by a hook or a price of nothing.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.0.protocol == FREE
    }

    /// Charges less than the buyer has authorized, zero included. Without it the whole
    /// [`amount`](Self::amount) is charged.
    ///
    /// # Errors
    ///
    /// `ChargeError` where the amount is fixed, was said before, or is more than was authorized.
    pub fn charge(&self, units: Units) -> Result<(), ChargeError> {
        let actual = self.0.actual.as_ref().ok_or(ChargeError::Fixed)?;
        if units > self.0.amount {
            return Err(ChargeError::TooMuch);
        }
        actual.set(Some(units)).map_err(|_| match actual.get() {
            Some(Some(_)) => ChargeError::Twice,
            _ => ChargeError::Fixed,
        })
    }

    /// What the handler charges, where it has said so. It can't any more from here on.
    pub(crate) fn close(&self) -> Option<Units> {
        *self.0.actual.as_ref()?.get_or_init(|| None)
    }

    /// The same, of so much.
    pub(crate) fn charged(mut self, units: Units) -> Self {
        Arc::make_mut(&mut self.0).amount = units;
        self
    }

    /// The same, once the amount can't be changed any more.
    pub(crate) fn fixed(mut self) -> Self {
        if self.0.actual.is_some() {
            Arc::make_mut(&mut self.0).actual = None;
        }
        self
    }

    /// Adds what names the settlement, and how much it has moved, where the receipt says it.
    pub(crate) fn moved_by(mut self, receipt: &Receipt) -> Self {
        if let Some(amount) = receipt.amount
            && amount != self.0.amount
        {
            Arc::make_mut(&mut self.0).amount = amount;
        }
        match receipt.reference.as_str() {
            "" => self,
            reference => self.settled_by(reference),
        }
    }

    /// Adds who paid: proven by a signature or a transfer, never the buyer's word.
    #[must_use]
    pub fn by(mut self, payer: Account) -> Self {
        Arc::make_mut(&mut self.0).payer = Some(payer);
        self
    }

    /// Adds what was paid with, and where.
    #[must_use]
    pub fn with(mut self, network: Network, asset: Asset) -> Self {
        let facts = Arc::make_mut(&mut self.0);
        facts.network = Some(network);
        facts.asset = Some(asset);
        self
    }

    /// Adds the transaction that moved the money.
    #[must_use]
    pub fn settled_by(mut self, transaction: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.0).transaction = Some(transaction.into());
        self
    }

    /// Adds the meter that the handler reports to.
    pub(crate) fn metered(mut self, meter: Option<Meter>) -> Self {
        if meter.is_some() {
            Arc::make_mut(&mut self.0).meter = meter;
        }
        self
    }

    /// What counts the use, where the payment is by use.
    #[must_use]
    pub fn meter(&self) -> Option<&Meter> {
        self.0.meter.as_ref()
    }

    /// The protocol that took the payment.
    #[must_use]
    pub fn protocol(&self) -> ProtocolName {
        self.0.protocol
    }

    /// Who paid, once proven.
    #[must_use]
    pub fn payer(&self) -> Option<&Account> {
        self.0.payer.as_ref()
    }

    /// Where the money moves.
    #[must_use]
    pub fn network(&self) -> Option<&Network> {
        self.0.network.as_ref()
    }

    /// What it is paid with.
    #[must_use]
    pub fn asset(&self) -> Option<&Asset> {
        self.0.asset.as_ref()
    }

    /// How much, in base units of the asset.
    #[must_use]
    pub fn amount(&self) -> Units {
        self.0.amount
    }

    /// The transaction, when the money has moved before the handler ran.
    #[must_use]
    pub fn transaction(&self) -> Option<&str> {
        self.0.transaction.as_deref()
    }
}

/// The protocol of a request that was let in unpaid.
const FREE: ProtocolName = ProtocolName::new("none");
