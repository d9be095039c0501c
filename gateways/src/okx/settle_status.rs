use alloy_primitives::B256;
use serde::Deserialize;
use x402_core::{Code, FacilitatorFault, PaymentRequest, SettleAnswer};

use super::reason::Reason;
use super::settlement::{Settlement, garbage, pending};

/// What OKX says of a transaction that it has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettleStatus {
    /// It is in the chain, and did what it was to do.
    Success,
    /// It is under way.
    Pending,
    /// It is in the chain and failed.
    Failed,
    /// OKX does not know it, or not yet.
    NotFound,
}

/// The data of `/settle/status`. `success` says whether the question could be answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusData {
    success: bool,
    status: Option<String>,
    error_reason: Option<String>,
    #[serde(flatten)]
    settlement: Settlement,
}

impl StatusData {
    /// The status of the transaction that was asked about.
    pub(super) fn of(&self, asked: B256) -> Result<SettleStatus, FacilitatorFault> {
        if !self.settlement.is_silent() && self.settlement.hash() != Some(asked) {
            return Err(garbage("the status of another transaction"));
        }
        let reason = self.error_reason.as_deref().unwrap_or_default();
        match (self.success, self.status.as_deref()) {
            (true, Some("success")) => Ok(SettleStatus::Success),
            (true, Some("pending")) => Ok(SettleStatus::Pending),
            (true, Some("failed")) => Ok(SettleStatus::Failed),
            (true, _) => Err(garbage("a status that is none")),
            (false, _) if Reason::is_not_found(reason) => Ok(SettleStatus::NotFound),
            (false, _) => Err(garbage("a status that could not be looked up")),
        }
    }

    /// What that makes of a settlement by that transaction.
    pub(super) fn answer(
        &self,
        request: &PaymentRequest,
        asked: B256,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        let status = self.of(asked)?;
        if !self.settlement.is_of(request) {
            return Err(garbage("the status of another payment"));
        }
        Ok(match status {
            SettleStatus::Success => self.settlement.settled(asked)?,
            SettleStatus::Failed => Code::TransactionFailed.into(),
            SettleStatus::Pending | SettleStatus::NotFound => pending(Some(asked)),
        })
    }
}
