use std::fmt;

use alloy_primitives::Address;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use payment_core::Timestamp;
use payment_evm::{EvmSignature, PublicKey, SignatureError, wire};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::signer;
use super::{Channel, ChannelId, Hold, SignedVoucher, Venue, Voucher, escrow_domain};

/// A channel as JSON: the record that the Python and Go SDKs keep, member by member, and in
/// `tollgate` what we know beside it.
///
/// - Amounts are written as JSON numbers of any size, for Go reads no other, and are read from
///   numbers and from decimal texts. They pass no float.
/// - Members that we don't know are ignored. A record without `tollgate`, as another SDK writes
///   it, reads as a channel of which nothing is settled yet and whose chain was never read.
/// - What is authorized is what somebody signed: each voucher is checked when a record is read,
///   and an amount without a signature counts for nothing.
///
/// It reads and writes by `serde_json` only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ChannelState {
    /// The name.
    pub channel_id: ChannelId,
    /// The chain.
    pub chain_id: u64,
    /// The contract that holds the deposit.
    #[serde(with = "wire::address")]
    pub escrow_contract: Address,
    /// Whose deposit it is.
    #[serde(with = "wire::address")]
    pub payer: Address,
    /// Who is paid.
    #[serde(with = "wire::address")]
    pub payee: Address,
    /// What it is paid in; the oldest records don't say.
    #[serde(default, with = "optional_address")]
    pub token: Option<Address>,
    /// Who signs vouchers: the payer where nothing else is said.
    #[serde(default, with = "optional_address")]
    pub authorized_signer: Option<Address>,
    /// Base units ever deposited.
    #[serde(with = "amount")]
    pub deposit: u128,
    /// What the highest voucher promises.
    #[serde(default, with = "amount")]
    pub highest_voucher_amount: u128,
    /// Its signature, in base64.
    #[serde(
        default,
        with = "signature_bytes",
        skip_serializing_if = "Option::is_none"
    )]
    pub highest_voucher_signature: Option<VoucherSignature>,
    /// Base units charged for service.
    #[serde(default, with = "amount")]
    pub spent: u128,
    /// Units of service charged.
    #[serde(default)]
    pub units: u64,
    /// Whether it is closed for good.
    #[serde(default)]
    pub finalized: bool,
    /// When the payer asked to close, in seconds since the epoch; 0 when it did not.
    #[serde(default)]
    pub close_requested_at: u64,
    /// When it was opened, for a human to read.
    #[serde(default)]
    pub created_at: String,
    /// What only we keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tollgate: Option<Beside>,
}

/// What the other SDKs don't keep.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Beside {
    #[serde(with = "amount")]
    settled: u128,
    key: Option<Key>,
    cover: Option<Signed>,
    holds: Vec<Held>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lapsed: Vec<u64>,
    stream: u64,
    closing_until: Option<u64>,
    created_at: u64,
    seen_at: u64,
    used_at: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signed {
    #[serde(with = "amount")]
    cumulative: u128,
    signature: EvmSignature,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    id: u64,
    #[serde(with = "amount")]
    amount: u128,
    until: u64,
}

/// Why a record is not a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is not JSON of this form.
    #[error("not the record of a channel")]
    Json(#[from] serde_json::Error),
    /// It does not say what the channel is paid in.
    #[error("the record names no token")]
    NoToken,
    /// A voucher in it is not the signer's.
    #[error("a voucher in the record is not the signer's")]
    Voucher(#[source] SignatureError),
    /// Its numbers break the books: more settled than authorized, more authorized than deposited,
    /// more spent than anybody signed for.
    #[error("the numbers of the record do not fit together")]
    Unsound,
}

impl ChannelState {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// `StateError::Json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StateError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Writes it as the SDKs do: indented, with a line end.
    ///
    /// # Errors
    ///
    /// `StateError::Json`; none is known.
    pub fn to_json(&self) -> Result<Vec<u8>, StateError> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The channel, with its vouchers and its numbers checked.
    ///
    /// # Errors
    ///
    /// `StateError`.
    pub fn channel(&self) -> Result<Channel, StateError> {
        let beside = self.tollgate.as_ref();
        let venue = Venue {
            chain_id: self.chain_id,
            escrow: self.escrow_contract,
            payee: self.payee,
            token: self.token.ok_or(StateError::NoToken)?,
        };
        let authorized_signer = self.authorized_signer.filter(|it| *it != self.payer);
        let millis = Timestamp::from_millis;
        let created_at = beside.map_or_else(|| read_time(&self.created_at), |it| it.created_at);
        let mut channel = Channel {
            id: self.channel_id,
            venue,
            payer: self.payer,
            authorized_signer: authorized_signer.unwrap_or_default(),
            key: beside.and_then(|it| it.key).map(|key| key.0),
            deposit: self.deposit,
            settled: beside.map_or(0, |it| it.settled),
            close_requested_at: self.close_requested_at,
            finalized: self.finalized,
            accepted: 0,
            voucher: None,
            cover: None,
            spent: self.spent,
            units: self.units,
            holds: beside.map_or_else(Vec::new, |it| it.holds.iter().map(Held::hold).collect()),
            lapsed: beside.map_or_else(Vec::new, |it| it.lapsed.clone()),
            stream: beside.map_or(0, |it| it.stream),
            closing_until: beside.and_then(|it| it.closing_until).map(millis),
            created_at: millis(created_at),
            seen_at: millis(beside.map_or(0, |it| it.seen_at)),
            used_at: millis(beside.map_or(created_at, |it| it.used_at)),
        };
        let belongs = |key: PublicKey| key.address().is_ok_and(|it| it == channel.signer());
        if channel.key.is_some_and(|key| !belongs(key)) {
            return Err(StateError::Voucher(SignatureError::Unrecoverable));
        }
        if let Some(signature) = self.highest_voucher_signature {
            channel.voucher = Some(self.voucher(&mut channel, signature)?);
        }
        if let Some(cover) = beside.and_then(|it| it.cover.as_ref()) {
            let voucher = SignedVoucher {
                cumulative: cover.cumulative,
                signature: cover.signature,
            };
            let domain = escrow_domain(self.chain_id, self.escrow_contract);
            let checked = channel.check(voucher, &domain);
            channel.cover = Some(checked.map_err(StateError::Voucher)?.signed());
        }
        let promised = channel.voucher.map_or(0, |voucher| voucher.cumulative);
        channel.accepted = channel.settled.max(promised);
        channel
            .is_sound()
            .then_some(channel)
            .ok_or(StateError::Unsound)
    }

    /// The highest voucher. Where no key is known yet, that of the signer is taken up; others
    /// have stored signatures with any `v`, so there it is the one that contracts take.
    fn voucher(
        &self,
        channel: &mut Channel,
        signature: VoucherSignature,
    ) -> Result<SignedVoucher, StateError> {
        let cumulative = self.highest_voucher_amount;
        let domain = escrow_domain(self.chain_id, self.escrow_contract);
        let signature = match channel.key {
            Some(_) => EvmSignature::from_bytes(&signature.0),
            None => {
                let mut bytes = signature.0;
                bytes[64] = 27;
                let voucher = Voucher {
                    channel: channel.id,
                    cumulative,
                };
                let digest = voucher.digest(&domain);
                EvmSignature::from_bytes(&bytes).and_then(|spelling| {
                    spelling
                        .spelled_for(&digest, channel.signer())
                        .ok_or(SignatureError::Unrecoverable)
                })
            }
        };
        let signature = signature.map_err(StateError::Voucher)?;
        let signed = SignedVoucher {
            cumulative,
            signature,
        };
        let checked = channel.check(signed, &domain);
        let checked = checked.map_err(StateError::Voucher)?;
        channel.key = Some(checked.key());
        Ok(checked.signed())
    }
}

impl From<&Channel> for ChannelState {
    fn from(channel: &Channel) -> Self {
        let highest = channel.voucher.map(|voucher| voucher.cumulative);
        Self {
            channel_id: channel.id,
            chain_id: channel.venue.chain_id,
            escrow_contract: channel.venue.escrow,
            payer: channel.payer,
            payee: channel.venue.payee,
            token: Some(channel.venue.token),
            // The others compare with this member as it is, so it is never the zero address.
            authorized_signer: Some(signer(channel.payer, channel.authorized_signer)),
            deposit: channel.deposit,
            highest_voucher_amount: highest.unwrap_or(channel.accepted),
            highest_voucher_signature: channel
                .voucher
                .map(|voucher| VoucherSignature(voucher.signature.to_bytes())),
            spent: channel.spent,
            units: channel.units,
            finalized: channel.finalized,
            close_requested_at: channel.close_requested_at,
            created_at: written_time(channel.created_at),
            tollgate: Some(Beside {
                settled: channel.settled,
                key: channel.key.map(Key),
                cover: channel.cover.map(|cover| Signed {
                    cumulative: cover.cumulative,
                    signature: cover.signature,
                }),
                holds: channel.holds.iter().map(Held::of).collect(),
                lapsed: channel.lapsed.clone(),
                stream: channel.stream,
                closing_until: channel.closing_until.map(Timestamp::millis),
                created_at: channel.created_at.millis(),
                seen_at: channel.seen_at.millis(),
                used_at: channel.used_at.millis(),
            }),
        }
    }
}

impl Held {
    const fn of(hold: &Hold) -> Self {
        Self {
            id: hold.id,
            amount: hold.amount,
            until: hold.until.millis(),
        }
    }

    const fn hold(&self) -> Hold {
        Hold {
            id: self.id,
            amount: self.amount,
            until: Timestamp::from_millis(self.until),
        }
    }
}

/// The 65 bytes of a stored signature; not checked yet, and `v` may be anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VoucherSignature([u8; 65]);

impl VoucherSignature {
    /// The bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; 65] {
        self.0
    }
}

impl fmt::Debug for VoucherSignature {
    // Whole signatures don't belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherSignature(…)")
    }
}

/// A key in hex.
#[derive(Clone, Copy, Debug)]
struct Key(PublicKey);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&alloy_primitives::hex::encode_prefixed(self.0.to_bytes()))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let bytes = wire::fixed_hex::<33>(&text).map_err(serde::de::Error::custom)?;
        PublicKey::from_bytes(&bytes)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// Milliseconds of what a record says about its making; the beginning of time for what can't be
/// read, as nothing but housekeeping looks at it.
fn read_time(text: &str) -> u64 {
    let time = text.parse::<jiff::Timestamp>().ok();
    time.and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .unwrap_or(0)
}

fn written_time(time: Timestamp) -> String {
    let time = i64::try_from(time.millis()).map(jiff::Timestamp::from_millisecond);
    time.ok()
        .and_then(Result::ok)
        .map_or_else(String::new, |time| time.to_string())
}

/// An amount of any size: written as a number, read from a number or a decimal text. No number
/// at all counts for 0, as in Go.
mod amount {
    use payment_core::Units;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::value::RawValue;

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(*value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        // As text, for a number that passes 64 bits would come as a float.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text == "null" {
            return Ok(0);
        }
        let quoted = text
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let units: Units = quoted.unwrap_or(text).parse().map_err(D::Error::custom)?;
        u128::try_from(units.get()).map_err(D::Error::custom)
    }
}

/// An address, or none where the text is empty or the address is zero.
mod optional_address {
    use alloy_primitives::Address;
    use payment_evm::wire;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Address>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(address) => wire::address::serialize(address, serializer),
            None => serializer.serialize_str(""),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Address>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        match text.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => {
                let address = wire::address::parse(text).map_err(serde::de::Error::custom)?;
                Ok(Some(address).filter(|address| !address.is_zero()))
            }
        }
    }
}

/// A signature in base64, or in hex with `0x`; none where the text is empty.
mod signature_bytes {
    use super::*;

    /// Characters of a signature in hex.
    const HEX_LENGTH: usize = "0x".len() + 2 * 65;

    pub(super) fn serialize<S: Serializer>(
        value: &Option<VoucherSignature>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = value.map(|signature| STANDARD.encode(signature.0));
        serializer.serialize_str(&text.unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<VoucherSignature>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        // By its length, not by how it begins: one of 4096 texts in base64 begins with `0x` too.
        if text.len() == HEX_LENGTH {
            let bytes = wire::fixed_hex(&text).map_err(serde::de::Error::custom)?;
            return Ok(Some(VoucherSignature(bytes)));
        }
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)?;
        let bytes = <[u8; 65]>::try_from(bytes)
            .map_err(|bytes| serde::de::Error::invalid_length(bytes.len(), &"65 bytes"))?;
        Ok(Some(VoucherSignature(bytes)))
    }
}

#[cfg(test)]
mod tests;
