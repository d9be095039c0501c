use std::fmt;
use std::sync::Arc;

use alloy_primitives::Address;
use mpp_core::Challenge;
use payment_core::{Money, Network, Timestamp, Units};
use payment_evm::Token;
use x402_core::wire::{v1, v2};

use crate::dollars::Dollars;

/// A way to be paid on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// The `Payment` HTTP authentication scheme.
    Mpp,
    /// x402, in either version.
    X402,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mpp => "mpp",
            Self::X402 => "x402",
        })
    }
}

/// One way to pay a 402 that the buyer's rules allow, for selectors to choose from.
///
/// It can't be made or altered outside this crate: a selector decides which one is paid, never
/// what is paid.
#[derive(Clone)]
pub struct Offer {
    pub(crate) token: Token,
    pub(crate) amount: Units,
    pub(crate) dollars: Dollars,
    pub(crate) pay_to: Address,
    /// When it was received; what is signed counts from here.
    pub(crate) seen: Timestamp,
    pub(crate) valid_until: Timestamp,
    pub(crate) terms: Terms,
}

/// What the seller wrote, for the answer to echo.
#[derive(Clone)]
pub(crate) enum Terms {
    Mpp(Box<Challenge>),
    X402V2(Box<v2::PaymentRequirements>, Arc<v2::ResourceInfo>),
    X402V1(Box<v1::PaymentRequirements>),
}

impl Offer {
    /// The protocol it came by.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self.terms {
            Terms::Mpp(_) => Protocol::Mpp,
            Terms::X402V2(..) | Terms::X402V1(_) => Protocol::X402,
        }
    }

    /// The kind of payment, in the protocol's word: `exact` of x402, `charge` of MPP.
    #[must_use]
    pub fn scheme(&self) -> &str {
        match &self.terms {
            Terms::Mpp(_) => "charge",
            Terms::X402V2(requirements, _) => &requirements.scheme,
            Terms::X402V1(requirements) => &requirements.scheme,
        }
    }

    /// The chain it is paid on.
    #[must_use]
    pub const fn network(&self) -> Network {
        self.token.network()
    }

    /// The token it is paid in, as we know it, not as the seller describes it.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// The price in base units of the token.
    #[must_use]
    pub const fn amount(&self) -> Units {
        self.amount
    }

    /// The price in dollars, the token taken at par.
    #[must_use]
    pub fn price(&self) -> Money {
        self.dollars.money()
    }

    /// Who is to be paid, by the seller's word.
    #[must_use]
    pub const fn pay_to(&self) -> Address {
        self.pay_to
    }

    /// Until when a payment by this offer can be collected.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("protocol", &self.protocol())
            .field("scheme", &self.scheme())
            .field("network", &format_args!("{}", self.network()))
            .field("token", &self.token.symbol)
            .field("amount", &self.amount)
            .field("pay_to", &self.pay_to)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}
