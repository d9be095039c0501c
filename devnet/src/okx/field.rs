use alloy_primitives::{Address, B256, Bytes, U256};
use serde_json::{Map, Value};

/// A member that is missing or badly formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

type Read<T> = Result<T, Malformed>;

/// A JSON object that is read strictly: texts where texts belong, digits without signs or blanks.
#[derive(Clone, Copy)]
pub(super) struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    pub(super) fn of(value: &'a Value) -> Read<Self> {
        value.as_object().map(Self).ok_or(Malformed)
    }

    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    pub(super) fn object(self, name: &str) -> Read<Self> {
        Self::of(self.0.get(name).ok_or(Malformed)?)
    }

    pub(super) fn list(self, name: &str) -> Read<&'a [Value]> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.map(Vec::as_slice).ok_or(Malformed)
    }

    pub(super) fn text(self, name: &str) -> Read<&'a str> {
        let text = self.0.get(name).and_then(Value::as_str);
        text.ok_or(Malformed)
    }

    /// A text that may be left out.
    pub(super) fn text_if_any(self, name: &str) -> Read<Option<&'a str>> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or(Malformed),
        }
    }

    pub(super) fn integer(self, name: &str) -> Read<u64> {
        self.0.get(name).and_then(Value::as_u64).ok_or(Malformed)
    }

    /// An amount or a time: decimal digits in a text.
    pub(super) fn units(self, name: &str) -> Read<U256> {
        units(self.text(name)?)
    }

    /// An amount that a channel can hold.
    pub(super) fn amount(self, name: &str) -> Read<u128> {
        u128::try_from(self.units(name)?).map_err(|_| Malformed)
    }

    pub(super) fn address(self, name: &str) -> Read<Address> {
        address(self.text(name)?)
    }

    /// 32 bytes.
    pub(super) fn word(self, name: &str) -> Read<B256> {
        word(self.text(name)?)
    }

    /// Bytes of any number, with `0x` before them.
    pub(super) fn bytes(self, name: &str) -> Read<Bytes> {
        hex(self.text(name)?)?.parse().map_err(|_| Malformed)
    }

    /// None of these members is there.
    pub(super) fn lacks(self, names: &[&str]) -> Read<()> {
        if names.iter().any(|name| self.0.contains_key(*name)) {
            return Err(Malformed);
        }
        Ok(())
    }

    /// Every member of `other` is here, with the same value.
    pub(super) fn covers(self, other: Self) -> bool {
        other
            .0
            .iter()
            .all(|(name, value)| self.0.get(name) == Some(value))
    }
}

pub(super) fn units(text: &str) -> Read<U256> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(Malformed);
    }
    text.parse().map_err(|_| Malformed)
}

pub(super) fn address(text: &str) -> Read<Address> {
    hex(text)?.parse().map_err(|_| Malformed)
}

pub(super) fn word(text: &str) -> Read<B256> {
    hex(text)?.parse().map_err(|_| Malformed)
}

fn hex(text: &str) -> Read<&str> {
    text.strip_prefix("0x").map(|_| text).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_are_plain_digits() {
        assert_eq!(units("1000"), Ok(U256::from(1000)));
        assert_eq!(units("0"), Ok(U256::ZERO));
        for text in [
            "",
            "+1",
            "-1",
            " 1",
            "0x10",
            "01",
            "1_0",
            "1.0",
            &"9".repeat(79),
        ] {
            assert_eq!(units(text), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn numbers_do_not_pass_for_texts() {
        let value = json!({"amount": 5, "address": "f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"});
        let object = Object::of(&value).expect("an object");
        assert_eq!(object.units("amount"), Err(Malformed));
        assert_eq!(object.address("address"), Err(Malformed));
    }
}
