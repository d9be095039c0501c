use alloy_primitives::{B256, keccak256};

/// How the hash of a challenge is made. It is the nonce of an `authorization` and the witness of
/// a `permit2` credential, and ties either to one challenge.
///
/// Buyers disagree on the spelling, so a seller takes both (evm/charge, Challenge Binding). The
/// id is a fixed-length MAC over the realm, which leaves the packed form without ambiguity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ChallengeHash {
    /// `keccak256(id ‖ realm)`: the draft's form.
    #[default]
    Packed,
    /// `keccak256` of the JSON array `["id","realm"]` without blanks.
    JsonArray,
}

impl ChallengeHash {
    /// The hash of the challenge with this id in this realm.
    #[must_use]
    pub fn of(self, id: &str, realm: &str) -> B256 {
        match self {
            Self::Packed => keccak256([id.as_bytes(), realm.as_bytes()].concat()),
            Self::JsonArray => keccak256(serde_json::json!([id, realm]).to_string()),
        }
    }

    /// Whether a hash names this challenge, in either form.
    pub(crate) fn names(hash: B256, id: &str, realm: &str) -> bool {
        [Self::Packed, Self::JsonArray]
            .into_iter()
            .any(|form| form.of(id, realm) == hash)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn both_forms_name_their_own_challenge_only() {
        let packed = ChallengeHash::Packed.of("ab", "c");
        let array = ChallengeHash::JsonArray.of("ab", "c");
        assert!(ChallengeHash::names(packed, "ab", "c"));
        assert!(ChallengeHash::names(array, "ab", "c"));
        for hash in [packed, array] {
            assert!(!ChallengeHash::names(hash, "ab", "d"));
            assert!(!ChallengeHash::names(hash, "aB", "c"));
        }
        assert!(!ChallengeHash::names(array, "a", "bc"));
    }
}
