use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Signature, TxKind, U256, hex};
use http::HeaderValue;
use payment_evm::Signer;
use serde_json::json;

use super::{Bill, BillError, Consent};
use crate::CredentialType;
use crate::transaction::transfer_calldata;

/// What a transaction needs beside what it does: the sender's account nonce and the price of
/// gas, in wei.
#[derive(Clone, Copy, Debug)]
pub struct Gas {
    /// The number of the sender's next transaction.
    pub nonce: u64,
    /// The most gas it may take.
    pub limit: u64,
    /// The most paid per gas.
    pub max_fee_per_gas: u128,
    /// The part of that which goes to the block's maker.
    pub max_priority_fee_per_gas: u128,
}

impl Bill<'_> {
    /// Signs a `transaction`, which the seller broadcasts. The buyer must not use its nonce for
    /// anything else until then.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub async fn transact(
        &self,
        signer: &impl Signer,
        gas: Gas,
        consent: Consent,
    ) -> Result<HeaderValue, BillError> {
        let kind = CredentialType::Transaction;
        self.agree(kind, &consent)?;
        let [leg] = self.legs.as_slice() else {
            return Err(BillError::CannotPay(kind));
        };
        let transaction = TxEip1559 {
            chain_id: self.token.chain_id,
            nonce: gas.nonce,
            gas_limit: gas.limit,
            max_fee_per_gas: gas.max_fee_per_gas,
            max_priority_fee_per_gas: gas.max_priority_fee_per_gas,
            to: TxKind::Call(self.token.address),
            value: U256::ZERO,
            access_list: Default::default(),
            input: transfer_calldata(leg.to, leg.amount.get()),
        };
        let signature = signer.sign_digest(&transaction.signature_hash()).await?;
        let (r, s) = (signature.r().into(), signature.s().into());
        let signed = transaction.into_signed(Signature::new(r, s, signature.v() == 28));
        let mut raw = Vec::with_capacity(256);
        signed.eip2718_encode(&mut raw);
        let payload = json!({"type": kind, "signature": hex::encode_prefixed(raw)});
        self.credential(signer.address(), &payload)
    }
}
