//! A chain, a dual-protocol shop and a buyer in one process: the buyer is refused, pays by x402,
//! pays by MPP, and what moved on chain is shown. No account, key or network is needed.

mod arguments;
mod buying;
mod report;
mod shop;

use std::process::ExitCode;

use arguments::Arguments;
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
    if let Some(purchase) = &arguments.buy {
        return buying::once(purchase, report).await;
    }
    let shop = Shop::open(arguments.port).await?;
    shop.introduce(report);
    if arguments.serve {
        shop.invite(report);
        tokio::signal::ctrl_c().await?;
        return Ok(true);
    }
    buying::tour(&shop, report).await
}
