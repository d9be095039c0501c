use std::future::{Future, pending};
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use devnet::Devnet;
use payment_evm::LocalSigner;

use crate::settings::Settings;
use crate::{Errand, Failure, Stop};

/// Where an example plays.
pub struct Stage {
    errand: Errand,
    settings: Settings,
}

/// Who can buy what is sold at a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invitation {
    /// The quickstart's buyer, who pays for one answer.
    Buy,
    /// The quickstart's reader, who pays a stream by a session.
    Stream,
}

impl Stage {
    /// Reads the command line, and where these settings come from: the environment, when it has
    /// them all and the shop is to stay up; test money otherwise.
    ///
    /// # Errors
    ///
    /// [`Stop`] for a command line that is not understood, or where only some of the settings are
    /// in the environment; others when the chain can't be started.
    pub async fn set(example: &str, settings: &[&str]) -> Result<Self, Failure> {
        let errand = Errand::read(example, std::env::args().skip(1))?;
        let settings = match errand {
            // Nobody has real money for a tour.
            Errand::Tour => Settings::test(example).await?,
            Errand::Serve { .. } => Settings::choose(example, settings).await?,
        };
        Ok(Self { errand, settings })
    }

    /// Where the shop is to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let port = match self.errand {
            Errand::Tour => 0,
            Errand::Serve { port } => port,
        };
        (Ipv4Addr::LOCALHOST, port).into()
    }

    /// A setting, read.
    ///
    /// # Errors
    ///
    /// [`Stop`] that names it, when it is not set or can't be read.
    pub fn setting<T: FromStr>(&self, name: &str) -> Result<T, Stop> {
        let text = self.find(name);
        let text = text.ok_or_else(|| Stop::setting(name, "is not set"))?;
        text.parse()
            .map_err(|_| Stop::setting(name, "can't be read"))
    }

    /// A private key.
    ///
    /// # Errors
    ///
    /// [`Stop`] that names it, when it is not set or is none.
    pub fn key(&self, name: &str) -> Result<LocalSigner, Stop> {
        let text: String = self.setting(name)?;
        LocalSigner::from_hex(&text).map_err(|_| Stop::setting(name, "is not a private key"))
    }

    /// The text of a setting.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<String> {
        self.settings.find(name)
    }

    /// The chain in this process.
    ///
    /// # Errors
    ///
    /// When the settings are those of the environment.
    pub fn devnet(&self) -> Result<&Devnet, Failure> {
        match &self.settings {
            Settings::Test(money) => Ok(&money.net),
            Settings::Environment => Err("there is no test money here".into()),
        }
    }

    /// The tour, if it was asked for; a shop that stays up never ends by it.
    ///
    /// # Errors
    ///
    /// Those of the tour.
    pub async fn tour(
        &self,
        tour: impl Future<Output = Result<(), Failure>>,
    ) -> Result<(), Failure> {
        match self.errand {
            Errand::Tour => tour.await?,
            Errand::Serve { .. } => pending().await,
        }
        println!("\nEverything adds up.");
        Ok(())
    }

    /// Says where the shop is, and how to buy from it if it stays up.
    pub fn invite(&self, shop: &str, path: &str, invitation: Invitation) {
        println!("shop listening on {shop}");
        if self.errand == Errand::Tour {
            return;
        }
        println!("    see the 402:  curl -i '{shop}{path}'");
        let buyer = self.devnet().ok().and_then(|net| net.buyers.first());
        let Some(buyer) = buyer else {
            println!("    pay:          with money; the settings are those of the environment");
            return;
        };
        let (run, key) = ("cargo run -q -p quickstart --", buyer.key);
        let flag = match invitation {
            Invitation::Buy => "--buy",
            Invitation::Stream => "--stream",
        };
        println!("    pay:          {run} {flag} '{shop}{path}' --key {key}");
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("errand", &self.errand)
            .finish_non_exhaustive()
    }
}
