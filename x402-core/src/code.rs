use std::borrow::Cow;

use http::StatusCode;
use payment_core::{Problem, Refusal};

use crate::NAME;

/// Why a payment is refused before a facilitator is asked, and by our own on-chain one.
///
/// One row each in one table: the spelling on the wire, the status, the words for a human.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The header is not one message, or a member has the wrong shape.
    Malformed,
    /// More than one payment in one request.
    Ambiguous,
    /// A version that is not taken in this header.
    Version,
    /// No offer of this route is what the payment says it accepted.
    NoMatch,
    /// The payment says that it is for another resource.
    Resource,
    /// A payload of a kind that the offer does not take.
    PayloadType,
    /// The payee is not ours.
    Recipient,
    /// The value is not the price.
    Value,
    /// Expired, about to expire, or good for much longer than was asked.
    ValidBefore,
    /// Not valid yet.
    ValidAfter,
    /// Not the payer's signature.
    Signature,
    /// A signature that only a contract could judge.
    ContractSignature,
    /// A signature of a contract that is not deployed yet.
    UndeployedSignature,
    /// The authorization was used.
    NonceUsed,
    /// There is no contract at the address of the asset.
    AssetNotDeployed,
    /// The asset has no `transferWithAuthorization`.
    Eip3009,
    /// The asset signs under another name.
    TokenName,
    /// The asset signs under another version.
    TokenVersion,
    /// The payer has too little.
    Balance,
    /// The transfer would fail, for a reason that is not known.
    Simulation,
    /// The transfer was mined and failed.
    TransactionFailed,
    /// The transfer was mined and moved something else.
    TransferEvent,
    /// The facilitator said no in words that are not repeated.
    Facilitator,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Malformed,
        Self::Ambiguous,
        Self::Version,
        Self::NoMatch,
        Self::Resource,
        Self::PayloadType,
        Self::Recipient,
        Self::Value,
        Self::ValidBefore,
        Self::ValidAfter,
        Self::Signature,
        Self::ContractSignature,
        Self::UndeployedSignature,
        Self::NonceUsed,
        Self::AssetNotDeployed,
        Self::Eip3009,
        Self::TokenName,
        Self::TokenVersion,
        Self::Balance,
        Self::Simulation,
        Self::TransactionFailed,
        Self::TransferEvent,
        Self::Facilitator,
    ];

    /// The spelling on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::Ambiguous | Self::Version => StatusCode::BAD_REQUEST,
            _ => StatusCode::PAYMENT_REQUIRED,
        }
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("invalid_payload", "the payment header can't be read"),
            Self::Ambiguous => ("invalid_payload", "there is more than one payment header"),
            Self::Version => (
                "invalid_x402_version",
                "this x402 version is not taken here",
            ),
            Self::NoMatch => (
                "invalid_payment_requirements",
                "no matching payment requirements",
            ),
            Self::Resource => ("resource_mismatch", "the payment is for another resource"),
            Self::PayloadType => (
                "unsupported_payload_type",
                "this kind of payload is not taken",
            ),
            Self::Recipient => (
                "invalid_exact_evm_recipient_mismatch",
                "the payment is to another account",
            ),
            Self::Value => (
                "invalid_exact_evm_payload_authorization_value_mismatch",
                "the payment is not of the price",
            ),
            Self::ValidBefore => (
                "invalid_exact_evm_payload_authorization_valid_before",
                "the payment expires too early or too late",
            ),
            Self::ValidAfter => (
                "invalid_exact_evm_payload_authorization_valid_after",
                "the payment is not valid yet",
            ),
            Self::Signature => (
                "invalid_exact_evm_signature",
                "not a signature of the payer",
            ),
            Self::ContractSignature => (
                "unsupported_contract_signature",
                "signatures of contract accounts are not taken",
            ),
            Self::UndeployedSignature => (
                "eip6492_factory_not_allowed",
                "signatures of contracts yet to be deployed are not taken",
            ),
            Self::NonceUsed => (
                "invalid_exact_evm_nonce_already_used",
                "the payment was used",
            ),
            Self::AssetNotDeployed => ("asset_not_deployed_contract", "the asset is no contract"),
            Self::Eip3009 => (
                "invalid_exact_evm_eip3009_not_supported",
                "the asset can't be paid by authorization",
            ),
            Self::TokenName => (
                "invalid_exact_evm_token_name_mismatch",
                "the asset signs under another name",
            ),
            Self::TokenVersion => (
                "invalid_exact_evm_token_version_mismatch",
                "the asset signs under another version",
            ),
            Self::Balance => (
                "invalid_exact_evm_insufficient_balance",
                "the payer has too little",
            ),
            Self::Simulation => (
                "invalid_exact_evm_transaction_simulation_failed",
                "the transfer would fail",
            ),
            Self::TransactionFailed => (
                "invalid_exact_evm_transaction_failed",
                "the transfer failed",
            ),
            Self::TransferEvent => (
                "invalid_exact_evm_transfer_event_mismatch",
                "the transfer moved something else",
            ),
            Self::Facilitator => ("payment_refused", "the payment was refused"),
        }
    }
}

/// A refusal with this code.
pub fn refuse(code: Code) -> Refusal {
    let (spelling, detail) = code.row();
    let status = code.status();
    let problem = match status {
        StatusCode::BAD_REQUEST => Problem::new(
            "urn:tollgate:problem:malformed-payment",
            "Malformed Payment",
            status,
            spelling,
            detail,
        ),
        _ => Problem::new(
            "urn:tollgate:problem:payment-refused",
            "Payment Refused",
            status,
            spelling,
            detail,
        ),
    };
    Refusal::new(NAME, problem)
}

/// A refusal of a version that is not taken, naming it.
pub(crate) fn refuse_version(number: u64) -> Refusal {
    let mut problem = refuse(Code::Version).problem().clone();
    problem.detail = format!("x402 version {number} is not taken in this header").into();
    Refusal::new(NAME, problem)
}

/// A refusal in a facilitator's code. A code that is not plainly one is not repeated.
pub(crate) fn refuse_as(code: &str) -> Refusal {
    let mut problem = refuse(Code::Facilitator).problem().clone();
    if is_code(code) {
        problem.code = Cow::Owned(code.to_owned());
    }
    if code == "permit2_allowance_required" {
        problem.status = StatusCode::PRECONDITION_FAILED;
    }
    Refusal::new(NAME, problem)
}

fn is_code(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=80).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_row() {
        for code in Code::ALL {
            let refusal = refuse(code);
            assert!(is_code(code.as_str()), "{code:?}");
            assert!(!refusal.problem().detail.is_empty(), "{code:?}");
            assert_eq!(refusal.problem().code, code.as_str());
            assert_eq!(refusal.problem().status, code.status());
            let malformed = matches!(code, Code::Malformed | Code::Ambiguous | Code::Version);
            assert_eq!(refusal.invites_payment(), !malformed, "{code:?}");
        }
    }

    #[test]
    fn upstream_text_is_not_repeated() {
        for text in [
            "",
            "Insufficient funds",
            "<script>",
            "a\r\nb",
            &"a".repeat(81),
            "é",
        ] {
            assert_eq!(
                refuse_as(text).problem().code,
                "payment_refused",
                "{text:?}"
            );
        }
        assert_eq!(
            refuse_as("insufficient_funds").problem().code,
            "insufficient_funds"
        );
    }

    #[test]
    fn a_missing_allowance_is_a_precondition() {
        let refusal = refuse_as("permit2_allowance_required");
        assert_eq!(refusal.problem().status, StatusCode::PRECONDITION_FAILED);
        assert!(refusal.invites_payment());
    }
}
