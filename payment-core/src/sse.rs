use std::borrow::Cow;

use bytes::Bytes;

/// One event of a stream of server-sent events that is paid by the unit, for one unit unless it
/// [says](Self::units) how many.
///
/// Whatever is in it, a reader of the stream gets it back as this one event. It can't look like an
/// event of the gate, whose names begin with `payment-`.
///
/// ```
/// use payment_core::SseEvent;
///
/// # fn main() -> Result<(), payment_core::SseEventError> {
/// let piece = SseEvent::from("sunny, ");
/// let three = SseEvent::from("with some wind").name("delta")?.units(3);
/// # let _ = (piece, three);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SseEvent {
    data: Cow<'static, str>,
    name: Option<Cow<'static, str>>,
    id: Option<Cow<'static, str>>,
    units: u64,
}

impl SseEvent {
    /// An event with this text. Line ends of any kind arrive as line feeds.
    pub fn new(data: impl Into<Cow<'static, str>>) -> Self {
        Self {
            data: data.into(),
            name: None,
            id: None,
            units: 1,
        }
    }

    /// Names the event; `message` without.
    ///
    /// # Errors
    ///
    /// `SseEventError` when it is not visible ASCII, or begins with `payment-` in any case: those
    /// are the gate's.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Result<Self, SseEventError> {
        let name = name.into();
        // Readers differ in what they trim, so nothing is taken that anyone could.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SseEventError::Name);
        }
        let start = name.get(..RESERVED.len());
        if start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED)) {
            return Err(SseEventError::Reserved);
        }
        self.name = Some(name);
        Ok(self)
    }

    /// Sets the id, which a client that comes again sends as `Last-Event-ID`.
    ///
    /// # Errors
    ///
    /// `SseEventError` when it holds a line end or NUL.
    pub fn id(mut self, id: impl Into<Cow<'static, str>>) -> Result<Self, SseEventError> {
        let id = id.into();
        if id.contains(['\r', '\n', '\0']) {
            return Err(SseEventError::Id);
        }
        self.id = Some(id);
        Ok(self)
    }

    /// Sets how many units it costs: several tokens in one event, or 0 for one that is free. They
    /// are paid together or not at all.
    pub const fn units(mut self, units: u64) -> Self {
        self.units = units;
        self
    }

    /// What it costs.
    pub(crate) const fn cost(&self) -> u64 {
        self.units
    }

    /// As it stands in the stream.
    pub(crate) fn encode(&self) -> Bytes {
        let name = self.name.as_deref();
        encode(name, self.id.as_deref(), self.data.as_bytes())
    }
}

impl From<String> for SseEvent {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

impl From<&'static str> for SseEvent {
    fn from(data: &'static str) -> Self {
        Self::new(data)
    }
}

/// An event that would not arrive as it was meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SseEventError {
    /// A name that is no name.
    #[error("the name of an event must be visible ASCII")]
    Name,
    /// A name that is the gate's.
    #[error("names of events that begin with \"payment-\" are reserved")]
    Reserved,
    /// An id that would end its line.
    #[error("the id of an event must hold no line end and no NUL")]
    Id,
}

/// Whatever stopped a stream.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a stream of events may be made of: text, events, or results of these.
pub trait IntoSseEvent {
    /// The event.
    ///
    /// # Errors
    ///
    /// What the stream breaks off with.
    fn into_event(self) -> Result<SseEvent, BoxError>;
}

impl IntoSseEvent for SseEvent {
    fn into_event(self) -> Result<SseEvent, BoxError> {
        Ok(self)
    }
}

impl IntoSseEvent for String {
    fn into_event(self) -> Result<SseEvent, BoxError> {
        Ok(self.into())
    }
}

impl IntoSseEvent for &'static str {
    fn into_event(self) -> Result<SseEvent, BoxError> {
        Ok(self.into())
    }
}

impl<T: Into<SseEvent>, E: Into<BoxError>> IntoSseEvent for Result<T, E> {
    fn into_event(self) -> Result<SseEvent, BoxError> {
        self.map(Into::into).map_err(Into::into)
    }
}

/// A line that readers skip.
pub(crate) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The stream waits for the buyer to authorize more.
pub(crate) fn need_voucher(json: &[u8]) -> Bytes {
    encode(Some("payment-need-voucher"), None, json)
}

/// What the stream has cost.
pub(crate) fn receipt(json: &[u8]) -> Bytes {
    encode(Some("payment-receipt"), None, json)
}

fn encode(name: Option<&str>, id: Option<&str>, data: &[u8]) -> Bytes {
    let fields = [("event", name), ("id", id)];
    let fields = fields
        .iter()
        .filter_map(|(field, value)| Some((field, (*value)?)));
    // Exactly as long as it gets, so that it is allocated once.
    let head: usize = fields.clone().map(|(f, v)| f.len() + v.len() + 3).sum();
    let body: usize = lines(data).map(|line| line.len() + 7).sum();
    let mut event = Vec::with_capacity(head + body + 1);
    for (field, value) in fields {
        for part in [field, ": ", value, "\n"] {
            event.extend_from_slice(part.as_bytes());
        }
    }
    for line in lines(data) {
        for part in [&b"data: "[..], line, b"\n"] {
            event.extend_from_slice(part);
        }
    }
    event.push(b'\n');
    event.into()
}

/// The lines of a text, ended by CRLF, CR or LF. One line more than there are ends.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            return rest.take();
        };
        let (line, ended) = text.split_at(end);
        let end = if ended.starts_with(b"\r\n") { 2 } else { 1 };
        rest = Some(&ended[end..]);
        Some(line)
    })
}

const RESERVED: &str = "payment-";

#[cfg(test)]
pub(crate) mod tests;
