use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A chain or payment network by its CAIP-2 name, such as `eip155:84532`.
///
/// Two networks are equal when their namespace and reference are: there is one spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Network(Name);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Eip155(u64),
    Other(Box<str>),
}

/// A text that is not a CAIP-2 network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a CAIP-2 network name")]
pub struct NetworkError;

impl Network {
    /// The EVM chain with this chain id.
    #[must_use]
    pub const fn eip155(chain_id: u64) -> Self {
        Self(Name::Eip155(chain_id))
    }

    /// The chain id, when this is an EVM chain.
    #[must_use]
    pub const fn chain_id(&self) -> Option<u64> {
        match self.0 {
            Name::Eip155(id) => Some(id),
            Name::Other(_) => None,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    /// # Errors
    ///
    /// `NetworkError` unless the text is `namespace:reference` as CAIP-2 has it. A chain id with
    /// a sign or a leading zero is refused, so that equal networks are equal texts.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (namespace, reference) = text.split_once(':').ok_or(NetworkError)?;
        if namespace == "eip155" {
            let canonical =
                !reference.starts_with('0') && reference.bytes().all(|b| b.is_ascii_digit());
            if !canonical {
                return Err(NetworkError);
            }
            return reference
                .parse()
                .map(Self::eip155)
                .map_err(|_| NetworkError);
        }
        let namespace_ok = (3..=8).contains(&namespace.len())
            && namespace
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let reference_ok = (1..=32).contains(&reference.len())
            && reference
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        // "cloudflare:402" has a namespace longer than CAIP-2 allows and is in use.
        if (namespace_ok || namespace == "cloudflare") && reference_ok {
            Ok(Self(Name::Other(text.into())))
        } else {
            Err(NetworkError)
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Name::Eip155(id) => write!(f, "eip155:{id}"),
            Name::Other(text) => f.write_str(text),
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_a_network() {
        for (text, ok) in [
            ("eip155:1", true),
            ("eip155:84532", true),
            ("eip155:084532", false),
            ("eip155:+1", false),
            ("eip155:", false),
            ("eip155:99999999999999999999999", false),
            ("EIP155:1", false),
            ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", true),
            ("base", false),
            ("a:b", false),
        ] {
            assert_eq!(text.parse::<Network>().is_ok(), ok, "{text}");
        }
        assert_eq!(Network::eip155(196).to_string(), "eip155:196");
    }
}
