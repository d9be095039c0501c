//! All that a process says to `tracing` and to `log`, for tests that search it for secrets.

use std::fmt::{Arguments, Debug, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What was said while somebody listens.
static SAID: Mutex<Option<String>> = Mutex::new(None);

/// Every word of every span and event of this process from now on, at every level, but for those
/// of this crate and its chain: they stand in for others, and on a chain every transaction is
/// public. What other tests of the process say is heard too.
///
/// # Errors
///
/// The words that somebody else listens already.
pub fn listen() -> Result<(), &'static str> {
    log::set_logger(&Ears).map_err(|_| "somebody listens to log")?;
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Ears).map_err(|_| "somebody listens to tracing")?;
    *said() = Some(String::new());
    Ok(())
}

/// What was heard, in lower case. Nobody listens any more then.
#[must_use]
pub fn heard() -> String {
    said().take().unwrap_or_default().to_lowercase()
}

/// The first line of `heard` that has one of these in it, whatever its case.
#[must_use]
pub fn telling_line<'h>(heard: &'h str, secrets: &[String]) -> Option<&'h str> {
    let told = |secret: &String| heard.find(&secret.to_lowercase());
    let at = secrets.iter().find_map(told)?;
    let from = heard[..at].rfind('\n').map_or(0, |end| end + 1);
    let to = heard[at..].find('\n').map_or(heard.len(), |end| at + end);
    Some(&heard[from..to])
}

fn said() -> MutexGuard<'static, Option<String>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(words: Arguments<'_>) {
    if let Some(said) = said().as_mut() {
        // Writing to a text does not fail.
        let _ = writeln!(said, "{words}");
    }
}

fn is_heard(target: &str) -> bool {
    !["devnet", "trie", "revm"]
        .iter()
        .any(|stand_in| target.starts_with(stand_in))
}

#[derive(Clone, Copy)]
struct Ears;

impl Visit for Ears {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        note(format_args!("{}={value:?}", field.name()));
    }
}

impl Subscriber for Ears {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_heard(metadata.target())
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Self);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Self);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        note(format_args!("{}", event.metadata().target()));
        event.record(&mut Self);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl log::Log for Ears {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        is_heard(metadata.target())
    }

    fn log(&self, record: &log::Record<'_>) {
        if log::Log::enabled(self, record.metadata()) {
            note(format_args!("{} {}", record.target(), record.args()));
        }
    }

    fn flush(&self) {}
}
