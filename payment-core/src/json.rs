use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Bounds on a JSON text from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Levels of nesting.
    pub depth: usize,
    /// Members and elements in the whole text.
    pub members: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        Self {
            depth: 16,
            members: 256,
        }
    }
}

/// A text that is not one JSON value within bounds, or names a member twice.
#[derive(Debug, thiserror::Error)]
#[error("not one JSON value with distinct members within bounds")]
pub struct StrictJsonError(#[source] serde_json::Error);

/// Checks that a text is exactly one JSON value, within bounds, with no member named twice.
///
/// Parsers differ on which of two equal members counts; a payment that reads differently to two
/// parties is refused before anything is read from it.
///
/// # Errors
///
/// `StrictJsonError` as described.
pub fn strict_json(text: &[u8], limits: JsonLimits) -> Result<(), StrictJsonError> {
    let left = Cell::new(limits.members);
    let text = std::str::from_utf8(text).map_err(serde_json::Error::custom);
    let text = text.map_err(StrictJsonError)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    Value {
        left: &left,
        depth: limits.depth,
    }
    .deserialize(&mut deserializer)
    .and_then(|()| deserializer.end())
    .map_err(StrictJsonError)
}

#[derive(Clone, Copy)]
struct Value<'c> {
    left: &'c Cell<usize>,
    depth: usize,
}

impl Value<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(E::custom("nested too deep")),
        }
    }

    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(E::custom("too many members")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// A member name, borrowed where the text allows.
struct Name<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while elements.next_element_seed(inner)?.is_some() {
            self.count()?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        // Objects of the wire are small, and the count above bounds the square.
        let mut seen: Vec<Cow<'de, str>> = Vec::with_capacity(8);
        while let Some(Name(name)) = members.next_key()? {
            self.count()?;
            if seen.contains(&name) {
                return Err(A::Error::custom("a member is named twice"));
            }
            seen.push(name);
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> bool {
        strict_json(
            text.as_bytes(),
            JsonLimits {
                depth: 3,
                members: 5,
            },
        )
        .is_ok()
    }

    #[test]
    fn one_value_within_bounds() {
        for (text, good) in [
            (r#"{"a":1,"b":[true,null,1.5]}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":{"b":1},"c":{"b":1}}"#, true),
            (r"[[[1]]]", true),
            (r"[[[[1]]]]", false),
            ("[1,2,3,4,5]", true),
            ("[1,2,3,4,5,6]", false),
            ("{} {}", false),
            ("", false),
            ("\u{feff}{}", false),
            ("{\"a\":\"\u{0}\"}", false),
        ] {
            assert_eq!(ok(text), good, "{text}");
        }
        assert!(strict_json(b"{\"a\":\"\xff\"}", JsonLimits::default()).is_err());
    }
}
