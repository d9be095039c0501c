use alloy_primitives::U256;
use mpp_evm::session::{ChainState, ChannelId, Moved, PayeeAuthorization, SignedVoucher};
use payment_core::{Denied, Fault};
use payment_evm::{Signer, SignerError, random_word};

use super::super::compat::{ours, unknown};
use super::super::wire::{Payout, PayoutAction, PayoutRequest};
use super::{Effect, OkxEscrow, finalized, unknown_channel, unmoved};

impl<S: Signer> OkxEscrow<S> {
    pub(super) async fn pay_out(
        &self,
        id: ChannelId,
        voucher: &SignedVoucher,
    ) -> Result<Moved, Denied> {
        let chain = self.ours(id).await?;
        // Less than that is not a payment (RULES.md, T68): it is done already.
        if chain.settled >= voucher.cumulative {
            return Ok(unmoved(chain));
        }
        if chain.finalized {
            return Err(finalized());
        }
        let effect = Effect::Settled(voucher.cumulative);
        self.pay(PayoutAction::Settle, id, Some(voucher), &chain, effect)
            .await
    }

    pub(super) async fn finish(
        &self,
        id: ChannelId,
        voucher: Option<&SignedVoucher>,
    ) -> Result<Moved, Denied> {
        let chain = self.ours(id).await?;
        if chain.finalized {
            return Ok(unmoved(chain));
        }
        // What is settled already the contract does not look at.
        let claim = voucher.filter(|voucher| voucher.cumulative > chain.settled);
        self.pay(PayoutAction::Close, id, claim, &chain, Effect::Closed)
            .await
    }

    /// The channel, which must pay the account whose key we have.
    pub(super) async fn ours(&self, id: ChannelId) -> Result<ChainState, Denied> {
        let chain = self.look(id).await.map_err(ours)?;
        let chain = chain.ok_or_else(unknown_channel)?;
        match chain.payee == self.signer.address() {
            true => Ok(chain),
            false => Err(Fault::internal("escrow_payee", "no key for the payee").into()),
        }
    }

    async fn pay(
        &self,
        action: PayoutAction,
        id: ChannelId,
        voucher: Option<&SignedVoucher>,
        chain: &ChainState,
        effect: Effect,
    ) -> Result<Moved, Denied> {
        let request = self.signed(action, id, voucher).await;
        let request = request.map_err(|error| Fault::unavailable("payee_signer", error))?;
        let attempts = match action {
            PayoutAction::Settle => &self.settlings,
            PayoutAction::Close => &self.closings,
        };
        let errand = self.errand(attempts, id, id.word(), chain.deposit);
        let errand = errand.showing(effect);
        let answer = match action {
            PayoutAction::Settle => self.sa.session_settle(&request).await,
            PayoutAction::Close => self.sa.session_close(&request).await,
        };
        let receipt = match self.proven(answer, id) {
            Ok(receipt) => receipt,
            Err(unseen) => return self.concluded(&errand, unseen).await,
        };
        let chain = self.shown(id, effect).await.map_err(unknown)?;
        errand.ended();
        let transaction = receipt.reference;
        Ok(Moved { chain, transaction })
    }

    /// What the payee lets OKX bring to the contract: a voucher, or nothing more than is settled.
    pub(super) async fn signed(
        &self,
        action: PayoutAction,
        id: ChannelId,
        voucher: Option<&SignedVoucher>,
    ) -> Result<PayoutRequest, SignerError> {
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&random_word()?[..16]);
        let deadline = self.clock.now().plus(self.deadline).seconds();
        let authorization = PayeeAuthorization {
            channel: id,
            cumulative: voucher.map_or(0, |voucher| voucher.cumulative),
            nonce: U256::from(u128::from_be_bytes(nonce)),
            deadline: U256::from(deadline),
        };
        self.payout(action, &authorization, voucher).await
    }

    /// The payee's signature under it, in the body that brings it.
    pub(super) async fn payout(
        &self,
        action: PayoutAction,
        authorization: &PayeeAuthorization,
        voucher: Option<&SignedVoucher>,
    ) -> Result<PayoutRequest, SignerError> {
        let digest = match action {
            PayoutAction::Settle => authorization.settle_digest(&self.domain),
            PayoutAction::Close => authorization.close_digest(&self.domain),
        };
        let payload = Payout {
            action,
            channel_id: authorization.channel,
            cumulative_amount: authorization.cumulative,
            voucher_signature: voucher.map(|voucher| voucher.signature),
            payee_signature: self.signer.sign_digest(&digest).await?,
            nonce: authorization.nonce,
            deadline: authorization.deadline,
        };
        Ok(PayoutRequest { payload })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloy_primitives::{Address, U256};
    use payment_evm::{EvmSignature, LocalSigner};
    use serde_json::{Value, json};

    use super::super::super::{OkxKeys, SaClient};
    use super::*;

    /// Signed anew by the payee's key of the vectors: signing is deterministic.
    async fn written(action: PayoutAction, body: &Value) -> Value {
        let keys = &vectors::load("eip712_okx.json")["keys"];
        let payee = LocalSigner::from_hex(vectors::text(&keys["payee"], "privateKey")).unwrap();
        let sa = SaClient::new(OkxKeys::new("key", "secret", "phrase").unwrap()).unwrap();
        let escrow = OkxEscrow::new(sa, payee);
        let text = |name| vectors::text(&body["payload"], name);
        let number = |name| U256::from_str_radix(text(name), 10).unwrap();
        let authorization = PayeeAuthorization {
            channel: text("channelId").parse().unwrap(),
            cumulative: text("cumulativeAmount").parse().unwrap(),
            nonce: number("nonce"),
            deadline: number("deadline"),
        };
        let signature = EvmSignature::from_hex(text("voucherSignature")).ok();
        let voucher = signature.map(|signature| SignedVoucher {
            cumulative: authorization.cumulative,
            signature,
        });
        let written = escrow.payout(action, &authorization, voucher.as_ref());
        json!(written.await.unwrap())
    }

    #[tokio::test]
    async fn payouts_are_written_and_signed_as_in_the_vectors() {
        let mpp = &vectors::load("okx_wire.json")["mpp"];
        for (name, action) in [
            ("saSettleBody", PayoutAction::Settle),
            ("saCloseBody", PayoutAction::Close),
            ("saCloseWaiverBody", PayoutAction::Close),
        ] {
            assert_eq!(written(action, &mpp[name]).await, mpp[name], "{name}");
        }
    }

    #[tokio::test]
    async fn another_chain_or_contract_is_another_signature() {
        let mpp = &vectors::load("okx_wire.json")["mpp"];
        let body = &mpp["saSettleBody"];
        let keys = &vectors::load("eip712_okx.json")["keys"];
        let payee = LocalSigner::from_hex(vectors::text(&keys["payee"], "privateKey")).unwrap();
        let sa = SaClient::new(OkxKeys::new("key", "secret", "phrase").unwrap()).unwrap();
        let id = vectors::text(&body["payload"], "channelId")
            .parse()
            .unwrap();
        let authorization = PayeeAuthorization {
            channel: id,
            cumulative: 250_000,
            nonce: U256::from(1),
            deadline: U256::MAX,
        };
        let plain = OkxEscrow::new(sa, payee);
        let contract = Address::repeat_byte(1);
        let mut seen = Vec::new();
        for escrow in [
            plain.clone(),
            plain.clone().on_chain(1952),
            plain.clone().contract(contract),
            plain.clone().on_chain(1952).contract(contract),
            plain.contract(contract).on_chain(1952),
        ] {
            let request = escrow.payout(PayoutAction::Settle, &authorization, None);
            seen.push(request.await.unwrap().payload.payee_signature.to_bytes());
        }
        let sent = vectors::text(&body["payload"], "payeeSignature");
        assert_eq!(seen[0], EvmSignature::from_hex(sent).unwrap().to_bytes());
        assert!(seen[0] != seen[1] && seen[0] != seen[2] && seen[1] != seen[2]);
        assert!(seen[3] == seen[4] && seen[3] != seen[1] && seen[3] != seen[2]);
    }
}
