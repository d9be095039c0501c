use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use mpp_core::{EchoedChallenge, Presented};
use payment_evm::Untimely;

use super::due::SessionDue;
use super::objection::{self, Objection};
use super::payload::{Deposit, Permit};
use super::permit::DepositPermit;
use super::{Channel, ChannelId, CheckedDeposit, DepositProof, Opening, Purpose, top_up_nonce};
use crate::source::Source;

/// Time in seconds that a deposit must stay valid to be brought to the chain.
const TO_BE_MINED: u64 = 30;

/// Whose deposit it is: the one who signs it, or who is said to have sent the transaction.
pub(crate) fn payer(
    deposit: &Deposit,
    due: &SessionDue,
    presented: &Presented<'_>,
) -> Result<Address, Objection> {
    let source = presented
        .source
        .map(|text| Source::parse(text).ok_or(Objection::Source));
    let source = source.transpose()?;
    if source.is_some_and(|source| source.chain_id != due.venue.chain_id) {
        return Err(Objection::Source);
    }
    let signed_by = match deposit {
        Deposit::Hash(_) => return source.map(|source| source.address).ok_or(Objection::Source),
        Deposit::Authorization { authorization, .. } => authorization.from,
        Deposit::Permit2 { permit, .. } => permit.from,
    };
    match source {
        Some(source) if source.address != signed_by => Err(Objection::Source),
        _ => Ok(signed_by),
    }
}

/// A deposit that was compared with ours field by field. Its signature has not been looked at.
pub(crate) struct BoundDeposit {
    deposit: Deposit,
    purpose: Purpose,
    channel: ChannelId,
    payer: Address,
    amount: u128,
    challenge: Arc<EchoedChallenge<'static>>,
}

impl BoundDeposit {
    /// For a new channel. The id is the hash of it, and so is the nonce; what the contract would
    /// refuse is refused here, before it costs gas.
    pub(crate) fn opening(
        deposit: Deposit,
        opening: Opening,
        channel: ChannelId,
        due: &SessionDue,
        challenge: &EchoedChallenge<'_>,
    ) -> Result<Self, Objection> {
        if opening.id() != channel {
            return Err(Objection::ChannelId);
        }
        let amount = match &deposit {
            Deposit::Hash(_) => due.least_deposit,
            Deposit::Authorization { authorization, .. } => {
                if authorization.nonce != opening.nonce() {
                    return Err(Objection::Nonce);
                }
                to_escrow(authorization.to, due)?;
                amount_of(authorization.value)?
            }
            Deposit::Permit2 { permit, .. } => {
                let witness = &permit.witness.0;
                let same = witness.channel_id.is_none()
                    && witness.payee.is_some_and(|payee| payee.0 == opening.payee)
                    && witness.salt.is_some_and(|salt| salt.0 == opening.salt)
                    && signer_of(permit) == opening.authorized_signer;
                same.then_some(()).ok_or(Objection::Witness)?;
                permitted(permit, due)?
            }
        };
        if amount < due.least_deposit {
            return Err(Objection::DepositTooSmall);
        }
        Ok(Self {
            deposit,
            purpose: Purpose::Open(opening),
            channel,
            payer: opening.payer,
            amount,
            challenge: Arc::new(challenge.protected()),
        })
    }

    /// For a channel that is there. Whether it is the payer's is known once it is loaded.
    pub(crate) fn top_up(
        deposit: Deposit,
        payer: Address,
        channel: ChannelId,
        additional: Option<u128>,
        salt: Option<B256>,
        due: &SessionDue,
        challenge: &EchoedChallenge<'_>,
    ) -> Result<Self, Objection> {
        let amount = match &deposit {
            Deposit::Hash(_) => additional.ok_or(Objection::Shape)?,
            Deposit::Authorization { authorization, .. } => {
                to_escrow(authorization.to, due)?;
                let amount = amount_of(authorization.value)?;
                let salt = salt.ok_or(Objection::Shape)?;
                if authorization.nonce != top_up_nonce(channel, amount, payer, salt) {
                    return Err(Objection::Nonce);
                }
                amount
            }
            Deposit::Permit2 { permit, .. } => {
                let witness = &permit.witness.0;
                let same = witness.channel_id == Some(channel)
                    && witness.payee.is_none()
                    && witness.salt.is_none()
                    && witness.authorized_signer.is_none();
                same.then_some(()).ok_or(Objection::Witness)?;
                permitted(permit, due)?
            }
        };
        // Before anything is sent: what is said and what is signed are the same.
        if additional.is_some_and(|said| said != amount) {
            return Err(Objection::DepositAmount);
        }
        // What we bring to the chain costs us gas: a little at a time, and we would pay the payer's
        // fees for ever.
        let least = match &deposit {
            Deposit::Hash(_) => 1,
            _ => due.least_top_up,
        };
        if amount < least {
            return Err(Objection::DepositTooSmall);
        }
        let salt = salt.unwrap_or_default();
        Ok(Self {
            deposit,
            purpose: Purpose::TopUp { salt },
            channel,
            payer,
            amount,
            challenge: Arc::new(challenge.protected()),
        })
    }

    pub(crate) const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Whether the signature is valid for as long as it takes to bring it to the chain.
    pub(crate) fn in_time(&self, presented_at: payment_core::Timestamp) -> Result<(), Objection> {
        match &self.deposit {
            Deposit::Hash(_) => Ok(()),
            Deposit::Authorization { authorization, .. } => authorization
                .in_time(presented_at, TO_BE_MINED)
                .map_err(|untimely| match untimely {
                    Untimely::NotYet => Objection::NotYet,
                    _ => Objection::Expired,
                }),
            Deposit::Permit2 { permit, .. } => {
                let least = presented_at.seconds().saturating_add(TO_BE_MINED);
                (permit.deadline >= U256::from(least))
                    .then_some(())
                    .ok_or(Objection::Expired)
            }
        }
    }

    /// Recovers who has signed the deposit; it must be the payer. A transaction is looked up
    /// later.
    pub(crate) fn check(self, due: &SessionDue) -> Result<CheckedDeposit, Objection> {
        let Self {
            deposit,
            purpose,
            channel,
            payer,
            amount,
            challenge,
        } = self;
        let proof = match deposit {
            Deposit::Hash(hash) => DepositProof::Hash(hash),
            Deposit::Authorization {
                authorization,
                signature,
            } => {
                let digest = authorization.receive_digest(&due.token_domain);
                check(&signature, &digest, payer)?;
                DepositProof::Authorization {
                    authorization,
                    signature,
                }
            }
            Deposit::Permit2 { permit, signature } => {
                let signed = DepositPermit {
                    token: due.venue.token,
                    amount,
                    spender: due.venue.escrow,
                    nonce: permit.nonce,
                    deadline: permit.deadline,
                };
                let domain = &due.permit2_domain;
                let digest = match &purpose {
                    Purpose::Open(opening) => signed.open_digest(domain, opening),
                    _ => signed.top_up_digest(domain, channel),
                };
                check(&signature, &digest, payer)?;
                DepositProof::Permit2 {
                    nonce: permit.nonce,
                    deadline: permit.deadline,
                    signature,
                }
            }
        };
        Ok(CheckedDeposit {
            channel,
            purpose,
            payer,
            amount,
            proof,
            challenge,
        })
    }
}

impl CheckedDeposit {
    /// Whether it is for this channel and its payer's.
    pub(crate) fn is_for(&self, channel: &Channel) -> Result<(), Objection> {
        if self.payer == channel.payer() && self.channel == channel.id() {
            Ok(())
        } else {
            Err(Objection::Payer)
        }
    }
}

fn check(
    signature: &payment_evm::EvmSignature,
    digest: &B256,
    payer: Address,
) -> Result<(), Objection> {
    signature
        .check(digest, payer)
        .map_err(|error| objection::signature(&error))
}

fn to_escrow(to: Address, due: &SessionDue) -> Result<(), Objection> {
    (to == due.venue.escrow)
        .then_some(())
        .ok_or(Objection::Escrow)
}

fn permitted(permit: &Permit, due: &SessionDue) -> Result<u128, Objection> {
    let permitted = &permit.permitted.0;
    if permitted.token != due.venue.token {
        return Err(Objection::Token);
    }
    amount_of(permitted.amount.get())
}

fn amount_of(value: U256) -> Result<u128, Objection> {
    u128::try_from(value).map_err(|_| Objection::Amount)
}

fn signer_of(permit: &Permit) -> Address {
    let signer = permit.witness.0.authorized_signer;
    signer.map(|signer| signer.0).unwrap_or_default()
}

#[cfg(test)]
mod tests;
