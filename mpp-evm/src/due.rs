use alloy_primitives::Address;
use payment_core::Units;
use payment_evm::{Domain, Token};

use crate::{CredentialType, Leg};

/// What one route asks for, in base units. Made of the seller's own values alone; credentials
/// are compared with it and backends settle by it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Due {
    /// What is paid with, and on which chain.
    pub token: Token,
    /// Who is paid.
    pub recipient: Address,
    /// All that the buyer pays.
    pub amount: Units,
    /// The transfers that make up the payment: one, or several when it is split. Their sum is
    /// `amount`.
    pub legs: Vec<Leg>,
    /// The seller's own name for the order.
    pub external_id: Option<String>,
    /// How it can be paid, in the seller's order of preference.
    pub types: Vec<CredentialType>,
    /// The Permit2 contract.
    pub permit2: Address,
    /// Who calls the Permit2 contract; the buyer signs this.
    pub spender: Option<Address>,
    /// The domain in which authorizations are signed.
    pub(crate) token_domain: Domain,
    /// The domain in which permits are signed.
    pub(crate) permit2_domain: Domain,
}

impl Due {
    /// The external id as a permit's witness has it: absent is empty.
    pub(crate) fn witnessed_id(&self) -> &str {
        self.external_id.as_deref().unwrap_or_default()
    }
}
