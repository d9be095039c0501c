use http::{HeaderMap, StatusCode};
use mpp_evm::buyer::session::SessionReceipt;
use payment_core::Money;
use payment_evm::Token;
use reqwest::Response;

use super::{Dispute, Standing, money};

/// The seller's answer, and what the channel says after it.
#[derive(Debug)]
#[must_use]
pub struct SessionReply {
    response: Response,
    usage: Option<Usage>,
}

/// What a call has done to the channel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Usage {
    pub(super) token: Token,
    pub(super) standing: Standing,
    pub(super) receipt: Option<SessionReceipt>,
    pub(super) dispute: Option<Dispute>,
}

impl SessionReply {
    pub(super) const fn new(response: Response, usage: Option<Usage>) -> Self {
        Self { response, usage }
    }

    /// The status of the answer. It can be an error although the call was charged.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The headers of the answer.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// What was paid with; `None` for an answer that was free.
    #[must_use]
    pub const fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// The answer, to read its body.
    #[must_use]
    pub fn into_response(self) -> Response {
        self.response
    }

    /// The answer and the usage.
    #[must_use]
    pub fn into_parts(self) -> (Response, Option<Usage>) {
        (self.response, self.usage)
    }
}

impl Usage {
    /// The channel after the call.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// All that was deposited, as far as the seller has confirmed it; in dollars, the token taken at
    /// par.
    #[must_use]
    pub fn deposited(&self) -> Money {
        money(self.standing.deposit, &self.token)
    }

    /// All that was charged since the channel was opened, as far as must be assumed; in dollars,
    /// the token taken at par.
    #[must_use]
    pub fn spent(&self) -> Money {
        money(self.standing.spent, &self.token)
    }

    /// All that the seller could take by now, in dollars.
    #[must_use]
    pub fn promised(&self) -> Money {
        money(self.standing.promised, &self.token)
    }

    /// What the seller showed for the call.
    #[must_use]
    pub const fn receipt(&self) -> Option<&SessionReceipt> {
        self.receipt.as_ref()
    }

    /// Where the seller's word and ours differ.
    #[must_use]
    pub const fn dispute(&self) -> Option<Dispute> {
        self.dispute
    }
}
