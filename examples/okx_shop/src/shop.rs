use std::sync::Arc;

use alloy_primitives::{Address, address};
use axum::Router;
use gateways::okx::{OkxCharge, OkxEscrow, OkxFacilitator, OkxOptions, SaClient, USDT0, X_LAYER};
use mpp_core::Mpp;
use mpp_evm::session::{Keeper, Session};
use mpp_evm::{Charge, Split};
use payment_core::{ConfigError, Gate, MemoryReplayGuard, PaymentProtocol, usd};
use payment_evm::{LocalSigner, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use payment_store::FileChannelStore;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use x402_core::X402;
use x402_evm::{AggrDeferred, ExactEvm};

use crate::Failure;
use crate::config::Account;
use crate::routes::{self, Gates, SharedGate};

/// Gets a part of what a report costs.
const PARTNER: Address = address!("0x2687BBDF8d81e64E91Cdf7fa69B933F3A3d0026A");

/// The routes behind their gates, and what looks after sessions.
pub(crate) struct Shop {
    app: Router,
    keeper: Keeper<OkxEscrow<LocalSigner>, FileChannelStore>,
}

impl Shop {
    /// Asks OKX first whether it settles all that is offered.
    pub(crate) async fn open(account: Account, origin: &str) -> Result<Self, Failure> {
        let Account {
            url,
            keys,
            payee,
            realm,
            secret,
            channels,
        } = account;
        let token = Token::known(X_LAYER, USDT0).ok_or("USD₮0 is not in the token table")?;
        let pay_to = payee.address();
        let facilitator = OkxFacilitator::at(&url, keys.clone(), OkxOptions::default())?;
        let sa = SaClient::at(&url, keys, OkxOptions::default())?;

        let exact = ExactEvm::new(token.clone(), pay_to);
        let deferred = AggrDeferred::new(token.clone(), pay_to);
        let x402 = X402::new(facilitator.clone())
            .v2_only()
            .accept(exact.clone());
        let both_schemes = X402::new(facilitator)
            .v2_only()
            .accept(exact)
            .accept(deferred);
        both_schemes.check_supported().await?;

        let charge = Charge::okx(token.clone(), pay_to);
        let split = charge.clone().split(Split::new(PARTNER, usd!("0.003")));
        let store = FileChannelStore::open(&channels);
        let store = store.map_err(|error| format!("CHANNELS_DIR: {error}"))?;
        let session = Session::new(token, pay_to, OkxEscrow::new(sa.clone(), payee)).store(store);
        let keeper = Keeper::new(session.desk());

        let mpp = || Mpp::builder(&*realm, secret.clone());
        let charge = mpp().method(charge.settle_with(OkxCharge::new(sa.clone())));
        let split = mpp().method(split.settle_with(OkxCharge::new(sa)));
        let both = PaymentRouter::new()
            .add(MPP_PRIORITY, charge.build()?)
            .add(X402_PRIORITY, x402);

        // One guard for all: what has paid on one route pays on no other.
        let guard = Arc::new(MemoryReplayGuard::default());
        let app = routes::app(&Gates {
            weather: gate(both_schemes, origin, &guard)?,
            report: gate(split.build()?, origin, &guard)?,
            chat: gate(mpp().method(session).build()?, origin, &guard)?,
            news: gate(both, origin, &guard)?,
        })?;
        Ok(Self { app, keeper })
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
