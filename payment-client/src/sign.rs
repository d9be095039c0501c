use payment_evm::Signer;

use crate::error::BuyerError;
use crate::offer::{Offer, Terms};
use crate::payment::Credential;
use crate::{mpp, x402};

/// Signs one payment by this offer, and nothing else. It is good until the offer's
/// `valid_until`, however long the signer takes.
pub(crate) async fn pay<S: Signer>(offer: &Offer, signer: &S) -> Result<Credential, BuyerError> {
    match &offer.terms {
        Terms::Mpp(challenge) => mpp::credential(challenge, offer, signer).await,
        Terms::X402V2(requirements, resource) => {
            x402::credential_v2(requirements, resource, signer, offer.seen).await
        }
        Terms::X402V1(requirements) => x402::credential_v1(requirements, signer, offer.seen).await,
    }
}
