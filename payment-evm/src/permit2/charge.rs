use alloy_primitives::{Address, B256, Keccak256, U256, keccak256};
use alloy_sol_types::{SolStruct, SolValue, sol};

use super::TokenPermissions;
use crate::Domain;

/// What an MPP payer signs to pay a charge through Permit2 (draft-evm-charge, type `permit2`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargePermit {
    /// One permission a transfer. One is signed as a single permit, several as a batch.
    pub permitted: Vec<TokenPermissions>,
    /// Who may use it: the account that calls Permit2.
    pub spender: Address,
    /// Chosen by the payer; Permit2 takes each once.
    pub nonce: U256,
    /// Valid in blocks not later than this, in seconds since the epoch.
    pub deadline: U256,
    /// Binds the permit to one challenge.
    pub challenge_hash: B256,
    /// The seller's own name of the charge; empty when there is none.
    pub external_id: String,
}

/// The spelling of the witness type. Permit2 hashes whatever text it is handed, so a permit
/// settles only with the spelling that the payer signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// As EIP-712 encodes it and wallets sign it.
    Canonical,
    /// With the blank after the comma that the draft prints.
    Spaced,
}

impl Spelling {
    /// The text to hand to Permit2 as `witnessTypeString`.
    #[must_use]
    pub const fn witness_type_string(self) -> &'static str {
        match self {
            Self::Canonical => {
                "PaymentWitness witness)PaymentWitness(bytes32 challengeHash,string externalId)\
                 TokenPermissions(address token,uint256 amount)"
            }
            Self::Spaced => {
                "PaymentWitness witness)PaymentWitness(bytes32 challengeHash, string externalId)\
                 TokenPermissions(address token,uint256 amount)"
            }
        }
    }

    const fn witness_type(self) -> &'static str {
        match self {
            Self::Canonical => "PaymentWitness(bytes32 challengeHash,string externalId)",
            Self::Spaced => "PaymentWitness(bytes32 challengeHash, string externalId)",
        }
    }
}

impl ChargePermit {
    /// What is signed in this spelling.
    #[must_use]
    pub fn digest(&self, domain: &Domain, spelling: Spelling) -> B256 {
        domain.digest(self.struct_hash(spelling))
    }

    /// The hash of the witness, to hand to Permit2 as `witness`.
    #[must_use]
    pub fn witness_hash(&self, spelling: Spelling) -> B256 {
        let external_id = keccak256(self.external_id.as_bytes());
        let kind = keccak256(spelling.witness_type());
        keccak256((kind, self.challenge_hash, external_id).abi_encode())
    }

    /// The type hash that Permit2 arrives at with this spelling.
    #[must_use]
    pub fn type_hash(&self, spelling: Spelling) -> B256 {
        let stub = match self.permitted.len() {
            1 => {
                "PermitWitnessTransferFrom(TokenPermissions permitted,\
                 address spender,uint256 nonce,uint256 deadline,"
            }
            _ => {
                "PermitBatchWitnessTransferFrom(TokenPermissions[] permitted,\
                 address spender,uint256 nonce,uint256 deadline,"
            }
        };
        let mut hasher = Keccak256::new();
        hasher.update(stub);
        hasher.update(spelling.witness_type_string());
        hasher.finalize()
    }

    // Spelled out because no typed-data library signs the spaced form. The fields of both forms
    // are one word each: structs and arrays stand as their hashes.
    fn struct_hash(&self, spelling: Spelling) -> B256 {
        let permitted = match self.permitted.as_slice() {
            [one] => one.struct_hash(),
            several => {
                let mut hasher = Keccak256::new();
                several
                    .iter()
                    .for_each(|one| hasher.update(one.struct_hash()));
                hasher.finalize()
            }
        };
        let words = (
            self.type_hash(spelling),
            permitted,
            self.spender,
            self.nonce,
            self.deadline,
            self.witness_hash(spelling),
        );
        keccak256(words.abi_encode())
    }
}

impl TokenPermissions {
    fn struct_hash(&self) -> B256 {
        let typed = typed::TokenPermissions {
            token: self.token,
            amount: self.amount,
        };
        typed.eip712_hash_struct()
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
    }
}
