use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Receipt;
use crate::replay::Stage;

/// How far the handler has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ran {
    /// It was not called.
    No,
    /// It was called, and has not ended.
    Begun,
    /// It has ended in an error.
    Failed,
    /// It has done its work.
    Done,
}

/// How far the money has come; decides what a permit leaves behind.
pub(super) enum Progress {
    /// Nothing has moved.
    Reserved,
    /// A settlement may have been sent; this is known of it.
    Settling(Bytes),
    /// The money has moved.
    Settled(Receipt),
    /// The money has moved, and the receipt can't be read.
    Unreadable(Bytes),
    /// The money has not moved, or nobody knows (then this is known of it), and a hook delivers all
    /// the same.
    Waived(Option<Bytes>),
}

impl Progress {
    /// Whether the money has moved, or may have.
    pub(super) const fn is_at_stake(&self) -> bool {
        !matches!(self, Self::Reserved | Self::Waived(None))
    }

    /// What to record when nothing was delivered; `None` releases. What is not delivered later need
    /// not wait for anybody.
    pub(super) fn left_behind(self, delivered_later: bool) -> Option<Stage> {
        match self {
            Self::Reserved | Self::Waived(None) => None,
            Self::Settling(evidence) => Some(Stage::Unknown(evidence)),
            // This stage alone takes a delivery back that was stored already.
            Self::Waived(Some(evidence)) => Some(Stage::Undelivered(unsettled(&evidence))),
            Self::Settled(_) | Self::Unreadable(_) if !delivered_later => Some(Stage::Spent),
            Self::Settled(receipt) => Some(Stage::Undelivered(receipt.to_bytes())),
            Self::Unreadable(bytes) => Some(Stage::Undelivered(bytes)),
        }
    }
}

/// What was stored with a credential that something is owed for.
pub(super) enum Owed {
    /// It was paid.
    Paid(Receipt),
    /// A hook was about to deliver it, and it may have been paid: this is known.
    Unsettled(Bytes),
    /// Nobody can read it.
    Unreadable(Bytes),
}

/// The evidence of a settlement, where a receipt would stand. Nothing reads it as one.
#[derive(Serialize, Deserialize)]
struct Evidence {
    unsettled: String,
}

fn unsettled(evidence: &[u8]) -> Bytes {
    let unsettled = STANDARD.encode(evidence);
    // A struct of one string serializes.
    serde_json::to_vec(&Evidence { unsettled })
        .map(Bytes::from)
        .unwrap_or_default()
}

impl Owed {
    pub(super) fn read(bytes: Bytes) -> Self {
        if let Some(receipt) = Receipt::from_bytes(&bytes) {
            return Self::Paid(receipt);
        }
        let evidence = serde_json::from_slice::<Evidence>(&bytes).ok();
        match evidence.and_then(|evidence| STANDARD.decode(evidence.unsettled).ok()) {
            Some(evidence) => Self::Unsettled(evidence.into()),
            None => Self::Unreadable(bytes),
        }
    }
}
