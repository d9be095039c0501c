use std::ffi::OsStr;

use mpp_evm::session::ChannelId;

/// The file of a channel. It is made of the 32 bytes of the name alone, in one spelling, so it
/// leads nowhere else.
pub(super) fn file(id: ChannelId) -> String {
    format!("{id}.json")
}

/// The file that becomes the channel's when it is finished. One at a time, under the lock.
pub(super) fn unfinished(id: ChannelId) -> String {
    format!(".{id}.json.tmp")
}

/// Whose file it is; `None` for what is not one of ours, such as another spelling of a name.
pub(super) fn channel(name: &OsStr) -> Option<ChannelId> {
    let text = name.to_str()?;
    let id = text.strip_suffix(".json")?.parse().ok()?;
    (file(id) == text).then_some(id)
}

/// Whose unfinished file it is.
pub(super) fn unfinished_channel(name: &OsStr) -> Option<ChannelId> {
    let text = name.to_str()?.strip_prefix('.')?.strip_suffix(".tmp")?;
    channel(OsStr::new(text))
}
