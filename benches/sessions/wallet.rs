//! Vouchers and the credentials they come in, signed before anything is timed.

use alloy_primitives::Address;
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use mpp_core::{Challenge, buyer};
use mpp_evm::session::{ChannelId, Voucher, escrow_domain};
use payment_core::Outcome;
use payment_evm::{Domain, LocalSigner};
use serde_json::json;

use crate::Failure;
use crate::shop::{self, Shop, VENUE};

/// A buyer with a challenge of the shop, on which vouchers may be sent until it expires.
pub(crate) struct Wallet {
    signer: LocalSigner,
    challenge: Challenge,
    domain: Domain,
}

impl Wallet {
    pub(crate) fn new(shop: &Shop) -> Result<Self, Failure> {
        let Outcome::Reply(reply) = shop.ask(&shop::head(None)?)? else {
            return Err("served for nothing".into());
        };
        let header = reply.headers.get(WWW_AUTHENTICATE).ok_or("no challenge")?;
        let venue = VENUE()?;
        Ok(Self {
            signer: LocalSigner::random()?,
            challenge: Challenge::parse(header.to_str()?)?,
            domain: escrow_domain(venue.chain_id, venue.escrow),
        })
    }

    pub(crate) fn address(&self) -> Address {
        self.signer.address()
    }

    /// A channel that nobody has used yet.
    pub(crate) fn channel(&self, shop: &Shop) -> Result<ChannelId, Failure> {
        let id = ChannelId::new(payment_evm::random_word()?);
        shop.open(id, self.address())?;
        Ok(id)
    }

    /// The header that brings a voucher for this amount.
    pub(crate) fn voucher(
        &self,
        channel: ChannelId,
        cumulative: u128,
    ) -> Result<HeaderValue, Failure> {
        let voucher = Voucher {
            channel,
            cumulative,
        };
        let signature = self.signer.sign(&voucher.digest(&self.domain))?;
        let payload = json!({
            "action": "voucher",
            "channelId": channel,
            "cumulativeAmount": cumulative.to_string(),
            "signature": signature,
        });
        Ok(buyer::answer(&self.challenge, None, &payload)?)
    }
}
