use payment_core::Timestamp;

use super::{Channel, ChannelError};
use crate::session::{CheckedVoucher, SignedVoucher, Voucher, escrow_domain};

/// How a channel is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// With this voucher: it pays more than was settled.
    Claim(SignedVoucher),
    /// Nothing more is to be claimed.
    Waive,
}

/// What of a channel is brought to the contract.
impl Channel {
    /// Begins to close: no new work from here on. Says what to close with: the payer's closing
    /// voucher if it covers what is owed, else the lowest voucher that does. (mpp, 12.7, close)
    ///
    /// `until` tells this attempt from others ([`Channel::abort_close`]); it must lie ahead.
    ///
    /// # Errors
    ///
    /// `Finalized`; `Closing` while another attempt is under way; `ExceedsDeposit`; `Foreign` for
    /// a voucher of another channel; `Busy` when the payer's voucher covers what was spent and
    /// only requests in work, which may yet cost nothing, would make us claim more than is owed.
    pub fn begin_close(
        &self,
        voucher: Option<&CheckedVoucher>,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(Self, Closing), ChannelError> {
        if self.finalized {
            return Err(ChannelError::Finalized);
        }
        if self.closing_until.is_some_and(|until| until > now) {
            return Err(ChannelError::Closing);
        }
        let mut next = self.swept(now);
        if let Some(voucher) = voucher {
            next = next.closed_with(voucher)?;
        }
        next.closing_until = Some(until);
        // The payer's own word goes first, for it may leave us more than is owed.
        let last = voucher.map(CheckedVoucher::signed);
        let claim = match last.filter(|voucher| voucher.cumulative >= next.owed()) {
            Some(voucher) => Some(voucher),
            // Authorized is not earned: what nobody used goes back to the payer.
            None if next.owed() <= next.settled => None,
            None => {
                let lowest = next.covering([next.cover, next.voucher]).or(next.voucher);
                // A payer who knows what was spent, and not that a request is still in work, is
                // not to lose all that it authorized by that.
                let beyond = lowest.is_some_and(|lowest| lowest.cumulative > next.owed());
                if beyond && last.is_some_and(|last| last.cumulative >= next.spent) {
                    return Err(ChannelError::Busy);
                }
                lowest
            }
        };
        let closing = match claim.filter(|voucher| voucher.cumulative > next.settled) {
            Some(voucher) => Closing::Claim(voucher),
            None => Closing::Waive,
        };
        Ok((next, closing))
    }

    /// The closing that was to last until then did not come about: the channel is open again. One
    /// that has been taken over by a later attempt changes nothing, for that one may yet succeed.
    #[must_use]
    pub fn abort_close(&self, until: Timestamp) -> Self {
        let mut next = self.clone();
        if self.closing_until == Some(until) {
            next.closing_until = None;
        }
        next
    }

    /// What is worth settling: the highest voucher, where it pays more than was settled.
    #[must_use]
    pub fn unsettled(&self) -> Option<SignedVoucher> {
        self.voucher
            .filter(|voucher| voucher.cumulative > self.settled && !self.finalized)
    }

    /// What was earned and is worth settling: the lowest voucher we have that covers what is owed,
    /// where that is more than was settled. What is authorized beyond it may go back to the payer.
    #[must_use]
    pub fn earned(&self) -> Option<SignedVoucher> {
        let highest = self.unsettled()?;
        if self.owed() <= self.settled {
            return None;
        }
        let lowest = self.covering([self.cover, self.voucher]).unwrap_or(highest);
        Some(lowest).filter(|voucher| voucher.cumulative > self.settled)
    }

    /// A voucher of this channel as the contract takes it: it looks at `v`, which checking against
    /// a key does not.
    pub(crate) fn spelled(&self, signed: SignedVoucher) -> SignedVoucher {
        let domain = escrow_domain(self.venue.chain_id, self.venue.escrow);
        let voucher = Voucher {
            channel: self.id,
            cumulative: signed.cumulative,
        };
        let digest = voucher.digest(&domain);
        let spelled = signed.signature.spelled_for(&digest, self.signer());
        SignedVoucher {
            signature: spelled.unwrap_or(signed.signature),
            ..signed
        }
    }

    /// With the voucher that the payer closes with. A low one is kept for a later attempt.
    fn closed_with(mut self, voucher: &CheckedVoucher) -> Result<Self, ChannelError> {
        let signed = voucher.signed();
        if voucher.channel() != self.id {
            return Err(ChannelError::Foreign);
        }
        if signed.cumulative > self.deposit {
            return Err(ChannelError::ExceedsDeposit {
                cumulative: signed.cumulative,
                deposit: self.deposit,
            });
        }
        self.key = Some(voucher.key());
        if signed.cumulative > self.accepted {
            return Ok(self.raised(signed));
        }
        let lowest = self.covering([self.cover, self.voucher]);
        if lowest
            .is_some_and(|lowest| (self.owed()..lowest.cumulative).contains(&signed.cumulative))
        {
            self.cover = Some(signed);
        }
        Ok(self)
    }
}
