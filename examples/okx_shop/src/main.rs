//! A shop whose payments OKX settles.
//!
//! | route | how it is paid |
//! |---|---|
//! | `/free` | not at all |
//! | `/weather` | x402, by `exact` or by `aggr_deferred` |
//! | `/report` | MPP charge; a part of the price goes to a partner |
//! | `/chat` | MPP session, a voucher a call |
//! | `/news` | x402 `exact` or MPP charge |
//!
//! With no setting it settles on a chain of its own, in this process, behind servers that stand in
//! for OKX. With four environment variables (`OKX_API_KEY`, `OKX_SECRET_KEY`, `OKX_PASSPHRASE`,
//! `PAYEE_KEY`) it settles by OKX, and nothing else changes.

mod config;
mod routes;
mod shop;
mod stand_in;

use std::process::ExitCode;

use crate::config::Config;
use crate::shop::Shop;
use crate::stand_in::StandIn;

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
    let Config { bind, origin, okx } = config;
    // It stops when this is dropped.
    let (okx, _stand_in) = match okx {
        Some(okx) => (okx, None),
        None => {
            let stand_in = StandIn::start().await?;
            println!("{stand_in}");
            (stand_in.account()?, Some(stand_in))
        }
    };
    let listener = tokio::net::TcpListener::bind(bind).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let shop = Shop::open(okx, origin.as_deref().unwrap_or(&url)).await?;
    println!("shop listening on {url}");
    let (app, upkeep) = shop.begin();
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // Without a signal handler the shop still serves; it just ends without draining.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    // Only now: what the last requests have paid is looked after too.
    upkeep.end().await?;
    Ok(())
}
