use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use payment_core::{Account, Clock, Network, SystemClock, Units};
use payment_evm::{Authorization, CallFault, ChainFault, EvmSignature, Mined, SendFault, Settler};
use x402_core::wire::{SupportedKind, SupportedResponse};
use x402_core::{
    Code, Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, v1_name,
};

use crate::exact::EXACT;
use crate::payload;

mod diagnosis;

/// Verifies and settles exact payments with the seller's own key, one chain a [`Settler`].
///
/// Verification simulates the transfer. A settlement counts when its receipt holds the transfer
/// of this value from this payer to this payee; that a nonce was used is no proof of that.
/// Payments of any other scheme are turned away before the chain is asked.
#[derive(Clone)]
pub struct OnchainFacilitator {
    settlers: Vec<Settler>,
    clock: Arc<dyn Clock>,
}

/// How long after its expiry an authorization is still taken for possible, where the clock of
/// this machine stands in for the time of the chain.
const CHAIN_BEHIND: Duration = Duration::from_secs(600);

/// A payment as the chain is asked about it.
struct Transfer<'a> {
    settler: &'a Settler,
    token: Address,
    authorization: Authorization,
    signature: EvmSignature,
}

impl OnchainFacilitator {
    /// Settles on the chain of this settler.
    #[must_use]
    pub fn new(settler: Settler) -> Self {
        Self {
            settlers: vec![settler],
            clock: Arc::new(SystemClock),
        }
    }

    /// Settles on one more chain.
    #[must_use]
    pub fn and(mut self, settler: Settler) -> Self {
        self.settlers.push(settler);
        self
    }

    /// Sets where time comes from: it says when an authorization that was not used never will be.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    fn transfer(&self, request: &PaymentRequest) -> Result<Transfer<'_>, FacilitatorFault> {
        let offer = request.offer();
        let not_ours = |what: &'static str| FacilitatorFault::NotSent(what.into());
        // The same payload may mean something else in another scheme.
        if offer.scheme() != EXACT {
            return Err(not_ours("not a scheme that is settled here"));
        }
        let chain = offer.network().chain_id();
        let settler = self
            .settlers
            .iter()
            .find(|settler| Some(settler.chain_id()) == chain);
        let (authorization, signature) = payload::read(request.payload())
            .map_err(|_| not_ours("not a payload of this scheme"))?;
        Ok(Transfer {
            settler: settler.ok_or_else(|| not_ours("no settler for this chain"))?,
            token: offer.asset().evm().ok_or_else(|| not_ours("not a token"))?,
            authorization,
            signature,
        })
    }
}

impl Facilitator for OnchainFacilitator {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let transfer = self.transfer(request)?;
        match transfer.simulate().await {
            Ok(()) => {
                let payer = Some(Account::from(transfer.authorization.from));
                Ok(VerifyAnswer::Valid { payer })
            }
            Err(CallFault::Reverted(_)) => Ok(transfer.diagnose(request).await?.into()),
            Err(CallFault::Unavailable(ChainFault::NoContract { .. })) => {
                Ok(Code::AssetNotDeployed.into())
            }
            Err(fault) => Err(unknown(fault)),
        }
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let transfer = self.transfer(request)?;
        match transfer.send().await {
            Ok(mined) => transfer.mined(&mined).await,
            // Nothing of ours went out. Someone else may have sent the same authorization
            // first; then the money may be the seller's already.
            Err(SendFault::NotSent(ChainFault::Reverted { .. })) => {
                match transfer.diagnose(request).await? {
                    Code::NonceUsed => Ok(SettleAnswer::Pending { transaction: None }),
                    code => Ok(code.into()),
                }
            }
            Err(SendFault::NotSent(fault)) => Err(FacilitatorFault::NotSent(Box::new(fault))),
            Err(SendFault::Reverted { hash }) => transfer.reverted(hash).await,
            Err(SendFault::Unknown { hash }) => Ok(pending(hash)),
            Err(fault) => Err(unknown(fault)),
        }
    }

    /// Looks at the chain: the receipt of the transaction, where one is known, and whether the
    /// nonce was used. An unused nonce is a definite no once the authorization has expired. With
    /// no transaction known and the nonce unused, the payment is settled again: the nonce lets
    /// the money move once.
    async fn reconcile(
        &self,
        request: &PaymentRequest,
        transaction: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        let transfer = self.transfer(request)?;
        let hash = transaction.and_then(|text| text.parse::<B256>().ok());
        if let Some(hash) = hash
            && let Some(mined) = transfer.settler.mined(hash).await.map_err(unknown)?
        {
            return transfer.mined(&mined).await;
        }
        let transaction = transaction.map(Into::into);
        if transfer.is_used().await? {
            return Ok(SettleAnswer::Pending { transaction });
        }
        if self.clock.now() > request.expires().plus(CHAIN_BEHIND) {
            return Ok(Code::ValidBefore.into());
        }
        match transaction {
            Some(_) => Ok(SettleAnswer::Pending { transaction }),
            None => self.settle(request).await,
        }
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        let networks = self
            .settlers
            .iter()
            .map(|settler| Network::eip155(settler.chain_id()));
        let kinds = networks.flat_map(|network| {
            let v1 = v1_name(&network).map(|name| SupportedKind::new(1, EXACT, name));
            let v2 = SupportedKind::new(2, EXACT, network.to_string());
            [Some(v2), v1].into_iter().flatten()
        });
        Ok(SupportedResponse::new(kinds.collect()))
    }
}

impl Transfer<'_> {
    async fn simulate(&self) -> Result<(), CallFault> {
        let (authorization, signature) = (&self.authorization, &self.signature);
        self.settler
            .simulate_transfer_with_authorization(self.token, authorization, signature)
            .await
    }

    async fn send(&self) -> Result<Mined, SendFault> {
        let (authorization, signature) = (&self.authorization, &self.signature);
        self.settler
            .transfer_with_authorization(self.token, authorization, signature)
            .await
    }

    /// What a receipt says.
    async fn mined(&self, mined: &Mined) -> Result<SettleAnswer, FacilitatorFault> {
        let Authorization {
            from, to, value, ..
        } = self.authorization;
        if !mined.success {
            return self.reverted(mined.hash).await;
        }
        if mined.transfer(self.token, from, to, value).is_none() {
            // The authorization is spent, and we can't say that we were paid. A person must look.
            tracing::error!(transaction = %mined.hash, "mined without the transfer it is for");
            return Ok(pending(mined.hash));
        }
        Ok(SettleAnswer::Settled {
            transaction: mined.hash.to_string().into(),
            network: Network::eip155(self.settler.chain_id()),
            payer: Some(Account::from(from)),
            amount: Some(Units::new(value)),
        })
    }

    /// Our transaction failed. That is a no, unless it failed because another one took the same
    /// authorization before it.
    async fn reverted(&self, hash: B256) -> Result<SettleAnswer, FacilitatorFault> {
        match self.is_used().await {
            Ok(false) => Ok(Code::TransactionFailed.into()),
            Ok(true) | Err(_) => Ok(pending(hash)),
        }
    }

    async fn is_used(&self) -> Result<bool, FacilitatorFault> {
        let Authorization { from, nonce, .. } = self.authorization;
        self.settler
            .authorization_used(self.token, from, nonce)
            .await
            .map_err(unknown)
    }
}

impl fmt::Debug for OnchainFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chains = self.settlers.iter().map(Settler::chain_id);
        f.debug_struct("OnchainFacilitator")
            .field("chains", &chains.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn pending(hash: B256) -> SettleAnswer {
    let transaction = Some(hash.to_string().into());
    SettleAnswer::Pending { transaction }
}

fn unknown(fault: impl std::error::Error + Send + Sync + 'static) -> FacilitatorFault {
    FacilitatorFault::Unknown(Box::new(fault))
}
