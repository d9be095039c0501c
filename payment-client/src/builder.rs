use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use payment_core::{Clock, Network, SystemClock};
use payment_evm::{Signer, Token};
use reqwest::ClientBuilder;

use crate::budget::Budget;
use crate::buyer::{Announce, Buyer, Inner, PlainHttp};
use crate::dollars::Dollars;
use crate::limit::SpendLimit;
use crate::patience::Patience;
use crate::rules::Rules;
use crate::selector::Selector;
use crate::transport::{self, ClientError};
use crate::waiter::Waiter;

/// The longest that a payment may stay collectable unless the user says otherwise. Sellers ask
/// for one to five minutes as a rule.
const LONGEST_VALIDITY: Duration = Duration::from_secs(3600);

/// A buyer in the making. `L` is [`Unlimited`] until there is a spend limit.
#[must_use]
pub struct BuyerBuilder<S, L> {
    signer: S,
    limit: L,
    options: Options,
}

/// The state of a [`BuyerBuilder`] without a spend limit: it has no `build`.
///
/// ```compile_fail
/// # use payment_client::Buyer;
/// # use payment_evm::LocalSigner;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let buyer = Buyer::builder(LocalSigner::random()?).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Unlimited;

struct Options {
    networks: Vec<Network>,
    tokens: Vec<Token>,
    longest: Duration,
    selectors: Vec<Box<dyn Selector>>,
    patience: Patience,
    plain_http: PlainHttp,
    announce: Announce,
    clock: Arc<dyn Clock>,
    waiter: Waiter,
    configure: Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>,
}

/// Why there is no buyer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No network was named: [`BuyerBuilder::network`].
    #[error("no network to pay on was named")]
    NoNetwork,
    /// A limit of more than 18 decimals, or of more money than there is.
    #[error("the spend limit cannot be held exactly")]
    Limit,
    /// The HTTP client can't be made.
    #[error("no HTTP client")]
    Client(#[from] ClientError),
}

impl<S: Signer> BuyerBuilder<S, Unlimited> {
    pub(crate) fn new(signer: S) -> Self {
        Self {
            signer,
            limit: Unlimited,
            options: Options {
                networks: Vec::new(),
                tokens: Vec::new(),
                longest: LONGEST_VALIDITY,
                selectors: Vec::new(),
                patience: Patience::default(),
                plain_http: PlainHttp::default(),
                announce: Announce::default(),
                clock: Arc::new(SystemClock),
                waiter: Waiter::default(),
                configure: Box::new(|client| client),
            },
        }
    }

    /// Says how much may be spent.
    pub fn spend_limit(self, limit: SpendLimit) -> BuyerBuilder<S, SpendLimit> {
        BuyerBuilder {
            signer: self.signer,
            limit,
            options: self.options,
        }
    }
}

impl<S: Signer, L> BuyerBuilder<S, L> {
    /// Allows payments on this network, beside those named before. At least one is needed.
    pub fn network(mut self, network: Network) -> Self {
        self.options.networks.push(network);
        self
    }

    /// Allows payments in a token that is not in the table of `payment-evm`, or is described
    /// otherwise there. The user vouches that one of it is worth one dollar, and that its
    /// decimals and signing domain are as given.
    pub fn token(mut self, token: Token) -> Self {
        self.options.tokens.push(token);
        self
    }

    /// Adds a choice among offers, to run after those added before.
    pub fn select(mut self, selector: impl Selector) -> Self {
        self.options.selectors.push(Box::new(selector));
        self
    }

    /// Refuses to sign what could still be collected after so long; an hour by default.
    pub const fn longest_validity(mut self, longest: Duration) -> Self {
        self.options.longest = longest;
        self
    }

    /// Says how long to ask for the answer to a payment whose outcome is not known.
    pub const fn patience(mut self, patience: Patience) -> Self {
        self.options.patience = patience;
        self
    }

    /// Sends payments over plain HTTP to other machines too. Whoever can read the traffic can
    /// use the payment for something else; only for networks that are yours.
    pub const fn allow_plain_http(mut self) -> Self {
        self.options.plain_http = PlainHttp::Anywhere;
        self
    }

    /// Sends `Accept-Payment` with requests, so that sellers know what we can pay (mpp, 9.2).
    pub const fn announce(mut self) -> Self {
        self.options.announce = Announce::AcceptPayment;
        self
    }

    /// Tells the time by another clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.options.clock = Arc::new(clock);
        self
    }

    /// Changes the HTTP client: proxies, extra roots, timeouts. Redirects stay off whatever is
    /// set here.
    pub fn client(
        mut self,
        configure: impl FnOnce(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.options.configure = Box::new(configure);
        self
    }

    #[cfg(test)]
    pub(crate) fn waiter(mut self, waiter: Waiter) -> Self {
        self.options.waiter = waiter;
        self
    }
}

impl<S: Signer> BuyerBuilder<S, SpendLimit> {
    /// Makes the buyer.
    ///
    /// # Errors
    ///
    /// `BuildError` when no network is allowed, a limit can't be held exactly, or there can be
    /// no HTTP client.
    pub fn build(self) -> Result<Buyer<S>, BuildError> {
        let options = self.options;
        if options.networks.is_empty() {
            return Err(BuildError::NoNetwork);
        }
        let most = Dollars::of(self.limit.per_payment).ok_or(BuildError::Limit)?;
        let total = match self.limit.total {
            Some(total) => Some(Dollars::of(total).ok_or(BuildError::Limit)?),
            None => None,
        };
        Ok(Buyer::from_inner(Inner {
            signer: self.signer,
            client: transport::client(options.configure)?,
            rules: Rules {
                networks: options.networks,
                tokens: options.tokens,
                most,
                longest: options.longest,
            },
            selectors: options.selectors,
            budget: Budget::new(total),
            patience: options.patience,
            plain_http: options.plain_http,
            announce: options.announce,
            clock: options.clock,
            waiter: options.waiter,
        }))
    }
}

impl<S: Signer, L: fmt::Debug> fmt::Debug for BuyerBuilder<S, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuyerBuilder")
            .field("address", &self.signer.address())
            .field("limit", &self.limit)
            .field("networks", &self.options.networks)
            .finish_non_exhaustive()
    }
}
