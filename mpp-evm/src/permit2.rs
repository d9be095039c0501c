//! Type `permit2`: a Permit2 signature with the challenge as witness.

use alloy_primitives::{Address, U256};
use mpp_core::Presented;
use payment_core::{ReplayKey, Timestamp};
use payment_evm::EvmSignature;
use payment_evm::permit2::{ChargePermit, Spelling, TokenPermissions, replay_key};

use crate::candidate::{Candidate, LATEST_AFTER_EXPIRY};
use crate::mismatch::Mismatch;
use crate::payload::{Object, SignedPermit};
use crate::source::Source;
use crate::{ChallengeHash, Due, Proof};

pub(crate) struct BoundPermit {
    owner: Address,
    permit: ChargePermit,
    signature: EvmSignature,
    expires: Timestamp,
}

impl BoundPermit {
    /// evm/charge, Permit2 Payload. Only `source` says whose tokens these are, so it must be
    /// there; the spender is ours and never read from the payload.
    pub(crate) fn bind(
        payload: &SignedPermit<'_>,
        due: &Due,
        presented: &Presented<'_>,
    ) -> Result<Self, Mismatch> {
        let source = Source::parse(presented.source.ok_or(Mismatch::NoSource)?);
        let source = source.ok_or(Mismatch::OddSource)?;
        source.is(due, source.address)?;
        let spender = due.spender.ok_or(Mismatch::NotOffered)?;
        legs_are_due(payload, due)?;
        if !ChallengeHash::names(
            payload.witness.challenge_hash,
            &presented.challenge.id,
            &presented.challenge.realm,
        ) {
            return Err(Mismatch::Challenge);
        }
        let external_id = payload
            .witness
            .external_id
            .as_ref()
            .map_or("", |text| &*text.0);
        if external_id != due.witnessed_id() {
            return Err(Mismatch::ExternalId);
        }
        let latest = presented
            .expires
            .seconds()
            .saturating_add(LATEST_AFTER_EXPIRY);
        if payload.permit.deadline.get() > U256::from(latest) {
            return Err(Mismatch::FarFuture);
        }
        let signature =
            EvmSignature::from_hex(&payload.signature).map_err(|_| Mismatch::SignatureForm)?;
        let permitted = payload.permit.permitted.iter();
        let permit = ChargePermit {
            permitted: permitted
                .map(|Object(one)| TokenPermissions {
                    token: one.token,
                    amount: one.amount.get(),
                })
                .collect(),
            spender,
            nonce: payload.permit.nonce.get(),
            deadline: payload.permit.deadline.get(),
            challenge_hash: payload.witness.challenge_hash,
            external_id: external_id.to_owned(),
        };
        Ok(Self {
            owner: source.address,
            permit,
            signature,
            expires: presented.expires,
        })
    }
}

/// The transfers are those that are due, one for one and in order, so their sum is the amount;
/// every permission is for our token and covers its transfer.
fn legs_are_due(payload: &SignedPermit<'_>, due: &Due) -> Result<(), Mismatch> {
    let (permitted, transfers) = (&payload.permit.permitted, &payload.transfers);
    if transfers.len() != due.legs.len() || permitted.len() != due.legs.len() {
        return Err(Mismatch::Splits);
    }
    for ((Object(permission), Object(transfer)), leg) in
        permitted.iter().zip(transfers).zip(&due.legs)
    {
        if permission.token != due.token.address {
            return Err(Mismatch::Token);
        }
        if transfer.to != leg.to {
            return Err(Mismatch::Recipient);
        }
        if transfer.requested_amount != leg.amount || permission.amount < leg.amount {
            return Err(Mismatch::Amount);
        }
    }
    Ok(())
}

impl Candidate for BoundPermit {
    fn keys(&self, due: &Due) -> Vec<ReplayKey> {
        vec![replay_key(
            due.token.chain_id,
            due.permit2,
            self.owner,
            self.permit.nonce,
        )]
    }

    fn keep_until(&self) -> Timestamp {
        let deadline = u64::try_from(self.permit.deadline).unwrap_or(u64::MAX);
        self.expires.max(Timestamp::from_seconds(deadline))
    }

    fn in_time(&self, now: Timestamp, margin_seconds: u64) -> Result<(), Mismatch> {
        let needed = now.seconds().saturating_add(margin_seconds);
        if self.permit.deadline < U256::from(needed) {
            return Err(Mismatch::Expired);
        }
        Ok(())
    }

    fn prove(&self, due: &Due) -> Result<(Address, Proof), Mismatch> {
        // Wallets sign the canonical spelling; the draft prints the other.
        let signed = |spelling: &Spelling| {
            let digest = self.permit.digest(&due.permit2_domain, *spelling);
            self.signature.check(&digest, self.owner).is_ok()
        };
        let spelling = [Spelling::Canonical, Spelling::Spaced]
            .into_iter()
            .find(signed);
        let spelling = spelling.ok_or(Mismatch::Signer)?;
        let (permit, signature) = (self.permit.clone(), self.signature);
        Ok((
            self.owner,
            Proof::Permit2 {
                permit,
                spelling,
                signature,
            },
        ))
    }
}
