use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Failure;

/// What runs the scripts of others here; `interop/run` installs their packages beside it.
#[derive(Clone, Copy)]
pub(crate) enum Runtime {
    Node,
    Python,
}

impl Runtime {
    fn of(script: &str) -> Self {
        if script.ends_with(".py") {
            Self::Python
        } else {
            Self::Node
        }
    }

    /// Whether the packages it needs were installed.
    pub(crate) fn is_ready(self) -> bool {
        let installed = match self {
            Self::Node => "node_modules/mppx",
            Self::Python => ".venv/installed",
        };
        home().join(installed).exists()
    }

    fn program(self) -> PathBuf {
        match self {
            Self::Node => "node".into(),
            Self::Python => home().join(".venv/bin/python"),
        }
    }
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn command(script: &str) -> Command {
    let mut command = Command::new(Runtime::of(script).program());
    command
        .current_dir(home())
        .arg(script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
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

/// Starts a server script; its first line says where it serves.
pub(crate) async fn serve(script: &str, arguments: &[&str]) -> Result<Serving, Failure> {
    let mut process = command(script).args(arguments).spawn()?;
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
