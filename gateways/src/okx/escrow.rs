mod deposit;
mod payout;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use mpp_core::refuse;
use mpp_evm::CredentialType;
use mpp_evm::session::{
    ChainState, ChannelId, CheckedDeposit, Escrow, Moved, SignedVoucher, escrow_domain,
};
use payment_core::{Clock, Denied, Fault, SystemClock, Timestamp};
use payment_evm::{Domain, Signer};
use tokio::time::{Instant, sleep};

use super::api::LONGEST;
use super::arrived::Arrived;
use super::attempts::{Attempts, Begun};
use super::compat::{is_definite, ours, unknown};
use super::receipt::Unproven;
use super::wire::{ChannelStage, SessionReceipt, SessionStatus};
use super::{ApiCode, Compat, DEFAULT_ESCROW, OkxFault, SaClient, SaCode, X_LAYER};

/// The escrow contract through the SA-API: no node, and no key for gas. The payee's key signs each
/// payout. Takes deposits as authorizations and as transactions that the payer has sent.
///
/// - What a channel holds is what OKX says after the call, never what the buyer has claimed. For
///   an opening that is the receipt, but no more than the payer has signed; for a payout it is the
///   status, which must show it.
/// - OKX names no signer of a channel. Of one that was opened here it is bound by the channel's
///   name; another can't be adopted.
/// - OKX says of a closing channel not since when: it is taken to be since now, so that nothing is
///   served on it and a keeper settles at once.
/// - A call whose outcome is not known is made again when asked again, by the same signature of the
///   payer, which the contract takes once. For as long as a signature of the payee is good, a
///   refusal of the second is not taken for one of the first; what the status shows is. That is
///   remembered in this process: after a restart a deposit that arrived unseen may be refused, and
///   counts all the same once the channel is looked at again. A channel that another process was
///   closing stays closing for so long, whatever is refused.
///
/// Clones share everything.
#[derive(Clone)]
pub struct OkxEscrow<S> {
    sa: SaClient,
    signer: S,
    chain_id: u64,
    contract: Address,
    domain: Domain,
    deadline: Duration,
    compat: Compat,
    clock: Arc<dyn Clock>,
    deposits: Attempts,
    settlings: Attempts,
    closings: Attempts,
    arrived: Arrived,
}

/// How long a signature of the payee is good, unless told otherwise.
const DEADLINE: Duration = Duration::from_secs(3600);

impl<S: Signer> OkxEscrow<S> {
    /// Settles by these calls for the account of this signer, on X Layer.
    #[must_use]
    pub fn new(sa: SaClient, signer: S) -> Self {
        Self {
            sa,
            signer,
            chain_id: X_LAYER,
            contract: DEFAULT_ESCROW,
            domain: escrow_domain(X_LAYER, DEFAULT_ESCROW),
            deadline: DEADLINE,
            compat: Compat::Draft,
            clock: Arc::new(SystemClock),
            deposits: Attempts::default(),
            settlings: Attempts::default(),
            closings: Attempts::default(),
            arrived: Arrived::default(),
        }
    }

    /// Settles on another chain.
    #[must_use]
    pub fn on_chain(mut self, id: u64) -> Self {
        self.chain_id = id;
        self.domain = escrow_domain(id, self.contract);
        self
    }

    /// Uses another contract.
    #[must_use]
    pub fn contract(mut self, contract: Address) -> Self {
        self.contract = contract;
        self.domain = escrow_domain(self.chain_id, contract);
        self
    }

    /// Sets how long a signature of the payee is good. One hour without this.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets as what a buyer is told that OKX refuses.
    #[must_use]
    pub const fn compat(mut self, compat: Compat) -> Self {
        self.compat = compat;
        self
    }

    /// Sets where time comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl<S> OkxEscrow<S> {
    /// What OKX says of a channel now.
    async fn look(&self, id: ChannelId) -> Result<Option<ChainState>, OkxFault> {
        let status = match self.sa.session_status(id).await {
            Ok(status) => status,
            Err(OkxFault::Refused(ApiCode::Sa(SaCode::ChannelNotFound))) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        if status.channel_id != id || status.settled_on_chain > status.deposit {
            return Err(OkxFault::Garbage {
                what: "the status of another channel, or of none that can be",
                status: 200,
            });
        }
        Ok(Some(self.chain(&status)))
    }

    fn chain(&self, status: &SessionStatus) -> ChainState {
        let close_requested_at = match status.session_status {
            ChannelStage::Closing => self.clock.now().seconds().max(1),
            ChannelStage::Open | ChannelStage::Closed => 0,
        };
        ChainState {
            payer: status.payer,
            payee: status.payee,
            token: status.token,
            authorized_signer: None,
            deposit: status.deposit,
            settled: status.settled_on_chain,
            close_requested_at,
            finalized: status.session_status == ChannelStage::Closed,
        }
    }

    /// Looks until what was done is to be seen, for a while.
    async fn shown(&self, id: ChannelId, effect: Effect) -> Result<ChainState, Unseen> {
        let options = self.sa.options();
        let pause = options.poll_pause();
        let until = Instant::now() + options.poll_for.min(LONGEST);
        loop {
            let unseen = match self.look(id).await {
                Ok(Some(chain)) if effect.shows(&chain) => return Ok(chain),
                Ok(_) => Unseen::NotShown,
                Err(fault) => Unseen::Called(fault),
            };
            if pause >= until.saturating_duration_since(Instant::now()) {
                return Err(unseen);
            }
            sleep(pause).await;
        }
    }

    /// What a call that is not known to have succeeded comes to. It may have, or an earlier one:
    /// that is to be seen.
    async fn concluded(&self, errand: &Errand, unseen: Unseen) -> Result<Moved, Denied> {
        let settled = match unseen {
            Unseen::Called(fault) if fault.is_undone() => {
                errand.undone();
                return Err(self.compat.denied(fault));
            }
            unseen => unseen,
        };
        if let Ok(Some(chain)) = self.look(errand.id).await
            && errand.effect.shows(&chain)
        {
            errand.ended();
            return Ok(unmoved(chain));
        }
        match settled {
            Unseen::Called(fault) if is_definite(&fault) => {
                errand.undone();
                match errand.is_first() {
                    true => Err(self.compat.denied(fault)),
                    false => Err(unknown(Unseen::Called(fault))),
                }
            }
            open => Err(unknown(open)),
        }
    }

    fn proven(
        &self,
        answer: Result<SessionReceipt, OkxFault>,
        id: ChannelId,
    ) -> Result<SessionReceipt, Unseen> {
        let receipt = answer.map_err(Unseen::Called)?;
        let proven = receipt.proven(self.chain_id, id);
        proven.map_err(Unseen::Unproven)
    }

    /// Remembers a call that is about to be made.
    fn errand(&self, attempts: &Attempts, id: ChannelId, key: B256, held: u128) -> Errand {
        let (now, until) = (self.clock.now(), self.open_until());
        Errand {
            id,
            begun: Some((attempts.clone(), attempts.begin(key, held, now, until))),
            effect: Effect::Opened,
        }
    }

    /// Until when a call that is made now may do something.
    fn open_until(&self) -> Timestamp {
        let now = self.clock.now();
        now.plus(self.deadline).plus(CLOCKS_APART)
    }
}

/// How far the clock of the chain may be behind.
const CLOCKS_APART: Duration = Duration::from_secs(60);

impl<S: Signer + 'static> Escrow for OkxEscrow<S> {
    fn chain_id(&self) -> u64 {
        self.chain_id
    }

    fn contract(&self) -> Address {
        self.contract
    }

    fn pays(&self, payee: Address) -> bool {
        self.signer.address() == payee
    }

    fn takes(&self, kind: CredentialType) -> bool {
        matches!(kind, CredentialType::Authorization | CredentialType::Hash)
    }

    async fn state(&self, id: ChannelId) -> Result<Option<ChainState>, Fault> {
        self.look(id).await.map_err(ours)
    }

    async fn deposit(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        self.take_in(deposit).await
    }

    async fn settle(&self, id: ChannelId, voucher: &SignedVoucher) -> Result<Moved, Denied> {
        self.pay_out(id, voucher).await
    }

    async fn close(&self, id: ChannelId, voucher: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        self.finish(id, voucher).await
    }

    fn taken_up(&self, id: ChannelId) {
        self.closings.suspect(id.word(), self.open_until());
    }
}

impl<S: Signer> fmt::Debug for OkxEscrow<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OkxEscrow")
            .field("payee", &self.signer.address())
            .field("chain_id", &self.chain_id)
            .field("contract", &self.contract)
            .finish_non_exhaustive()
    }
}

/// One call that may move money, and what is to be seen after it.
struct Errand {
    id: ChannelId,
    /// Where it is remembered; nowhere, when it only looks.
    begun: Option<(Attempts, Begun)>,
    effect: Effect,
}

impl Errand {
    const fn looking(id: ChannelId) -> Self {
        Self {
            id,
            begun: None,
            effect: Effect::Opened,
        }
    }

    fn showing(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// What the channel held before an earlier call of the same kind whose outcome is open.
    fn earlier(&self) -> Option<u128> {
        let (_, begun) = self.begun.as_ref()?;
        begun.earlier.map(|earlier| earlier.held)
    }

    fn is_first(&self) -> bool {
        self.earlier().is_none()
    }

    /// This call has done what it was to do.
    fn ended(&self) {
        if let Some((attempts, begun)) = &self.begun {
            attempts.end(begun);
        }
    }

    /// This call has done nothing. An earlier one still may.
    fn undone(&self) {
        if let Some((attempts, begun)) = &self.begun {
            attempts.undo(begun);
        }
    }
}

/// What is to be seen of a channel once a call has done what it was to do.
#[derive(Clone, Copy, Debug)]
enum Effect {
    /// There is a channel.
    Opened,
    /// There is at least so much in it.
    Deposited(u128),
    /// At least so much was paid out.
    Settled(u128),
    /// It is closed for good.
    Closed,
}

impl Effect {
    const fn shows(self, chain: &ChainState) -> bool {
        match self {
            Self::Opened => true,
            Self::Deposited(least) => chain.deposit >= least,
            Self::Settled(least) => chain.settled >= least,
            Self::Closed => chain.finalized,
        }
    }
}

/// Why something is not known to be done.
#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error("the call failed")]
    Called(#[source] OkxFault),
    #[error("the receipt proves nothing")]
    Unproven(#[source] Unproven),
    #[error("the status does not show what the receipt says")]
    NotShown,
}

/// There was nothing left to do.
const fn unmoved(chain: ChainState) -> Moved {
    Moved {
        chain,
        transaction: None,
    }
}

fn unknown_channel() -> Denied {
    refuse::session_channel_not_found("there is no such channel").into()
}

fn finalized() -> Denied {
    refuse::session_channel_finalized("the channel is closed").into()
}
