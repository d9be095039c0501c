use alloy_primitives::Address;
use payment_core::Timestamp;

use super::{Channel, Hold, Venue};
use crate::session::id::signer;
use crate::session::{ChannelId, SignedVoucher};

/// What there is to know of a channel.
impl Channel {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Chain, escrow, payee and token.
    #[must_use]
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }

    /// Whose deposit it is.
    #[must_use]
    pub const fn payer(&self) -> Address {
        self.payer
    }

    /// Who signs vouchers.
    #[must_use]
    pub fn signer(&self) -> Address {
        signer(self.payer, self.authorized_signer)
    }

    /// All base units ever deposited.
    #[must_use]
    pub const fn deposit(&self) -> u128 {
        self.deposit
    }

    /// Base units paid out to us.
    #[must_use]
    pub const fn settled(&self) -> u128 {
        self.settled
    }

    /// Base units authorized in all.
    #[must_use]
    pub const fn accepted(&self) -> u128 {
        self.accepted
    }

    /// Base units charged for service.
    #[must_use]
    pub const fn spent(&self) -> u128 {
        self.spent
    }

    /// Units of service charged.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// The highest voucher.
    #[must_use]
    pub const fn voucher(&self) -> Option<SignedVoucher> {
        self.voucher
    }

    /// Requests in work.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// The number of the latest stream.
    #[must_use]
    pub const fn stream(&self) -> u64 {
        self.stream
    }

    /// When the payer asked to close without us, in seconds since the epoch; 0 when it did not.
    #[must_use]
    pub const fn close_requested_at(&self) -> u64 {
        self.close_requested_at
    }

    /// Whether it is closed for good.
    #[must_use]
    pub const fn finalized(&self) -> bool {
        self.finalized
    }

    /// Until when a closing that has begun is left alone; `None` while none has.
    #[must_use]
    pub const fn closing_until(&self) -> Option<Timestamp> {
        self.closing_until
    }

    /// When it was taken up.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// When the chain was read last.
    #[must_use]
    pub const fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// When it last paid for something.
    #[must_use]
    pub const fn used_at(&self) -> Timestamp {
        self.used_at
    }
}
