use alloy_primitives::Address;
use payment_core::Timestamp;
use payment_evm::{EvmSignature, PublicKey};

use super::venues::Venues;
use crate::session::{Channel, ChannelId, SignedVoucher};

/// A channel at rest, without gaps: integers as bytes, the venue by its number, and no sum that
/// follows from others.
pub(super) struct Packed {
    id: ChannelId,
    payer: Address,
    authorized_signer: Address,
    key: Option<PublicKey>,
    signature: Option<EvmSignature>,
    finalized: bool,
    deposit: [u8; 16],
    settled: [u8; 16],
    promised: [u8; 16],
    spent: [u8; 16],
    created_at: Millis,
    seen_at: Millis,
    used_at: Millis,
    units: u32,
    stream: u32,
    venue: u32,
}

impl Packed {
    /// Packs a channel, if it is one at rest: no request in work or cut off, no closing, no second voucher,
    /// and no count beyond 32 bits.
    pub(super) fn of(channel: &Channel, venues: &Venues) -> Option<Self> {
        let promised = channel.voucher.map_or(0, |voucher| voucher.cumulative);
        let rests = channel.holds.is_empty()
            && channel.lapsed.is_empty()
            && channel.cover.is_none()
            && channel.closing_until.is_none()
            && channel.close_requested_at == 0
            && channel.accepted == channel.settled.max(promised);
        if !rests {
            return None;
        }
        Some(Self {
            id: channel.id,
            payer: channel.payer,
            authorized_signer: channel.authorized_signer,
            key: channel.key,
            signature: channel.voucher.map(|voucher| voucher.signature),
            finalized: channel.finalized,
            deposit: channel.deposit.to_ne_bytes(),
            settled: channel.settled.to_ne_bytes(),
            promised: promised.to_ne_bytes(),
            spent: channel.spent.to_ne_bytes(),
            created_at: Millis::of(channel.created_at)?,
            seen_at: Millis::of(channel.seen_at)?,
            used_at: Millis::of(channel.used_at)?,
            units: u32::try_from(channel.units).ok()?,
            stream: u32::try_from(channel.stream).ok()?,
            venue: venues.number(&channel.venue)?,
        })
    }

    pub(super) const fn id(&self) -> ChannelId {
        self.id
    }

    pub(super) fn channel(&self, venues: &Venues) -> Channel {
        let promised = u128::from_ne_bytes(self.promised);
        let settled = u128::from_ne_bytes(self.settled);
        Channel {
            id: self.id,
            venue: venues.venue(self.venue),
            payer: self.payer,
            authorized_signer: self.authorized_signer,
            key: self.key,
            deposit: u128::from_ne_bytes(self.deposit),
            settled,
            close_requested_at: 0,
            finalized: self.finalized,
            accepted: settled.max(promised),
            voucher: self.signature.map(|signature| SignedVoucher {
                cumulative: promised,
                signature,
            }),
            cover: None,
            spent: u128::from_ne_bytes(self.spent),
            units: self.units.into(),
            holds: Vec::new(),
            lapsed: Vec::new(),
            stream: self.stream.into(),
            closing_until: None,
            created_at: self.created_at.time(),
            seen_at: self.seen_at.time(),
            used_at: self.used_at.time(),
        }
    }
}

/// A moment of the next eight thousand years.
#[derive(Clone, Copy)]
struct Millis([u8; 6]);

impl Millis {
    fn of(time: Timestamp) -> Option<Self> {
        match time.millis().to_be_bytes() {
            [0, 0, rest @ ..] => Some(Self(rest)),
            _ => None,
        }
    }

    fn time(self) -> Timestamp {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0);
        Timestamp::from_millis(u64::from_be_bytes(bytes))
    }
}
