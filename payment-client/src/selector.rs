//! Which of several allowed offers is paid.
//!
//! A selector gets the list in the order of preference so far (MPP before x402, each in the
//! seller's order) and moves what it likes to the front or drops what it does not. Selectors run
//! in the order they were added; the first offer left is paid. Limits, networks and tokens have
//! been applied before: no selector can widen them.

use payment_core::{Money, Network};

use crate::dollars::Dollars;
use crate::offer::{Offer, Protocol};

/// A choice among offers, as [`BuyerBuilder::select`](crate::BuyerBuilder::select) takes it.
pub trait Selector: Fn(&mut Vec<Offer>) + Send + Sync + 'static {}

impl<F: Fn(&mut Vec<Offer>) + Send + Sync + 'static> Selector for F {}

/// Moves offers on this network to the front.
pub fn prefer_network(network: Network) -> impl Selector {
    prefer(move |offer| offer.network() == network)
}

/// Moves offers of this scheme (`exact`, `charge`) to the front.
pub fn prefer_scheme(scheme: impl Into<String>) -> impl Selector {
    let scheme = scheme.into();
    prefer(move |offer| offer.scheme() == scheme)
}

/// Moves offers of this protocol to the front.
pub fn prefer_protocol(protocol: Protocol) -> impl Selector {
    prefer(move |offer| offer.protocol() == protocol)
}

/// Drops offers above this price.
pub fn max_amount(most: Money) -> impl Selector {
    // A bound too fine to be held exactly allows nothing.
    let most = Dollars::of(most).unwrap_or_default();
    move |offers: &mut Vec<Offer>| offers.retain(|offer| offer.dollars <= most)
}

/// Moves the cheapest offers to the front.
pub fn cheapest() -> impl Selector {
    |offers: &mut Vec<Offer>| offers.sort_by_key(|offer| offer.dollars)
}

/// Moves offers that are liked to the front; both groups keep their order.
fn prefer(liked: impl Fn(&Offer) -> bool + Send + Sync + 'static) -> impl Selector {
    move |offers: &mut Vec<Offer>| offers.sort_by_key(|offer| !liked(offer))
}
