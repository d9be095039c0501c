use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of its own, gone with the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What an earlier process of this number left.
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The names in it, locks aside.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with(".lock-")).collect();
        names.sort();
        names
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where another process finds the directory.
const DIRECTORY: &str = "TOLLGATE_STORE_DIRECTORY";
const NUMBER: &str = "TOLLGATE_STORE_NUMBER";

/// What this process was started for, if it was by [`Other::start`].
pub(crate) fn errand() -> Option<(PathBuf, u64)> {
    let directory = std::env::var_os(DIRECTORY)?;
    let number = std::env::var(NUMBER).unwrap();
    Some((directory.into(), number.parse().unwrap()))
}

/// Says something to the process that started this one.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "» {line}").unwrap();
    out.flush().unwrap();
}

/// One of our tests, in a process of its own.
pub(crate) struct Other {
    child: Child,
    said: Option<Said>,
}

/// What another process says.
pub(crate) struct Said(Lines<BufReader<ChildStdout>>);

impl Said {
    /// The next thing; `None` when it has ended.
    pub(crate) fn says(&mut self) -> Option<String> {
        loop {
            let line = self.0.next()?.ok()?;
            // The test runner speaks on the same line.
            if let Some((_, said)) = line.split_once("» ") {
                return Some(said.to_owned());
            }
        }
    }
}

impl Other {
    pub(crate) fn start(test: &str, directory: &Path, number: u64) -> Self {
        Self::start_in(test, directory, number, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_in(
        test: &str,
        directory: &Path,
        number: u64,
        environment: &[(&str, String)],
    ) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(DIRECTORY, directory)
            .env(NUMBER, number.to_string())
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Said(BufReader::new(child.stdout.take().unwrap()).lines());
        Self {
            child,
            said: Some(said),
        }
    }

    /// The next thing it says; `None` when it has ended.
    pub(crate) fn says(&mut self) -> Option<String> {
        self.said.as_mut()?.says()
    }

    /// What it says, for another thread to hear. For the tests of sessions as a whole, which share
    /// this file.
    #[allow(dead_code)]
    pub(crate) fn lines(&mut self) -> Said {
        self.said.take().unwrap()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// SIGKILL, where there is one.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}
