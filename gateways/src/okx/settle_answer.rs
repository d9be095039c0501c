use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use x402_core::{FacilitatorFault, PaymentRequest, SettleAnswer};

use super::reason::Reason;
use super::settlement::{Settlement, garbage, pending};

/// The data of `/settle`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettleData {
    success: bool,
    status: Option<String>,
    error_reason: Option<String>,
    #[serde(flatten)]
    settlement: Settlement,
}

/// How far a settlement is, by OKX's word.
#[derive(Clone, Copy)]
enum Progress {
    Unsaid,
    Success,
    Pending,
    Timeout,
    Failed,
    Other,
}

impl Progress {
    fn read(text: Option<&str>) -> Self {
        match text {
            None | Some("") => Self::Unsaid,
            Some("success") => Self::Success,
            Some("pending") => Self::Pending,
            Some("timeout") => Self::Timeout,
            Some("failed") => Self::Failed,
            Some(_) => Self::Other,
        }
    }
}

/// The scheme whose payments OKX takes for a batch.
const AGGR_DEFERRED: &str = "aggr_deferred";

/// What the answer of `/settle` makes of a settlement. One that is pending and has a transaction
/// may be asked about.
pub(super) fn read(
    request: &PaymentRequest,
    data: &RawValue,
) -> Result<SettleAnswer, FacilitatorFault> {
    let said: SettleData =
        serde_json::from_str(data.get()).map_err(|_| garbage("not a settlement"))?;
    let settlement = &said.settlement;
    let batched = request.offer().scheme() == AGGR_DEFERRED && settlement.is_silent();
    let progress = Progress::read(said.status.as_deref());
    match (said.success, progress) {
        (true, Progress::Unsaid | Progress::Success) => match settlement.hash() {
            Some(hash) => settlement.settled(hash),
            None if batched => settlement.deferred(),
            None => Err(garbage("success without a transaction")),
        },
        (false, Progress::Unsaid | Progress::Failed) => said.refusal(data),
        // Under way; or a yes that failed, or a no that did not: the transaction will tell.
        (true, Progress::Pending | Progress::Timeout | Progress::Failed | Progress::Other)
        | (false, Progress::Success | Progress::Pending | Progress::Timeout | Progress::Other) => {
            Ok(pending(settlement.hash()))
        }
    }
}

impl SettleData {
    /// A no counts only when it can't be a settlement under way, as [`SettleAnswer::read`] judges.
    fn refusal(&self, data: &RawValue) -> Result<SettleAnswer, FacilitatorFault> {
        let judged = SettleAnswer::read(StatusCode::OK, data.get().as_bytes())?;
        let reason = Reason::read(self.error_reason.as_deref().unwrap_or_default());
        Ok(match (judged, reason) {
            (SettleAnswer::Refused { .. }, Reason::No(code)) => code.into(),
            // The transaction that has spent the nonce need not be of this payment.
            (_, Reason::Spent) => pending(None),
            _ => pending(self.settlement.hash()),
        })
    }
}
