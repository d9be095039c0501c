//! The program as a user runs it.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use x402_core::wire::{decode, v2};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_behind_proxy"))
}

#[test]
fn the_tour_finds_nothing_wrong() {
    let output = program().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let lines: Vec<_> = text.lines().collect();
    let says = [
        "https://shop.example is a proxy at http://127.0.0.1:",
        "Through the proxy, the 402 sells https://shop.example/report.",
        "With a Host, Forwarded or X-Forwarded-* that lies, to proxy or shop: the same.",
        "A shop without `origin` has only the client's word, and shows http://evil.example/report.",
        "A payment for https://evil.example/report is not taken, whatever Host says.",
        "Paid through the proxy: 200 OK, \"all is well\".",
        "The service made up receipts; the one that came out is the gate's, with a transaction.",
        "Where the service fails: 500 Internal Server Error, no receipt, nothing paid.",
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
    let lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let client = payment_http::client().unwrap().no_proxy().build().unwrap();
    let mut shown = Vec::new();
    for line in lines.map(Result::unwrap) {
        let Some(asked) = line.trim().strip_prefix("curl -i ") else {
            if line.contains("--buy") {
                break;
            }
            continue;
        };
        let mut request = client.get(asked.rsplit(' ').next().unwrap());
        if let Some(header) = asked.split('\'').nth(1) {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 402);
        let offer = answer.headers()["payment-required"].as_bytes();
        let offer: v2::PaymentRequired = decode(offer).unwrap();
        shown.push(offer.resource.url);
    }
    let (ours, theirs) = ("https://shop.example/report", "http://evil.example/report");
    assert_eq!(shown, [ours, ours, ours, theirs]);
}

#[test]
fn a_wrong_command_line_exits_with_the_usage() {
    let arguments = [
        &["--help"][..],
        &["--serve", "eighty"],
        &["--serve", "1", "2"],
    ];
    for arguments in arguments {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.starts_with("usage: behind_proxy"), "{words}");
    }
}
