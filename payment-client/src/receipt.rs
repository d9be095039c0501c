use http::HeaderMap;
use payment_evm::wire::address;

use crate::offer::{Offer, Terms};
use crate::payment::Payment;
use crate::{mpp, x402};

/// What a seller showed for a payment.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Proof {
    /// Nothing: the answer carries no receipt, or there is no answer yet.
    #[default]
    Absent,
    /// A receipt that fits what was paid. It is the seller's word; the transaction it names is
    /// on the chain for who wants to look.
    Receipt(Receipt),
    /// A receipt that does not fit.
    Contradicts(Contradiction),
}

/// A receipt that fits what was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// What names the settlement: a transaction hash, for payments on a chain.
    pub reference: String,
}

/// Where a receipt and the payment differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// It can't be read, or came more than once.
    #[error("the receipt cannot be read")]
    Unreadable,
    /// It says that nothing was paid.
    #[error("the receipt is of a failure")]
    Failure,
    /// It names no transaction.
    #[error("the receipt names no transaction")]
    Reference,
    /// It is of another network.
    #[error("the receipt is of another network")]
    Network,
    /// It names another payer.
    #[error("the receipt names another payer")]
    Payer,
    /// It says another amount.
    #[error("the receipt says another amount")]
    Amount,
    /// It is of another challenge or method.
    #[error("the receipt is of another challenge")]
    Challenge,
}

impl Proof {
    /// Reads what an answer shows for a payment.
    pub(crate) fn of(headers: &HeaderMap, payment: &Payment) -> Self {
        let found = match &payment.offer.terms {
            Terms::Mpp(challenge) => mpp::receipt(headers, challenge, &payment.offer),
            Terms::X402V2(..) | Terms::X402V1(_) => x402_receipt(headers, payment),
        };
        match found {
            None => Self::Absent,
            Some(Ok(receipt)) => Self::Receipt(receipt),
            Some(Err(contradiction)) => Self::Contradicts(contradiction),
        }
    }

    /// The receipt that fits.
    #[must_use]
    pub const fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Receipt(receipt) => Some(receipt),
            Self::Absent | Self::Contradicts(_) => None,
        }
    }
}

// x402, 3.4 and 4: `payer` and `amount` may be missing; what is there must fit.
fn x402_receipt(headers: &HeaderMap, payment: &Payment) -> Option<Result<Receipt, Contradiction>> {
    let Ok(settled) = x402::receipt(headers)? else {
        return Some(Err(Contradiction::Unreadable));
    };
    let check = || {
        if !settled.success {
            return Err(Contradiction::Failure);
        }
        if settled.transaction.is_empty() {
            return Err(Contradiction::Reference);
        }
        if !names_network(&settled.network, &payment.offer) {
            return Err(Contradiction::Network);
        }
        if let Some(payer) = &settled.payer
            && address::parse(payer).ok() != Some(payment.payer)
        {
            return Err(Contradiction::Payer);
        }
        if let Some(amount) = &settled.amount
            && amount.parse().ok() != Some(payment.offer.amount)
        {
            return Err(Contradiction::Amount);
        }
        Ok(())
    };
    let checked = check();
    Some(checked.map(|()| Receipt {
        reference: settled.transaction,
    }))
}

/// Servers of both versions write either form.
fn names_network(text: &str, offer: &Offer) -> bool {
    let said = text.parse().ok().or_else(|| x402_core::v1_network(text));
    said == Some(offer.network())
}
