use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::{B256, keccak256};
use payment_evm::wire;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use url::Url;

use super::record::Record;

/// Where a session keeps its channel, so that a buyer that starts again goes on with it.
///
/// It is a small JSON file that only its owner can read; it holds no key and no signature. It is
/// replaced as a whole and flushed to the disk before each voucher is sent. One process at a time
/// can use it: a lock stands beside it under the same name with `.lock` added.
///
/// While it exists, it is the only record of what was promised: who goes back to an older copy
/// promises from there.
///
/// A channel that another one takes the place of stays on record beside it, under the same name
/// with its id added: that it holds nothing any more is only what the seller says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelFile {
    path: PathBuf,
}

/// Why a channel file can't be used. Nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelFileError {
    /// Another session has it.
    #[error("the channel file is in use by another session")]
    InUse,
    /// It can't be read or written.
    #[error("the channel file can't be read or written")]
    Io(#[from] io::Error),
    /// It is not what was written: cut off, altered, or of a later version. What was promised is
    /// not known, so nothing is.
    #[error("the channel file is damaged")]
    Damaged,
    /// The channel in it is another account's.
    #[error("the channel file is of another payer")]
    OtherPayer,
}

impl ChannelFile {
    /// Keeps the channel at this path. The file appears with the first deposit; its directory must
    /// be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Keeps the channel with one seller in a directory, under the name of its host and port.
    pub fn of_seller(directory: impl AsRef<Path>, seller: &Url) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let host = seller.host_str().unwrap_or_default();
        let host: String = host
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        let port = seller.port_or_known_default().unwrap_or_default();
        let name = format!("{}_{host}_{port}.json", seller.scheme());
        Self::new(directory.as_ref().join(name))
    }

    /// Locks it and reads what is there.
    pub(super) fn open(self) -> Result<(Keeper, Option<Record>), ChannelFileError> {
        // By whatever name it is reached: the lock is one, and a link is written through.
        let path = match self.path.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.path,
            Err(error) => return Err(error.into()),
        };
        let lock = private().open(beside(&path, "lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ChannelFileError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let record = match File::open(&path) {
            Ok(file) => Some(read(file)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let keeper = Keeper { path, _lock: lock };
        Ok((keeper, record))
    }
}

/// A locked file.
#[derive(Debug)]
pub(super) struct Keeper {
    path: PathBuf,
    /// Unlocked when it is closed.
    _lock: File,
}

/// What the file holds; the hash is over the text of the channel.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: u32,
    channel: Box<RawValue>,
    #[serde(with = "wire::word")]
    keccak256: B256,
}

const FORMAT: u32 = 1;

/// A record is a kilobyte.
const MAX_READ: u64 = 64 * 1024;

impl Keeper {
    /// Replaces the file; it is on the disk when this returns.
    pub(super) fn write(&self, record: &Record) -> Result<(), ChannelFileError> {
        self.put(&self.path, record)
    }

    /// Keeps a channel that is about to be replaced.
    pub(super) fn set_aside(&self, old: &Record) -> Result<(), ChannelFileError> {
        self.put(&beside(&self.path, &old.channel_id.to_string()), old)
    }

    fn put(&self, path: &Path, record: &Record) -> Result<(), ChannelFileError> {
        let channel = to_raw_value(record).map_err(io::Error::other)?;
        let sealed = Sealed {
            format: FORMAT,
            keccak256: keccak256(channel.get()),
            channel,
        };
        let text = serde_json::to_vec(&sealed).map_err(io::Error::other)?;
        let beside = beside(&self.path, "new");
        // One that was left behind may be open to others.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut file = private().create_new(true).open(&beside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_directory(path)?;
        Ok(())
    }
}

fn read(file: File) -> Result<Record, ChannelFileError> {
    let mut text = Vec::new();
    file.take(MAX_READ).read_to_end(&mut text)?;
    let damaged = |_| ChannelFileError::Damaged;
    let sealed: Sealed = serde_json::from_slice(&text).map_err(damaged)?;
    let intact = sealed.format == FORMAT && keccak256(sealed.channel.get()) == sealed.keccak256;
    if !intact {
        return Err(ChannelFileError::Damaged);
    }
    let record: Record = serde_json::from_str(sealed.channel.get()).map_err(damaged)?;
    if !record.is_sound() {
        return Err(ChannelFileError::Damaged);
    }
    Ok(record)
}

fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// A file that only its owner can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// A name is on the disk when its directory is.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(parent.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
