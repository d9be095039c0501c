//! What is missing or odd stops the shop before anything is asked or sold.

use tokio::process::Command;

use crate::process::{Place, bare, refused, tells_nothing};

#[tokio::test]
async fn each_setting_that_is_missing_or_odd_is_named_and_not_shown() {
    let place = Place::new("settings").await;
    let file = std::env::current_exe().unwrap();
    let file = file.to_str().unwrap();
    for (name, value) in [
        ("OKX_API_KEY", ""),
        ("OKX_API_KEY", "odd-\u{e4}"),
        ("OKX_SECRET_KEY", ""),
        ("OKX_SECRET_KEY", "odd-with-a-line-end\n"),
        ("OKX_PASSPHRASE", ""),
        ("OKX_PASSPHRASE", " odd-with-a-blank"),
        ("PAYEE_KEY", ""),
        ("PAYEE_KEY", "odd-no-key"),
        (
            "PAYEE_KEY",
            "0x0000000000000000000000000000000000000000000000000000000000000000",
        ),
        ("OKX_BASE_URL", "odd"),
        ("OKX_BASE_URL", "http://okx.example"),
        ("OKX_BASE_URL", "https://odd-user:odd-word@okx.example"),
        ("ORIGIN", "http://shop.example"),
        ("ORIGIN", "https://shop.example/odd"),
        ("PARTNER", "odd"),
        ("PARTNER", "0x0000000000000000000000000000000000000000"),
        ("MPP_REALM", "odd|realm"),
        ("CHANNELS_DIR", file),
        ("SETTLE_AFTER", "odd"),
        ("SETTLE_AFTER", "-1"),
        ("BIND", "odd"),
    ] {
        let mut command = place.command();
        command.env(name, value);
        stopped(command, name, value).await;
    }
    assert!(place.okx.calls().is_empty());
}

#[tokio::test]
async fn a_shop_whose_keys_got_lost_is_none_for_test_money() {
    for (name, value) in [
        ("ORIGIN", "https://shop.example"),
        ("CHANNELS_DIR", "channels"),
        ("OKX_BASE_URL", "https://okx.example"),
    ] {
        let mut command = bare();
        command.env(name, value);
        let (code, line) = refused(command).await;
        assert_eq!((code, &*line), (2, "OKX_API_KEY: is not set"));
    }
    let mut command = bare();
    command.env("BIND", "0.0.0.0:0");
    stopped(command, "BIND", "0.0.0.0").await;
}

#[tokio::test]
async fn a_command_line_that_is_not_understood_gets_the_usage() {
    for (argument, code) in [("--help", 0), ("--tours", 2), ("tour", 2)] {
        let output = bare().arg(argument).output().await.unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(said.starts_with("usage: okx_shop"), "{said}");
    }
}

async fn stopped(command: Command, name: &str, value: &str) {
    let (code, line) = refused(command).await;
    assert_eq!(code, 2, "{line}");
    assert!(line.starts_with(&format!("{name}: ")), "{line}");
    assert!(value.is_empty() || !line.contains(value.trim()), "{line}");
    assert!(!line.contains("odd-"), "{line}");
    tells_nothing(&line, &[&devnet::Wallet::development(1)]);
}
