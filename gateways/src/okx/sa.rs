use bytes::Bytes;
use mpp_evm::session::ChannelId;
use payment_core::ConfigError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api::{Api, Call};
use super::wire::{
    ChargeReceipt, ChargeRequest, DepositRequest, PayoutRequest, SessionReceipt, SessionStatus,
};
use super::{BASE_URL, OkxFault, OkxKeys, OkxOptions};

/// The seven calls of the SA-API, as they are: what an answer proves is for the caller to compare.
/// [`OkxCharge`](super::OkxCharge) and [`OkxEscrow`](super::OkxEscrow) do.
///
/// All of them fail with [`OkxFault`]. Of those that move money only [`OkxFault::is_undone`] says
/// for certain that nothing will come of it; a refusal by a code may come of a first attempt that
/// went through.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct SaClient {
    api: Api,
}

const CHARGE_SETTLE: &str = "/api/v6/pay/mpp/charge/settle";
const CHARGE_VERIFY_HASH: &str = "/api/v6/pay/mpp/charge/verifyHash";
const SESSION_OPEN: &str = "/api/v6/pay/mpp/session/open";
const SESSION_TOP_UP: &str = "/api/v6/pay/mpp/session/topUp";
const SESSION_SETTLE: &str = "/api/v6/pay/mpp/session/settle";
const SESSION_CLOSE: &str = "/api/v6/pay/mpp/session/close";
const SESSION_STATUS: &str = "/api/v6/pay/mpp/session/status";

impl SaClient {
    /// Calls OKX where it serves.
    ///
    /// # Errors
    ///
    /// `ConfigError` when TLS can't be set up on this machine.
    pub fn new(keys: OkxKeys) -> Result<Self, ConfigError> {
        Self::at(BASE_URL, keys, OkxOptions::default())
    }

    /// Calls this address, in this way.
    ///
    /// # Errors
    ///
    /// `ConfigError` for an address that can't be used: it must be `https`, unless it is this very
    /// machine.
    pub fn at(url: &str, keys: OkxKeys, options: OkxOptions) -> Result<Self, ConfigError> {
        let api = Api::new(url, keys, options)?;
        Ok(Self { api })
    }

    /// Has the authorizations of a charge brought to the token.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn charge_settle(
        &self,
        request: &ChargeRequest<'_>,
    ) -> Result<ChargeReceipt, OkxFault> {
        self.settle(CHARGE_SETTLE, request).await
    }

    /// Has the transfer looked up that a payer says to have made. Moves nothing, but may take note of
    /// it for good: it is repeated no more freely than what moves money.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn charge_verify_hash(
        &self,
        request: &ChargeRequest<'_>,
    ) -> Result<ChargeReceipt, OkxFault> {
        self.settle(CHARGE_VERIFY_HASH, request).await
    }

    /// Has a deposit brought to the escrow, or looked up, and a channel opened by it.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn session_open(
        &self,
        request: &DepositRequest<'_>,
    ) -> Result<SessionReceipt, OkxFault> {
        self.settle(SESSION_OPEN, request).await
    }

    /// Has a further deposit brought to the escrow, or looked up.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn session_top_up(
        &self,
        request: &DepositRequest<'_>,
    ) -> Result<SessionReceipt, OkxFault> {
        self.settle(SESSION_TOP_UP, request).await
    }

    /// Has a voucher paid.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn session_settle(
        &self,
        request: &PayoutRequest,
    ) -> Result<SessionReceipt, OkxFault> {
        self.settle(SESSION_SETTLE, request).await
    }

    /// Has a channel closed.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn session_close(&self, request: &PayoutRequest) -> Result<SessionReceipt, OkxFault> {
        self.settle(SESSION_CLOSE, request).await
    }

    /// Asks what a channel holds. Moves nothing.
    ///
    /// # Errors
    ///
    /// `OkxFault`, as [`SaClient`] says.
    pub async fn session_status(&self, id: ChannelId) -> Result<SessionStatus, OkxFault> {
        let path = format!("{SESSION_STATUS}?channelId={id}");
        self.api.call(Call::get(&path)).await
    }

    pub(super) fn options(&self) -> &OkxOptions {
        self.api.options()
    }

    async fn settle<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, OkxFault> {
        let call = Call::settle(path, json(request)?);
        self.api.call(call).await
    }
}

fn json(request: &impl Serialize) -> Result<Bytes, OkxFault> {
    let text = serde_json::to_vec(request);
    text.map(Bytes::from)
        .map_err(|error| OkxFault::NotSent(error.into()))
}
