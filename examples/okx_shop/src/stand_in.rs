//! What stands in for OKX: a chain with its token and escrow, and a server that speaks its APIs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, address};
use devnet::Devnet;
use devnet::okx::Okx;
use gateways::okx::OkxKeys;
use payment_evm::{LocalSigner, random_word};

use crate::Failure;
use crate::config::Account;

/// The shop's partner here.
pub(crate) const PARTNER: Address = address!("0x2687BBDF8d81e64E91Cdf7fa69B933F3A3d0026A");

/// It stops, and is gone, when this is dropped.
pub(crate) struct StandIn {
    pub(crate) net: Devnet,
    pub(crate) okx: Okx,
    channels: PathBuf,
}

impl StandIn {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let net = Devnet::x_layer().start().await?;
        let okx = Okx::start(&net).await?;
        let channels = std::env::temp_dir().join(format!("okx_shop-{}", random_word()?));
        Ok(Self { net, okx, channels })
    }

    /// What the shop is there.
    pub(crate) fn account(&self) -> Result<Account, Failure> {
        let known = self.okx.account();
        Ok(Account {
            url: self.okx.url().to_owned(),
            keys: OkxKeys::new(&*known.key, &*known.secret, &*known.passphrase)?,
            payee: LocalSigner::from_hex(&self.net.seller.key.to_string())?,
            partner: Some(PARTNER),
            realm: "okx-shop".to_owned(),
            channels: self.channels.clone(),
            settle_after: Duration::from_secs(60),
        })
    }
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (net, token) = (&self.net, &self.net.token);
        writeln!(f, "no OKX keys are set: a server here stands in for OKX")?;
        writeln!(f, "chain {} at {}", net.chain.chain_id(), net.rpc_url)?;
        writeln!(f, "token {} ({})", token.address, token.name)?;
        writeln!(f, "stand-in at {}", self.okx.url())?;
        writeln!(f, "the shop is paid at {}", net.seller.address)?;
        writeln!(f, "its partner at {PARTNER}")?;
        write!(f, "a buyer with test money: {}", net.buyers[0].key)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Of this process alone; what is left of it is of no use to anybody.
        let _ = std::fs::remove_dir_all(&self.channels);
    }
}
