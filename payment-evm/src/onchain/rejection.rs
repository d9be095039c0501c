use alloy_json_rpc::{ErrorPayload, RpcError};
use alloy_provider::transport::TransportError;

use super::ChainFault;

/// What an error in answer to a broadcast says about the transaction.
#[derive(Debug)]
pub(super) enum Broadcast {
    /// The node has it already.
    Known,
    /// No node has taken it.
    Rejected(ChainFault),
    /// Its nonce is used, by another transaction or by this very one.
    NonceUsed(ChainFault),
    /// It may have been taken.
    Unclear(ChainFault),
}

impl From<TransportError> for Broadcast {
    fn from(error: TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => Self::of_answer(payload),
            other => match ChainFault::from(other) {
                fault @ ChainFault::Unreachable(_) => Self::Rejected(fault),
                fault => Self::Unclear(fault),
            },
        }
    }
}

/// The request was not understood (JSON-RPC), or the transaction was rejected (EIP-1474).
const DEFINITE_CODES: [i64; 4] = [-32600, -32601, -32602, -32003];

const KNOWN: [&str; 4] = [
    "already known",
    "known transaction",
    "already imported",
    "already in mempool",
];

const NONCE_USED: &str = "nonce too low";

/// What nodes say when they check a transaction and don't take it. Nodes agree on hardly any code
/// here, so the words have to do; an error not listed leaves the outcome open.
const REFUSALS: [&str; 16] = [
    "insufficient funds",
    "nonce too high",
    "underpriced",
    "intrinsic gas",
    "gas limit",
    "fee cap less than block base fee",
    "max fee per gas less than block base fee",
    "higher than max fee per gas",
    "exceeds the configured cap",
    "revert",
    "invalid sender",
    "invalid signature",
    "invalid chain id",
    "type not supported",
    "rlp:",
    "txpool is full",
];

impl Broadcast {
    fn of_answer(payload: ErrorPayload) -> Self {
        let words = payload.message.to_lowercase();
        let code = payload.code;
        let fault = ChainFault::from(payload);
        if KNOWN.iter().any(|known| words.contains(known)) {
            Self::Known
        } else if words.contains(NONCE_USED) {
            Self::NonceUsed(fault)
        } else if DEFINITE_CODES.contains(&code) || REFUSALS.iter().any(|no| words.contains(no)) {
            Self::Rejected(fault)
        } else {
            Self::Unclear(fault)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: i64, message: &'static str) -> Broadcast {
        let payload = ErrorPayload {
            code,
            message: message.into(),
            data: None,
        };
        Broadcast::from(TransportError::ErrorResp(payload))
    }

    #[test]
    fn a_refusal_by_the_rules_of_the_chain_is_definite() {
        for (code, message) in [
            (
                -32000,
                "insufficient funds for gas * price + value: balance 0",
            ),
            (-32000, "replacement transaction underpriced"),
            (-32000, "transaction underpriced: tip needed 1"),
            (
                -32000,
                "max fee per gas less than block base fee: address 0x…",
            ),
            (-32000, "execution reverted"),
            (-32003, "Insufficient funds for gas * price + value"),
            (-32000, "nonce too high"),
            (-32000, "invalid sender"),
            (-32602, "invalid argument 0"),
        ] {
            assert!(
                matches!(answer(code, message), Broadcast::Rejected(_)),
                "{message}"
            );
        }
    }

    #[test]
    fn a_transaction_the_node_has_counts_as_sent() {
        for message in [
            "already known",
            "Transaction already imported",
            "known transaction: 0xab",
        ] {
            assert!(
                matches!(answer(-32000, message), Broadcast::Known),
                "{message}"
            );
        }
        // The code of a rejection does not outweigh what is said.
        assert!(matches!(
            answer(-32003, "AlreadyKnown: already known"),
            Broadcast::Known
        ));
    }

    #[test]
    fn a_used_nonce_may_be_used_by_this_very_transaction() {
        let message = "nonce too low: next nonce 5, tx nonce 4";
        assert!(matches!(answer(-32000, message), Broadcast::NonceUsed(_)));
        assert!(matches!(answer(-32003, message), Broadcast::NonceUsed(_)));
    }

    #[test]
    fn anything_else_leaves_the_outcome_open() {
        for (code, message) in [
            (-32603, "internal error"),
            (-32005, "limit exceeded"),
            (-32000, "request timed out"),
            (-32000, "header not found"),
            (0, ""),
        ] {
            assert!(
                matches!(answer(code, message), Broadcast::Unclear(_)),
                "{message}"
            );
        }
        let garbage = TransportError::NullResp;
        assert!(matches!(Broadcast::from(garbage), Broadcast::Unclear(_)));
    }
}
