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

mod arguments;
mod config;
mod diagnosis;
mod routes;
mod shop;
mod stand_in;
mod stop;
mod tour;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use payment_core::ConfigError;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::arguments::{Errand, USAGE};
use crate::config::{Account, Config};
use crate::shop::Shop;
use crate::stand_in::StandIn;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Errand::read(std::env::args().skip(1)) {
        Some(Errand::Serve) => serve().await,
        Some(Errand::Tour) => tour().await,
        Some(Errand::Help) => {
            println!("{USAGE}");
            Ok(())
        }
        None => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let setting = error.is::<ConfigError>();
            ExitCode::from(if setting { 2 } else { 1 })
        }
    }
}

async fn serve() -> Result<(), Failure> {
    let Config { bind, origin, okx } = Config::read(|name| std::env::var(name).ok())?;
    let listener = listen(bind).await?;
    // It stops when this is dropped.
    let (okx, _stand_in) = match okx {
        Some(okx) => (okx, None),
        None => {
            let stand_in = StandIn::start().await?;
            println!("{stand_in}");
            (stand_in.account()?, Some(stand_in))
        }
    };
    let url = format!("http://{}", listener.local_addr()?);
    let shop = open(okx, origin.as_deref().unwrap_or(&url)).await?;
    println!("shop listening on {url}");
    sell(shop, listener, stop::asked()).await
}

/// Whatever is set, this is bought with test money, from a shop that is gone afterwards.
async fn tour() -> Result<(), Failure> {
    let stand_in = StandIn::start().await?;
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let shop = open(stand_in.account()?, &url).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let buy = async {
        let bought = tour::take(&stand_in, &url).await;
        drop(stop);
        bought
    };
    let stopped = async {
        let _ = stopped.await;
    };
    let (sold, bought) = tokio::join!(sell(shop, listener, stopped), buy);
    bought.and(sold)
}

async fn listen(bind: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(bind).await;
    Ok(listener.map_err(|error| format!("BIND: {error}"))?)
}

/// A shop that OKX settles for, all that it offers.
async fn open(account: Account, origin: &str) -> Result<Shop, Failure> {
    let shop = Shop::open(account, origin).map_err(config::by_variable)?;
    let settled = shop.check().await;
    settled.map_err(|error| diagnosis::diagnosis(&error))?;
    Ok(shop)
}

async fn sell(
    shop: Shop,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    let (app, upkeep) = shop.begin();
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await;
    // Only now: what the last requests have paid is looked after too.
    upkeep.end().await?;
    Ok(served?)
}
