//! One refusal a problem type, for methods: `detail` is our own words, never the buyer's.

use payment_core::Refusal;

use crate::ProblemType;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: $kind:ident;)*) => {
        $($(#[$doc])*
        pub fn $name(detail: &'static str) -> Refusal {
            ProblemType::$kind.refuse(detail)
        })*
    };
}

refusals! {
    /// Less was paid than asked.
    payment_insufficient: PaymentInsufficient;
    /// The challenge or the authorization has expired.
    payment_expired: PaymentExpired;
    /// The proof of payment is wrong: signature, payee, amount.
    verification_failed: VerificationFailed;
    /// The method or intent is not taken on this route. Answered with 400 and no challenge.
    method_unsupported: MethodUnsupported;
    /// The credential can't be read.
    malformed_credential: MalformedCredential;
    /// The challenge is not ours, was used, or is another route's.
    invalid_challenge: InvalidChallenge;
    /// The method's part of the credential can't be read.
    invalid_payload: InvalidPayload;
    /// The request can't be read as one payment. Answered with 400 and no challenge.
    bad_request: BadRequest;
    /// The payer has to do something more.
    payment_action_required: PaymentActionRequired;
    /// A voucher's signature is wrong.
    session_invalid_signature: SessionInvalidSignature;
    /// A voucher is signed by somebody else than the channel's signer.
    session_signer_mismatch: SessionSignerMismatch;
    /// A voucher promises more than the channel holds.
    session_amount_exceeds_deposit: SessionAmountExceedsDeposit;
    /// A voucher adds less than the least step.
    session_delta_too_small: SessionDeltaTooSmall;
    /// The session's challenge is not known.
    session_challenge_not_found: SessionChallengeNotFound;
    /// What was authorized does not cover the cost.
    session_insufficient_balance: SessionInsufficientBalance;
    /// There is no such channel: 410.
    session_channel_not_found: SessionChannelNotFound;
    /// The channel is closed for good: 410.
    session_channel_finalized: SessionChannelFinalized;
    /// A transaction of the session was reverted: 409.
    session_transaction_reverted: SessionTransactionReverted;
}
