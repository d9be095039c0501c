//! A payment protocol of one's own behind the router, beside x402: prepaid vouchers. Nothing but
//! public names of the crates is used, so that it can be copied out of here. No account, key or
//! network is needed.

mod payment;
mod protocol;
mod shop;
mod tour;
mod voucher;

use std::process::ExitCode;

use shop::{PRICE, Shop};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "\
usage: custom_protocol                 the tour: refused, paid by voucher, replayed, paid by x402
       custom_protocol --serve [PORT]  keep the shop up";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match *arguments {
        [] => tour().await,
        ["--serve"] => serve(0).await,
        ["--serve", port] if port.parse::<u16>().is_ok() => {
            serve(port.parse().unwrap_or_default()).await
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn tour() -> Result<bool, Failure> {
    let shop = Shop::open(0).await?;
    println!("A shop listens at {}: /weather costs ${PRICE}.", shop.url);
    tour::tour(&shop).await
}

async fn serve(port: u16) -> Result<bool, Failure> {
    let shop = Shop::open(port).await?;
    let weather = shop.weather();
    println!("Open until Ctrl-C. Three vouchers are sold.");
    println!("    See the 402:  curl -i {weather}");
    for _ in 0..3 {
        let voucher = shop.sell(PRICE)?;
        println!("    Pay:          curl -i -H 'X-Voucher: {voucher}' {weather}");
    }
    tokio::signal::ctrl_c().await?;
    Ok(true)
}
