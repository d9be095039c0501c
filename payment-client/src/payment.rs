use std::fmt;

use alloy_primitives::Address;
use http::{HeaderName, HeaderValue};
use payment_core::{Money, Network, Timestamp, Units};
use payment_evm::Token;

use crate::budget::Counted;
use crate::offer::{Offer, Protocol};
use crate::receipt::Proof;

/// The header that pays. Whoever has it can collect the payment.
pub(crate) struct Credential {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl Credential {
    pub(crate) fn new(name: HeaderName, mut value: HeaderValue) -> Self {
        // Keeps it out of what HTTP libraries print, and out of HTTP/2 header tables.
        value.set_sensitive(true);
        Self { name, value }
    }
}

/// One signed payment: what was paid, to whom, and what is known of its fate.
///
/// There is one of these for each request that was paid, and its amount counts against the buyer's total
/// until [`Payment::give_back`].
pub struct Payment {
    pub(crate) offer: Offer,
    pub(crate) payer: Address,
    pub(crate) credential: Credential,
    pub(crate) request: reqwest::Request,
    pub(crate) counted: Option<Counted>,
    pub(crate) exposure: Exposure,
    pub(crate) proof: Proof,
}

/// Whether the seller can know the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exposure {
    /// No connection to the seller ever came about.
    Unsent,
    /// It left, and came with an answer each time.
    Answered,
    /// It left, or may have, and an answer was lost: perhaps the one that was paid for.
    Lost,
}

impl Payment {
    /// The protocol it was made by.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        self.offer.protocol()
    }

    /// The chain it is on.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.offer.network()
    }

    /// The token it is in.
    #[must_use]
    pub const fn token(&self) -> &Token {
        self.offer.token()
    }

    /// How many base units of the token.
    #[must_use]
    pub const fn amount(&self) -> Units {
        self.offer.amount()
    }

    /// The same in dollars, the token taken at par.
    #[must_use]
    pub fn price(&self) -> Money {
        self.offer.price()
    }

    /// Who paid.
    #[must_use]
    pub const fn payer(&self) -> Address {
        self.payer
    }

    /// Who is paid.
    #[must_use]
    pub const fn pay_to(&self) -> Address {
        self.offer.pay_to()
    }

    /// After this, nobody can collect it any more. What was collected by then stays collected.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.offer.valid_until()
    }

    /// What the seller showed for it.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The header that pays, to keep it where it outlives this process. It is as good as the
    /// money: nobody else may see it.
    #[must_use]
    pub const fn credential(&self) -> (&HeaderName, &HeaderValue) {
        (&self.credential.name, &self.credential.value)
    }

    /// Gives the amount back to the buyer's total. Only for who knows that the payment did not
    /// happen and can't any more: the chain says that the nonce is unused, or all of them where it
    /// was paid in parts, and [`Self::valid_until`] has passed.
    pub fn give_back(mut self) {
        if let Some(counted) = self.counted.take() {
            counted.give_back();
        }
    }

    /// It was shown to the seller. What was lost once stays lost.
    pub(crate) fn expose(&mut self, exposure: Exposure) {
        self.exposure = self.exposure.max(exposure);
    }

    /// The request as it goes out, the same bytes each time.
    pub(crate) fn paid_request(&self) -> Option<reqwest::Request> {
        let mut request = self.request.try_clone()?;
        let value = self.credential.value.clone();
        request.headers_mut().insert(&self.credential.name, value);
        Some(request)
    }
}

impl fmt::Debug for Payment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payment")
            .field("offer", &self.offer)
            .field("payer", &self.payer)
            .field("credential", &"[redacted]")
            .field("exposure", &self.exposure)
            .field("proof", &self.proof)
            .finish_non_exhaustive()
    }
}
