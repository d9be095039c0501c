//! What open channels take in memory.

use std::fs;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256, keccak256};
use mpp_evm::session::{ChannelId, ChannelStore, MemoryChannelStore, Swap};
use tollgate_benches::Failure;
use tollgate_benches::session::open_channel;

use crate::shop::at_once;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Million {
    pub(crate) channels: u64,
    /// Bytes that the store has allocated and not given back.
    pub(crate) allocated: u64,
    /// Bytes by which the process has grown.
    pub(crate) resident: u64,
    pub(crate) took: Duration,
}

/// Fills a store with so many channels. One that was used and is at rest takes as much as one that
/// was just opened: the store keeps records of one size.
pub(crate) fn measure(channels: u64) -> Result<Million, Failure> {
    let (mut store, mut filled) = (None, Ok(()));
    let before = resident()?;
    let start = Instant::now();
    let info = allocation_counter::measure(|| {
        let new = MemoryChannelStore::new(usize::try_from(channels).unwrap_or(usize::MAX));
        filled = fill(&new, channels);
        store = Some(new);
    });
    let took = start.elapsed();
    filled?;
    let grown = resident()?.saturating_sub(before);
    drop(store);
    Ok(Million {
        channels,
        allocated: u64::try_from(info.bytes_current)?,
        resident: grown,
        took,
    })
}

fn fill(store: &MemoryChannelStore, channels: u64) -> Result<(), Failure> {
    for number in 0..channels {
        let word = keccak256(U256::from(number).to_be_bytes::<32>());
        let id = ChannelId::new(word);
        let channel = open_channel(id, Address::from_word(word))?;
        match at_once(store.swap(id, None, Some(&channel)))?? {
            Swap::Done => {}
            Swap::Conflict => return Err("a channel was there already".into()),
        }
    }
    Ok(())
}

/// Memory of this process, in bytes; 0 where the system does not tell.
fn resident() -> Result<u64, Failure> {
    let Ok(pages) = fs::read_to_string("/proc/self/statm") else {
        return Ok(0);
    };
    let resident: u64 = pages
        .split_whitespace()
        .nth(1)
        .ok_or("statm has a second field")?
        .parse()?;
    Ok(resident * PAGE)
}

/// Of every Linux that this has been run on.
const PAGE: u64 = 4096;
