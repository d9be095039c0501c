use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use mpp_evm::session::{
    Channel, ChannelId, ChannelState, ChannelStore, StoreFault, Swap, Version, Versioned,
};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use directory::Directory;
#[cfg(feature = "testing")]
pub use hook::Point;

mod directory;
mod hook;
mod name;

/// Channels in a directory: `{channel id}.json` each, with the members that the Python and Go
/// SDKs write, and ours beside them ([`ChannelState`]).
///
/// - A file is replaced by renaming a finished one over it, and is on disk, name and all, before
///   a swap is `Done`. A process that dies in between leaves the old record or the new one.
/// - Processes that use this store on one directory exclude each other by locks of the system; a
///   network file system that has none of those is no place for it. Other programs that write
///   records there take no locks: their writings are noticed before one of ours, but not in the
///   moment of it, so they should not write while this runs.
/// - The directory is made for its owner alone, and so are the files.
/// - Files are read and written on the threads that tokio keeps for that. A future that is
///   dropped has written or has not.
/// - The number of channels is bounded by what each process counts; several processes together
///   may pass it by what the others opened since.
#[derive(Clone)]
pub struct FileChannelStore {
    directory: Arc<Directory>,
}

impl FileChannelStore {
    /// Opens a directory, and makes it if it is not there. Leftovers of processes that died are
    /// removed. Blocks, so it belongs to the start.
    ///
    /// # Errors
    ///
    /// `StoreFault::Unavailable`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreFault> {
        let directory = Directory::open(directory.as_ref()).map_err(unavailable)?;
        Ok(Self {
            directory: Arc::new(directory),
        })
    }

    /// For so many channels instead of 1,000,000.
    #[must_use]
    pub fn holding(mut self, most: usize) -> Self {
        let directory = Arc::make_mut(&mut self.directory);
        directory.most = most;
        self
    }

    /// Calls this at each point of each writing, for tests: it need not return.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn stopping(mut self, at: impl Fn(Point) + Send + Sync + 'static) -> Self {
        let directory = Arc::make_mut(&mut self.directory);
        directory.hook = hook::Hook::new(at);
        self
    }

    /// Works on the directory on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, StoreFault> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let directory = Arc::clone(&self.directory);
        let runtime = Handle::try_current().map_err(unavailable)?;
        let work = runtime.spawn_blocking(move || work(&directory));
        work.await.map_err(unavailable)?
    }
}

impl ChannelStore for FileChannelStore {
    async fn load(&self, id: ChannelId) -> Result<Option<Versioned>, StoreFault> {
        self.run(move |directory| {
            let record = directory.read(id).map_err(unavailable)?;
            record.map(|record| read(id, &record)).transpose()
        })
        .await
    }

    async fn swap(
        &self,
        id: ChannelId,
        expected: Option<Version>,
        next: Option<&Channel>,
    ) -> Result<Swap, StoreFault> {
        let record = next.map(|channel| ChannelState::from(channel).to_json());
        let record = record.transpose().map_err(unavailable)?;
        self.run(move |directory| directory.swap(id, expected, record.as_deref()))
            .await
    }

    async fn list(
        &self,
        after: Option<ChannelId>,
        most: usize,
    ) -> Result<Vec<ChannelId>, StoreFault> {
        self.run(move |directory| directory.list(after, most).map_err(unavailable))
            .await
    }
}

impl fmt::Debug for FileChannelStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileChannelStore").finish_non_exhaustive()
    }
}

fn read(id: ChannelId, record: &[u8]) -> Result<Versioned, StoreFault> {
    let corrupt = |error| StoreFault::Corrupt(error);
    if record.len() > directory::LONGEST {
        return Err(corrupt("the file is longer than any record".into()));
    }
    let state = ChannelState::from_json(record).map_err(|error| corrupt(error.into()))?;
    let channel = state.channel().map_err(|error| corrupt(error.into()))?;
    if channel.id() != id {
        return Err(corrupt("the file bears the name of another channel".into()));
    }
    let version = version(record);
    Ok(Versioned { channel, version })
}

/// By what is in the file, so that writings of other programs are noticed too.
fn version(record: &[u8]) -> Version {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(record)[..16]);
    Version(u128::from_be_bytes(half))
}

fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> StoreFault {
    StoreFault::Unavailable(error.into())
}
