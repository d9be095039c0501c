//! The program as a user runs it.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use serde_json::{Value, json};

#[test]
fn the_tour_adds_up_and_says_each_step_as_json() {
    let mut tour = Command::new(env!("CARGO_BIN_EXE_quickstart"));
    let output = tour.arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");

    let mut lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let end = lines.pop().unwrap();
    assert_eq!((&end["ok"], &end["served"]), (&json!(true), &json!(2)));
    let steps: Vec<_> = lines.iter().map(|line| &line["step"]).collect();
    assert_eq!(
        steps,
        [
            "chain", "shop", "refused", "paid", "paid", "replayed", "opened", "toppedUp",
            "streamed", "closed", "balances", "channel",
        ]
    );

    let deposited = [&lines[6]["deposit"], &lines[7]["deposit"]];
    assert_eq!(deposited, ["0.02", "0.04"]);
    assert_eq!(
        (&lines[7]["words"], &lines[8]["words"]),
        (&json!(200), &json!(382))
    );
    // 382 words at 100 base units, out of two deposits of 20,000.
    let channel = &lines[11];
    for (name, value) in [
        ("deposits", json!(["20000", "20000"])),
        ("deposited", json!("40000")),
        ("spent", json!("38200")),
        ("settled", json!("38200")),
        ("refunded", json!("1800")),
        ("escrow", json!("0")),
        ("closed", json!(true)),
    ] {
        assert_eq!(channel[name], value, "{name}");
    }
    let after = lines[10]["rows"].as_array().unwrap().iter();
    let after: Vec<_> = after.map(|row| row["after"].as_str().unwrap()).collect();
    assert_eq!(after, ["999990000", "999990000", "999961800", "58200", "0"]);
}

#[test]
fn a_wrong_command_line_exits_with_the_usage() {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .args(["--stream", "http://127.0.0.1:1/story"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(
        words.starts_with("--stream and --key go together"),
        "{words}"
    );
}
