use alloy_primitives::{Address, B256, Bytes, Keccak256, U256, keccak256};
use alloy_sol_types::{SolCall, SolStruct, SolValue, sol};

use super::{TokenPermissions, TransferDetails};
use crate::{Domain, EvmSignature};

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

    /// The call of Permit2 that moves the money (`permitWitnessTransferFrom`, of which it has two:
    /// for one permission and for several). `None` unless there are as many transfers as
    /// permissions, and at least one.
    #[must_use]
    pub fn calldata(
        &self,
        spelling: Spelling,
        owner: Address,
        transfers: &[TransferDetails],
        signature: &EvmSignature,
    ) -> Option<Bytes> {
        let witness = self.witness_hash(spelling);
        let text = spelling.witness_type_string().to_owned();
        let signature = Bytes::from(signature.to_bytes());
        let (nonce, deadline) = (self.nonce, self.deadline);
        let call = match (self.permitted.as_slice(), transfers) {
            ([permitted], [transfer]) => {
                let permit = typed::PermitTransferFrom {
                    permitted: permitted.into(),
                    nonce,
                    deadline,
                };
                let arguments = (permit, transfer.into(), owner, witness, text, signature);
                typed::permitWitnessTransferFrom_0Call::new(arguments).abi_encode()
            }
            (several, transfers) if !several.is_empty() && several.len() == transfers.len() => {
                let permitted = several.iter().map(Into::into).collect();
                let permit = typed::PermitBatchTransferFrom {
                    permitted,
                    nonce,
                    deadline,
                };
                let transfers = transfers.iter().map(Into::into).collect();
                let arguments = (permit, transfers, owner, witness, text, signature);
                typed::permitWitnessTransferFrom_1Call::new(arguments).abi_encode()
            }
            _ => return None,
        };
        Some(call.into())
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
        typed::TokenPermissions::from(self).eip712_hash_struct()
    }
}

impl From<&TokenPermissions> for typed::TokenPermissions {
    fn from(permitted: &TokenPermissions) -> Self {
        Self {
            token: permitted.token,
            amount: permitted.amount,
        }
    }
}

impl From<&TransferDetails> for typed::SignatureTransferDetails {
    fn from(transfer: &TransferDetails) -> Self {
        Self {
            to: transfer.to,
            requestedAmount: transfer.requested_amount,
        }
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

        struct PermitTransferFrom {
            TokenPermissions permitted;
            uint256 nonce;
            uint256 deadline;
        }

        struct PermitBatchTransferFrom {
            TokenPermissions[] permitted;
            uint256 nonce;
            uint256 deadline;
        }

        struct SignatureTransferDetails {
            address to;
            uint256 requestedAmount;
        }

        function permitWitnessTransferFrom(
            PermitTransferFrom permit,
            SignatureTransferDetails transferDetails,
            address owner,
            bytes32 witness,
            string witnessTypeString,
            bytes signature
        );

        function permitWitnessTransferFrom(
            PermitBatchTransferFrom permit,
            SignatureTransferDetails[] transferDetails,
            address owner,
            bytes32 witness,
            string witnessTypeString,
            bytes signature
        );
    }
}
