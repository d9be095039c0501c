//! The payload of a credential: what each type carries on the wire, told apart by shape.

use std::borrow::Cow;

use alloy_primitives::{Address, B256};
use payment_core::Units;
use payment_evm::{Authorization, wire};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::mismatch::Mismatch;

/// A payload whose members fit one type. Nothing in it has been compared with anything.
pub(crate) enum Payload<'a> {
    Authorization(WireAuthorization<'a>),
    Transfers(Vec<WireAuthorization<'a>>),
    Permit2(SignedPermit<'a>),
    Transaction(Cow<'a, str>),
    Hash(B256),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireAuthorization<'a> {
    #[serde(with = "wire::address")]
    pub(crate) from: Address,
    #[serde(with = "wire::address")]
    pub(crate) to: Address,
    pub(crate) value: Units,
    pub(crate) valid_after: Units,
    pub(crate) valid_before: Units,
    #[serde(with = "wire::word")]
    pub(crate) nonce: B256,
    #[serde(borrow)]
    pub(crate) signature: Cow<'a, str>,
}

impl WireAuthorization<'_> {
    /// What was signed.
    pub(crate) const fn authorization(&self) -> Authorization {
        Authorization {
            from: self.from,
            to: self.to,
            value: self.value.get(),
            valid_after: self.valid_after.get(),
            valid_before: self.valid_before.get(),
            nonce: self.nonce,
        }
    }
}

/// What stands beside the first transfer in OKX's form: its kind, and the transfers after it.
#[derive(Deserialize)]
struct Companions<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    splits: Option<Vec<Object<WireAuthorization<'a>>>>,
}

pub(crate) struct SignedPermit<'a> {
    pub(crate) permit: Permit,
    pub(crate) transfers: Vec<Object<TransferDetail>>,
    pub(crate) witness: Witness<'a>,
    pub(crate) signature: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(crate) struct Permit {
    pub(crate) permitted: Vec<Object<Permitted>>,
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

/// A struct that is read from an object only. The library takes a list of its members for one,
/// which other readers do not.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        if !json.starts_with('{') {
            return Err(D::Error::custom("not an object"));
        }
        serde_json::from_str(json)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

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
    permit: Option<Object<Permit>>,
    transfer_details: Option<Vec<Object<TransferDetail>>>,
    #[serde(borrow)]
    witness: Option<Object<Witness<'a>>>,
    #[serde(borrow)]
    authorization: Option<&'a RawValue>,
    hash: Option<Hex32>,
}

impl<'a> Payload<'a> {
    /// Reads a payload. The words alone decide nothing: `transaction` is a raw transaction of the
    /// buyer's in the draft, and authorizations in OKX's form. (mpp, 17.1)
    pub(crate) fn read(json: &'a str) -> Result<Self, Mismatch> {
        let members: Members<'a> = serde_json::from_str(json).map_err(|_| Mismatch::Shape)?;
        let has_flat = members.has_flat();
        let has_permit = members.has_permit();
        if let Some(json) = members.authorization {
            return members.transfers(json);
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
        Some(Payload::Authorization(WireAuthorization {
            from: self.from?.0,
            to: self.to?.0,
            value: self.value?,
            valid_after: self.valid_after?,
            valid_before: self.valid_before?,
            nonce: self.nonce?.0,
            signature: self.signature?.0,
        }))
    }

    /// OKX's form: the first transfer is an object of its own, and holds the others.
    fn transfers(&self, json: &'a RawValue) -> Result<Payload<'a>, Mismatch> {
        let alone = !self.has_flat()
            && !self.has_permit()
            && self.hash.is_none()
            && self.signature.is_none();
        match &*self.kind {
            "transaction" if alone => {}
            "authorization" | "permit2" | "transaction" | "hash" => return Err(Mismatch::Shape),
            _ => return Err(Mismatch::Type),
        }
        let Companions { kind, splits } = object(json)?;
        if kind != "eip-3009" {
            return Err(Mismatch::Type);
        }
        let splits = splits.into_iter().flatten().map(|Object(split)| split);
        Ok(Payload::Transfers(
            std::iter::once(object(json)?).chain(splits).collect(),
        ))
    }

    fn permit2(self) -> Option<Payload<'a>> {
        Some(Payload::Permit2(SignedPermit {
            permit: self.permit?.0,
            transfers: self.transfer_details?,
            witness: self.witness?.0,
            signature: self.signature?.0,
        }))
    }
}

/// An object and nothing else.
fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, Mismatch> {
    let object: Object<T> = serde_json::from_str(json.get()).map_err(|_| Mismatch::Shape)?;
    Ok(object.0)
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

    fn transfers() -> Value {
        let mut transfer = without(authorization(), "type");
        let split = transfer.clone();
        transfer["type"] = json!("eip-3009");
        transfer["splits"] = json!([split]);
        json!({"type": "transaction", "authorization": transfer})
    }

    /// The same with a member of the first transfer replaced.
    fn transfers_with(member: &str, value: Value) -> Value {
        let mut payload = transfers();
        payload["authorization"][member] = value;
        payload
    }

    fn kind(value: &Value) -> Result<&'static str, Mismatch> {
        Ok(match Payload::read(&value.to_string())? {
            Payload::Authorization(_) => "authorization",
            Payload::Transfers(transfers) => match transfers.len() {
                1 => "one transfer",
                2 => "two transfers",
                _ => "transfers",
            },
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
            (
                transfers(),
                vec![
                    ("signature", json!("0x02")),
                    ("hash", json!(WORD)),
                    ("from", json!(ADDRESS)),
                    ("witness", json!({"challengeHash": WORD})),
                ],
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
    fn the_form_that_carries_authorizations_as_transaction_is_read() {
        assert_eq!(kind(&transfers()), Ok("two transfers"));
        for none in [json!([]), json!(null)] {
            let sole = transfers_with("splits", none);
            assert_eq!(kind(&sole), Ok("one transfer"), "{sole}");
        }
        let mut sole = transfers();
        sole["authorization"] = without(sole["authorization"].clone(), "splits");
        assert_eq!(kind(&sole), Ok("one transfer"));
        let unknown_members = transfers_with("memo", json!({"a": [1]}));
        assert_eq!(kind(&unknown_members), Ok("two transfers"));
    }

    #[test]
    fn authorizations_of_another_kind_are_not_guessed_at() {
        for other in ["permit2", "eip-2612", "EIP-3009", "eip3009", ""] {
            let payload = transfers_with("type", json!(other));
            assert_eq!(kind(&payload), Err(Mismatch::Type), "{payload}");
        }
        let unnamed = without(transfers()["authorization"].clone(), "type");
        let unnamed = with(transfers(), "authorization", unnamed);
        assert_eq!(kind(&unnamed), Err(Mismatch::Shape));
        for (word, refused) in [
            ("authorization", Mismatch::Shape),
            ("permit2", Mismatch::Shape),
            ("hash", Mismatch::Shape),
            ("Transaction", Mismatch::Type),
        ] {
            let payload = with(transfers(), "type", json!(word));
            assert_eq!(kind(&payload), Err(refused), "{payload}");
        }
    }

    #[test]
    fn every_transfer_is_a_whole_object() {
        let split = transfers()["authorization"]["splits"][0].clone();
        let mut odd = vec![
            with(transfers(), "authorization", json!([split])),
            with(transfers(), "authorization", json!("eip-3009")),
            transfers_with("splits", split.clone()),
            transfers_with("splits", json!("[]")),
            transfers_with("splits", json!([null])),
            transfers_with(
                "splits",
                json!([[ADDRESS, ADDRESS, "1", "0", "9", WORD, "0x00"]]),
            ),
        ];
        for member in split.as_object().unwrap().keys() {
            odd.push(transfers_with(member, json!(null)));
            odd.push(transfers_with(member, json!(7)));
            odd.push(transfers_with(
                "splits",
                json!([without(split.clone(), member)]),
            ));
            odd.push(transfers_with(
                "splits",
                json!([split, with(split.clone(), member, json!(7))]),
            ));
        }
        for amount in ["+1", "01", "0x1", "1.0", "-1", "", " 1"] {
            odd.push(transfers_with("value", json!(amount)));
            let split = with(split.clone(), "validBefore", json!(amount));
            odd.push(transfers_with("splits", json!([split])));
        }
        for odd in odd {
            assert_eq!(kind(&odd), Err(Mismatch::Shape), "{odd}");
        }
    }

    #[test]
    fn a_list_of_members_is_not_an_object() {
        let lists = [
            with(
                permit2(),
                "permit",
                json!([[{"token": ADDRESS, "amount": "1"}], "1", "9"]),
            ),
            with(permit2(), "witness", json!([WORD])),
            with(permit2(), "transferDetails", json!([[ADDRESS, "1"]])),
            with(
                permit2(),
                "permit",
                json!({"permitted": [[ADDRESS, "1"]], "nonce": "1", "deadline": "9"}),
            ),
        ];
        for list in lists {
            assert_eq!(kind(&list), Err(Mismatch::Shape), "{list}");
        }
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
