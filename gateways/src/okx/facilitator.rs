use std::fmt;
use std::sync::Arc;

use alloy_primitives::B256;
use bytes::Bytes;
use http::StatusCode;
use payment_core::ConfigError;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep, timeout_at};
use x402_core::wire::SupportedResponse;
use x402_core::{
    Code, Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, SupportedCache,
    VerifyAnswer, Version,
};

use super::api::{Api, Call, LONGEST};
use super::reason::Reason;
use super::settle_status::{SettleStatus, StatusData};
use super::settlement::{hash, pending};
use super::supported::Supported;
use super::{ApiCode, BASE_URL, OkxFault, OkxKeys, OkxOptions, settle_answer};

/// OKX as the facilitator of x402 payments, `exact` and `aggr_deferred`. Cheap to clone; clones
/// share connections and what is known of `/supported`.
///
/// OKX speaks version 2 alone, so the protocol is told to:
///
/// ```no_run
/// use gateways::okx::{OkxFacilitator, OkxKeys};
/// use x402_core::X402;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let okx = OkxFacilitator::new(OkxKeys::from_env()?)?;
/// let x402 = X402::new(okx).v2_only();
/// // Then `.accept(…)` with each scheme to be paid by, and once all are in:
/// x402.check_supported().await?;
/// # Ok(())
/// # }
/// ```
///
/// - A payment is settled by a transaction that OKX says has succeeded, or, of `aggr_deferred`, by
///   OKX having taken it for a batch.
/// - What is under way is asked about for [`OkxOptions::poll_for`], and then again when the buyer
///   comes back. In doubt it stays under way: where an answer was lost before it named a
///   transaction that OKX knows, and OKX will not repeat it, the payment is neither delivered nor
///   asked for again until somebody looks at the chain.
/// - What OKX turns away (429, a code such as 50011 or 50113) is taken for not done.
/// - Why OKX refuses is put in our own words.
#[derive(Clone)]
pub struct OkxFacilitator {
    api: Api,
    supported: Arc<SupportedCache>,
    mode: SettleMode,
}

/// When OKX answers a settlement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SettleMode {
    /// Once the transaction is in the chain, or it has waited long enough.
    #[default]
    Synchronous,
    /// Once the transaction is sent; whether it succeeds is asked from here.
    Asynchronous,
}

const VERIFY: &str = "/api/v6/pay/x402/verify";
const VERIFY_SIGNATURE: &str = "/api/v6/pay/x402/verify-signature";
const SETTLE: &str = "/api/v6/pay/x402/settle";
const SETTLE_STATUS: &str = "/api/v6/pay/x402/settle/status";
const SUPPORTED: &str = "/api/v6/pay/x402/supported";

impl OkxFacilitator {
    /// OKX where it serves, with the default options.
    ///
    /// # Errors
    ///
    /// `ConfigError` when TLS can't be set up.
    pub fn new(keys: OkxKeys) -> Result<Self, ConfigError> {
        Self::at(BASE_URL, keys, OkxOptions::default())
    }

    /// OKX at another base URL, or with other options.
    ///
    /// # Errors
    ///
    /// `ConfigError` unless the URL is `https` (or `http` to this machine) without user, query
    /// and fragment, and TLS can be set up.
    pub fn at(url: &str, keys: OkxKeys, options: OkxOptions) -> Result<Self, ConfigError> {
        Ok(Self {
            api: Api::new(url, keys, options)?,
            supported: Arc::new(SupportedCache::default()),
            mode: SettleMode::default(),
        })
    }

    /// Sets when a settlement is answered.
    #[must_use]
    pub const fn settles(mut self, mode: SettleMode) -> Self {
        self.mode = mode;
        self
    }

    /// Whether the signature of a payment is good. Looks at nothing else: not at the balance, and
    /// not at whether the payment was used.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` when there is no answer to rely on.
    pub async fn verify_signature(
        &self,
        request: &PaymentRequest,
    ) -> Result<VerifyAnswer, FacilitatorFault> {
        self.judge(VERIFY_SIGNATURE, request).await
    }

    /// What became of a transaction that OKX has sent.
    ///
    /// # Errors
    ///
    /// `FacilitatorFault` when OKX does not say.
    pub async fn settle_status(&self, transaction: B256) -> Result<SettleStatus, FacilitatorFault> {
        self.look_up(transaction).await?.of(transaction)
    }

    async fn judge(
        &self,
        path: &str,
        request: &PaymentRequest,
    ) -> Result<VerifyAnswer, FacilitatorFault> {
        let body = body(request, &Map::new())?;
        let data: Box<RawValue> = match self.api.call(Call::ask(path, body)).await {
            Ok(data) => data,
            // The payer's account, and asking moves nothing: a no.
            Err(OkxFault::Refused(ApiCode::NoAccount)) => return Ok(Code::Facilitator.into()),
            Err(fault) => return Err(fault.into()),
        };
        match VerifyAnswer::read(StatusCode::OK, data.get().as_bytes())? {
            VerifyAnswer::Invalid { code } => match Reason::read(&code) {
                Reason::No(code) => Ok(code.into()),
                Reason::Spent => Ok(Code::NonceUsed.into()),
                Reason::Open => Err(FacilitatorFault::NotSent("nobody could look".into())),
            },
            valid => Ok(valid),
        }
    }

    async fn look_up(&self, transaction: B256) -> Result<StatusData, FacilitatorFault> {
        let path = format!("{SETTLE_STATUS}?txHash={transaction:#x}");
        Ok(self.api.call(Call::get(&path)).await?)
    }

    async fn ask_about(
        &self,
        request: &PaymentRequest,
        transaction: B256,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        let data = self.look_up(transaction).await?;
        data.answer(request, transaction)
    }

    /// Asks about a transaction until it is in the chain, for a while.
    async fn follow(&self, request: &PaymentRequest, transaction: B256) -> SettleAnswer {
        let pause = self.api.options().poll_pause();
        let until = Instant::now() + self.api.options().poll_for.min(LONGEST);
        while pause < until.saturating_duration_since(Instant::now()) {
            sleep(pause).await;
            match timeout_at(until, self.ask_about(request, transaction)).await {
                Err(_) => break,
                Ok(Ok(SettleAnswer::Pending { .. })) => {}
                Ok(Ok(known)) => return known,
                Ok(Err(error)) => tracing::debug!(%error, "asking OKX about a settlement"),
            }
        }
        pending(Some(transaction))
    }
}

impl Facilitator for OkxFacilitator {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        self.judge(VERIFY, request).await
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let body = body(request, &self.mode.members())?;
        let data: Box<RawValue> = self.api.call(Call::settle(SETTLE, body)).await?;
        let answer = settle_answer::read(request, &data)?;
        match under_way(&answer) {
            Some(transaction) => Ok(self.follow(request, transaction).await),
            None => Ok(answer),
        }
    }

    /// Asks about the transaction, where one is known. Where none is, or OKX does not know it (any
    /// more), settles again: the nonce of the payment lets the money move once. Success is success;
    /// a refusal proves nothing, as the attempt before may be what it is about.
    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        if let Some(transaction) = transaction.and_then(hash) {
            let data = self.look_up(transaction).await?;
            if data.of(transaction)? != SettleStatus::NotFound {
                return data.answer(request, transaction);
            }
        }
        match self.settle(request).await? {
            SettleAnswer::Refused { .. } => Ok(pending(None)),
            known => Ok(known),
        }
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        let ask = || async {
            let data: Supported = self.api.call(Call::get(SUPPORTED)).await?;
            Ok(data.into())
        };
        let fresh_for = self.api.options().supported_for;
        self.supported.get(fresh_for, ask).await
    }
}

impl fmt::Debug for OkxFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OkxFacilitator")
            .field("api", &self.api)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl SettleMode {
    /// What it adds to the body.
    fn members(self) -> Map<String, Value> {
        let waits = self == Self::Synchronous;
        Map::from_iter([("syncSettle".to_owned(), waits.into())])
    }
}

/// The body of a question about a payment, of version 2.
fn body(request: &PaymentRequest, more: &Map<String, Value>) -> Result<Bytes, FacilitatorFault> {
    match request.version() {
        Version::V2 => Ok(request.body_with(more).into()),
        _ => Err(FacilitatorFault::NotSent(
            "OKX speaks x402 version 2 alone".into(),
        )),
    }
}

/// The transaction of a settlement that is under way.
fn under_way(answer: &SettleAnswer) -> Option<B256> {
    match answer {
        SettleAnswer::Pending { transaction } => transaction.as_deref().and_then(hash),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
