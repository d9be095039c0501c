use std::path::PathBuf;

/// A directory of this process, removed with it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(example: &str) -> Self {
        let name = format!("tollgate-{example}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
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
