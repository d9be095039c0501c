//! The example as a user runs it.
#![allow(clippy::unwrap_used)]

use payment_client::{Buyer, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::program::{Serving, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dynamic_price");

#[tokio::test]
async fn each_request_has_its_price_and_it_adds_up() {
    let (code, said, wrong) = run(command(PROGRAM, &[])).await.unwrap();
    assert_eq!((code, &*wrong), (Some(0), ""), "{said}");
    let mut lines = said.lines();
    // In this order.
    for line in [
        "    free: a map, Thumb",
        "    403 Forbidden: \"not_for_sale\" (\"no posters\")",
        "    400 Bad Request: \"no_such_size\" (\"this request is not served\")",
        "    on chain: buyer 0, slow buyer 0, seller 0, artist 0 USDC",
        "    paid $0.01: a map, Small",
        "    paid $0.02: a map, Large",
        "    on chain: buyer -0.03, slow buyer 0, seller +0.03, artist 0 USDC",
        "    on chain: buyer -0.1, slow buyer 0, seller +0.05, artist +0.05 USDC",
        "    402 Payment Required",
        "    paid $0.1: seat 0, for 100000 units",
        "    paid $0.11: seat 1, for 110000 units",
        "GET /seat, by the slow buyer, who pays what was quoted",
        "    seat 2, for 100000 units",
        "    on chain: buyer 0, slow buyer -0.1, seller +0.1, artist 0 USDC",
        "Everything adds up.",
    ] {
        assert!(lines.any(|said| said == line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn it_stays_up_and_sells_to_whom_it_has_invited() {
    let shop = Serving::start(command(PROGRAM, &["--serve"]))
        .await
        .unwrap();
    assert!(shop.url.ends_with("/map?size=large"), "{}", shop.url);
    let unpaid = stage::http().unwrap().get(&shop.url).send().await.unwrap();
    assert_eq!(unpaid.status(), 402);
    let buyer = Buyer::builder(LocalSigner::from_hex(&shop.key).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.02")))
        .network(Network::eip155(84532))
        .build()
        .unwrap();
    let paid = buyer.get(&shop.url).send().await.unwrap();
    assert_eq!(paid.payment().unwrap().price(), usd!("0.02"));
    assert_eq!(paid.status(), 200);
}

#[tokio::test]
async fn wrong_arguments_and_half_of_the_settings_are_one_line_and_exit_2() {
    let wrong = run(command(PROGRAM, &["--serve", "--port", "x"]))
        .await
        .unwrap();
    let usage = "--port: no port; usage: dynamic_price [--serve [--port N]]\n".to_owned();
    assert_eq!(wrong, (Some(2), String::new(), usage));

    let mut half = command(PROGRAM, &["--serve"]);
    half.env("FACILITATOR_URL", "https://facilitator.example");
    half.env("PAY_TO", "0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    let line = "ARTIST: is not set, and others are\n".to_owned();
    assert_eq!(run(half).await.unwrap(), (Some(2), String::new(), line));
}
