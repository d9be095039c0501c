//! The example as a user runs it.
#![allow(clippy::unwrap_used)]

use payment_client::{Buyer, Protocol, SpendLimit, prefer_protocol};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::program::{Serving, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dual_actix");

#[tokio::test]
async fn the_tour_pays_by_either_protocol_and_it_adds_up() {
    let (code, said, wrong) = run(command(PROGRAM, &[])).await.unwrap();
    assert_eq!((code, &*wrong), (Some(0), ""), "{said}");
    for line in [
        "    402 Payment Required",
        "        x402 exact: 10000 units of 0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "        mpp evm charge: 10000 units of 0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "    paid $0.01 by x402: 200 OK",
        "    no news is good news, paid by x402",
        "    paid $0.01 by mpp: 200 OK",
        "    no news is good news, paid by mpp",
        "    on chain: buyer by x402 -0.01, buyer by MPP -0.01, seller +0.02 USDC",
        "Everything adds up.",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
}

#[tokio::test]
async fn it_stays_up_and_serves_a_payment_of_either_protocol_once() {
    let shop = Serving::start(command(PROGRAM, &["--serve"]))
        .await
        .unwrap();
    let http = stage::http().unwrap();
    assert_eq!(http.get(&shop.url).send().await.unwrap().status(), 402);
    for protocol in [Protocol::X402, Protocol::Mpp] {
        let buyer = Buyer::builder(LocalSigner::from_hex(&shop.key).unwrap())
            .spend_limit(SpendLimit::per_payment(usd!("0.01")))
            .network(Network::eip155(84532))
            .select(prefer_protocol(protocol))
            .build()
            .unwrap();
        let paid = buyer.get(&shop.url).send().await.unwrap();
        assert_eq!(paid.status(), 200);
        let payment = paid.payment().unwrap();
        assert_eq!(payment.protocol(), protocol);
        let (name, value) = payment.credential();
        let again = http.get(&shop.url).header(name, value);
        assert_eq!(again.send().await.unwrap().status(), 402);
    }
}

#[tokio::test]
async fn wrong_arguments_and_half_of_the_settings_are_one_line_and_exit_2() {
    let wrong = run(command(PROGRAM, &["--tour"])).await.unwrap();
    let usage = "usage: dual_actix [--serve [--port N]]\n".to_owned();
    assert_eq!(wrong, (Some(2), String::new(), usage));

    let mut half = command(PROGRAM, &["--serve"]);
    half.env("SETTLER_KEY", "0x01");
    let line = "RPC_URL: is not set, and others are\n".to_owned();
    assert_eq!(run(half).await.unwrap(), (Some(2), String::new(), line));
}
