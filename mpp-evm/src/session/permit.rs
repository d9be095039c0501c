//! What a payer signs to let the escrow pull a deposit through Permit2 (evm-session, Permit2).

use alloy_primitives::{Address, B256, U256};
use payment_evm::Domain;

use super::{ChannelId, Opening};

/// A deposit by Permit2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepositPermit {
    /// What is deposited.
    pub token: Address,
    /// How many base units.
    pub amount: u128,
    /// Who may pull it: the escrow.
    pub spender: Address,
    /// Chosen by the payer; Permit2 takes each once.
    pub nonce: U256,
    /// Valid in blocks not later than this, in seconds since the epoch.
    pub deadline: U256,
}

impl DepositPermit {
    /// What is signed to open this channel.
    #[must_use]
    pub fn open_digest(&self, domain: &Domain, opening: &Opening) -> B256 {
        domain.digest_of(&open::PermitWitnessTransferFrom {
            permitted: open::TokenPermissions {
                token: self.token,
                amount: U256::from(self.amount),
            },
            spender: self.spender,
            nonce: self.nonce,
            deadline: self.deadline,
            witness: open::ChannelOpenWitness {
                payee: opening.payee,
                salt: opening.salt,
                authorizedSigner: opening.authorized_signer,
            },
        })
    }

    /// What is signed to add to this channel.
    #[must_use]
    pub fn top_up_digest(&self, domain: &Domain, channel: ChannelId) -> B256 {
        domain.digest_of(&top_up::PermitWitnessTransferFrom {
            permitted: top_up::TokenPermissions {
                token: self.token,
                amount: U256::from(self.amount),
            },
            spender: self.spender,
            nonce: self.nonce,
            deadline: self.deadline,
            witness: top_up::ChannelTopUpWitness {
                channelId: channel.word(),
            },
        })
    }
}

mod open {
    alloy_sol_types::sol! {
        struct TokenPermissions {
            address token;
            uint256 amount;
        }

        struct ChannelOpenWitness {
            address payee;
            bytes32 salt;
            address authorizedSigner;
        }

        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            ChannelOpenWitness witness;
        }
    }
}

mod top_up {
    alloy_sol_types::sol! {
        struct TokenPermissions {
            address token;
            uint256 amount;
        }

        struct ChannelTopUpWitness {
            bytes32 channelId;
        }

        struct PermitWitnessTransferFrom {
            TokenPermissions permitted;
            address spender;
            uint256 nonce;
            uint256 deadline;
            ChannelTopUpWitness witness;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use payment_evm::{EvmSignature, permit2};
    use serde_json::Value;

    use super::*;

    fn of<T: std::str::FromStr>(value: &Value) -> T
    where
        T::Err: std::fmt::Debug,
    {
        value.as_str().unwrap().parse().unwrap()
    }

    #[test]
    fn digests_and_signatures_are_those_of_the_vectors() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("session_permit2");
        for case in vectors::cases(&file, "/evm/session_permit2/cases") {
            let permit = DepositPermit {
                token: of(&case["permitted"]["token"]),
                amount: of(&case["permitted"]["amount"]),
                spender: of(&case["spender"]),
                nonce: of(&case["nonce"]),
                deadline: of(&case["deadline"]),
            };
            let domain = permit2::domain(196, permit2::PERMIT2);
            let separator = file["evm"]["session_permit2"]["domainSeparator"].as_str();
            assert_eq!(Some(&*domain.separator().to_string()), separator);
            let payer = of(&case["signer"]);
            let witness = &case["witness"];
            let digest = match vectors::text(case, "action") {
                "open" => {
                    let opening = Opening {
                        payer,
                        payee: of(&witness["payee"]),
                        token: permit.token,
                        salt: of(&witness["salt"]),
                        authorized_signer: of(&witness["authorizedSigner"]),
                        escrow: permit.spender,
                        chain_id: 196,
                    };
                    permit.open_digest(&domain, &opening)
                }
                _ => permit.top_up_digest(&domain, of(&witness["channelId"])),
            };
            assert_eq!(digest.to_string(), vectors::text(case, "digest"));
            let signature = EvmSignature::from_hex(vectors::text(case, "signature")).unwrap();
            signature.check(&digest, payer).unwrap();
            tally.ran();
        }
        assert_eq!(tally.count(), 2);
    }
}
