use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic that went no further, and what it said.
#[derive(Debug, thiserror::Error)]
#[error("panicked: {0}")]
pub(crate) struct Panicked(String);

/// Runs code that others wrote. Where the program is built to abort on panics, it aborts.
///
/// What the code was at is not used again: it is thrown away, or belongs to another request.
pub(crate) fn contained<T>(code: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|thrown| {
        let said = match thrown.downcast_ref::<String>() {
            Some(text) => text.clone(),
            None => (*thrown.downcast_ref::<&str>().unwrap_or(&"no text")).to_owned(),
        };
        // What was thrown may panic when it is dropped, and only then is it kept: whoever makes a
        // protocol panic is not to make us keep something each time.
        if let Err(again) = catch_unwind(AssertUnwindSafe(move || drop(thrown))) {
            std::mem::forget(again);
        }
        Panicked(said)
    })
}

/// Drops what others made.
pub(crate) fn dispose<T>(value: T) {
    let _ = contained(|| drop(value));
}
