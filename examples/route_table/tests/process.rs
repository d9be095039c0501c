//! The program as a user runs it, with good files and bad ones.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A file of routes that is gone when the test is.
struct Routes(PathBuf);

impl Routes {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("tollgate-route_table-{name}-{}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Routes {
    fn drop(&mut self) {
        // A file that is left behind in the temporary directory harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_route_table"))
}

fn run(name: &str, text: &str) -> Output {
    let routes = Routes::new(name, text);
    program().arg(&routes.0).output().unwrap()
}

fn said(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{out}{error}")
}

/// The one line that a wrong file ends with, without the name of the file.
fn refused(name: &str, text: &str) -> String {
    let output = run(name, text);
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        output.stdout.is_empty() && line.lines().count() == 1,
        "{line}"
    );
    line
}

#[test]
fn the_file_that_comes_with_it_sells() {
    let output = program().output().unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for line in [
        "$0.01    GET /weather/:city       the weather in a city",
        "GET /health\n    unpaid: 200 OK\n\n",
        "GET /weather/oslo\n    unpaid: 402 Payment Required\n    for $0.01: 200 OK, sunny in oslo",
        "GET /weather/here\n    unpaid: 402 Payment Required\n    for $0.005: 200 OK, rain",
        "    for $0.05: 200 OK, all is well, says 2026/q3",
        "GET //weather/oslo\n    unpaid: 402 Payment Required",
        "GET /weather/her%65\n    unpaid: 400 Bad Request",
        "The buyer has spent $0.065, and the seller has 0.065 USDC.",
    ] {
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
}

#[test]
fn another_file_prices_otherwise() {
    let text = r#"{"routes":[{"key":"/health","price":"0.02"},{"key":"POST /*","price":"1"}]}"#;
    let output = run("other", text);
    let said = said(&output);
    // What is free is free in every spelling.
    assert!(output.status.success(), "{said}");
    assert!(said.contains("for $0.02: 200 OK, well"), "{said}");
    assert!(
        said.contains("GET /weather/oslo\n    unpaid: 200 OK"),
        "{said}"
    );
    assert!(said.contains("the seller has 0.02 USDC."), "{said}");
}

#[test]
fn a_wrong_file_ends_with_a_line_that_names_the_key() {
    for (name, routes, line) in [
        (
            "query",
            r#"{"key":"GET /x?y","price":"1"}"#,
            "route \"GET /x?y\": a query can't be priced",
        ),
        (
            "verb",
            r#"{"key":"GTE /x","price":"1"}"#,
            "route \"GTE /x\": no such verb",
        ),
        (
            "brace",
            r#"{"key":"/{id","price":"1"}"#,
            "route \"/{id\": a parameter",
        ),
        (
            "twice",
            r#"{"key":"/x","price":"1"},{"key":"/X/","price":"1"}"#,
            "route \"/X/\": the same as the earlier key \"/x\"",
        ),
        (
            "unreachable",
            r#"{"key":"/x/*","price":"1"},{"key":"/x/y","price":"1"}"#,
            "route \"/x/y\": can never be reached",
        ),
        (
            "zero",
            r#"{"key":"/x","price":"0"}"#,
            "route \"/x\": zero is not a price",
        ),
        (
            "fine",
            r#"{"key":"/x","price":"0.0000001"}"#,
            "route \"/x\": the price can't be charged exactly",
        ),
        (
            "price",
            r#"{"key":"/x","price":"$1"}"#,
            "route \"/x\": price \"$1\": not an amount of money",
        ),
        (
            "number",
            r#"{"key":"/x","price":1}"#,
            "route \"/x\": invalid type",
        ),
        (
            "none",
            r#"{"key":"/x"}"#,
            "route \"/x\": missing field `price`",
        ),
        (
            "member",
            r#"{"key":"/x","price":"1","prize":"2"}"#,
            "route \"/x\": unknown field `prize`",
        ),
        (
            "nameless",
            r#"{"key":"/x","price":"1"},{"price":"1"}"#,
            "route 2: missing field `key`",
        ),
        ("empty", "", "the route table has no routes"),
        (
            "double",
            r#"{"key":"/x","price":"1","price":"2"}"#,
            "route \"/x\": duplicate field `price`",
        ),
    ] {
        let said = refused(name, &format!("{{\"routes\":[{routes}]}}"));
        assert!(said.contains(line), "{line}\nis not in\n{said}");
    }
    for (name, text) in [
        ("list", "[]"),
        ("more", r#"{"routes":[],"rutes":[]}"#),
        ("cut", "{"),
    ] {
        let said = refused(name, text);
        assert!(said.contains(".json: "), "{said}");
    }
}

#[test]
fn what_is_no_file_or_no_option_is_said() {
    for (argument, line) in [
        ("/no/such/file.json", "/no/such/file.json: "),
        ("--sreve", "usage: route_table [FILE] [--serve]"),
    ] {
        let output = program().arg(argument).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains(line), "{}", said(&output));
    }
}

#[test]
fn it_stays_up_when_it_is_to_serve() {
    let mut process = program()
        .arg("--serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("shop listening on http://")?.to_owned()));
    let connected = std::net::TcpStream::connect(address.unwrap());
    let ended = process.try_wait().unwrap();
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(connected.is_ok() && ended.is_none());
}
