use alloy_primitives::{Address, B256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct};

/// The EIP-712 domain of one contract on one chain, with its separator computed once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Domain {
    chain_id: u64,
    contract: Address,
    separator: B256,
}

impl Domain {
    /// The domain with these members; without a version where the contract has none in its own.
    #[must_use]
    pub fn new(name: &str, version: Option<&str>, chain_id: u64, contract: Address) -> Self {
        let domain = Eip712Domain::new(
            Some(name.to_owned().into()),
            version.map(|version| version.to_owned().into()),
            Some(alloy_primitives::U256::from(chain_id)),
            Some(contract),
            None,
        );
        Self {
            chain_id,
            contract,
            separator: domain.separator(),
        }
    }

    /// The chain it is for.
    #[must_use]
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The contract that checks the signatures.
    #[must_use]
    pub const fn contract(&self) -> Address {
        self.contract
    }

    /// What the contract returns as `DOMAIN_SEPARATOR()`.
    #[must_use]
    pub const fn separator(&self) -> B256 {
        self.separator
    }

    /// What is signed for the struct with this hash.
    #[must_use]
    pub fn digest(&self, struct_hash: B256) -> B256 {
        let mut text = [0; 66];
        text[..2].copy_from_slice(&[0x19, 0x01]);
        text[2..34].copy_from_slice(self.separator.as_slice());
        text[34..].copy_from_slice(struct_hash.as_slice());
        keccak256(text)
    }

    /// What is signed for this struct.
    #[must_use]
    pub fn digest_of(&self, message: &impl SolStruct) -> B256 {
        self.digest(message.eip712_hash_struct())
    }
}
