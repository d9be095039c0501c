//! Type `authorization`: an EIP-3009 authorization that is bound to the challenge by its nonce.

use alloy_primitives::{Address, U256};
use mpp_core::Presented;
use payment_core::{ReplayKey, Timestamp};
use payment_evm::{Authorization, EvmSignature};

use crate::candidate::{Candidate, LATEST_AFTER_EXPIRY};
use crate::mismatch::Mismatch;
use crate::payload::WireAuthorization;
use crate::source::Source;
use crate::{ChallengeHash, Due, Proof};

pub(crate) struct BoundAuthorization {
    authorization: Authorization,
    signature: EvmSignature,
    expires: Timestamp,
}

impl BoundAuthorization {
    /// evm/charge, Authorization Payload, in the order of its checks; the signature comes last.
    pub(crate) fn bind(
        payload: &WireAuthorization<'_>,
        due: &Due,
        presented: &Presented<'_>,
    ) -> Result<Self, Mismatch> {
        if let Some(source) = presented.source {
            Source::parse(source)
                .ok_or(Mismatch::OddSource)?
                .is(due, payload.from)?;
        }
        let [leg] = due.legs.as_slice() else {
            return Err(Mismatch::Splits);
        };
        if payload.to != leg.to {
            return Err(Mismatch::Recipient);
        }
        if payload.value != leg.amount {
            return Err(Mismatch::Amount);
        }
        if !ChallengeHash::names(
            payload.nonce,
            &presented.challenge.id,
            &presented.challenge.realm,
        ) {
            return Err(Mismatch::Challenge);
        }
        let latest = presented
            .expires
            .seconds()
            .saturating_add(LATEST_AFTER_EXPIRY);
        if payload.valid_before.get() > U256::from(latest) {
            return Err(Mismatch::FarFuture);
        }
        let signature =
            EvmSignature::from_hex(&payload.signature).map_err(|_| Mismatch::SignatureForm)?;
        Ok(Self {
            authorization: payload.authorization(),
            signature,
            expires: presented.expires,
        })
    }
}

impl Candidate for BoundAuthorization {
    fn keys(&self, due: &Due) -> Vec<ReplayKey> {
        vec![
            self.authorization
                .replay_key(due.token.chain_id, due.token.address),
        ]
    }

    fn keep_until(&self) -> Timestamp {
        self.expires.max(self.authorization.valid_until())
    }

    fn in_time(&self, now: Timestamp, margin_seconds: u64) -> Result<(), Mismatch> {
        Ok(self.authorization.in_time(now, margin_seconds)?)
    }

    fn prove(&self, due: &Due) -> Result<(Address, Proof), Mismatch> {
        let Self {
            authorization,
            signature,
            ..
        } = *self;
        authorization
            .check_signature(&due.token_domain, &signature)
            .map_err(|_| Mismatch::Signer)?;
        Ok((
            authorization.from,
            Proof::Authorization {
                authorization,
                signature,
            },
        ))
    }
}
