use std::fmt;
use std::future::Future;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use mpp_core::EchoedChallenge;
use payment_core::{Denied, Fault, Units};
use payment_evm::{Authorization, EvmSignature};

use super::{ChainState, ChannelId, Opening, SignedVoucher};
use crate::CredentialType;

/// What holds deposits and pays vouchers: the escrow contract by the seller's own key, or a
/// hosted service in front of one.
///
/// Every function that moves money is safe to call again: the contract takes each authorization
/// and each amount once, and answers come from its state.
pub trait Escrow: Send + Sync + 'static {
    /// The chain.
    fn chain_id(&self) -> u64;

    /// The contract.
    fn contract(&self) -> Address;

    /// Whether channels of this payee can be settled: the key that does it is at hand. Asked when a
    /// route is built, for afterwards it is too late.
    fn pays(&self, payee: Address) -> bool;

    /// Whether deposits of this type can be brought to the contract: `Hash`, `Authorization`,
    /// `Permit2`. Asked when a route is built.
    fn takes(&self, kind: CredentialType) -> bool;

    /// What the contract holds under this id; `None` when there is no such channel.
    ///
    /// # Errors
    ///
    /// `Fault` when it can't be known.
    fn state(
        &self,
        id: ChannelId,
    ) -> impl Future<Output = Result<Option<ChainState>, Fault>> + Send;

    /// Brings a deposit to the contract, or finds the transaction by which the payer has done so.
    /// One that is there already is answered with the state as it is.
    ///
    /// Only a definite success is `Ok`, only a definite no is `Denied::Refused` or
    /// `Denied::Failed`; everything else is `Denied::Unknown`.
    fn deposit(
        &self,
        deposit: &CheckedDeposit,
    ) -> impl Future<Output = Result<Moved, Denied>> + Send;

    /// Pays the payee what this voucher promises beyond what was settled. Answers as `deposit`.
    fn settle(
        &self,
        id: ChannelId,
        voucher: &SignedVoucher,
    ) -> impl Future<Output = Result<Moved, Denied>> + Send;

    /// Pays the payee by this voucher, or nothing more, gives the rest back to the payer, and ends
    /// the channel for good. Answers as `deposit`.
    fn close(
        &self,
        id: ChannelId,
        voucher: Option<&SignedVoucher>,
    ) -> impl Future<Output = Result<Moved, Denied>> + Send;

    /// Told before a closing is taken up that somebody has left, perhaps another process: what that
    /// one has sent may yet do something. Where no look at the chain tells, a refusal of ours is no
    /// definite no for as long as that may be. An escrow that stands before another passes it on.
    fn taken_up(&self, id: ChannelId);
}

/// What an escrow says after it has moved money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What the contract holds now.
    pub chain: ChainState,
    /// The transaction; `None` when there was nothing left to do.
    pub transaction: Option<B256>,
}

/// A deposit whose fields were compared with ours and whose signature was recovered. Only this
/// crate makes one.
#[derive(Clone, Debug)]
pub struct CheckedDeposit {
    pub(crate) channel: ChannelId,
    pub(crate) purpose: Purpose,
    pub(crate) payer: Address,
    pub(crate) amount: u128,
    pub(crate) proof: DepositProof,
    pub(crate) challenge: Arc<EchoedChallenge<'static>>,
}

/// What a deposit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// A new channel.
    Open(Opening),
    /// More for a channel that is there.
    TopUp {
        /// The salt of the authorization's nonce; zero for the other types.
        salt: B256,
    },
}

/// What moves a deposit, or has moved it. `Debug` shows no signature: who reads one could use it.
#[derive(Clone)]
#[non_exhaustive]
pub enum DepositProof {
    /// An authorization for the contract to pull the deposit (`ReceiveWithAuthorization`).
    Authorization {
        /// What was signed.
        authorization: Authorization,
        /// The payer's signature.
        signature: EvmSignature,
    },
    /// A permit for the contract to pull the deposit through Permit2.
    Permit2 {
        /// Chosen by the payer; Permit2 takes each once.
        nonce: U256,
        /// Valid in blocks not later than this, in seconds since the epoch.
        deadline: U256,
        /// The payer's signature.
        signature: EvmSignature,
    },
    /// A transaction that the payer has sent.
    Hash(B256),
}

impl DepositProof {
    /// The type of credential it came as.
    #[must_use]
    pub const fn kind(&self) -> CredentialType {
        match self {
            Self::Authorization { .. } => CredentialType::Authorization,
            Self::Permit2 { .. } => CredentialType::Permit2,
            Self::Hash(_) => CredentialType::Hash,
        }
    }
}

impl fmt::Debug for DepositProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DepositProof").field(&self.kind()).finish()
    }
}

impl CheckedDeposit {
    /// The channel it is for.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Whose money it is. By the payer's word alone while it is a transaction that was not looked
    /// up.
    #[must_use]
    pub const fn payer(&self) -> Address {
        self.payer
    }

    /// How many base units; for an opening by a transaction, at least so many.
    #[must_use]
    pub const fn amount(&self) -> u128 {
        self.amount
    }

    /// The same, for the balance of a token.
    #[must_use]
    pub fn units(&self) -> Units {
        Units::new(U256::from(self.amount))
    }

    /// What moves it.
    #[must_use]
    pub const fn proof(&self) -> &DepositProof {
        &self.proof
    }

    /// The challenge that it came with: ours to the letter.
    #[must_use]
    pub fn challenge(&self) -> &EchoedChallenge<'static> {
        &self.challenge
    }
}
