//! Who paid, what moved on chain, what was served: stock clients against our shop, in both of its
//! settlement modes, and our buyer against stock servers.

mod node;
mod purchase;
mod shop;

use std::process::ExitCode;

use devnet::Devnet;
use devnet::facilitator::Facilitator;

use crate::purchase::{Ledger, Row};
use crate::shop::{Settlement, Shop};

type Failure = Box<dyn std::error::Error>;

/// The script of each stock client, and the routes it can pay.
const CLIENTS: [(&str, &[&str]); 3] = [
    ("clients/x402-v2.mjs", &["/paid", "/x402"]),
    ("clients/x402-v1.mjs", &["/paid", "/x402"]),
    ("clients/mppx.mjs", &["/paid", "/mpp"]),
];

const SERVERS: [&str; 2] = ["servers/x402-express.mjs", "servers/mppx.mjs"];

#[tokio::main]
async fn main() -> ExitCode {
    let Some(shop) = std::env::args().nth(1) else {
        eprintln!("usage: tollgate-interop PATH-OF-SHOP (interop/run builds and names it)");
        return ExitCode::from(2);
    };
    match run(&shop).await {
        Ok(rows) => {
            let good = rows.iter().filter(|row| row.good()).count();
            println!("\n{good} of {} purchases as they should be", rows.len());
            if good == rows.len() {
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

async fn run(shop: &str) -> Result<Vec<Row>, Failure> {
    let net = Devnet::start().await?;
    let facilitator = Facilitator::start(&net, 0).await?;
    let mut rows = Vec::new();
    Row::head();
    for settlement in [
        Settlement::Facilitator(facilitator.url().to_owned()),
        Settlement::OwnKey,
    ] {
        let open = Shop::open(shop, &net, &settlement).await?;
        for (script, routes) in CLIENTS {
            for route in routes {
                let ledger = Ledger::open(&net, open.runs().await?);
                let url = format!("{}{route}", open.url);
                let answer = node::run(script, &[&url, &net.buyers[0].key.to_string()]).await?;
                let what = format!("{script} -> {settlement} {route}");
                rows.push(
                    ledger
                        .close(&net, what, &answer, open.runs().await?)
                        .shown(),
                );
            }
        }
    }
    for script in SERVERS {
        let server = node::serve(script, &net, facilitator.url()).await?;
        let ledger = Ledger::open(&net, 0);
        let answer = purchase::by_us(&net, &server.url).await?;
        rows.push(
            ledger
                .close(&net, format!("our buyer -> {script}"), &answer, 1)
                .shown(),
        );
    }
    Ok(rows)
}
