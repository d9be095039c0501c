//! A shop behind a reverse proxy, and a service behind the shop: the public URL is configured and
//! not read from requests, and receipts come from the gate alone. No account, key or network is
//! needed.

mod office;
mod proxy;
mod shop;
mod tour;

use std::process::ExitCode;

use shop::{ORIGIN, PRICE, Street};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "\
usage: behind_proxy                 the tour: lies about the host, a payment, forged receipts
       behind_proxy --serve [PORT]  keep proxy, shop and service up";

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
    let street = Street::open(0).await?;
    let Street { proxy, shop, .. } = &street;
    println!("{ORIGIN} is a proxy at {proxy}, and a shop behind it at {shop}.");
    tour::tour(&street).await
}

async fn serve(port: u16) -> Result<bool, Failure> {
    let street = Street::open(port).await?;
    println!("Open until Ctrl-C. /report costs ${PRICE}; `payment-required` names {ORIGIN}:");
    println!("    curl -i {}/report", street.proxy);
    println!(
        "    curl -i -H 'Host: evil.example' {}/report",
        street.proxy
    );
    println!(
        "    curl -i -H 'X-Forwarded-Host: evil.example' {}/report",
        street.shop
    );
    println!("  Where no origin is configured it names what the client says:");
    println!(
        "    curl -i -H 'Host: evil.example' {}/report",
        street.nameless
    );
    let key = street.net.buyers[0].key;
    println!("  Pay through the proxy:");
    println!(
        "    cargo run -q -p quickstart -- --buy {}/report --key {key}",
        street.proxy
    );
    tokio::signal::ctrl_c().await?;
    Ok(true)
}
