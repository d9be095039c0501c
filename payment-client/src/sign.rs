use alloy_primitives::U256;
use payment_core::Timestamp;
use payment_evm::{Authorization, EvmSignature, Signer, random_word};

use crate::error::BuyerError;
use crate::offer::{Offer, Terms};
use crate::payment::Credential;
use crate::{mpp, x402};

/// v1 of x402 opens the window this long ago, so that a clock behind ours does not refuse it.
const V1_LEEWAY_SECONDS: u64 = 600;

/// Signs one payment by this offer, and nothing else.
pub(crate) async fn pay<S: Signer>(
    offer: &Offer,
    signer: &S,
    now: Timestamp,
) -> Result<Credential, BuyerError> {
    match &offer.terms {
        Terms::Mpp(challenge) => mpp::credential(challenge, offer, signer, now).await,
        Terms::X402V2(requirements, resource) => {
            let (authorization, signature) = authorize(offer, 0, signer).await?;
            x402::credential_v2(requirements, resource, &authorization, &signature)
        }
        Terms::X402V1(requirements) => {
            let valid_after = now.seconds().saturating_sub(V1_LEEWAY_SECONDS);
            let (authorization, signature) = authorize(offer, valid_after, signer).await?;
            x402::credential_v1(requirements, &authorization, &signature)
        }
    }
}

async fn authorize<S: Signer>(
    offer: &Offer,
    valid_after: u64,
    signer: &S,
) -> Result<(Authorization, EvmSignature), BuyerError> {
    let authorization = Authorization {
        from: signer.address(),
        to: offer.pay_to,
        value: offer.amount.get(),
        valid_after: U256::from(valid_after),
        valid_before: U256::from(offer.valid_until.seconds()),
        nonce: random_word().map_err(BuyerError::Signer)?,
    };
    let digest = authorization.digest(&offer.token.domain());
    let signature = signer
        .sign_digest(&digest)
        .await
        .map_err(BuyerError::Signer)?;
    Ok((authorization, signature))
}
