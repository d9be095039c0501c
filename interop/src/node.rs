use std::path::Path;
use std::process::Stdio;

use devnet::Devnet;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Failure;

fn command(script: &str) -> Command {
    let mut command = Command::new("node");
    command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .arg(script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a client script to its end; its last line is its answer.
pub(crate) async fn run(script: &str, arguments: &[&str]) -> Result<Value, Failure> {
    let output = command(script).args(arguments).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|_| format!("{script} gave no answer: {text}").into())
}

/// A server script that is up until this is dropped.
pub(crate) struct Serving {
    pub(crate) url: String,
    _process: Child,
}

/// Starts a server script that sells to our seller's account through the facilitator.
pub(crate) async fn serve(
    script: &str,
    net: &Devnet,
    facilitator: &str,
) -> Result<Serving, Failure> {
    let seller = net.seller.address.to_string();
    let mut process = command(script).args([&seller, facilitator]).spawn()?;
    let stdout = process.stdout.take().ok_or("no standard output")?;
    let line = BufReader::new(stdout).lines().next_line().await?;
    let line = line.ok_or_else(|| format!("{script} ended at once"))?;
    let said: Value = serde_json::from_str(&line)?;
    let url = said["url"].as_str().ok_or("the server names no URL")?;
    Ok(Serving {
        url: url.to_owned(),
        _process: process,
    })
}
