use http::StatusCode;

/// Why a request gets no data: a code of OKX's with the status it comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: i64,
    pub(super) text: &'static str,
}

impl Refusal {
    /// The request is not shown to be of an account.
    pub(super) const fn unauthorized(code: i64, text: &'static str) -> Self {
        Self::with(StatusCode::UNAUTHORIZED, code, text)
    }

    /// The request itself is badly formed.
    pub(super) const fn bad(code: i64, text: &'static str) -> Self {
        Self::with(StatusCode::BAD_REQUEST, code, text)
    }

    /// Nothing stands at this path.
    pub(super) const fn nowhere() -> Self {
        Self::with(StatusCode::NOT_FOUND, 50404, "no such URL")
    }

    /// What is asked for cannot be: the call went well, the code says why.
    pub(super) const fn of(code: i64, text: &'static str) -> Self {
        Self::with(StatusCode::OK, code, text)
    }

    const fn with(status: StatusCode, code: i64, text: &'static str) -> Self {
        Self { status, code, text }
    }
}
