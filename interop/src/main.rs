//! Who paid, what moved on chain, what was served: stock clients against our shop, in both of its
//! settlement modes, and our buyer against stock servers.

mod actix;
mod deferred;
mod npm;
mod okx;
mod purchase;
mod script;
mod session;
mod shop;
mod web;

use std::process::ExitCode;

use crate::purchase::Row;
use crate::script::Runtime;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let mut paths = std::env::args().skip(1);
    let (Some(shop), Some(okx_shop)) = (paths.next(), paths.next()) else {
        eprintln!("usage: tollgate-interop SHOP OKX_SHOP (interop/run builds both)");
        return ExitCode::from(2);
    };
    match run(&shop, &okx_shop).await {
        Ok(rows) => {
            let good = rows.iter().filter(|row| row.good()).count();
            println!("\n{good} of {} purchases as they should be", rows.len());
            // None of none is no proof of anything.
            if good == rows.len() && good > 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(shop: &str, okx_shop: &str) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    Row::head();
    if Runtime::Node.is_ready() {
        rows.extend(npm::run(shop).await?);
    } else {
        println!("left out: what comes from npm, as there is no npm to install it with");
    }
    if Runtime::Python.is_ready() {
        rows.extend(okx::run(shop, okx_shop).await?);
    } else {
        println!("left out: OKX's SDK, as there is no Python 3.11 to install it with");
    }
    Ok(rows)
}
