//! The example as a user runs it.
#![allow(clippy::unwrap_used)]

use alloy_primitives::U256;
use devnet::Devnet;
use devnet::facilitator::Facilitator;
use payment_client::{Buyer, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::program::{Serving, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_axum_x402");

#[tokio::test]
async fn the_tour_is_refused_then_pays_a_cent_and_it_adds_up() {
    let (code, said, wrong) = run(command(PROGRAM, &[])).await.unwrap();
    assert_eq!((code, &*wrong), (Some(0), ""), "{said}");
    for line in [
        "    402 Payment Required",
        "        x402 exact: 10000 units of 0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "    paid $0.01 by x402: 200 OK",
        "    sunny, 21 degrees, for 10000 units of 0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "    on chain: buyer -0.01, seller +0.01 USDC",
        "Everything adds up.",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn it_stays_up_and_sells_to_whom_it_has_invited() {
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
    let paid = buyer.get(&shop.url).send().await.unwrap();
    let receipt = paid.payment().and_then(|payment| payment.proof().receipt());
    assert!(receipt.is_some());
    assert_eq!(paid.status(), 200);
}

#[tokio::test]
async fn with_all_settings_it_sells_by_them() {
    let net = Devnet::start().await.unwrap();
    let facilitator = Facilitator::start(&net, 0).await.unwrap();
    let (buyer, payee) = (&net.buyers[0], net.buyers[6].address);
    let mut command = command(PROGRAM, &["--serve"]);
    command.env("FACILITATOR_URL", facilitator.url());
    command.env("PAY_TO", payee.to_string());
    let shop = Serving::start(command).await.unwrap();
    // Nobody is told a key where money is real.
    assert_eq!(shop.key, "");
    let before = net.chain.balance_of(net.token.address, payee);
    let buyer = Buyer::builder(LocalSigner::from_hex(&buyer.key.to_string()).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.01")))
        .network(Network::eip155(84532))
        .build()
        .unwrap();
    assert_eq!(buyer.get(&shop.url).send().await.unwrap().status(), 200);
    let after = net.chain.balance_of(net.token.address, payee);
    assert_eq!(after - before, U256::from(10_000));
}

#[tokio::test]
async fn wrong_arguments_and_half_of_the_settings_are_one_line_and_exit_2() {
    let wrong = run(command(PROGRAM, &["--port", "80"])).await.unwrap();
    let usage = "usage: axum_x402 [--serve [--port N]]\n".to_owned();
    assert_eq!(wrong, (Some(2), String::new(), usage));

    let mut half = command(PROGRAM, &["--serve"]);
    half.env("FACILITATOR_URL", "https://facilitator.example");
    let line = "PAY_TO: is not set, and others are\n".to_owned();
    assert_eq!(run(half).await.unwrap(), (Some(2), String::new(), line));

    let mut odd = command(PROGRAM, &["--serve"]);
    odd.env("FACILITATOR_URL", "https://facilitator.example");
    odd.env("PAY_TO", "me");
    let line = "PAY_TO: can't be read\n".to_owned();
    assert_eq!(run(odd).await.unwrap(), (Some(2), String::new(), line));
}
