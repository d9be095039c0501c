use std::time::Duration;

use http::{HeaderMap, StatusCode};
use payment_core::Timestamp;

use crate::patience::retry_after;
use crate::x402;

/// What an answer to a paid request means for the payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The seller is done with it; the answer is the caller's.
    Final,
    /// A fresh 402: this payment is not taken.
    Refused {
        /// The reason, where it is a plain code.
        code: Option<String>,
    },
    /// Not decided yet. Asking again with the same payment decides it.
    Open {
        /// How long the seller wants us to wait.
        retry_after: Option<Duration>,
    },
}

impl Verdict {
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Self {
        let retry_after = retry_after(headers, now);
        let settled = x402::receipt(headers).and_then(Result::ok);
        let paid = settled.as_ref().is_some_and(|settled| settled.success);
        let code = settled.and_then(|settled| settled.error_reason);
        match status {
            // x402, 3.4: the transaction is out and may succeed yet, whatever the status says.
            _ if !paid && code.as_deref() == Some("settlement_pending") => {
                Self::Open { retry_after }
            }
            StatusCode::PAYMENT_REQUIRED => Self::Refused {
                code: code.filter(|code| is_code(code)),
            },
            _ if paid => Self::Final,
            // The first copy of the payment is being processed; and what stands before the
            // seller, or the seller for a while, can't say.
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS if retry_after.is_some() => {
                Self::Open { retry_after }
            }
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Self::Open { retry_after },
            _ => Self::Final,
        }
    }
}

/// A code can be shown to people and logs as it is; prose of a stranger can't.
fn is_code(text: &str) -> bool {
    (1..=96).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
