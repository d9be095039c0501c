use std::borrow::Cow;

use http::StatusCode;
use serde::Serialize;

/// An RFC 9457 problem: what every refusal and fault looks like to a client.
///
/// All texts are ours. Nothing a client or an upstream said is repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The type URI; the member clients branch on.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The short name of the type.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[serde(serialize_with = "status_number")]
    pub status: StatusCode,
    /// What went wrong this time, in words that give nothing away.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: Cow<'static, str>,
    /// The stable code of the cause, in the protocol's own spelling.
    pub code: Cow<'static, str>,
}

impl Problem {
    /// A problem of this type.
    pub const fn new(
        kind: &'static str,
        title: &'static str,
        status: StatusCode,
        code: &'static str,
        detail: &'static str,
    ) -> Self {
        Self {
            kind: Cow::Borrowed(kind),
            title: Cow::Borrowed(title),
            status,
            detail: Cow::Borrowed(detail),
            code: Cow::Borrowed(code),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn status_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

#[cfg(test)]
mod tests;
