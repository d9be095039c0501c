//! The program as a user runs it.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_custom_protocol"))
}

#[test]
fn the_tour_pays_by_voucher_once_and_by_x402() {
    let output = program().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let lines: Vec<_> = text.lines().collect();
    let says = [
        "A shop listens at http://127.0.0.1:",
        "Without payment: 402 Payment Required, payable by x402 or {\"header\":\"x-voucher\",",
        "With a voucher for $0.01: 200 OK, sunny, 21 degrees (paid by voucher).",
        "The same voucher again: 402 Payment Required, \"voucher_spent\".",
        "The same with another serial: 402 Payment Required, \"voucher_unknown\".",
        "A smaller voucher: 402 Payment Required, \"voucher_too_small\".",
        "No voucher at all: 402 Payment Required, \"voucher_malformed\".",
        "With x402, bought as ever: 200 OK, sunny, 21 degrees (paid by x402).",
        "A voucher and an x402 payment at once: 400 Bad Request; the voucher alone then: 200 OK.",
    ];
    assert_eq!(lines.len(), says.len(), "{text}");
    for (line, say) in lines.iter().zip(says) {
        assert!(line.starts_with(say), "{line}");
    }
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn what_it_prints_to_try_from_outside_works() {
    let child = program().arg("--serve").stdout(Stdio::piped()).spawn();
    let mut running = Running(child.unwrap());
    let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    next();
    let url = next().split("curl -i ").nth(1).unwrap().to_owned();
    let client = payment_http::client().unwrap().no_proxy().build().unwrap();
    assert_eq!(client.get(&url).send().await.unwrap().status(), 402);
    for _ in 0..3 {
        let line = next();
        let voucher = line.split('\'').nth(1).unwrap();
        let (name, value) = voucher.split_once(": ").unwrap();
        let pay = || client.get(&url).header(name, value).send();
        assert_eq!(pay().await.unwrap().status(), 200);
        assert_eq!(pay().await.unwrap().status(), 402);
    }
}

#[test]
fn a_wrong_command_line_exits_with_the_usage() {
    for arguments in [
        &["--help"][..],
        &["--serve", "eighty"],
        &["--serve", "1", "2"],
    ] {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.starts_with("usage: custom_protocol"), "{words}");
    }
}
