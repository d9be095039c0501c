//! Sessions whose channels are in the books already: what a voucher costs, and not its channel.

use std::sync::Arc;

use alloy_primitives::{Address, address};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use mpp_core::{Challenge, buyer};
use mpp_evm::CredentialType;
use mpp_evm::session::{
    ChainState, Channel, ChannelId, CheckedDeposit, Escrow, Ledger, MemoryChannelStore, Moved,
    Session, SignedVoucher, Venue, Voucher, escrow_domain,
};
use payment_core::{Clock, Denied, Fault, Timestamp};
use payment_evm::{Domain, LocalSigner, Token};
use serde_json::json;

use crate::Failure;

const SELLER: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
const ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
const BASE_SEPOLIA: u64 = 84532;

/// Where all channels here belong.
///
/// # Errors
///
/// Without a default token.
pub fn venue() -> Result<Venue, Failure> {
    Ok(Venue {
        chain_id: BASE_SEPOLIA,
        escrow: ESCROW,
        payee: SELLER,
        token: token()?.address,
    })
}

/// USDC on Base Sepolia.
///
/// # Errors
///
/// Without a default token.
pub fn token() -> Result<Token, Failure> {
    Token::default_on(BASE_SEPOLIA).ok_or_else(|| "a chain without a default token".into())
}

/// The method of the seller, over channels in memory. Its gate goes by [`Noon`] as well.
///
/// # Errors
///
/// Without a default token.
pub fn session() -> Result<(Session<NeverAsked>, Arc<Ledger<MemoryChannelStore>>), Failure> {
    let session = Session::new(token()?, SELLER, NeverAsked).clock(Noon);
    let ledger = Arc::clone(session.ledger());
    Ok((session, ledger))
}

/// A clock that stands, so that what is known of the chain stays fresh for as long as a benchmark
/// takes.
#[derive(Clone, Copy, Debug)]
pub struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }
}

/// A channel as it is when it was just opened.
///
/// # Errors
///
/// Without a default token.
pub fn open_channel(id: ChannelId, payer: Address) -> Result<Channel, Failure> {
    let venue = venue()?;
    let chain = ChainState {
        payer,
        payee: venue.payee,
        token: venue.token,
        authorized_signer: Some(Address::ZERO),
        deposit: u128::from(u64::MAX),
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    };
    Ok(Channel::adopt(id, venue, &chain, Noon.now())?)
}

/// A buyer with a challenge of the shop, on which vouchers may be sent until it expires.
#[derive(Debug)]
pub struct Wallet {
    signer: LocalSigner,
    challenge: Challenge,
    domain: Domain,
}

impl Wallet {
    /// Takes the challenge that these headers of a 402 carry.
    ///
    /// # Errors
    ///
    /// Where they carry none.
    pub fn new(headers: &HeaderMap) -> Result<Self, Failure> {
        let header = headers.get(WWW_AUTHENTICATE).ok_or("no challenge")?;
        let venue = venue()?;
        Ok(Self {
            signer: LocalSigner::random()?,
            challenge: Challenge::parse(header.to_str()?)?,
            domain: escrow_domain(venue.chain_id, venue.escrow),
        })
    }

    /// Who pays.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The header that brings a voucher for this amount.
    ///
    /// # Errors
    ///
    /// Where it can't be signed.
    pub fn voucher(&self, channel: ChannelId, cumulative: u128) -> Result<HeaderValue, Failure> {
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

/// The escrow of channels that are in the books already: a voucher costs no look at the chain.
/// Every question to it fails, and fails the benchmark.
#[derive(Clone, Copy, Debug)]
pub struct NeverAsked;

impl NeverAsked {
    fn fault<T>() -> Result<T, Fault> {
        Err(Fault::internal("escrow", "the escrow was asked"))
    }
}

impl Escrow for NeverAsked {
    fn taken_up(&self, _: ChannelId) {}

    fn chain_id(&self) -> u64 {
        BASE_SEPOLIA
    }

    fn contract(&self) -> Address {
        ESCROW
    }

    fn pays(&self, _: Address) -> bool {
        true
    }

    fn takes(&self, _: CredentialType) -> bool {
        true
    }

    async fn state(&self, _: ChannelId) -> Result<Option<ChainState>, Fault> {
        Self::fault()
    }

    async fn deposit(&self, _: &CheckedDeposit) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn settle(&self, _: ChannelId, _: &SignedVoucher) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn close(&self, _: ChannelId, _: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }
}
