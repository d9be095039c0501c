//! The example as a user runs it.
#![allow(clippy::unwrap_used)]

use payment_client::{Buyer, SessionBudget, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::program::{Serving, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sse_chat");

#[tokio::test]
async fn the_tour_pays_each_token_tops_up_closes_and_adds_up() {
    let (code, said, wrong) = run(command(PROGRAM, &[])).await.unwrap();
    assert_eq!((code, &*wrong), (Some(0), ""), "{said}");
    for line in [
        "        mpp evm session: 100 units of 0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "    deposit $0.002, voucher for $0.0008",
        "        Hello! Ask me about payment channels, and I",
        "    11 tokens at $0.0001; spent $0.0011 by now",
        "    on chain: buyer -0.002, seller 0, escrow +0.002 USDC",
        "    nothing is left: the deposit is raised to $0.004",
        "    nothing is left: the deposit is raised to $0.006",
        "    40 tokens at $0.0001; spent $0.0051 by now",
        "closed: 51 tokens at $0.0001 are $0.0051",
        "    on chain: buyer +0.0009, seller +0.0051, escrow -0.006 USDC",
        "Everything adds up.",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn it_stays_up_and_streams_to_whom_it_has_invited() {
    let shop = Serving::start(command(PROGRAM, &["--serve"]))
        .await
        .unwrap();
    let unpaid = stage::http().unwrap().get(&shop.url).send().await.unwrap();
    assert_eq!(unpaid.status(), 402);
    let buyer = Buyer::builder(LocalSigner::from_hex(&shop.key).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.01")))
        .network(Network::eip155(84532))
        .build()
        .unwrap();
    let budget = SessionBudget::deposit(usd!("0.01"));
    let mut session = buyer.session(budget).start().unwrap();
    let mut answer = session.get(&shop.url).stream().await.unwrap();
    let mut text = Vec::new();
    while let Some(token) = answer.next().await.unwrap() {
        text.push(token.data);
    }
    drop(answer);
    let greeting = "Hello! Ask me about payment channels, and I will say more.";
    assert_eq!(text.join(" "), greeting);
    let closed = session.close().await.unwrap().unwrap();
    assert_eq!((closed.spent(), closed.dispute()), (usd!("0.0011"), None));
}

#[tokio::test]
async fn wrong_arguments_and_half_of_the_settings_are_one_line_and_exit_2() {
    let wrong = run(command(PROGRAM, &["--json"])).await.unwrap();
    let usage = "usage: sse_chat [--serve [--port N]]\n".to_owned();
    assert_eq!(wrong, (Some(2), String::new(), usage));

    let mut half = command(PROGRAM, &["--serve"]);
    half.env("CHANNELS_DIR", "channels");
    let line = "RPC_URL: is not set, and others are\n".to_owned();
    assert_eq!(run(half).await.unwrap(), (Some(2), String::new(), line));
}
