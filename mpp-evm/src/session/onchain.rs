//! The escrow contract, by the seller's own key.

mod calls;
mod deposit;
mod lane;
mod payout;
mod revert;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use mpp_core::refuse;
use payment_core::{Clock, Denied, Fault, SystemClock};
use payment_evm::permit2::PERMIT2;
use payment_evm::{CallFault, ChainFault, Domain, LocalSigner, Settler, Signer};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use self::calls::IEscrow;
use self::lane::{Lane, Lanes};
use self::revert::Revert;
use self::work::{Effect, Failure, transact};
use super::{
    ChainState, ChannelId, CheckedDeposit, Escrow, Moved, Opening, SignedVoucher, escrow_domain,
};
use crate::CredentialType;
use crate::onchain::evidence::Evidence;

/// The escrow contract of a chain, by the seller's own key over JSON-RPC. Takes every type of
/// deposit that the draft has.
///
/// - What is answered is what the contract holds, read after the transaction: never what was
///   claimed. (RULES.md, T61)
/// - What is done already is not sent again; whoever did it. So everything may be called again.
/// - A revert is a definite no, unless what was to be done is there nevertheless.
/// - No receipt is no answer. Until it comes, or five minutes have passed, nothing else is sent
///   for the channel.
///
/// Clones share everything.
#[derive(Clone)]
pub struct OnchainEscrow<P = LocalSigner> {
    settler: Settler,
    contract: Address,
    domain: Domain,
    permit2: Address,
    /// Who signs for the payee, where the account that sends is another.
    payee: Option<P>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    lanes: Lanes,
    /// Room for requests that wait for a transaction of their payer, which cost them nothing.
    waits: Arc<Semaphore>,
}

/// Why a contract is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EscrowError {
    /// The node does not answer.
    #[error("the escrow contract can't be read")]
    Unavailable(#[source] ChainFault),
    /// There is no contract at this address.
    #[error("no contract at {0}")]
    NoContract(Address),
    /// A payer could take the deposit back before the seller notices. (RULES.md, T67)
    #[error("the escrow's grace period of {seconds} s is below {LEAST_GRACE} s")]
    ShortGrace {
        /// What it grants.
        seconds: U256,
    },
    /// Vouchers that we check would not be vouchers that it pays.
    #[error("the escrow checks signatures in another domain")]
    OtherDomain,
    /// It names channels otherwise than the draft says.
    #[error("the escrow names channels in another way")]
    OtherNames,
    /// It lacks a function that is needed.
    #[error("the escrow does not answer as expected")]
    Interface,
}

/// Seconds that a payee must have to settle after the payer has asked to close (evm-session,
/// Close Grace Period).
const LEAST_GRACE: u64 = 600;

/// How long to wait until the node shows what it says was done.
const PATIENCE: Duration = Duration::from_secs(10);

/// Requests that wait at once for a transaction that a stranger says there is. Others look once.
const MOST_WAITS: usize = 64;

/// How often to look meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl OnchainEscrow {
    /// Uses this contract on the chain of the settler, whose account is the payee unless
    /// [`Self::relayed_for`] names another.
    ///
    /// # Errors
    ///
    /// `EscrowError` for a contract that sessions can't rely on, and when the node does not
    /// answer.
    pub async fn connect(settler: Settler, contract: Address) -> Result<Self, EscrowError> {
        let code = settler.code_at(contract).await;
        if code.map_err(EscrowError::Unavailable)?.is_empty() {
            return Err(EscrowError::NoContract(contract));
        }
        let domain = escrow_domain(settler.chain_id(), contract);
        let escrow = Self {
            settler,
            contract,
            domain,
            permit2: PERMIT2,
            payee: None,
            clock: Arc::new(SystemClock),
            patience: PATIENCE,
            lanes: Lanes::default(),
            waits: Arc::new(Semaphore::new(MOST_WAITS)),
        };
        escrow.check().await?;
        Ok(escrow)
    }

    /// What can't be relied on is not used.
    async fn check(&self) -> Result<(), EscrowError> {
        let seconds = self.view(&IEscrow::CLOSE_GRACE_PERIODCall {}).await?;
        if seconds < U256::from(LEAST_GRACE) {
            return Err(EscrowError::ShortGrace { seconds });
        }
        if self.view(&IEscrow::domainSeparatorCall {}).await? != self.domain.separator() {
            return Err(EscrowError::OtherDomain);
        }
        let sample = Opening {
            payer: Address::repeat_byte(1),
            payee: Address::repeat_byte(2),
            token: Address::repeat_byte(3),
            salt: B256::repeat_byte(4),
            authorized_signer: Address::repeat_byte(5),
            escrow: self.contract,
            chain_id: self.settler.chain_id(),
        };
        let call = IEscrow::computeChannelIdCall {
            payer: sample.payer,
            payee: sample.payee,
            token: sample.token,
            salt: sample.salt,
            authorizedSigner: sample.authorized_signer,
        };
        if self.view(&call).await? != sample.id().word() {
            return Err(EscrowError::OtherNames);
        }
        self.read(sample.id()).await.map(|_| ()).map_err(of_view)
    }

    async fn view<C: SolCall>(&self, call: &C) -> Result<C::Return, EscrowError> {
        let answer = self
            .settler
            .simulate(self.contract, call.abi_encode().into());
        let answer = answer.await.map_err(of_view)?;
        C::abi_decode_returns_validate(&answer).map_err(|_| EscrowError::Interface)
    }
}

fn of_view(fault: CallFault) -> EscrowError {
    match fault {
        CallFault::Unavailable(fault) => EscrowError::Unavailable(fault),
        _ => EscrowError::Interface,
    }
}

impl<P> OnchainEscrow<P> {
    /// Settles for this payee, whose key signs each settlement and need hold no gas: the account
    /// of the settler brings it to the contract (evm-session, Relayed Settlement).
    #[must_use]
    pub fn relayed_for<Q: Signer>(self, payee: Q) -> OnchainEscrow<Q> {
        let Self {
            settler,
            contract,
            domain,
            permit2,
            payee: _,
            clock,
            patience,
            lanes,
            waits,
        } = self;
        OnchainEscrow {
            settler,
            contract,
            domain,
            permit2,
            payee: Some(payee),
            clock,
            patience,
            lanes,
            waits,
        }
    }

    /// Sets where time comes from.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the Permit2 that the contract pulls by, where it is not the canonical one.
    #[must_use]
    pub const fn permit2(mut self, contract: Address) -> Self {
        self.permit2 = contract;
        self
    }

    /// Sets how long a request may wait for a transaction of the payer to be mined, and for the
    /// node to show what a mined one has done. 10 s without this. Where many wait already, the node
    /// is asked once.
    #[must_use]
    pub const fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// What the contract holds; `None` for a channel that it does not have.
    async fn read(&self, id: ChannelId) -> Result<Option<ChainState>, CallFault> {
        let call = IEscrow::getChannelCall {
            channelId: id.word(),
        };
        let answer = self
            .settler
            .simulate(self.contract, call.abi_encode().into());
        let answer = match answer.await {
            Err(CallFault::Reverted(data)) if Revert::of(&data) == Revert::NotFound => {
                return Ok(None);
            }
            answer => answer?,
        };
        let found = IEscrow::getChannelCall::abi_decode_returns_validate(&answer)
            .map_err(|_| CallFault::Reverted(answer))?;
        Ok(Some(found)
            .filter(|found| !found.payer.is_zero())
            .map(|found| state(&found)))
    }

    /// What the contract holds, once the effect shows; `None` when it does not in time.
    async fn await_effect(
        &self,
        id: ChannelId,
        effect: Effect,
    ) -> Result<Option<ChainState>, Fault> {
        let began = Instant::now();
        loop {
            let last = began.elapsed() >= self.patience;
            match self.look(id).await {
                Ok(Some(chain)) if effect.shows(&chain) => return Ok(Some(chain)),
                Ok(_) if last => return Ok(None),
                Err(fault) if last => return Err(fault),
                Ok(_) | Err(_) => sleep(LOOK_EVERY).await,
            }
        }
    }

    async fn look(&self, id: ChannelId) -> Result<Option<ChainState>, Fault> {
        self.read(id).await.map_err(|fault| match fault {
            CallFault::Reverted(data) => {
                Fault::upstream("escrow_unreadable", CallFault::Reverted(data))
            }
            other => Fault::unavailable("chain_unavailable", other),
        })
    }

    /// Looks for a transaction of ours whose outcome is not known. `true` when there was one and
    /// it is mined: things have to be looked at again. It was waited for when it was sent; those
    /// who ask again wait in line, and not for each other's waiting.
    async fn catch_up(&self, lane: &mut Lane) -> Result<bool, Denied> {
        let Some(hash) = lane.in_flight(self.clock.now()) else {
            return Ok(false);
        };
        match self.settler.mined(hash).await {
            Ok(Some(_)) => {
                lane.clear();
                Ok(true)
            }
            Ok(None) => Err(Evidence::of(hash).unknown(NotMined)),
            Err(fault) => Err(Evidence::of(hash).unknown(fault)),
        }
    }

    /// Sends a transaction of ours, and answers with what the contract holds after it.
    async fn bring(&self, lane: &mut Lane, errand: &Errand) -> Result<Moved, Denied> {
        let (id, effect) = (errand.id, errand.effect);
        match transact(&self.settler, self.contract, errand.data.clone()).await {
            Ok(mined) => {
                let transaction = Some(mined.hash);
                match self.await_effect(id, effect).await {
                    Ok(Some(chain)) => Ok(Moved { chain, transaction }),
                    Ok(None) => Err(Evidence::of(mined.hash).unknown(NotShown)),
                    Err(fault) => Err(Evidence::of(mined.hash).unknown(fault)),
                }
            }
            Err(Failure::NotSent(fault)) => {
                Err(Fault::unavailable("chain_unavailable", fault).into())
            }
            // Somebody may have been faster: what is there is there.
            Err(Failure::WouldFail(revert)) => match self.done(errand).await? {
                Some(chain) => Ok(unmoved(chain)),
                None => Err(self.would_fail(errand, revert).await?),
            },
            Err(Failure::Failed(hash)) => match self.done(errand).await {
                Ok(Some(chain)) => Ok(unmoved(chain)),
                Ok(None) => Err(reverted().into()),
                Err(fault) => Err(Evidence::of(hash).unknown(fault)),
            },
            Err(Failure::Unknown(hash, fault)) => {
                if let Ok(Some(chain)) = self.done(errand).await {
                    return Ok(unmoved(chain));
                }
                let Some(hash) = hash else {
                    return Err(Evidence::none().unknown(fault));
                };
                lane.sent(hash, self.clock.now());
                Err(Evidence::of(hash).unknown(fault))
            }
        }
    }

    /// What the contract holds, if what was to be done is done.
    async fn done(&self, errand: &Errand) -> Result<Option<ChainState>, Fault> {
        let Some(chain) = self.look(errand.id).await? else {
            return Ok(None);
        };
        let done = match &errand.pull {
            // What is there may be there for long; what tells is whether the signature is used.
            Some(pull) if pull.adds => self.is_used(pull).await?,
            _ => errand.effect.shows(&chain),
        };
        Ok(done.then_some(chain))
    }

    /// What to say of a call that fails.
    async fn would_fail(&self, errand: &Errand, revert: Revert) -> Result<Denied, Fault> {
        let Some(pull) = &errand.pull else {
            return Ok(revert.refusal().into());
        };
        let insufficient = match revert {
            Revert::Token => true,
            Revert::Silent => self.lacks(pull).await?,
            _ => false,
        };
        Ok(match insufficient {
            true => refuse::payment_insufficient("the token does not give the deposit").into(),
            false => revert.refusal().into(),
        })
    }
}

/// A transaction to be sent for a channel.
struct Errand {
    id: ChannelId,
    data: Bytes,
    effect: Effect,
    /// The money that the payer has signed for; `None` when money goes out.
    pull: Option<Pull>,
}

/// A signature by which the contract pulls money.
struct Pull {
    token: Address,
    payer: Address,
    amount: u128,
    nonce: Nonce,
    /// Whether it adds to a channel that is there.
    adds: bool,
}

/// What makes a signature good for once.
#[derive(Clone, Copy)]
enum Nonce {
    Token(B256),
    Permit2(U256),
}

impl<P: Signer + 'static> Escrow for OnchainEscrow<P> {
    fn chain_id(&self) -> u64 {
        self.settler.chain_id()
    }

    fn contract(&self) -> Address {
        self.contract
    }

    fn pays(&self, payee: Address) -> bool {
        payee == self.payee() || payee == self.settler.address()
    }

    fn takes(&self, kind: CredentialType) -> bool {
        matches!(
            kind,
            CredentialType::Hash | CredentialType::Authorization | CredentialType::Permit2
        )
    }

    async fn state(&self, id: ChannelId) -> Result<Option<ChainState>, Fault> {
        self.look(id).await
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

    fn taken_up(&self, _: ChannelId) {
        // The chain tells what has become of it.
    }
}

impl<P: Signer> OnchainEscrow<P> {
    /// Who is paid: the account whose key signs.
    #[must_use]
    pub fn payee(&self) -> Address {
        match &self.payee {
            Some(payee) => payee.address(),
            None => self.settler.address(),
        }
    }
}

impl<P> fmt::Debug for OnchainEscrow<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnchainEscrow")
            .field("settler", &self.settler)
            .field("contract", &self.contract)
            .finish_non_exhaustive()
    }
}

const fn state(found: &IEscrow::State) -> ChainState {
    ChainState {
        payer: found.payer,
        payee: found.payee,
        token: found.token,
        authorized_signer: Some(found.authorizedSigner),
        deposit: found.deposit,
        settled: found.settled,
        close_requested_at: found.closeRequestedAt,
        finalized: found.finalized,
    }
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

fn reverted() -> payment_core::Refusal {
    refuse::session_transaction_reverted("the transaction failed on the chain")
}

#[derive(Debug, thiserror::Error)]
#[error("the transaction has no receipt yet")]
struct NotMined;

#[derive(Debug, thiserror::Error)]
#[error("the node does not show what the transaction has done")]
struct NotShown;

#[derive(Debug, thiserror::Error)]
#[error("many deposits of this channel are in work")]
struct Crowded;

#[cfg(test)]
mod tests;
