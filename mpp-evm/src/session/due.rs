use std::time::Duration;

use alloy_primitives::Address;
use payment_evm::{Domain, Token};

use super::Venue;
use crate::CredentialType;

/// What one route asks of a session, in the values that everything is compared with.
#[derive(Clone, Debug)]
pub(crate) struct SessionDue {
    pub(crate) token: Token,
    pub(crate) venue: Venue,
    /// The domain of the escrow, in which vouchers are signed.
    pub(crate) domain: Domain,
    pub(crate) token_domain: Domain,
    pub(crate) permit2: Address,
    pub(crate) permit2_domain: Domain,
    /// Base units of one unit of what is sold.
    pub(crate) price: u128,
    /// What is set aside for a response that is not streamed.
    pub(crate) most: u128,
    /// Whether the handler counts the units.
    pub(crate) metered: bool,
    pub(crate) least_delta: u128,
    pub(crate) least_deposit: u128,
    /// Of those that we bring to the chain; at least one.
    pub(crate) least_top_up: u128,
    pub(crate) types: Vec<CredentialType>,
    /// How long an amount stays set aside without news.
    pub(crate) lease: Duration,
    /// How old what is known of the chain may be.
    pub(crate) fresh_for: Duration,
}
