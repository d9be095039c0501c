use http::StatusCode;
use mpp_core::{MPP, ProblemType};
use payment_core::{Denied, Fault, Pending, Problem, Refusal};

use super::{ApiCode, OkxFault, SaCode};

/// As what a buyer is told that the SA-API refuses, where the draft and OKX's own kits differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compat {
    /// By the problem types and statuses of the draft, such as 410 for a channel that is not known.
    #[default]
    Draft,
    /// By those that sellers with OKX's own kits answer, such as 404 for the same.
    Okx,
}

impl Compat {
    /// What a call that has certainly done nothing comes to.
    pub(super) fn denied(self, fault: OkxFault) -> Denied {
        let OkxFault::Refused(ApiCode::Sa(code)) = fault else {
            return ours(fault).into();
        };
        let Some(refusal) = self.refusal(code) else {
            return ours(fault).into();
        };
        tracing::debug!(code = code.number(), "refused by OKX");
        refusal.into()
    }

    /// The problem of a code that is the buyer's to mend. The others are our configuration's, or
    /// OKX's own: no paying again helps, so they are never a 402.
    fn refusal(self, code: SaCode) -> Option<Refusal> {
        use Compat::{Draft, Okx};
        use ProblemType as Type;
        use SaCode as Code;
        let refusal = match (code, self) {
            (Code::Internal | Code::NotConfirmed, _) => return None,
            (Code::UnsupportedChain | Code::EscrowConfig, Draft) => return None,
            (Code::BadRequest, _) => Type::BadRequest.refuse("the payment can't be read"),
            (Code::UnsupportedChain, Okx) => own(UNSUPPORTED_CHAIN),
            (Code::PayerBlocked, Draft) => Type::MalformedCredential.refuse(BLOCKED),
            (Code::PayerBlocked, Okx) => own(PAYER_BLOCKED),
            (Code::InvalidCredential, _) => {
                Type::MalformedCredential.refuse("the credential is not accepted")
            }
            (Code::InvalidSignature, _) => {
                Type::SessionInvalidSignature.refuse("a signature is not accepted")
            }
            (Code::SplitSum, _) => own(SPLIT_SUM),
            (Code::TooManySplits, _) => own(TOO_MANY_SPLITS),
            (Code::ChannelClosed, _) => {
                Type::SessionChannelFinalized.refuse("the channel is closed")
            }
            (Code::InvalidChallenge, Draft) => Type::InvalidChallenge.refuse(STALE),
            (Code::InvalidChallenge, Okx) => own(CHALLENGE_EXPIRED),
            (Code::ChannelNotFound, Draft) => Type::SessionChannelNotFound.refuse(NO_CHANNEL),
            (Code::ChannelNotFound, Okx) => own(CHANNEL_NOT_FOUND),
            (Code::EscrowConfig, Okx) => own(ESCROW_CONFIG),
            (Code::AmountExceedsDeposit, _) => {
                Type::SessionAmountExceedsDeposit.refuse("the channel does not hold as much")
            }
            (Code::DeltaTooSmall, _) => {
                Type::SessionDeltaTooSmall.refuse("the voucher adds too little")
            }
            (Code::ChannelClosing, Draft) => Type::SessionChannelFinalized.refuse(CLOSING),
            (Code::ChannelClosing, Okx) => own(CHANNEL_CLOSING),
            (Code::InsufficientBalance, _) => {
                Type::SessionInsufficientBalance.refuse("what is left does not cover the cost")
            }
        };
        Some(refusal)
    }
}

/// What is not the buyer's to mend.
pub(super) fn ours(fault: OkxFault) -> Fault {
    match fault {
        OkxFault::TimedOut => Fault::timeout("okx_timeout", fault),
        OkxFault::Lost(_) => Fault::upstream("okx_answer", fault),
        OkxFault::Refused(ApiCode::Sa(SaCode::NotConfirmed)) => {
            Fault::unavailable("okx_not_confirmed", fault)
        }
        OkxFault::Refused(ApiCode::Sa(SaCode::UnsupportedChain | SaCode::EscrowConfig)) => {
            Fault::internal("okx_configuration", fault)
        }
        _ if fault.is_passing() => Fault::unavailable("okx_unavailable", fault),
        OkxFault::Refused(_) => Fault::upstream("okx_refused", fault),
        _ => Fault::upstream("okx_answer", fault),
    }
}

/// What may have moved money. Nothing is kept to find it by: the same is asked again.
pub(super) fn unknown(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Denied {
    Denied::Unknown(Pending {
        evidence: bytes::Bytes::new(),
        headers: Vec::new(),
        code: "settlement_pending",
        cause: cause.into(),
    })
}

/// Whether a call that may move money has certainly moved none, and never will. True of what never
/// got to it, and of a code that says why not; not of one that says that something went wrong on
/// the way.
pub(super) fn is_definite(fault: &OkxFault) -> bool {
    match fault {
        OkxFault::Refused(ApiCode::Sa(code)) => {
            !matches!(code, SaCode::Internal | SaCode::NotConfirmed)
        }
        OkxFault::Refused(ApiCode::Parameter | ApiCode::Chain) => true,
        fault => fault.is_undone(),
    }
}

/// The same of a payment in several transfers: only of codes that are found before the first.
pub(super) fn is_definite_of_several(fault: &OkxFault) -> bool {
    match fault {
        OkxFault::Refused(ApiCode::Sa(code)) => matches!(
            code,
            SaCode::BadRequest
                | SaCode::UnsupportedChain
                | SaCode::PayerBlocked
                | SaCode::SplitSum
                | SaCode::TooManySplits
                | SaCode::InvalidChallenge
        ),
        fault => is_definite(fault),
    }
}

fn own(problem: Problem) -> Refusal {
    Refusal::new(MPP, problem)
}

const BLOCKED: &str = "the payer is not accepted";
const STALE: &str = "the challenge is not valid any more";
const NO_CHANNEL: &str = "there is no such channel";
const CLOSING: &str = "the channel is closing";
const INVALID_SPLIT: &str = "https://paymentauth.org/problems/invalid-split";

const UNSUPPORTED_CHAIN: Problem = Problem::new(
    "https://paymentauth.org/problems/unsupported-chain",
    "Unsupported Chain",
    StatusCode::UNPROCESSABLE_ENTITY,
    "unsupported_chain",
    "the chain is not supported",
);

const PAYER_BLOCKED: Problem = Problem::new(
    "https://paymentauth.org/problems/payer-blocked",
    "Payer Blocked",
    StatusCode::FORBIDDEN,
    "payer_blocked",
    BLOCKED,
);

const SPLIT_SUM: Problem = Problem::new(
    INVALID_SPLIT,
    "Invalid Split",
    StatusCode::BAD_REQUEST,
    "invalid_split",
    "the splits sum up to too much",
);

const TOO_MANY_SPLITS: Problem = Problem::new(
    INVALID_SPLIT,
    "Invalid Split",
    StatusCode::BAD_REQUEST,
    "invalid_split",
    "there are too many splits",
);

const CHALLENGE_EXPIRED: Problem = Problem::new(
    "https://paymentauth.org/problems/payment-expired",
    "Payment Expired",
    StatusCode::UNAUTHORIZED,
    "payment_expired",
    STALE,
);

const CHANNEL_NOT_FOUND: Problem = Problem::new(
    "https://paymentauth.org/problems/session/channel-not-found",
    "Channel Not Found",
    StatusCode::NOT_FOUND,
    "session_channel_not_found",
    NO_CHANNEL,
);

const ESCROW_CONFIG: Problem = Problem::new(
    "https://paymentauth.org/problems/session/invalid-escrow-config",
    "Invalid Escrow Config",
    StatusCode::BAD_REQUEST,
    "session_invalid_escrow_config",
    "the escrow is not acceptable",
);

const CHANNEL_CLOSING: Problem = Problem::new(
    "https://paymentauth.org/problems/session/channel-closing",
    "Channel Closing",
    StatusCode::CONFLICT,
    "session_channel_closing",
    CLOSING,
);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Code, then status and type for the draft, then for OKX; a number alone is a fault of ours.
    const TABLE: &str = "
        8000  | 502                              | 502
        70000 | 400 bad-request                  | 400 bad-request
        70001 | 500                              | 422 unsupported-chain
        70002 | 402 malformed-credential         | 403 payer-blocked
        70003 | 402 malformed-credential         | 402 malformed-credential
        70004 | 402 session/invalid-signature    | 402 session/invalid-signature
        70005 | 400 invalid-split                | 400 invalid-split
        70006 | 400 invalid-split                | 400 invalid-split
        70007 | 503                              | 503
        70008 | 410 session/channel-finalized    | 410 session/channel-finalized
        70009 | 402 invalid-challenge            | 401 payment-expired
        70010 | 410 session/channel-not-found    | 404 session/channel-not-found
        70011 | 500                              | 400 session/invalid-escrow-config
        70012 | 402 session/amount-exceeds-deposit | 402 session/amount-exceeds-deposit
        70013 | 402 session/delta-too-small      | 402 session/delta-too-small
        70014 | 410 session/channel-finalized    | 409 session/channel-closing
        70015 | 402 session/insufficient-balance | 402 session/insufficient-balance";

    fn told(compat: Compat, fault: OkxFault) -> String {
        match compat.denied(fault) {
            Denied::Refused(refusal) => {
                let problem = refusal.problem();
                let kind = problem
                    .kind
                    .strip_prefix("https://paymentauth.org/problems/");
                format!("{} {}", problem.status.as_u16(), kind.unwrap())
            }
            Denied::Failed(fault) => fault.status().as_u16().to_string(),
            denied => panic!("{denied:?}"),
        }
    }

    #[test]
    fn every_code_has_its_row_under_both_switches() {
        let rows: Vec<_> = TABLE.trim().lines().collect();
        assert_eq!(rows.len(), SaCode::ALL.len());
        for (row, code) in rows.into_iter().zip(SaCode::ALL) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            assert_eq!(code.number().to_string(), cells[0]);
            let fault = || OkxFault::Refused(ApiCode::Sa(*code));
            assert_eq!(told(Compat::Draft, fault()), cells[1], "{code:?}");
            assert_eq!(told(Compat::Okx, fault()), cells[2], "{code:?}");
        }
    }

    #[test]
    fn what_is_ours_is_never_a_402() {
        let api = [
            ApiCode::Unavailable,
            ApiCode::RateLimited,
            ApiCode::System,
            ApiCode::Parameter,
            ApiCode::HeaderMissing,
            ApiCode::Passphrase,
            ApiCode::Key,
            ApiCode::Timestamp,
            ApiCode::Signature,
            ApiCode::Forbidden,
            ApiCode::Chain,
            ApiCode::NoSuchUrl,
            ApiCode::NoAccount,
            ApiCode::Other(70016),
            ApiCode::Unreadable,
        ];
        let garbage = |status| OkxFault::Garbage {
            what: "not JSON",
            status,
        };
        let mut faults: Vec<_> = api.into_iter().map(OkxFault::Refused).collect();
        faults.extend([OkxFault::TimedOut, garbage(200), garbage(402)]);
        faults.push(OkxFault::NotSent("gone".into()));
        faults.push(OkxFault::Lost("gone".into()));
        for fault in faults {
            let said = format!("{fault:?}");
            let status = told(Compat::Okx, fault);
            assert!(["500", "502", "503", "504"].contains(&&*status), "{said}");
        }
    }

    #[test]
    fn what_went_wrong_on_the_way_is_no_definite_no() {
        for code in SaCode::ALL {
            let open = matches!(code, SaCode::Internal | SaCode::NotConfirmed);
            let fault = OkxFault::Refused(ApiCode::Sa(*code));
            assert_eq!(is_definite(&fault), !open, "{code:?}");
            // Of several transfers some may have been made before one is found to be wrong.
            let early = [70000, 70001, 70002, 70005, 70006, 70009].contains(&code.number());
            assert_eq!(is_definite_of_several(&fault), early, "{code:?}");
        }
        let open = [
            OkxFault::TimedOut,
            OkxFault::Lost("gone".into()),
            OkxFault::Refused(ApiCode::System),
            OkxFault::Refused(ApiCode::Unavailable),
            OkxFault::Refused(ApiCode::Other(1)),
            OkxFault::Refused(ApiCode::Unreadable),
            OkxFault::Refused(ApiCode::NoAccount),
            OkxFault::Garbage {
                what: "not JSON",
                status: 200,
            },
            OkxFault::Garbage {
                what: "not JSON",
                status: 400,
            },
            OkxFault::Garbage {
                what: "not JSON",
                status: 502,
            },
        ];
        for fault in open {
            assert!(!is_definite(&fault), "{fault:?}");
            assert!(!is_definite_of_several(&fault), "{fault:?}");
        }
        let turned_away = OkxFault::Refused(ApiCode::RateLimited);
        assert!(is_definite(&turned_away) && is_definite_of_several(&turned_away));
    }
}
