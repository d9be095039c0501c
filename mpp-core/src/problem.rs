use http::StatusCode;
use payment_core::{Problem, Refusal};

use crate::MPP;

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident: $path:literal, $title:literal, $status:ident, $code:literal;)*) => {
        /// The problem types of the `Payment` scheme. Clients branch on the URI alone.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ProblemType {
            $($(#[$doc])* $name,)*
        }

        impl ProblemType {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The type URI.
            #[must_use]
            pub const fn uri(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("https://paymentauth.org/problems/", $path),)*
                }
            }

            /// The short name that people read.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }

            /// The status of the answer.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// The stable code for logs and for the `code` member.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

problem_types! {
    /// There was no credential.
    PaymentRequired: "payment-required", "Payment Required", PAYMENT_REQUIRED, "payment_required";
    /// Less was paid than asked.
    PaymentInsufficient: "payment-insufficient", "Payment Insufficient", PAYMENT_REQUIRED, "payment_insufficient";
    /// The challenge or the authorization has expired.
    PaymentExpired: "payment-expired", "Payment Expired", PAYMENT_REQUIRED, "payment_expired";
    /// The proof of payment is wrong.
    VerificationFailed: "verification-failed", "Verification Failed", PAYMENT_REQUIRED, "verification_failed";
    /// The method or intent is not taken here.
    MethodUnsupported: "method-unsupported", "Method Unsupported", BAD_REQUEST, "method_unsupported";
    /// The credential can't be read.
    MalformedCredential: "malformed-credential", "Malformed Credential", PAYMENT_REQUIRED, "malformed_credential";
    /// The challenge is not ours, was used, or is another route's.
    InvalidChallenge: "invalid-challenge", "Invalid Challenge", PAYMENT_REQUIRED, "invalid_challenge";
    /// The method's part of the credential can't be read.
    InvalidPayload: "invalid-payload", "Invalid Payload", PAYMENT_REQUIRED, "invalid_payload";
    /// The request can't be read as one payment.
    BadRequest: "bad-request", "Bad Request", BAD_REQUEST, "bad_request";
    /// The payer has to do something more, such as confirm.
    PaymentActionRequired: "payment-action-required", "Payment Action Required", PAYMENT_REQUIRED, "payment_action_required";
    /// Our fault or a third party's.
    InternalPaymentError: "internal-payment-error", "Internal Payment Error", INTERNAL_SERVER_ERROR, "internal";
    /// A voucher's signature is wrong.
    SessionInvalidSignature: "session/invalid-signature", "Invalid Signature", PAYMENT_REQUIRED, "session_invalid_signature";
    /// A voucher is signed by somebody else.
    SessionSignerMismatch: "session/signer-mismatch", "Signer Mismatch", PAYMENT_REQUIRED, "session_signer_mismatch";
    /// A voucher promises more than the channel holds.
    SessionAmountExceedsDeposit: "session/amount-exceeds-deposit", "Amount Exceeds Deposit", PAYMENT_REQUIRED, "session_amount_exceeds_deposit";
    /// A voucher adds less than the least step.
    SessionDeltaTooSmall: "session/delta-too-small", "Delta Too Small", PAYMENT_REQUIRED, "session_delta_too_small";
    /// The session's challenge is not known.
    SessionChallengeNotFound: "session/challenge-not-found", "Challenge Not Found", PAYMENT_REQUIRED, "session_challenge_not_found";
    /// What was authorized does not cover the cost.
    SessionInsufficientBalance: "session/insufficient-balance", "Insufficient Balance", PAYMENT_REQUIRED, "session_insufficient_balance";
    /// There is no such channel.
    SessionChannelNotFound: "session/channel-not-found", "Channel Not Found", GONE, "session_channel_not_found";
    /// The channel is closed for good.
    SessionChannelFinalized: "session/channel-finalized", "Channel Finalized", GONE, "session_channel_finalized";
    /// A transaction of the session was reverted.
    SessionTransactionReverted: "session/transaction-reverted", "Transaction Reverted", CONFLICT, "session_transaction_reverted";
}

impl ProblemType {
    /// The type with this URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.uri() == uri)
    }

    /// The document, with words about this case that repeat nothing a buyer sent.
    #[must_use]
    pub const fn problem(self, detail: &'static str) -> Problem {
        Problem::new(self.uri(), self.title(), self.status(), self.code(), detail)
    }

    /// A refusal of this type.
    pub fn refuse(self, detail: &'static str) -> Refusal {
        Refusal::new(MPP, self.problem(detail))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The table of the protocol notes, section 8.2, written out a second time.
    const TABLE: &str = "
        payment-required | Payment Required | 402
        payment-insufficient | Payment Insufficient | 402
        payment-expired | Payment Expired | 402
        verification-failed | Verification Failed | 402
        method-unsupported | Method Unsupported | 400
        malformed-credential | Malformed Credential | 402
        invalid-challenge | Invalid Challenge | 402
        invalid-payload | Invalid Payload | 402
        bad-request | Bad Request | 400
        payment-action-required | Payment Action Required | 402
        internal-payment-error | Internal Payment Error | 500
        session/invalid-signature | Invalid Signature | 402
        session/signer-mismatch | Signer Mismatch | 402
        session/amount-exceeds-deposit | Amount Exceeds Deposit | 402
        session/delta-too-small | Delta Too Small | 402
        session/challenge-not-found | Challenge Not Found | 402
        session/insufficient-balance | Insufficient Balance | 402
        session/channel-not-found | Channel Not Found | 410
        session/channel-finalized | Channel Finalized | 410
        session/transaction-reverted | Transaction Reverted | 409";

    #[test]
    fn every_type_stands_in_the_table() {
        let rows: Vec<_> = TABLE.trim().lines().collect();
        assert_eq!(rows.len(), ProblemType::ALL.len());
        for (row, kind) in rows.into_iter().zip(ProblemType::ALL) {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let uri = format!("https://paymentauth.org/problems/{}", cells[0]);
            assert_eq!(kind.uri(), uri);
            assert_eq!(kind.title(), cells[1]);
            assert_eq!(kind.status().as_str(), cells[2]);
            assert_eq!(ProblemType::from_uri(&uri), Some(*kind));
            let refusal = kind.refuse("words");
            assert_eq!(refusal.problem().kind, uri);
            assert_eq!(refusal.problem().detail, "words");
            assert_eq!(refusal.invites_payment(), cells[2] == "402");
            let twins = ProblemType::ALL
                .iter()
                .filter(|other| other.code() == kind.code());
            assert_eq!(twins.count(), 1, "{}", kind.code());
        }
    }
}
