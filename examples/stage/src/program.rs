//! An example as a user runs it, for its tests.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use crate::scratch::Scratch;

/// A command without any setting.
#[must_use]
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

/// What it says on both ways, and its exit code.
///
/// # Errors
///
/// When it can't be run, or says what is no text.
pub fn run(mut command: Command) -> io::Result<(Option<i32>, String, String)> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    let text = |bytes| String::from_utf8(bytes).map_err(io::Error::other);
    Ok((status.code(), text(stdout)?, text(stderr)?))
}

/// A shop that stays up until this is dropped.
#[derive(Debug)]
pub struct Serving {
    /// What the invitation asks for by `curl`.
    pub url: String,
    /// The key of a buyer with test money, as the invitation says it.
    pub key: String,
    child: Child,
    /// What a killed process leaves behind goes with it.
    _left: Scratch,
}

impl Serving {
    /// Starts it, and reads its invitation.
    ///
    /// # Errors
    ///
    /// When it can't be started, or ends before it has invited anyone.
    pub fn start(mut command: Command) -> io::Result<Self> {
        let left = Scratch::make()?;
        command.env("TMPDIR", left.path());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut serving = Self {
            url: String::new(),
            key: String::new(),
            child,
            _left: left,
        };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some((_, url)) = line.split_once("curl -i ") {
                serving.url = url.trim_matches('\'').to_owned();
            }
            if let Some((_, key)) = line.split_once("--key ") {
                serving.key = key.to_owned();
                return Ok(serving);
            }
        }
        Err(io::Error::other("it ended without an invitation"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
