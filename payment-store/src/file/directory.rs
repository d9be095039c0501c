use std::collections::BinaryHeap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mpp_evm::session::{ChannelId, StoreFault, Swap, Version};

use super::hook::{Hook, Point};
use super::{name, unavailable, version};

/// The directory. Everything here blocks.
#[derive(Clone)]
pub(super) struct Directory {
    path: PathBuf,
    /// Channels that are there, as far as this process knows.
    held: Arc<AtomicUsize>,
    pub(super) most: usize,
    pub(super) hook: Hook,
}

const MOST: usize = 1_000_000;

/// Locks, each for the channels whose first byte is of its class.
const LOCKS: u8 = 64;

/// The largest record: one with all its holds takes less than a tenth of it.
pub(super) const LONGEST: usize = 64 * 1024;

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        for_owner::of_directory(&mut builder);
        builder.create(path)?;
        let directory = Self {
            path: path.canonicalize()?,
            held: Arc::default(),
            most: MOST,
            hook: Hook::default(),
        };
        if let Some(parent) = directory.path.parent() {
            sync_names(parent)?;
        }
        directory.clean()?;
        directory.count()?;
        Ok(directory)
    }

    /// Removes what writings that never ended left behind. One that is in work is waited for.
    fn clean(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some(id) = name::unfinished_channel(&entry.file_name()) {
                let _lock = self.lock(id)?;
                gone(fs::remove_file(entry.path()))?;
            }
        }
        Ok(())
    }

    fn count(&self) -> io::Result<usize> {
        let mut held = 0;
        self.each(|_| held += 1)?;
        self.held.store(held, Ordering::Relaxed);
        Ok(held)
    }

    fn each(&self, mut visit: impl FnMut(ChannelId)) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            if let Some(id) = name::channel(&entry?.file_name()) {
                visit(id);
            }
        }
        Ok(())
    }

    /// Excludes every other writer and reader of the channel, in this process and in others,
    /// until it is dropped.
    fn lock(&self, id: ChannelId) -> io::Result<File> {
        let lock = self.lock_file(id)?;
        uninterrupted(|| lock.lock())?;
        Ok(lock)
    }

    fn lock_file(&self, id: ChannelId) -> io::Result<File> {
        let path = self.path.join(format!(".lock-{}", id.word()[0] % LOCKS));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        for_owner::of_file(&mut options);
        options.open(path)
    }

    /// The record of a channel. What is read is on disk: a writer that is about to name its file
    /// is waited for.
    pub(super) fn read(&self, id: ChannelId) -> io::Result<Option<Vec<u8>>> {
        let lock = self.lock_file(id)?;
        uninterrupted(|| lock.lock_shared())?;
        self.record(id)
    }

    fn record(&self, id: ChannelId) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(name::file(id))) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut record = Vec::new();
        file.take(LONGEST as u64 + 1).read_to_end(&mut record)?;
        Ok(Some(record))
    }

    pub(super) fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&[u8]>,
    ) -> Result<Swap, StoreFault> {
        let _lock = self.lock(id).map_err(unavailable)?;
        let found = self.record(id).map_err(unavailable)?;
        let found = found.map(|record| version(&record));
        if found != expected {
            return Ok(Swap::Conflict);
        }
        match (found, next) {
            (None, None) => {}
            (None, Some(record)) => self.create(id, record)?,
            (Some(_), Some(record)) => self.write(id, record).map_err(unavailable)?,
            (Some(_), None) => self.forget(id).map_err(unavailable)?,
        }
        Ok(Swap::Done)
    }

    fn create(&self, id: ChannelId, record: &[u8]) -> Result<(), StoreFault> {
        if !self.reserve() {
            // Others may have made room.
            self.count().map_err(unavailable)?;
            if !self.reserve() {
                return Err(StoreFault::Full);
            }
        }
        self.write(id, record).map_err(|error| {
            // Counted again when it matters, whether it came to be or not.
            self.held.fetch_sub(1, Ordering::Relaxed);
            unavailable(error)
        })
    }

    fn reserve(&self) -> bool {
        let more = |held| (held < self.most).then_some(held + 1);
        let counted = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.is_ok()
    }

    fn write(&self, id: ChannelId, record: &[u8]) -> io::Result<()> {
        self.hook.reached(Point::Before);
        let unfinished = self.path.join(name::unfinished(id));
        let finished = self.finish(&unfinished, record);
        if let Err(error) = finished {
            // The fault is what counts; the next writing or opening removes it as well.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        self.hook.reached(Point::Written);
        fs::rename(&unfinished, self.path.join(name::file(id)))?;
        self.named()
    }

    fn finish(&self, path: &Path, record: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        for_owner::of_file(&mut options);
        let mut file = options.open(path)?;
        let (first, rest) = record.split_at(record.len() / 2);
        file.write_all(first)?;
        self.hook.reached(Point::Half);
        file.write_all(rest)?;
        file.sync_all()
    }

    fn forget(&self, id: ChannelId) -> io::Result<()> {
        self.hook.reached(Point::Before);
        fs::remove_file(self.path.join(name::file(id)))?;
        self.named()?;
        // Never below nothing, should others have opened what is forgotten here.
        let less = |held: usize| Some(held.saturating_sub(1));
        let _ = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        Ok(())
    }

    /// Brings the names to disk.
    fn named(&self) -> io::Result<()> {
        self.hook.reached(Point::Renamed);
        sync_names(&self.path)?;
        self.hook.reached(Point::Durable);
        Ok(())
    }

    pub(super) fn list(&self, after: Option<ChannelId>, most: usize) -> io::Result<Vec<ChannelId>> {
        // The highest of those kept leads.
        let mut lowest = BinaryHeap::new();
        self.each(|id| {
            if after.is_none_or(|after| id > after) {
                lowest.push(id);
                if lowest.len() > most {
                    lowest.pop();
                }
            }
        })?;
        Ok(lowest.into_sorted_vec())
    }
}

/// Repeats what a signal has interrupted.
fn uninterrupted(work: impl Fn() -> io::Result<()>) -> io::Result<()> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Brings the names in a directory to disk.
#[cfg(unix)]
fn sync_names(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory can't be opened; names are kept by the journal of the file system.
#[cfg(not(unix))]
fn sync_names(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
mod for_owner {
    use std::fs::{DirBuilder, OpenOptions};
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

    pub(super) fn of_directory(builder: &mut DirBuilder) {
        builder.mode(0o700);
    }

    pub(super) fn of_file(options: &mut OpenOptions) {
        options.mode(0o600);
    }
}

#[cfg(not(unix))]
mod for_owner {
    use std::fs::{DirBuilder, OpenOptions};

    pub(super) const fn of_directory(_: &mut DirBuilder) {}

    pub(super) const fn of_file(_: &mut OpenOptions) {}
}
