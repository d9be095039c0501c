use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::{SolStruct, sol};
use serde::{Deserialize, Serialize};

use super::TokenPermissions;
use crate::{Domain, wire};

/// What an x402 payer signs to pay through Permit2 (`exact`, x402 v2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactPermit {
    /// Token and amount; the proxy takes the whole amount.
    pub permitted: TokenPermissions,
    /// Who may use it: [`EXACT_PROXY`](super::EXACT_PROXY).
    pub spender: Address,
    /// Chosen by the payer; Permit2 takes each once.
    pub nonce: U256,
    /// Valid in blocks not later than this, in seconds since the epoch.
    pub deadline: U256,
    /// Where the money goes: the proxy pays nobody else.
    pub witness: ExactWitness,
}

/// The part of an [`ExactPermit`] that the proxy enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExactWitness {
    /// Who gets the money.
    #[serde(with = "wire::address")]
    pub to: Address,
    /// Not valid in blocks earlier than this, in seconds since the epoch.
    #[serde(with = "wire::decimal")]
    pub valid_after: U256,
}

impl ExactPermit {
    /// What is signed.
    #[must_use]
    pub fn digest(&self, domain: &Domain) -> B256 {
        domain.digest(self.struct_hash())
    }

    /// The struct hash of `PermitWitnessTransferFrom` with x402's witness.
    #[must_use]
    pub fn struct_hash(&self) -> B256 {
        let permit = typed::PermitWitnessTransferFrom {
            permitted: typed::TokenPermissions {
                token: self.permitted.token,
                amount: self.permitted.amount,
            },
            spender: self.spender,
            nonce: self.nonce,
            deadline: self.deadline,
            witness: typed::Witness {
                to: self.witness.to,
                validAfter: self.witness.valid_after,
            },
        };
        permit.eip712_hash_struct()
    }
}

#[allow(missing_docs)]
mod typed {
    use super::sol;

    sol! {
        struct TokenPermissions {
            address token;
            uint256 amount;
        }

        struct Witness {
            address to;
            uint256 validAfter;
        }

        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            Witness witness;
        }
    }
}
