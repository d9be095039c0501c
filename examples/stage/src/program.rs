//! An example as a user runs it, for its tests.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::scratch::Scratch;

/// How long anything may take. What should have ended and stays up is an error then.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command without any setting.
#[must_use]
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What it says on both ways, and its exit code.
///
/// # Errors
///
/// When it can't be run, does not end, or says what is no text.
pub async fn run(mut command: Command) -> io::Result<(Option<i32>, String, String)> {
    let output = timeout(PATIENCE, command.output()).await??;
    let text = |bytes| String::from_utf8(bytes).map_err(io::Error::other);
    let (said, wrong) = (text(output.stdout)?, text(output.stderr)?);
    Ok((output.status.code(), said, wrong))
}

/// A shop that stays up until this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// What the invitation asks for by `curl`.
    pub url: String,
    /// The key of a buyer with test money, as the invitation says it; empty where money is real.
    pub key: String,
    _child: Child,
    /// What a killed process leaves behind goes with it.
    _left: Scratch,
}

impl Serving {
    /// Starts it, and reads its invitation.
    ///
    /// # Errors
    ///
    /// When it can't be started, or invites nobody.
    pub async fn start(mut command: Command) -> io::Result<Self> {
        let left = Scratch::make()?;
        command.env("TMPDIR", left.path()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(stdout).lines();
        let mut url = None;
        while let Some(line) = timeout(PATIENCE, lines.next_line()).await?? {
            if let Some((_, asked)) = line.split_once("curl -i ") {
                url = Some(asked.trim_matches('\'').to_owned());
            }
            if let (Some(url), Some((_, pay))) = (&url, line.split_once("pay: ")) {
                let key = pay.split_once("--key ").map_or("", |(_, key)| key);
                return Ok(Self {
                    url: url.clone(),
                    key: key.to_owned(),
                    _child: child,
                    _left: left,
                });
            }
        }
        Err(io::Error::other("it invites nobody"))
    }
}
