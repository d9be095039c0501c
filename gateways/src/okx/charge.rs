mod doubts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, keccak256};
use mpp_core::refuse;
use mpp_evm::{ChargeBackend, CheckedCharge, CredentialType, Proof};
use payment_core::{Clock, Denied, Fault, SystemClock};

use self::doubts::{Doubt, Doubts};
use super::arrived::Arrived;
use super::attempts::Attempts;
use super::compat::{is_definite, is_definite_of_several, ours, unknown};
use super::receipt::Unproven;
use super::wire::{ChargeAuthorization, ChargePayload, ChargeRequest, Source, Transfer};
use super::{ApiCode, Compat, OkxFault, SaClient, SaCode, X_LAYER};

/// Settles MPP charges through the SA-API: no node, and no key for gas.
///
/// - Takes the buyer's authorizations, in the draft's form and in OKX's, and transfers that the
///   buyer has made. Splits only as authorizations, one for each: of one transaction that pays
///   several, nothing says that OKX looks at more than the first.
/// - The payer's balance is first looked at when it settles: before that there is nobody to ask.
/// - A receipt that is not of a success, on this chain, for this challenge and with a transaction
///   is no success. It is no failure either: it is asked again.
/// - Of a transfer that the buyer has made, OKX alone says whose it is and how old. We see that it
///   is shown once, and no more: whoever reads the chain can show one that was made for something
///   else, as the settlement of an x402 payment or of a channel, and name its sender. So take
///   `Hash` only where OKX is known to tell them apart, or at an account that is paid by nothing
///   else.
/// - OKX may take note of such a transfer once: what it has found is remembered in this process, and
///   once an answer is lost, no refusal is taken for a no. The buyer has paid.
///
/// Each transfer of a payment in several moves by its own signature. If OKX stops half way, the
/// payment is neither made nor not made, and stays of unknown outcome: nobody is told to pay again,
/// and nothing is served for a part. So does one that OKX refuses for reasons that it may find half
/// way, as of a payer without money; of such payments there are only so many
/// ([`Self::open_at_most`]).
///
/// Clones share everything.
#[derive(Clone)]
pub struct OkxCharge {
    sa: SaClient,
    chain_id: u64,
    compat: Compat,
    clock: Arc<dyn Clock>,
    looked_up: Attempts,
    found: Arrived,
    doubts: Doubts,
}

/// How long it is remembered what was looked up: no challenge that takes transfers lives longer.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Payments in several transfers of unknown outcome, unless told otherwise. With the most splits
/// that there can be they take half of a replay guard of the usual size.
const OPEN: usize = 4096;

impl OkxCharge {
    /// Settles by these calls, on X Layer.
    #[must_use]
    pub fn new(sa: SaClient) -> Self {
        Self {
            sa,
            chain_id: X_LAYER,
            compat: Compat::Draft,
            clock: Arc::new(SystemClock),
            looked_up: Attempts::default(),
            found: Arrived::default(),
            doubts: Doubts::at_most(OPEN),
        }
    }

    /// Settles on another chain.
    #[must_use]
    pub const fn on_chain(mut self, id: u64) -> Self {
        self.chain_id = id;
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

    /// Sets how many payments in several transfers may be of unknown outcome, of those of a day;
    /// above it no further ones are taken. 4096 without this. A replay guard keeps each of them for
    /// good, at a place for each transfer and one more.
    #[must_use]
    pub fn open_at_most(mut self, payments: usize) -> Self {
        self.doubts = Doubts::at_most(payments);
        self
    }

    async fn bring(&self, charge: &CheckedCharge) -> Result<B256, Unsettled> {
        let request = self.request(charge)?;
        let receipt = self.sa.charge_settle(&request).await;
        let receipt = receipt.map_err(Unsettled::Called)?;
        let proven = receipt.proven(self.chain_id, &charge.challenge().id);
        proven.map_err(Unsettled::Unproven)
    }

    /// Has a transfer looked up that pays this challenge. It is found once: see [`OkxCharge`].
    async fn look_up(&self, charge: &CheckedCharge, hash: B256) -> Result<B256, Denied> {
        let request = self.request(charge).map_err(Unsettled::into_fault)?;
        let key = keccak256([hash.as_slice(), charge.challenge().id.as_bytes()].concat());
        let now = self.clock.now();
        if self.found.has(key, now) {
            return Ok(hash);
        }
        let until = now.plus(REMEMBERED);
        let begun = self.looked_up.begin(key, 0, now, until);
        let receipt = match self.sa.charge_verify_hash(&request).await {
            Ok(receipt) => receipt,
            Err(fault) if begun.earlier.is_some() && !fault.is_undone() => {
                return Err(unknown(fault));
            }
            Err(fault) => {
                if is_not_taken(&fault) {
                    self.looked_up.undo(&begun);
                }
                return Err(self.compat.denied(fault));
            }
        };
        let proven = receipt.proven(self.chain_id, &charge.challenge().id);
        match proven.map_err(Unsettled::Unproven) {
            Ok(proven) if proven == hash => {
                self.looked_up.end(&begun);
                self.found.note(key, now, until);
                Ok(hash)
            }
            Ok(_) => Err(refuse::verification_failed("another transfer was found").into()),
            Err(unproven) => Err(unproven.into_fault().into()),
        }
    }

    /// The credential as OKX reads it, whichever form the buyer has sent.
    fn request<'a>(&self, charge: &'a CheckedCharge) -> Result<ChargeRequest<'a>, Unsettled> {
        let payload = match charge.proof() {
            Proof::Authorization {
                authorization,
                signature,
            } => transaction([Transfer::new(*authorization, *signature)]),
            Proof::Transfers(transfers) => transaction(
                transfers
                    .iter()
                    .map(|it| Transfer::new(it.authorization, it.signature)),
            ),
            Proof::Hash { hash, .. } => Some(ChargePayload::Hash { hash: *hash }),
            _ => None,
        };
        let source = Source {
            chain_id: self.chain_id,
            account: charge.payer(),
        };
        let payload = payload.ok_or(Unsettled::Untaken)?;
        Ok(ChargeRequest::new(charge.challenge(), source, payload))
    }
}

/// The recipient's transfer, and those of the splits.
fn transaction(transfers: impl IntoIterator<Item = Transfer>) -> Option<ChargePayload> {
    let mut transfers = transfers.into_iter();
    let authorization = ChargeAuthorization::new(transfers.next()?, transfers.collect());
    Some(ChargePayload::Transaction {
        authorization: Box::new(authorization),
    })
}

/// What a payment in several transfers is known by.
fn in_several(proof: &Proof) -> Option<Doubt> {
    match proof {
        Proof::Transfers(transfers) if transfers.len() > 1 => transfers
            .first()
            .map(|first| (first.authorization.from, first.authorization.nonce)),
        _ => None,
    }
}

impl ChargeBackend for OkxCharge {
    fn takes(&self, chain_id: u64, kind: CredentialType, legs: usize) -> bool {
        let kind = match kind {
            CredentialType::Transfers => true,
            CredentialType::Authorization | CredentialType::Hash => legs == 1,
            _ => false,
        };
        kind && chain_id == self.chain_id
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        match charge.proof() {
            Proof::Hash { hash, .. } => self.look_up(charge, *hash).await.map(|_| ()),
            proof => match in_several(proof) {
                Some(_) => Ok(self.doubts.room()?),
                None => Ok(()),
            },
        }
    }

    async fn settle(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        if let Proof::Hash { hash, .. } = charge.proof() {
            return Ok(*hash);
        }
        let several = in_several(charge.proof());
        let is_definite = match several {
            None => is_definite,
            Some(_) => is_definite_of_several,
        };
        match self.bring(charge).await {
            Ok(transaction) => Ok(transaction),
            Err(Unsettled::Called(fault)) if is_definite(&fault) => Err(self.compat.denied(fault)),
            Err(untaken @ Unsettled::Untaken) => Err(untaken.into_fault().into()),
            Err(unsettled) => {
                if let Some(doubt) = several {
                    self.doubts.begin(doubt);
                }
                Err(unknown(unsettled))
            }
        }
    }

    async fn reconcile(&self, charge: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        if let Proof::Hash { hash, .. } = charge.proof() {
            // It was found once. Not to be set free for want of an answer.
            return match self.look_up(charge, *hash).await {
                Err(Denied::Failed(fault)) => Err(unknown(fault)),
                answer => answer,
            };
        }
        // The token takes each signature once, so nothing moves twice. A refusal may be because
        // the first time went through: it proves nothing.
        let transaction = self.bring(charge).await.map_err(unknown)?;
        if let Some(doubt) = in_several(charge.proof()) {
            self.doubts.end(&doubt);
        }
        Ok(transaction)
    }
}

/// Whether OKX has certainly not taken note of a transfer.
fn is_not_taken(fault: &OkxFault) -> bool {
    is_definite(fault) || matches!(fault, OkxFault::Refused(ApiCode::Sa(SaCode::NotConfirmed)))
}

impl fmt::Debug for OkxCharge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OkxCharge")
            .field("chain_id", &self.chain_id)
            .field("compat", &self.compat)
            .finish_non_exhaustive()
    }
}

/// No transaction to show.
#[derive(Debug, thiserror::Error)]
enum Unsettled {
    #[error("the charge was not settled")]
    Called(#[source] OkxFault),
    #[error("the charge is not known to be settled")]
    Unproven(#[source] Unproven),
    #[error("not a credential that OKX settles")]
    Untaken,
}

impl Unsettled {
    fn into_fault(self) -> Fault {
        match self {
            Self::Called(fault) => ours(fault),
            Self::Unproven(unproven) => Fault::upstream("okx_answer", unproven),
            Self::Untaken => Fault::internal("okx_proof", self),
        }
    }
}
