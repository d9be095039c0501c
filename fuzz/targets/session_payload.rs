//! The payload of a session credential, for a challenge that was issued and a channel that is
//! open.
//!
//! The first byte says what the rest is: a payload with the source that it needs, one without,
//! one on a request that asks for nothing else, or edits of a payload that is good.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_fuzz::session::{Asking, edited, present};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    match kind {
        b'n' => present(data, false, Asking::Content),
        b'h' => present(data, true, Asking::Nothing),
        b'e' => present(&edited(data), true, Asking::Content),
        _ => present(data, true, Asking::Content),
    }
});
