use std::time::Duration;

use http::StatusCode;
use payment_core::Money;
use payment_evm::SignerError;

use crate::payment::Payment;
use crate::rules::Skipped;

/// Why a buyer has no answer to hand back.
///
/// Only [`OutcomeUnknown`](Self::OutcomeUnknown) and [`Refused`](Self::Refused) come after a
/// payment was shown to the seller; by all others nothing was paid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuyerError {
    /// The request carries a payment already. One request, one payment.
    #[error("the request carries a payment already")]
    AlreadyPaid,
    /// The body is a stream, which can't be sent a second time with the payment.
    #[error("the body of the request cannot be sent twice")]
    BodyNotRepeatable,
    /// The URL or a header of the request can't be used.
    #[error("the request could not be built")]
    Request(#[source] reqwest::Error),
    /// The request without a payment got no answer.
    #[error("the request got no answer")]
    Transport(#[source] Trouble),
    /// The seller wants to be paid over plain HTTP, where anyone between could take the payment.
    #[error("payments are not sent over plain HTTP")]
    PlainHttp,
    /// None of the offers in the 402 may be paid.
    #[error("none of {} offers can be paid", .skipped.len())]
    NothingPayable {
        /// The offers, and why each is not paid. Empty when there was none we know.
        skipped: Vec<Skipped>,
    },
    /// Not enough is left of the total.
    #[error("the price of {price} is above what is left of the total, {left}")]
    TotalReached {
        /// What was asked.
        price: Money,
        /// What is left.
        left: Money,
    },
    /// The signer did not sign.
    #[error("the payment could not be signed")]
    Signer(#[source] SignerError),
    /// The credential does not fit into a header. A fault of what the seller offered.
    #[error("the payment does not fit into a header")]
    Credential,
    /// The offer ran out while it was being signed.
    #[error("the offer ran out before it could be paid")]
    TooSlow,
    /// The paid request never left: no connection came about. The amount is given back.
    #[error("the seller could not be reached with the payment; nothing was paid")]
    NotSent(#[source] Trouble),
    /// The seller refused the payment with a fresh 402, and no answer to it was lost before. A
    /// seller that is honest has not taken it; the amount stays counted, because one that is not
    /// may have. Nothing else was signed.
    #[error("the seller refused the payment")]
    Refused {
        /// What was signed.
        payment: Box<Payment>,
        /// The status of the refusal.
        status: StatusCode,
        /// The machine-readable reason, where the seller gave one that is a plain code.
        code: Option<String>,
    },
    /// The payment may have been taken and there is no answer, or one was lost and the payment
    /// is refused since, as one that was used is. Do not pay again: hand the payment to [`Buyer::resume`](crate::Buyer::resume), which sends the same one.
    #[error("it is not known whether the payment was taken")]
    OutcomeUnknown {
        /// What was signed, and all that is needed to ask again.
        payment: Box<Payment>,
        /// How the last try ended.
        #[source]
        last: Trouble,
        /// When the seller asked to be asked again.
        retry_after: Option<Duration>,
    },
}

/// How a try to get an answer ended without one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The connection failed, before or after the request was sent.
    #[error("the connection failed")]
    Connection(#[source] reqwest::Error),
    /// No answer within the time for one.
    #[error("no answer in time")]
    Timeout,
    /// An answer that says to ask again.
    #[error("the seller answered {0}")]
    Status(StatusCode),
}

impl Trouble {
    /// The URL may hold what is not for logs.
    pub(crate) fn connection(error: reqwest::Error) -> Self {
        Self::Connection(error.without_url())
    }

    /// Whether the request certainly never reached anyone.
    pub(crate) fn never_left(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_connect() || error.is_builder(),
            Self::Timeout | Self::Status(_) => false,
        }
    }
}
