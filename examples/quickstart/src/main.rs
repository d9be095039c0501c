//! A chain, a dual-protocol shop and buyers in one process: they are refused, pay by x402, pay by
//! MPP, read a story by the word out of a payment channel, and what moved on chain is shown. No
//! account, key or network is needed.

mod arguments;
mod books;
mod buying;
mod reading;
mod report;
mod shop;
mod story;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use arguments::{Arguments, Errand};
use report::Report;
use serde_json::json;
use shop::Shop;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new(arguments.json);
    match run(&arguments, &mut report).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report.end(false, &json!({"error": error.to_string()}));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, report: &mut Report) -> Result<bool, Failure> {
    let port = match &arguments.errand {
        Errand::Buy { url, key } => return buying::once(url, key, report).await,
        Errand::Stream { url, key } => return buying::stream(url, key, report).await,
        Errand::Tour => 0,
        Errand::Serve { port } => *port,
    };
    let shop = Shop::open(port).await?;
    shop.introduce(report);
    if let Errand::Serve { .. } = arguments.errand {
        shop.invite(report);
        tokio::signal::ctrl_c().await?;
        return Ok(true);
    }
    buying::tour(&shop, report).await
}
