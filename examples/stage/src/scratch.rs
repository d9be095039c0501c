use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A directory of this process, removed with it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(example: &str) -> Self {
        let name = format!("tollgate-{example}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// One that is there, with a name of its own.
    pub(crate) fn make() -> io::Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let scratch = Self::new(&format!("test{}", MADE.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir_all(&scratch.0)?;
        Ok(scratch)
    }

    pub(crate) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It is there only if something was kept in it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
