//! The shop as a seller deploys it: one price, two protocols, configured by environment only.
//!
//! | route | what it is |
//! |---|---|
//! | `/free` | no gate |
//! | `/paid` | x402 or MPP charge, at `PRICE` |
//! | `/x402`, `/mpp` | one protocol only, at `PRICE` |
//! | `/dear` | both, at 100 × `PRICE` |
//! | `/fails` | both, at `PRICE`, and the handler answers 500: nothing is charged |
//! | `/words` | where there are sessions: a stream of words, at `PRICE` each |
//! | `/count` | free: how often a paid handler ran |
//!
//! Where there are sessions, every other route that takes MPP takes them too, at its price a call.

mod config;
mod facilitator_charge;
mod routes;
mod sessions;

use std::process::ExitCode;
use std::time::Duration;

use mpp_core::Mpp;
use mpp_evm::{Charge, OnchainCharge};
use payment_core::Gate;
use payment_evm::{LocalSigner, Settler, SettlerOptions};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::{ExactEvm, OnchainFacilitator};

use crate::config::{Config, Settlement};
use crate::facilitator_charge::FacilitatorCharge;
use crate::routes::Runs;
use crate::sessions::Upkeep;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let config = match Config::read(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match run(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> Result<(), Failure> {
    let (bind, price, dear) = (config.bind, config.price, config.dear);
    let origin = config.origin.clone();
    let (router, upkeep) = protocols(config).await?;
    let mut gate = Gate::builder(router);
    if let Some(origin) = origin {
        gate = gate.origin(origin);
    }
    let (gate, runs) = (gate.build()?, Runs::default());
    let mut app = routes::app(&gate, &runs, price, dear)?;
    if upkeep.is_some() {
        app = app.merge(routes::by_the_word(&gate, &runs, price, dear)?);
    }
    let listener = tokio::net::TcpListener::bind(bind).await?;
    println!("shop listening on http://{}", listener.local_addr()?);
    let upkeep = upkeep.map(Upkeep::begin);
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // Without a signal handler the shop still serves; it just ends without draining.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    // Only now: what the last requests have paid is looked after too.
    if let Some(upkeep) = upkeep {
        upkeep.end().await?;
    }
    Ok(())
}

/// Both protocols, settled by whom the configuration names, and what looks after sessions.
async fn protocols(config: Config) -> Result<(PaymentRouter, Option<Upkeep>), Failure> {
    let Config {
        token,
        pay_to,
        settlement,
        mpp_realm,
        mpp_secret,
        ..
    } = config;
    let exact = ExactEvm::new(token.clone(), pay_to);
    let charge = Charge::new(token.clone(), pay_to);
    let mpp = Mpp::builder(mpp_realm, mpp_secret);
    let router = PaymentRouter::new();
    Ok(match settlement {
        Settlement::Facilitator(url) => {
            let facilitator = HttpFacilitator::new(&url, HttpOptions::default())?;
            let charge = charge.settle_with(FacilitatorCharge::new(facilitator.clone()));
            let router = router
                .add(MPP_PRIORITY, mpp.method(charge).build()?)
                .add(X402_PRIORITY, X402::new(facilitator).accept(exact));
            (router, None)
        }
        Settlement::OwnKey {
            rpc_url,
            key,
            sessions,
        } => {
            let signer = LocalSigner::from_hex(std::str::from_utf8(key.expose())?)
                .map_err(|_| "SETTLER_KEY: is not a private key")?;
            let options = SettlerOptions::default().mined_within(Duration::from_secs(30));
            let settler = Settler::connect(&rpc_url, signer, options).await?;
            if settler.chain_id() != token.chain_id {
                return Err("RPC_URL: serves another chain than NETWORK names".into());
            }
            let charge = charge.settle_with(OnchainCharge::new(settler.clone()));
            let mut mpp = mpp.method(charge);
            let mut upkeep = None;
            if let Some(sessions) = sessions {
                let settler = settler.clone();
                let (session, begun) = sessions::open(sessions, settler, token, pay_to).await?;
                mpp = mpp.method(session);
                upkeep = Some(begun);
            }
            let facilitator = OnchainFacilitator::new(settler);
            let router = router
                .add(MPP_PRIORITY, mpp.build()?)
                .add(X402_PRIORITY, X402::new(facilitator).accept(exact));
            (router, upkeep)
        }
    })
}
