//! Charges settled on chain with the seller's own key.

pub(crate) mod evidence;
mod moved;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use mpp_core::refuse;
use payment_core::{Clock, Denied, Fault, Refusal, SystemClock, Timestamp, Units};
use payment_evm::permit2::TransferDetails;
use payment_evm::{Authorization, CallFault, ChainFault, Mined, SendFault, Settler, SignedPermit};

use self::evidence::Evidence;
use self::moved::{check_hash, check_moved};
use crate::{ChargeBackend, CheckedCharge, CredentialType, Proof};

/// Settles charges with the seller's own key over JSON-RPC. Takes every type of credential on
/// the chain of its [`Settler`], as far as one transaction settles it: a payment that is split only
/// by `permit2`.
///
/// - A revert is a definite no, and so is a transaction that no node has taken.
/// - No receipt is no answer: the hash is kept as evidence and looked up again.
/// - A signature that was used by a transaction we don't know may have paid us; it is never
///   taken for a no.
/// - A signature that has expired unused is a definite no, once no block can be that late.
#[derive(Clone)]
pub struct OnchainCharge {
    settler: Settler,
    clock: Arc<dyn Clock>,
}

/// How long after its expiry a signature is still taken for possible, where the clock of this
/// machine stands in for the time of the chain.
const CHAIN_BEHIND: Duration = Duration::from_secs(600);

impl OnchainCharge {
    /// Settles through this account.
    #[must_use]
    pub fn new(settler: Settler) -> Self {
        Self {
            settler,
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets where time comes from: it says when a signature that was not used never will be.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Whether the chain can't take the signature any more, whatever is still on its way.
    fn is_over(&self, charge: &CheckedCharge) -> bool {
        let expiry = match (charge.proof().sole_authorization(), charge.proof()) {
            (Some((authorization, _)), _) => authorization.valid_before,
            (_, Proof::Permit2 { permit, .. }) => permit.deadline,
            _ => return false,
        };
        let expiry = Timestamp::from_seconds(u64::try_from(expiry).unwrap_or(u64::MAX));
        self.clock.now() > expiry.plus(CHAIN_BEHIND)
    }

    async fn has_balance(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        let token = charge.due().token.address;
        let balance = self.settler.balance_of(token, charge.payer()).await;
        // A token that has no balances is our mistake, not the buyer's.
        let balance = balance.map_err(|fault| Fault::unavailable("chain_unavailable", fault))?;
        if Units::new(balance) < charge.due().amount {
            return Err(refuse::payment_insufficient("the payer's balance is too low").into());
        }
        Ok(())
    }

    /// A node takes a transaction with a later nonce and keeps it until those before it come,
    /// which they never may: its outcome would stay open for good, at no cost to the payer.
    async fn can_be_mined(&self, charge: &CheckedCharge, nonce: u64) -> Result<(), Denied> {
        let next = self.settler.next_nonce_of(charge.payer()).await;
        let next = next.map_err(|fault| Fault::unavailable("chain_unavailable", fault))?;
        if nonce > next {
            return Err(refuse::verification_failed("the transaction can't be mined yet").into());
        }
        Ok(())
    }

    /// Whether the nonce of a signature is used up on chain, whoever has used it.
    async fn is_used(&self, charge: &CheckedCharge) -> Result<bool, CallFault> {
        let due = charge.due();
        if let Some((Authorization { from, nonce, .. }, _)) = charge.proof().sole_authorization() {
            let token = due.token.address;
            return self.settler.authorization_used(token, *from, *nonce).await;
        }
        match charge.proof() {
            Proof::Permit2 { permit, .. } => {
                self.settler
                    .permit_used(due.permit2, charge.payer(), permit.nonce)
                    .await
            }
            _ => Ok(false),
        }
    }

    /// Sends what a signature allows.
    async fn send(&self, charge: &CheckedCharge) -> Result<Mined, SendFault> {
        let due = charge.due();
        if let Some((authorization, signature)) = charge.proof().sole_authorization() {
            let (settler, token) = (&self.settler, due.token.address);
            return settler
                .transfer_with_authorization(token, authorization, signature)
                .await;
        }
        match charge.proof() {
            Proof::Permit2 {
                permit,
                spelling,
                signature,
            } => {
                let (owner, spelling) = (charge.payer(), *spelling);
                let transfers = &transfers(charge);
                let permit = SignedPermit {
                    permit,
                    spelling,
                    owner,
                    transfers,
                    signature,
                };
                self.settler
                    .permit_witness_transfer(due.permit2, &permit)
                    .await
            }
            Proof::Transaction { raw, .. } => self.settler.broadcast_raw(raw).await,
            Proof::Hash { hash, .. } => Err(SendFault::Unknown { hash: *hash }),
            Proof::Authorization { .. } | Proof::Transfers(_) => {
                Err(SendFault::NotSent(ChainFault::Several))
            }
        }
    }

    async fn simulate(&self, charge: &CheckedCharge) -> Result<(), CallFault> {
        let due = charge.due();
        if let Some((authorization, signature)) = charge.proof().sole_authorization() {
            let (settler, token) = (&self.settler, due.token.address);
            return settler
                .simulate_transfer_with_authorization(token, authorization, signature)
                .await;
        }
        match charge.proof() {
            Proof::Permit2 {
                permit,
                spelling,
                signature,
            } => {
                let (owner, spelling) = (charge.payer(), *spelling);
                let transfers = &transfers(charge);
                let permit = SignedPermit {
                    permit,
                    spelling,
                    owner,
                    transfers,
                    signature,
                };
                self.settler
                    .simulate_permit_witness_transfer(due.permit2, &permit)
                    .await
            }
            Proof::Authorization { .. } | Proof::Transfers(_) => Err(ChainFault::Several.into()),
            // A transaction is not ours to try, and a hash is looked up.
            _ => Ok(()),
        }
    }

    /// Moves the money of a signature or a raw transaction.
    async fn move_money(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        match self.send(charge).await {
            Ok(mined) => check_moved(&mined, charge),
            Err(SendFault::NotSent(ChainFault::Reverted { .. })) => {
                Err(self.would_fail_now(charge).await)
            }
            Err(SendFault::NotSent(fault)) => {
                Err(Fault::unavailable("chain_unavailable", fault).into())
            }
            Err(SendFault::Reverted { hash }) => Err(self.reverted(hash, charge).await),
            Err(fault @ SendFault::Unknown { hash }) => Err(Evidence::of(hash).unknown(fault)),
            Err(fault) => Err(Evidence::none().unknown(fault)),
        }
    }

    /// The last simulation failed, so that nothing left. The signature may have been used since
    /// it was verified, by somebody else or by an attempt of ours that was lost sight of; the
    /// buyer has paid then, and must not be told to pay again.
    async fn would_fail_now(&self, charge: &CheckedCharge) -> Denied {
        match self.is_used(charge).await {
            Ok(false) => would_fail().into(),
            Ok(true) => Evidence::none().unknown(UsedElsewhere),
            Err(fault) => Evidence::none().unknown(fault),
        }
    }

    /// Our transaction was mined and failed. Somebody may have sent the same signature before
    /// us; the buyer has paid then, and must not be told to pay again.
    async fn reverted(&self, hash: B256, charge: &CheckedCharge) -> Denied {
        match self.is_used(charge).await {
            Ok(false) => failed_on_chain().into(),
            Ok(true) => Evidence::of(hash).unknown(UsedElsewhere),
            Err(fault) => Evidence::of(hash).unknown(fault),
        }
    }

    /// What became of a transaction that we or the buyer have sent.
    async fn look_up(&self, hash: B256, charge: &CheckedCharge) -> Result<Option<B256>, Denied> {
        match self.settler.mined(hash).await {
            Ok(None) => Ok(None),
            Ok(Some(mined)) if mined.success => check_moved(&mined, charge).map(Some),
            Ok(Some(_)) => Err(self.reverted(hash, charge).await),
            Err(fault) => Err(Evidence::of(hash).unknown(fault)),
        }
    }

    /// For a hash there is nothing to send: the transfer is there, or it is not.
    async fn verify_hash(&self, charge: &CheckedCharge, hash: B256) -> Result<B256, Denied> {
        let unavailable = |fault: ChainFault| Fault::unavailable("chain_unavailable", fault);
        let mined = self.settler.mined(hash).await.map_err(unavailable)?;
        let Some(mined) = mined else {
            // The buyer has perhaps paid already, so it is not told to pay again.
            return Err(Fault::unavailable("transfer_not_mined", "no receipt yet").into());
        };
        let mined_at = self
            .settler
            .block_time(mined.block_number)
            .await
            .map_err(unavailable)?;
        check_hash(&mined, mined_at, charge)
    }
}

impl ChargeBackend for OnchainCharge {
    fn takes(&self, chain_id: u64, kind: CredentialType, legs: usize) -> bool {
        // Several authorizations are several transactions: some could go through and others not.
        let at_once = legs == 1 || kind == CredentialType::Permit2;
        chain_id == self.settler.chain_id() && at_once
    }

    fn sender(&self) -> Option<Address> {
        Some(self.settler.address())
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        match charge.proof() {
            Proof::Hash { hash, .. } => self.verify_hash(charge, *hash).await.map(|_| ()),
            Proof::Transaction { hash, nonce, .. } => {
                // One that is on the chain already was not sent for this request.
                match self.settler.mined(*hash).await {
                    Ok(None) => {
                        self.can_be_mined(charge, *nonce).await?;
                        self.has_balance(charge).await
                    }
                    Ok(Some(_)) => {
                        Err(refuse::verification_failed("the transaction was sent before").into())
                    }
                    Err(fault) => Err(Fault::unavailable("chain_unavailable", fault).into()),
                }
            }
            _ => {
                self.has_balance(charge).await?;
                self.simulate(charge).await.map_err(|fault| match fault {
                    CallFault::Reverted(_) => would_fail().into(),
                    other => Fault::unavailable("chain_unavailable", other).into(),
                })
            }
        }
    }

    async fn settle(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        match charge.proof() {
            Proof::Hash { hash, .. } => Ok(*hash),
            _ => self.move_money(charge).await,
        }
    }

    async fn reconcile(&self, charge: &CheckedCharge, evidence: &[u8]) -> Result<B256, Denied> {
        if let Proof::Hash { hash, .. } = charge.proof() {
            // Not to be set free for want of an answer: it may be settled.
            return self
                .verify_hash(charge, *hash)
                .await
                .map_err(|denied| match denied {
                    Denied::Failed(fault) => Evidence::of(*hash).unknown(fault),
                    other => other,
                });
        }
        let evidence = Evidence::read(evidence);
        if let Proof::Transaction { hash, .. } = charge.proof() {
            // Sending the same bytes again can't move money twice.
            return match self.look_up(*hash, charge).await? {
                Some(hash) => Ok(hash),
                None => self.move_money(charge).await,
            };
        }
        if let Some(hash) = evidence.transaction() {
            if let Some(settled) = self.look_up(hash, charge).await? {
                return Ok(settled);
            }
            if self.is_over(charge) && matches!(self.is_used(charge).await, Ok(false)) {
                return Err(refuse::payment_expired("the payment expired unsettled").into());
            }
            // It may still be mined. A second transaction would cost gas at every retry.
            return Err(evidence.unknown(NotMined));
        }
        match self.is_used(charge).await {
            // Whatever was sent has not been mined; the nonce lets only one of two succeed.
            Ok(false) => self.move_money(charge).await,
            Ok(true) => Err(evidence.unknown(UsedElsewhere)),
            Err(fault) => Err(evidence.unknown(fault)),
        }
    }
}

impl fmt::Debug for OnchainCharge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnchainCharge")
            .field("settler", &self.settler)
            .finish_non_exhaustive()
    }
}

/// Where the parts of a permit go: as is due, never as the payload says.
fn transfers(charge: &CheckedCharge) -> Vec<TransferDetails> {
    let legs = charge.due().legs.iter();
    legs.map(|leg| TransferDetails {
        to: leg.to,
        requested_amount: leg.amount.get(),
    })
    .collect()
}

fn would_fail() -> Refusal {
    refuse::verification_failed("the payment would fail on the chain")
}

fn failed_on_chain() -> Refusal {
    refuse::verification_failed("the payment failed on the chain")
}

#[derive(Debug, thiserror::Error)]
#[error("the signature was used by a transaction that is not known")]
struct UsedElsewhere;

#[derive(Debug, thiserror::Error)]
#[error("the transaction has no receipt yet")]
struct NotMined;
