use std::fmt;
use std::str::FromStr;

use alloy_primitives::Address;

/// Who pays or is paid. EVM accounts compare by their 20 bytes, never by spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Account {
    /// An account of an EVM chain. Displays with its EIP-55 checksum.
    Evm(Address),
    /// An account of a network without a type of its own here.
    Other(Box<str>),
}

/// What is paid with: a token contract, or whatever names the asset on its network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Asset {
    /// A token contract of an EVM chain. Displays with its EIP-55 checksum.
    Evm(Address),
    /// An asset of a network without a type of its own here.
    Other(Box<str>),
}

macro_rules! named_on_chain {
    ($name:ident) => {
        impl $name {
            /// Reads `0x` and 40 hex digits of any case as an EVM address, anything else as text.
            #[must_use]
            pub fn parse(text: &str) -> Self {
                match evm_address(text) {
                    Some(address) => Self::Evm(address),
                    None => Self::Other(text.into()),
                }
            }

            /// The address, when this is an EVM one.
            #[must_use]
            pub const fn evm(&self) -> Option<Address> {
                match self {
                    Self::Evm(address) => Some(*address),
                    Self::Other(_) => None,
                }
            }
        }

        impl From<Address> for $name {
            fn from(address: Address) -> Self {
                Self::Evm(address)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Evm(address) => f.write_str(&address.to_checksum(None)),
                    Self::Other(text) => f.write_str(text),
                }
            }
        }
    };
}

named_on_chain!(Account);
named_on_chain!(Asset);

fn evm_address(text: &str) -> Option<Address> {
    if text.len() != 42 || !text.starts_with("0x") {
        return None;
    }
    Address::from_str(text).ok()
}
