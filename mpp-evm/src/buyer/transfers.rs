use alloy_primitives::{B256, U256};
use http::HeaderValue;
use payment_core::Timestamp;
use payment_evm::{Authorization, EvmSignature, Signer, TransferMethod, random_word};
use serde::Serialize;
use serde_json::json;

use super::sign::{OKX_BEYOND, valid_beyond};
use super::{Bill, BillError, Consent};
use crate::CredentialType;

/// One authorization with its signature, as OKX's sellers read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transfer {
    from: String,
    to: String,
    value: String,
    valid_after: String,
    valid_before: String,
    nonce: String,
    signature: String,
}

/// All of them: that of the recipient, and those of the splits in their order.
#[derive(Serialize)]
struct Transfers {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    first: Transfer,
    /// Left out where there are none: an empty list is not the same to every seller.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    splits: Vec<Transfer>,
}

impl Bill<'_> {
    /// Signs one EIP-3009 authorization for each leg of the payment, as OKX's sellers take them.
    /// Together they move exactly the amount of the bill.
    ///
    /// Nothing ties them to the challenge but that each nonce is used once: whoever has them can
    /// collect them until [`Self::transfers_valid_until`].
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`]. Where the signer stops on the way, nothing it has signed is kept.
    pub async fn transfers(
        &self,
        signer: &impl Signer,
        consent: Consent,
    ) -> Result<HeaderValue, BillError> {
        self.agree(CredentialType::Transfers, &consent)?;
        let nonces = self.legs.iter().map(|_| random_word());
        let nonces = nonces.collect::<Result<Vec<_>, _>>()?;
        let valid_before = self.transfers_valid_until(consent.now())?;
        self.sign_transfers(signer, valid_before, &nonces).await
    }

    /// When what [`Self::transfers`] signs can't be collected any more, in seconds since the
    /// epoch: a minute after the challenge.
    ///
    /// # Errors
    ///
    /// `Expired`; `CannotPay` when that is more than a day from now.
    pub fn transfers_valid_until(&self, now: Timestamp) -> Result<u64, BillError> {
        let end = valid_beyond(self.challenge, now, OKX_BEYOND)?;
        let least = self.challenge.expires_at();
        let least = least.map(|expires| expires.seconds().saturating_add(OKX_BEYOND));
        // Cut short, nobody takes it.
        match least.is_none_or(|least| end >= least) {
            true => Ok(end),
            false => Err(BillError::CannotPay(CredentialType::Transfers)),
        }
    }

    /// `nonces` are as many as there are legs.
    async fn sign_transfers(
        &self,
        signer: &impl Signer,
        valid_before: u64,
        nonces: &[B256],
    ) -> Result<HeaderValue, BillError> {
        let kind = CredentialType::Transfers;
        if self.token.transfer != TransferMethod::Eip3009 {
            return Err(BillError::CannotPay(kind));
        }
        let domain = self.token.domain();
        let mut signed = Vec::with_capacity(self.legs.len());
        for (leg, nonce) in self.legs.iter().zip(nonces) {
            let authorization = Authorization {
                from: signer.address(),
                to: leg.to,
                value: leg.amount.get(),
                valid_after: U256::ZERO,
                valid_before: U256::from(valid_before),
                nonce: *nonce,
            };
            let signature = signer.sign_digest(&authorization.digest(&domain)).await?;
            signed.push(Transfer::of(&authorization, &signature));
        }
        let mut signed = signed.into_iter();
        let authorization = Transfers {
            kind: "eip-3009",
            first: signed.next().ok_or(BillError::CannotPay(kind))?,
            splits: signed.collect(),
        };
        let payload = json!({"type": kind.as_str(), "authorization": authorization});
        self.credential(signer.address(), &payload)
    }
}

impl Transfer {
    fn of(authorization: &Authorization, signature: &EvmSignature) -> Self {
        Self {
            from: authorization.from.to_checksum(None),
            to: authorization.to.to_checksum(None),
            value: authorization.value.to_string(),
            valid_after: authorization.valid_after.to_string(),
            valid_before: authorization.valid_before.to_string(),
            nonce: authorization.nonce.to_string(),
            signature: signature.to_hex(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mpp_core::{Challenge, RawCredential};
    use payment_evm::LocalSigner;
    use serde_json::Value;

    use super::*;

    fn payer() -> LocalSigner {
        let file = vectors::load("eip712_okx.json");
        LocalSigner::from_hex(vectors::text(&file["keys"]["payer"], "privateKey")).unwrap()
    }

    #[tokio::test]
    async fn signed_with_the_recorded_nonces_it_is_the_recorded_credential() {
        let file = vectors::load("okx_wire.json");
        let line = file["mpp"]["chargeChallenge"]["wwwAuthenticate"]
            .as_str()
            .unwrap();
        let recorded = &file["mpp"]["chargeTransaction"];
        let challenge = Challenge::parse_all([line.as_bytes()]).remove(0);
        let bill = Bill::read(&challenge, &[]).unwrap();
        let authorization = &recorded["credential"]["payload"]["authorization"];
        let nonce = |of: &Value| of["nonce"].as_str().unwrap().parse().unwrap();
        let nonces = [nonce(authorization), nonce(&authorization["splits"][0])];
        let payer = payer();
        let signed = bill.sign_transfers(&payer, 1_790_000_360, &nonces);
        let header = signed.await.unwrap();
        assert!(header.is_sensitive());
        let raw = RawCredential::find([header.as_bytes()]).unwrap().unwrap();
        let read = raw.read().unwrap();
        let payload: Value = serde_json::from_str(read.payload.get()).unwrap();
        assert_eq!(payload, recorded["credential"]["payload"]);
        assert_eq!(
            read.source.as_deref(),
            recorded["credential"]["source"].as_str()
        );
        let mut challenge = serde_json::to_value(&read.challenge).unwrap();
        // The words for people are echoed, and were left out of the recording.
        let said = challenge.as_object_mut().unwrap().remove("description");
        assert_eq!(said, Some(json!("one call")));
        assert_eq!(challenge, recorded["credential"]["challenge"]);
    }
}
