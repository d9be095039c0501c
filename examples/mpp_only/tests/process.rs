//! The example as a user runs it.
#![allow(clippy::unwrap_used)]

use payment_client::{Buyer, Protocol, SpendLimit};
use payment_core::{Network, usd};
use payment_evm::LocalSigner;
use stage::program::{Serving, command, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mpp_only");

#[tokio::test]
async fn the_tour_pays_a_cent_once_and_it_adds_up() {
    let (code, said, wrong) = run(command(PROGRAM, &[])).await.unwrap();
    assert_eq!((code, &*wrong), (Some(0), ""), "{said}");
    for line in [
        "        mpp evm charge: 10000 units of 0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "    paid $0.01 by mpp: 200 OK",
        "    402 walks into a bar and pays for 0x90F79bf6EB2c4f870365E785982E1f101E93b906",
        "    on chain: buyer -0.01, seller +0.01 USDC",
        "    on chain: buyer 0, seller 0 USDC",
        "Everything adds up.",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
    assert_eq!(said.matches("402 Payment Required").count(), 2, "{said}");
}

#[tokio::test]
async fn it_stays_up_and_sells_to_whom_it_has_invited() {
    let shop = Serving::start(command(PROGRAM, &["--serve"]))
        .await
        .unwrap();
    let unpaid = stage::http().unwrap().get(&shop.url).send().await.unwrap();
    assert_eq!(unpaid.status(), 402);
    // No x402 here.
    assert!(!unpaid.headers().contains_key("payment-required"));
    let buyer = Buyer::builder(LocalSigner::from_hex(&shop.key).unwrap())
        .spend_limit(SpendLimit::per_payment(usd!("0.01")))
        .network(Network::eip155(84532))
        .build()
        .unwrap();
    let paid = buyer.get(&shop.url).send().await.unwrap();
    let payment = paid.payment().unwrap();
    assert_eq!(payment.protocol(), Protocol::Mpp);
    assert!(payment.proof().receipt().is_some());
    assert_eq!(paid.status(), 200);
}

#[tokio::test]
async fn wrong_arguments_and_half_of_the_settings_are_one_line_and_exit_2() {
    let wrong = run(command(PROGRAM, &["tour"])).await.unwrap();
    let usage = "usage: mpp_only [--serve [--port N]]\n".to_owned();
    assert_eq!(wrong, (Some(2), String::new(), usage));

    // A shop that has lost its key on the way does not sell for test money.
    let mut half = command(PROGRAM, &["--serve"]);
    half.env("RPC_URL", "https://rpc.example");
    half.env("MPP_REALM", "shop.example");
    half.env("MPP_SECRET_KEY", "a key that nobody knows, of 32 bytes");
    let line = "SETTLER_KEY: is not set, and others are\n".to_owned();
    assert_eq!(run(half).await.unwrap(), (Some(2), String::new(), line));

    let mut odd = command(PROGRAM, &["--serve"]);
    odd.env("RPC_URL", "https://rpc.example");
    odd.env("SETTLER_KEY", "no key at all");
    odd.env("MPP_REALM", "shop.example");
    odd.env("MPP_SECRET_KEY", "a key that nobody knows, of 32 bytes");
    let line = "SETTLER_KEY: is not a private key\n".to_owned();
    assert_eq!(run(odd).await.unwrap(), (Some(2), String::new(), line));
}
