//! What a seller sees when OKX does not let the shop begin.

use devnet::okx::Act;
use devnet::okx::Endpoint;
use serde_json::json;

use crate::process::{Place, refused, tells_nothing};

#[tokio::test]
async fn keys_of_another_account_are_told_apart_and_not_shown() {
    let place = Place::new("account").await;
    for (name, line) in [
        ("OKX_API_KEY", "OKX knows no such key (50111)"),
        (
            "OKX_SECRET_KEY",
            "OKX says that it is not the key's (50113)",
        ),
        (
            "OKX_PASSPHRASE",
            "OKX says that it is not the key's (50105)",
        ),
    ] {
        let mut command = place.command();
        command.env(name, "of-another-account");
        let (code, said) = refused(command).await;
        assert_eq!((code, said), (1, format!("{name}: {line}")));
    }
    // Each was asked once: what is wrong stays wrong.
    assert_eq!(place.okx.calls().len(), 3);
}

#[tokio::test]
async fn codes_without_a_setting_of_their_own_are_told_as_they_are() {
    let place = Place::new("codes").await;
    for (code, line) in [
        (50112, "the clock of this machine is off, says OKX (50112)"),
        (
            50114,
            "OKX_API_KEY: OKX does not let it do this, or not from here",
        ),
        (50038, "OKX answers with code Chain"),
    ] {
        place
            .okx
            .order(Endpoint::Supported, Act::refuse(code, "words of theirs"));
        let said = refused(place.command()).await;
        assert_eq!(said, (1, line.to_owned()));
    }
}

#[tokio::test]
async fn an_okx_that_does_not_settle_what_is_offered_sells_nothing() {
    let place = Place::new("unsupported").await;
    let exact = json!([{"x402Version": 2, "scheme": "exact", "network": "eip155:196"}]);
    for (kinds, missing) in [(json!([]), "exact"), (exact, "aggr_deferred")] {
        place
            .okx
            .order(Endpoint::Supported, Act::lie("kinds", kinds));
        let line = format!("the facilitator does not support x402 v2 {missing} on eip155:196");
        assert_eq!(refused(place.command()).await, (1, line));
    }
}

#[tokio::test]
async fn an_okx_that_is_not_there_is_said_so() {
    let place = Place::new("away").await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let somebody_else = place.net.rpc_url.clone();
    for (url, words) in [
        (nobody, "OKX can't be reached: "),
        (somebody_else, "the answer of OKX can't be relied on: "),
    ] {
        let mut command = place.command();
        command.env("OKX_BASE_URL", &url);
        let (code, line) = refused(command).await;
        assert_eq!(code, 1);
        assert!(line.starts_with(words), "{line}");
        tells_nothing(&line, &[&place.net.seller]);
    }
}
