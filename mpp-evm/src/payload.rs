//! The payload of a credential: what each type carries on the wire, told apart by shape.

use std::borrow::Cow;

use alloy_primitives::{Address, B256};
use payment_core::Units;
use payment_evm::wire;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::mismatch::Mismatch;

/// A payload whose members fit one type. Nothing in it has been compared with anything.
pub(crate) enum Payload<'a> {
    Authorization(FlatAuthorization<'a>),
    Permit2(SignedPermit<'a>),
    Transaction(Cow<'a, str>),
    Hash(B256),
}

pub(crate) struct FlatAuthorization<'a> {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) value: Units,
    pub(crate) valid_after: Units,
    pub(crate) valid_before: Units,
    pub(crate) nonce: B256,
    pub(crate) signature: Cow<'a, str>,
}

pub(crate) struct SignedPermit<'a> {
    pub(crate) permit: Permit,
    pub(crate) transfers: Vec<TransferDetail>,
    pub(crate) witness: Witness<'a>,
    pub(crate) signature: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Permit {
    pub(crate) permitted: Vec<Permitted>,
    pub(crate) nonce: Units,
    pub(crate) deadline: Units,
}

#[derive(Deserialize)]
pub(crate) struct Permitted {
    #[serde(with = "wire::address")]
    pub(crate) token: Address,
    pub(crate) amount: Units,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferDetail {
    #[serde(with = "wire::address")]
    pub(crate) to: Address,
    pub(crate) requested_amount: Units,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Witness<'a> {
    #[serde(with = "wire::word")]
    pub(crate) challenge_hash: B256,
    #[serde(borrow, default)]
    pub(crate) external_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct HexAddress(#[serde(with = "wire::address")] Address);

#[derive(Clone, Copy, Deserialize)]
struct Hex32(#[serde(with = "wire::word")] B256);

/// A text that is borrowed where the JSON allows.
#[derive(Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Every member of every type. Which of them are there tells the type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    from: Option<HexAddress>,
    to: Option<HexAddress>,
    value: Option<Units>,
    valid_after: Option<Units>,
    valid_before: Option<Units>,
    nonce: Option<Hex32>,
    permit: Option<Permit>,
    transfer_details: Option<Vec<TransferDetail>>,
    #[serde(borrow)]
    witness: Option<Witness<'a>>,
    authorization: Option<IgnoredAny>,
    hash: Option<Hex32>,
}

impl<'a> Payload<'a> {
    /// Reads a payload. The words alone decide nothing: an OKX payload says `transaction` and
    /// carries an authorization, which is refused here rather than taken for a raw transaction.
    pub(crate) fn read(json: &'a str) -> Result<Self, Mismatch> {
        let members: Members<'a> = serde_json::from_str(json).map_err(|_| Mismatch::Shape)?;
        let has_flat = members.has_flat();
        let has_permit = members.has_permit();
        if members.authorization.is_some() {
            return Err(Mismatch::Shape);
        }
        match (&*members.kind, has_flat, has_permit, members.hash) {
            ("authorization", true, false, None) => members.authorization().ok_or(Mismatch::Shape),
            ("permit2", false, true, None) => members.permit2().ok_or(Mismatch::Shape),
            ("transaction", false, false, None) => members
                .signature
                .map(|raw| Self::Transaction(raw.0))
                .ok_or(Mismatch::Shape),
            ("hash", false, false, Some(hash)) if members.signature.is_none() => {
                Ok(Self::Hash(hash.0))
            }
            ("authorization" | "permit2" | "transaction" | "hash", ..) => Err(Mismatch::Shape),
            _ => Err(Mismatch::Type),
        }
    }
}

impl<'a> Members<'a> {
    const fn has_flat(&self) -> bool {
        self.from.is_some()
            || self.to.is_some()
            || self.value.is_some()
            || self.valid_after.is_some()
            || self.valid_before.is_some()
            || self.nonce.is_some()
    }

    const fn has_permit(&self) -> bool {
        self.permit.is_some() || self.transfer_details.is_some() || self.witness.is_some()
    }

    fn authorization(self) -> Option<Payload<'a>> {
        Some(Payload::Authorization(FlatAuthorization {
            from: self.from?.0,
            to: self.to?.0,
            value: self.value?,
            valid_after: self.valid_after?,
            valid_before: self.valid_before?,
            nonce: self.nonce?.0,
            signature: self.signature?.0,
        }))
    }

    fn permit2(self) -> Option<Payload<'a>> {
        Some(Payload::Permit2(SignedPermit {
            permit: self.permit?,
            transfers: self.transfer_details?,
            witness: self.witness?,
            signature: self.signature?.0,
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    const ADDRESS: &str = "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00";
    const WORD: &str = "0x3aeb919279131337475b80a762284ff97792cb5656f934ea0ad5d4f7d8c14e70";

    fn authorization() -> Value {
        json!({"type": "authorization", "from": ADDRESS, "to": ADDRESS, "value": "1", "validAfter": "0",
            "validBefore": "9", "nonce": WORD, "signature": "0x00"})
    }

    fn permit2() -> Value {
        json!({"type": "permit2", "permit": {"permitted": [{"token": ADDRESS, "amount": "1"}], "nonce": "1",
            "deadline": "9"}, "transferDetails": [{"to": ADDRESS, "requestedAmount": "1"}],
            "witness": {"challengeHash": WORD}, "signature": "0x00"})
    }

    fn kind(value: &Value) -> Result<&'static str, Mismatch> {
        Ok(match Payload::read(&value.to_string())? {
            Payload::Authorization(_) => "authorization",
            Payload::Permit2(_) => "permit2",
            Payload::Transaction(_) => "transaction",
            Payload::Hash(_) => "hash",
        })
    }

    fn with(mut value: Value, member: &str, to: Value) -> Value {
        value[member] = to;
        value
    }

    fn without(mut value: Value, member: &str) -> Value {
        value.as_object_mut().unwrap().remove(member).unwrap();
        value
    }

    #[test]
    fn each_type_is_known_by_its_members() {
        assert_eq!(kind(&authorization()), Ok("authorization"));
        assert_eq!(kind(&permit2()), Ok("permit2"));
        assert_eq!(
            kind(&json!({"type": "transaction", "signature": "0x02"})),
            Ok("transaction")
        );
        assert_eq!(kind(&json!({"type": "hash", "hash": WORD})), Ok("hash"));
        let unknown_members = with(authorization(), "note", json!({"a": [1]}));
        assert_eq!(kind(&unknown_members), Ok("authorization"));
    }

    #[test]
    fn members_of_two_types_are_refused() {
        for (base, extras) in [
            (
                authorization(),
                vec![
                    ("hash", json!(WORD)),
                    ("witness", json!({"challengeHash": WORD})),
                ],
            ),
            (
                permit2(),
                vec![
                    ("hash", json!(WORD)),
                    ("from", json!(ADDRESS)),
                    ("nonce", json!(WORD)),
                ],
            ),
            (
                json!({"type": "transaction", "signature": "0x02"}),
                vec![
                    ("hash", json!(WORD)),
                    ("to", json!(ADDRESS)),
                    ("authorization", json!({"type": "eip-3009"})),
                ],
            ),
            (
                json!({"type": "hash", "hash": WORD}),
                vec![("signature", json!("0x")), ("value", json!("1"))],
            ),
        ] {
            assert!(kind(&base).is_ok(), "{base}");
            for (member, value) in extras {
                let mixed = with(base.clone(), member, value);
                assert_eq!(kind(&mixed), Err(Mismatch::Shape), "{mixed}");
            }
        }
        assert_eq!(
            kind(&with(authorization(), "authorization", json!({}))),
            Err(Mismatch::Shape)
        );
    }

    #[test]
    fn the_form_that_carries_an_authorization_as_transaction_is_refused() {
        let okx =
            json!({"type": "transaction", "authorization": {"type": "eip-3009", "from": ADDRESS}});
        assert_eq!(kind(&okx), Err(Mismatch::Shape));
    }

    #[test]
    fn a_missing_or_misshapen_member_is_refused() {
        for base in [authorization(), permit2()] {
            for member in base
                .as_object()
                .unwrap()
                .keys()
                .filter(|name| *name != "type")
            {
                let less = without(base.clone(), member);
                assert_eq!(kind(&less), Err(Mismatch::Shape), "{less}");
                let odd = with(base.clone(), member, json!(7));
                assert_eq!(kind(&odd), Err(Mismatch::Shape), "{odd}");
            }
        }
        for amount in ["+1", "01", "0x1", "1.0", "-1", ""] {
            let odd = with(authorization(), "value", json!(amount));
            assert_eq!(kind(&odd), Err(Mismatch::Shape), "{odd}");
        }
        assert_eq!(kind(&json!({"type": "session"})), Err(Mismatch::Type));
        for not_an_object in [json!([]), json!("hash"), json!(null), json!({})] {
            assert_eq!(kind(&not_an_object), Err(Mismatch::Shape));
        }
    }
}
