//! Payments out of a channel: to the payee by a voucher, and back to the payer at its end.

use std::time::Duration;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use mpp_core::refuse;
use payment_core::{Denied, Fault};
use payment_evm::{Signer, random_word};

use super::calls::IEscrow;
use super::{Effect, Errand, OnchainEscrow, finalized, unknown_channel, unmoved};
use crate::session::id::signer;
use crate::session::{ChainState, ChannelId, Moved, PayeeAuthorization, SignedVoucher, Voucher};

/// How long what the payee signs is good. Who finds it in the meantime can only pay the payee.
const SIGNED_FOR: Duration = Duration::from_secs(600);

/// Which of the two a payment is.
#[derive(Clone, Copy)]
enum Act {
    Settle,
    Close,
}

impl<P: Signer> OnchainEscrow<P> {
    pub(super) async fn pay_out(
        &self,
        id: ChannelId,
        voucher: &SignedVoucher,
    ) -> Result<Moved, Denied> {
        let mut lane = self.lanes.enter(id, self.clock.now()).await;
        loop {
            let chain = self.look(id).await?.ok_or_else(unknown_channel)?;
            // Less than that is not a payment (RULES.md, T68): it is done already.
            if chain.settled >= voucher.cumulative {
                return Ok(unmoved(chain));
            }
            if chain.finalized {
                return Err(finalized());
            }
            if self.catch_up(&mut lane).await? {
                continue;
            }
            let signature = self.spelled(id, voucher, &chain)?;
            let cumulative = voucher.cumulative;
            let errand = Errand {
                id,
                data: self
                    .call(Act::Settle, id, &chain, cumulative, signature)
                    .await?,
                effect: Effect::Settled(cumulative),
                pull: None,
            };
            return self.bring(&mut lane, &errand).await;
        }
    }

    pub(super) async fn finish(
        &self,
        id: ChannelId,
        voucher: Option<&SignedVoucher>,
    ) -> Result<Moved, Denied> {
        let mut lane = self.lanes.enter(id, self.clock.now()).await;
        loop {
            let chain = self.look(id).await?.ok_or_else(unknown_channel)?;
            if chain.finalized {
                return Ok(unmoved(chain));
            }
            if self.catch_up(&mut lane).await? {
                continue;
            }
            // What is settled already the contract does not look at.
            let claim = voucher.filter(|voucher| voucher.cumulative > chain.settled);
            let (cumulative, signature) = match claim {
                Some(voucher) => (voucher.cumulative, self.spelled(id, voucher, &chain)?),
                None => (0, Bytes::new()),
            };
            let errand = Errand {
                id,
                data: self
                    .call(Act::Close, id, &chain, cumulative, signature)
                    .await?,
                effect: Effect::Closed,
                pull: None,
            };
            return self.bring(&mut lane, &errand).await;
        }
    }

    /// The signature as the contract recovers it: it looks at `v`, which checking against a key
    /// does not.
    fn spelled(
        &self,
        id: ChannelId,
        signed: &SignedVoucher,
        chain: &ChainState,
    ) -> Result<Bytes, Denied> {
        let voucher = Voucher {
            channel: id,
            cumulative: signed.cumulative,
        };
        // The contract always says.
        let signer = signer(chain.payer, chain.authorized_signer.unwrap_or_default());
        let spelled = signed
            .signature
            .spelled_for(&voucher.digest(&self.domain), signer);
        match spelled {
            Some(signature) => Ok(signature.to_bytes().into()),
            None => Err(refuse::session_signer_mismatch("the voucher is not the signer's").into()),
        }
    }

    /// The call of the payee, or of anybody with the payee's signature.
    async fn call(
        &self,
        act: Act,
        id: ChannelId,
        chain: &ChainState,
        cumulative: u128,
        signature: Bytes,
    ) -> Result<Bytes, Denied> {
        let channel = id.word();
        if chain.payee == self.settler.address() {
            let data = match act {
                Act::Settle => IEscrow::settleCall {
                    channelId: channel,
                    cumulativeAmount: cumulative,
                    signature,
                }
                .abi_encode(),
                Act::Close => IEscrow::closeCall {
                    channelId: channel,
                    cumulativeAmount: cumulative,
                    signature,
                }
                .abi_encode(),
            };
            return Ok(data.into());
        }
        let payee = self.payee.as_ref();
        let Some(payee) = payee.filter(|payee| payee.address() == chain.payee) else {
            return Err(Fault::internal("escrow_payee", "no key for the payee").into());
        };
        let unsigned = |error| Fault::unavailable("payee_signer", error);
        let now = self.clock.now();
        let authorization = PayeeAuthorization {
            channel: id,
            cumulative,
            nonce: random_word().map_err(unsigned)?.into(),
            deadline: U256::from(now.plus(SIGNED_FOR).seconds()),
        };
        let digest = match act {
            Act::Settle => authorization.settle_digest(&self.domain),
            Act::Close => authorization.close_digest(&self.domain),
        };
        let signed = payee.sign_digest(&digest).await.map_err(unsigned)?;
        let (nonce, deadline) = (authorization.nonce, authorization.deadline);
        let data = match act {
            Act::Settle => IEscrow::settleWithAuthorizationCall {
                channelId: channel,
                cumulativeAmount: cumulative,
                nonce,
                deadline,
                payeeSignature: signed.to_bytes().into(),
                voucherSignature: signature,
            }
            .abi_encode(),
            Act::Close => IEscrow::closeWithAuthorizationCall {
                channelId: channel,
                cumulativeAmount: cumulative,
                nonce,
                deadline,
                payeeSignature: signed.to_bytes().into(),
                voucherSignature: signature,
            }
            .abi_encode(),
        };
        Ok(data.into())
    }
}
