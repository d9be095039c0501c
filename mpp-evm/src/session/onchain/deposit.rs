//! Deposits: brought to the contract by us, or found where the payer has made them.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use mpp_core::refuse;
use payment_core::{Denied, Fault};
use payment_evm::{CallFault, Mined};

use super::calls::IEscrow;
use super::{
    Crowded, Effect, Errand, Evidence, Nonce, NotMined, NotShown, OnchainEscrow, Pull, finalized,
    reverted, unknown_channel, unmoved,
};
use crate::session::{ChainState, CheckedDeposit, DepositProof, Moved, Purpose};

#[allow(missing_docs)]
mod events {
    use super::sol;

    sol! {
        event ChannelOpened(bytes32 indexed channelId, address indexed payer, address indexed payee, address token, address authorizedSigner, uint256 deposit);
        event TopUp(bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 additionalDeposit, uint256 newDeposit);
    }
}

impl<P> OnchainEscrow<P> {
    pub(super) async fn take_in(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        if let Purpose::Open(opening) = deposit.purpose() {
            let here = opening.escrow == self.contract
                && opening.chain_id == self.settler.chain_id()
                && opening.id() == deposit.channel();
            if !here {
                return Err(Fault::internal("escrow_foreign", "a deposit for elsewhere").into());
            }
        }
        match (deposit.proof(), call(deposit)) {
            (_, Some((nonce, data))) => self.pull(deposit, nonce, data).await,
            (DepositProof::Hash(hash), _) => self.find(deposit, *hash).await,
            (_, None) => Err(Fault::internal("escrow_proof", "not a deposit to bring").into()),
        }
    }

    /// Brings what the payer has signed to the contract.
    async fn pull(
        &self,
        deposit: &CheckedDeposit,
        nonce: Nonce,
        data: Bytes,
    ) -> Result<Moved, Denied> {
        let id = deposit.channel();
        let lane = self.lanes.enter_short(id, self.clock.now()).await;
        let mut lane = lane.ok_or_else(|| Fault::unavailable("channel_busy", Crowded))?;
        loop {
            let chain = self.look(id).await?;
            let pull = |token, adds| Pull {
                token,
                payer: deposit.payer(),
                amount: deposit.amount(),
                nonce,
                adds,
            };
            let (effect, pull) = match (deposit.purpose(), chain) {
                (_, Some(chain)) if chain.finalized => return Err(finalized()),
                (Purpose::Open(_), Some(chain)) => return Ok(unmoved(chain)),
                (Purpose::Open(opening), None) => (Effect::Opened, pull(opening.token, false)),
                (Purpose::TopUp { .. }, None) => return Err(unknown_channel()),
                (Purpose::TopUp { .. }, Some(chain)) => {
                    is_payer(deposit, &chain)?;
                    let pull = pull(chain.token, true);
                    if self.is_used(&pull).await? {
                        return Ok(unmoved(chain));
                    }
                    let least = chain.deposit.saturating_add(deposit.amount());
                    (Effect::Deposited(least), pull)
                }
            };
            if self.catch_up(&mut lane).await? {
                continue;
            }
            let errand = Errand {
                id,
                data,
                effect,
                pull: Some(pull),
            };
            return self.bring(&mut lane, &errand).await;
        }
    }

    /// Finds the transaction by which the payer has made the deposit. (mpp, 12.7, transaction
    /// outcome)
    async fn find(&self, deposit: &CheckedDeposit, hash: B256) -> Result<Moved, Denied> {
        // Whoever names a transaction has paid nothing for it yet, so not all of them can wait.
        let mined = match self.waits.try_acquire() {
            Ok(_room) => self.settler.wait_for(hash, self.patience).await,
            Err(_) => {
                let mined = self.settler.mined(hash).await;
                mined.map_err(|fault| Evidence::of(hash).unknown(fault))?
            }
        };
        let Some(mined) = mined else {
            // The payer has perhaps paid already, so it is not told to pay again.
            return Err(Evidence::of(hash).unknown(NotMined));
        };
        if !mined.success {
            return Err(reverted().into());
        }
        let id = deposit.channel();
        let token = match deposit.purpose() {
            Purpose::Open(opening) => opening.token,
            Purpose::TopUp { .. } => self.look(id).await?.ok_or_else(unknown_channel)?.token,
        };
        if !self.touches(&mined, deposit, token) {
            return Err(
                refuse::verification_failed("the transaction is not about this channel").into(),
            );
        }
        let effect = self.shown_by(&mined, id.word());
        let chain = match self.await_effect(id, effect).await {
            Ok(Some(chain)) => chain,
            Ok(None) => return Err(Evidence::of(hash).unknown(NotShown)),
            Err(fault) => return Err(Evidence::of(hash).unknown(fault)),
        };
        if chain.finalized {
            return Err(finalized());
        }
        is_payer(deposit, &chain)?;
        if matches!(deposit.purpose(), Purpose::Open(_)) && chain.deposit < deposit.amount() {
            return Err(refuse::payment_insufficient("the deposit is too low").into());
        }
        let transaction = Some(hash);
        Ok(Moved { chain, transaction })
    }

    /// Whether a transaction has to do with this channel, by the contract's own word. The draft
    /// defines no events: of a contract that says nothing, the payer's transfer to it has to do.
    /// That may be for another channel, which gains nobody anything, for what counts is what this
    /// one holds.
    fn touches(&self, mined: &Mined, deposit: &CheckedDeposit, token: Address) -> bool {
        let mut silent = true;
        for log in mined
            .logs
            .iter()
            .filter(|log| log.address() == self.contract)
        {
            if log.topics().get(1) == Some(&deposit.channel().word()) {
                return true;
            }
            silent = false;
        }
        let brings = |from, to| from == deposit.payer() && to == self.contract;
        silent
            && mined
                .transfers(token)
                .any(|transfer| brings(transfer.from, transfer.to))
    }

    /// What a transaction says that the channel held after it.
    fn shown_by(&self, mined: &Mined, id: B256) -> Effect {
        let logs = mined.logs.iter().map(|log| &log.inner);
        let ours = logs.filter(|log| log.address == self.contract);
        let held = ours.filter_map(|log| {
            if let Ok(event) = events::ChannelOpened::decode_log(log) {
                return (event.channelId == id).then_some(event.deposit);
            }
            let event = events::TopUp::decode_log(log).ok()?;
            (event.channelId == id).then_some(event.newDeposit)
        });
        let held = held.max().and_then(|held| u128::try_from(held).ok());
        held.map_or(Effect::Opened, Effect::Deposited)
    }

    /// Whether the signature is used up on chain. Then the deposit is there, or the payer has
    /// cancelled it, and what the contract holds is the answer to both.
    pub(super) async fn is_used(&self, pull: &Pull) -> Result<bool, Fault> {
        let used = match pull.nonce {
            Nonce::Token(nonce) => {
                self.settler
                    .authorization_used(pull.token, pull.payer, nonce)
                    .await
            }
            Nonce::Permit2(nonce) => {
                self.settler
                    .permit_used(self.permit2, pull.payer, nonce)
                    .await
            }
        };
        used.map_err(unavailable)
    }

    /// Whether the payer holds less than it has signed for.
    pub(super) async fn lacks(&self, pull: &Pull) -> Result<bool, Fault> {
        let balance = self.settler.balance_of(pull.token, pull.payer).await;
        Ok(balance.map_err(unavailable)? < U256::from(pull.amount))
    }
}

fn unavailable(fault: CallFault) -> Fault {
    Fault::unavailable("chain_unavailable", fault)
}

fn is_payer(deposit: &CheckedDeposit, chain: &ChainState) -> Result<(), Denied> {
    match deposit.payer() == chain.payer {
        true => Ok(()),
        false => Err(refuse::verification_failed("the channel is another payer's").into()),
    }
}

/// The call that brings a deposit, and what makes it good for once; `None` where the payer has
/// sent it.
pub(super) fn call(deposit: &CheckedDeposit) -> Option<(Nonce, Bytes)> {
    let (from, amount) = (deposit.payer(), deposit.amount());
    let channel_id = deposit.channel().word();
    let (nonce, data) = match (deposit.purpose(), deposit.proof()) {
        (_, DepositProof::Hash(_)) => return None,
        (
            Purpose::Open(opening),
            DepositProof::Authorization {
                authorization,
                signature,
            },
        ) => {
            let call = IEscrow::openWithAuthorizationCall {
                payee: opening.payee,
                token: opening.token,
                deposit: amount,
                salt: opening.salt,
                authorizedSigner: opening.authorized_signer,
                from,
                validAfter: authorization.valid_after,
                validBefore: authorization.valid_before,
                nonce: authorization.nonce,
                signature: signature.to_bytes().into(),
            };
            (Nonce::Token(authorization.nonce), call.abi_encode())
        }
        (
            Purpose::TopUp { salt },
            DepositProof::Authorization {
                authorization,
                signature,
            },
        ) => {
            let call = IEscrow::topUpWithAuthorizationCall {
                channelId: channel_id,
                additionalDeposit: amount,
                from,
                topUpSalt: *salt,
                validAfter: authorization.valid_after,
                validBefore: authorization.valid_before,
                nonce: authorization.nonce,
                signature: signature.to_bytes().into(),
            };
            (Nonce::Token(authorization.nonce), call.abi_encode())
        }
        (
            Purpose::Open(opening),
            DepositProof::Permit2 {
                nonce,
                deadline,
                signature,
            },
        ) => {
            let call = IEscrow::openWithPermit2Call {
                payee: opening.payee,
                token: opening.token,
                deposit: amount,
                salt: opening.salt,
                authorizedSigner: opening.authorized_signer,
                from,
                nonce: *nonce,
                deadline: *deadline,
                signature: signature.to_bytes().into(),
            };
            (Nonce::Permit2(*nonce), call.abi_encode())
        }
        (
            Purpose::TopUp { .. },
            DepositProof::Permit2 {
                nonce,
                deadline,
                signature,
            },
        ) => {
            let call = IEscrow::topUpWithPermit2Call {
                channelId: channel_id,
                additionalDeposit: amount,
                from,
                nonce: *nonce,
                deadline: *deadline,
                signature: signature.to_bytes().into(),
            };
            (Nonce::Permit2(*nonce), call.abi_encode())
        }
    };
    Some((nonce, data.into()))
}
