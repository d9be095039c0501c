use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use payment_core::{ConfigError, Secret};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// A challenge id in letters.
pub(crate) type Id = [u8; 43];

/// Least length of a key, in bytes.
pub const MIN_SECRET: usize = 32;

/// The key of challenge ids, in the form that has been set up for use.
#[derive(Clone)]
pub(crate) struct ChallengeKey(Hmac<Sha256>);

/// The texts that an id covers. Absent ones count as empty; `header` only counts when it is
/// there, so that challenges without it keep the older form.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slots<'a> {
    pub(crate) expires: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) header: Option<&'a str>,
    pub(crate) opaque: &'a [u8],
}

/// A key that has taken in what all challenges of one offer share.
#[derive(Clone)]
pub(crate) struct OfferKey(Hmac<Sha256>);

impl ChallengeKey {
    /// Sets a key up.
    ///
    /// # Errors
    ///
    /// `ConfigError` for fewer than 32 bytes.
    pub(crate) fn new(secret: &Secret, setting: &'static str) -> Result<Self, ConfigError> {
        if secret.len() < MIN_SECRET {
            let reason = format!("a key has at least {MIN_SECRET} bytes");
            return Err(ConfigError::setting(setting, reason));
        }
        Self::any_length(secret.expose())
            .ok_or_else(|| ConfigError::setting(setting, "can't be used as a key"))
    }

    fn any_length(secret: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(secret).ok().map(Self)
    }

    /// Takes in the texts of an offer. None may hold a `|`.
    pub(crate) fn for_offer(
        &self,
        realm: &str,
        method: &str,
        intent: &str,
        request: &str,
    ) -> OfferKey {
        let mut mac = self.0.clone();
        for text in [realm, method, intent, request] {
            mac.update(text.as_bytes());
            mac.update(b"|");
        }
        OfferKey(mac)
    }
}

impl OfferKey {
    /// The id of a challenge: base64url of HMAC-SHA256 over the texts joined by `|`.
    pub(crate) fn id(&self, slots: Slots<'_>) -> Id {
        let mut mac = self.0.clone();
        let texts = [Some(slots.expires), Some(slots.digest), slots.header];
        for text in texts.into_iter().flatten() {
            mac.update(text.as_bytes());
            mac.update(b"|");
        }
        mac.update(slots.opaque);
        let tag: [u8; 32] = mac.finalize().into_bytes().into();
        let mut id = [0; 43];
        let written = URL_SAFE_NO_PAD.encode_slice(tag, &mut id);
        written.expect("32 bytes are 43 letters of base64");
        id
    }

    /// Whether an id is that of these texts. Takes the same time wherever they differ.
    pub(crate) fn is_id(&self, id: &str, slots: Slots<'_>) -> bool {
        self.id(slots).ct_eq(id.as_bytes()).into()
    }
}

impl fmt::Debug for ChallengeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeKey([redacted])")
    }
}

impl fmt::Debug for OfferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfferKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::Value;

    use super::*;
    use crate::challenge::is_slot;
    use crate::{EncodedRequest, encode};

    fn text_of(id: &Id) -> &str {
        std::str::from_utf8(id).unwrap()
    }

    fn id_of(case: &Value) -> (String, String) {
        let inputs = &case["inputs"];
        let text = |name: &str| inputs[name].as_str().unwrap_or_default();
        let request = EncodedRequest::encode(inputs["request"].as_object().unwrap()).unwrap();
        let opaque = inputs.get("opaque").filter(|value| !value.is_null());
        let opaque = opaque.map(|value| encode::opaque_again(value).unwrap());
        let header = inputs["header"].as_str();
        let slots = Slots {
            expires: text("expires"),
            digest: text("digest"),
            header: header.filter(|name| *name != "Authorization"),
            opaque: opaque.as_deref().unwrap_or_default().as_bytes(),
        };
        let key = ChallengeKey::any_length(text("secretKey").as_bytes()).unwrap();
        let key = key.for_offer(
            text("realm"),
            text("method"),
            text("intent"),
            request.as_str(),
        );
        assert!(key.is_id(vectors::text(case, "id"), slots), "{case}");
        (
            text_of(&key.id(slots)).to_owned(),
            request.as_str().to_owned(),
        )
    }

    #[test]
    fn ids_are_those_of_other_implementations() {
        let file = vectors::load("mpp_core.json");
        let mut tally = vectors::Tally::new("challenge_id");
        for case in vectors::cases(&file, "/challenge_id") {
            let (id, request) = id_of(case);
            assert_eq!(id, case["id"], "{case}");
            assert_eq!(request, case["request_b64url"], "{case}");
            tally.ran();
        }
        assert_eq!(tally.count(), 31);
    }

    #[test]
    fn the_separator_lets_ids_collide_and_is_no_slot_text() {
        let file = vectors::load("mpp_core.json");
        let collision = &file["challenge_id_pipe_collision"];
        for name in ["challenge_a", "challenge_b"] {
            let inputs = &collision[name];
            let case = serde_json::json!({ "inputs": inputs, "id": collision["id_of_both"] });
            assert_eq!(id_of(&case).0, collision["id_of_both"]);
            let slots = [
                vectors::text(inputs, "realm"),
                vectors::text(inputs, "intent"),
            ];
            assert!(slots.iter().any(|text| !is_slot(text)), "{inputs}");
        }
    }

    #[test]
    fn every_slot_and_the_key_decide_the_id() {
        let key = ChallengeKey::any_length(&[1; 32]).unwrap();
        let offer = |texts: [&str; 4]| key.for_offer(texts[0], texts[1], texts[2], texts[3]);
        let slots = Slots {
            expires: "e",
            digest: "d",
            header: Some("h"),
            opaque: b"o",
        };
        let same = offer(["r", "m", "i", "q"]);
        let id = same.id(slots);
        let id = text_of(&id);
        assert!(same.is_id(id, slots));
        for other in [
            Slots {
                expires: "x",
                ..slots
            },
            Slots {
                digest: "x",
                ..slots
            },
            Slots {
                header: Some("x"),
                ..slots
            },
            Slots {
                header: None,
                ..slots
            },
            Slots {
                opaque: b"x",
                ..slots
            },
        ] {
            assert!(!same.is_id(id, other), "{other:?}");
        }
        for texts in [
            ["x", "m", "i", "q"],
            ["r", "x", "i", "q"],
            ["r", "m", "x", "q"],
            ["r", "m", "i", "x"],
        ] {
            assert!(!offer(texts).is_id(id, slots), "{texts:?}");
        }
        let other = ChallengeKey::any_length(&[2; 32]).unwrap();
        assert!(!other.for_offer("r", "m", "i", "q").is_id(id, slots));
        assert!(!same.is_id(&id[..42], slots));
        assert!(!same.is_id("", slots));
    }

    #[test]
    fn short_keys_are_refused_and_none_is_shown() {
        assert!(ChallengeKey::new(&Secret::new([7; 31]), "secret").is_err());
        let key = ChallengeKey::new(&Secret::new([7; 32]), "secret").unwrap();
        assert_eq!(format!("{key:?}"), "ChallengeKey([redacted])");
    }
}
