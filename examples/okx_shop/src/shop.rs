use std::sync::Arc;

use axum::Router;
use gateways::okx::{OkxCharge, OkxEscrow, OkxFacilitator, OkxOptions, SaClient, USDT0, X_LAYER};
use mpp_core::Mpp;
use mpp_evm::session::{Keeper, Session};
use mpp_evm::{Charge, Split};
use payment_core::{ConfigError, Gate, MemoryReplayGuard, PaymentProtocol, Secret};
use payment_evm::{LocalSigner, Token, random_word};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_store::FileChannelStore;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use x402_core::{Unsupported, X402};
use x402_evm::{AggrDeferred, ExactEvm};

use crate::config::Account;
use crate::diagnosis::said;
use crate::routes::{self, Gates, PARTNERS, SharedGate};

/// The routes behind their gates, and what looks after sessions.
pub(crate) struct Shop {
    app: Router,
    keeper: Keeper<OkxEscrow<LocalSigner>, FileChannelStore>,
    /// All that is taken by x402.
    offered: X402<OkxFacilitator>,
}

impl Shop {
    pub(crate) fn open(account: Account, origin: &str) -> Result<Self, ConfigError> {
        let Account {
            url,
            keys,
            payee,
            partner,
            realm,
            channels,
            settle_after,
        } = account;
        let token = Token::known(X_LAYER, USDT0).ok_or(ConfigError::NoAsset)?;
        let pay_to = payee.address();
        let facilitator = OkxFacilitator::at(&url, keys.clone(), OkxOptions::default())?;
        let sa = SaClient::at(&url, keys, OkxOptions::default())?;

        let exact = ExactEvm::new(token.clone(), pay_to);
        let deferred = AggrDeferred::new(token.clone(), pay_to);
        let x402 = || X402::new(facilitator.clone()).v2_only();
        let both_schemes = || x402().accept(exact.clone()).accept(deferred.clone());

        let whole = Charge::okx(token.clone(), pay_to);
        let shared = match partner {
            Some(partner) => whole.clone().split(Split::new(partner, PARTNERS)),
            None => whole.clone(),
        };
        let store = FileChannelStore::open(&channels);
        let store = store.map_err(|error| ConfigError::setting("CHANNELS_DIR", said(&error)))?;
        let session = Session::new(token, pay_to, OkxEscrow::new(sa.clone(), payee)).store(store);
        let keeper = Keeper::new(session.desk()).settle_after(settle_after);

        let secret = challenge_secret()?;
        let mpp = || Mpp::builder(&*realm, secret.clone());
        let settle = |charge: Charge| charge.settle_with(OkxCharge::new(sa.clone()));
        let both_protocols = PaymentRouter::new()
            .add(MPP_PRIORITY, mpp().method(settle(whole)).build()?)
            .add(X402_PRIORITY, x402().accept(exact.clone()));

        // One guard for all: what has paid on one route pays on no other.
        let guard = Arc::new(MemoryReplayGuard::default());
        let app = routes::app(&Gates {
            weather: gate(both_schemes(), origin, &guard)?,
            report: gate(mpp().method(settle(shared)).build()?, origin, &guard)?,
            chat: gate(mpp().method(session).build()?, origin, &guard)?,
            news: gate(both_protocols, origin, &guard)?,
        })?;
        Ok(Self {
            app,
            keeper,
            offered: both_schemes(),
        })
    }

    /// Asks OKX whether it settles all that is offered by x402. It answers for the keys too.
    pub(crate) async fn check(&self) -> Result<(), Unsupported> {
        self.offered.check_supported().await
    }

    /// The routes to serve, and the upkeep that has begun.
    pub(crate) fn begin(self) -> (Router, Upkeep) {
        let (stop, stopped) = oneshot::channel();
        let keeper = self.keeper.run(async {
            let _ = stopped.await;
        });
        let keeper = tokio::spawn(keeper);
        (self.app, Upkeep { stop, keeper })
    }
}

/// Signs the challenges of this process alone, as the guard remembers what has paid in this
/// process alone. With a key that outlives it, a charge that was paid before could be shown again
/// after a restart, and OKX be asked to settle what it has settled. It may say yes once more.
fn challenge_secret() -> Result<Secret, ConfigError> {
    let word = random_word();
    let word = word.map_err(|_| ConfigError::setting("randomness", "there is none"))?;
    Ok(Secret::new(word.to_vec()))
}

fn gate(
    protocol: impl PaymentProtocol,
    origin: &str,
    guard: &Arc<MemoryReplayGuard>,
) -> Result<SharedGate, ConfigError> {
    Gate::builder(protocol)
        .origin(origin)
        .guard(Arc::clone(guard))
        .build()
}

/// Settles what sessions have earned, and answers payers who close without us.
pub(crate) struct Upkeep {
    stop: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Upkeep {
    /// Waits until what was begun is done.
    pub(crate) async fn end(self) -> Result<(), JoinError> {
        drop(self.stop);
        self.keeper.await
    }
}
