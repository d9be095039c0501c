use alloy_primitives::{Address, B256, U256};
use http::HeaderValue;
use mpp_core::Challenge;
use mpp_core::buyer::answer;
use payment_core::{Timestamp, Units};
use payment_evm::permit2::{self, ChargePermit, PERMIT2, Spelling, TokenPermissions};
use payment_evm::{Authorization, Signer, TransferMethod, random_word};
use serde_json::{Value, json};

use super::{Bill, BillError};
use crate::source::Source;
use crate::{ChallengeHash, CredentialType};

/// What a buyer agrees to.
#[derive(Clone, Copy, Debug)]
pub struct Consent {
    most: Units,
    now: Timestamp,
    form: ChallengeHash,
}

/// A signature is never valid for longer than this, in seconds, whatever the challenge says.
const LONGEST_VALID: u64 = 24 * 3600;
/// How long it is valid when the challenge does not say, in seconds.
const USUALLY_VALID: u64 = 300;
/// How long what pays OKX's sellers outlives the challenge, in seconds: they take nothing shorter
/// (mpp, 17).
pub(super) const OKX_BEYOND: u64 = 60;

impl Consent {
    /// To pay at most so many base units of the bill's token, at this moment.
    #[must_use]
    pub const fn up_to(most: Units, now: Timestamp) -> Self {
        Self {
            most,
            now,
            form: ChallengeHash::Packed,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Binds the payment to the challenge in another form, for sellers who take only that.
    #[must_use]
    pub const fn challenge_hash(mut self, form: ChallengeHash) -> Self {
        self.form = form;
        self
    }
}

impl Bill<'_> {
    /// Signs an `authorization`: the value of the header that answers the challenge.
    ///
    /// # Errors
    ///
    /// `BillError` when the bill is more than was agreed to, has expired, or can't be paid this
    /// way; nothing was signed then.
    pub async fn authorize(
        &self,
        signer: &impl Signer,
        consent: Consent,
    ) -> Result<HeaderValue, BillError> {
        let kind = CredentialType::Authorization;
        self.agree(kind, &consent)?;
        let [leg] = self.legs.as_slice() else {
            return Err(BillError::CannotPay(kind));
        };
        if self.token.transfer != TransferMethod::Eip3009 {
            return Err(BillError::CannotPay(kind));
        }
        let authorization = Authorization {
            from: signer.address(),
            to: leg.to,
            value: leg.amount.get(),
            valid_after: U256::ZERO,
            valid_before: U256::from(self.valid_until(consent.now)?),
            nonce: self.challenge_hash(&consent),
        };
        let digest = authorization.digest(&self.token.domain());
        let signature = signer.sign_digest(&digest).await?;
        let payload = json!({
            "type": kind,
            "from": authorization.from.to_checksum(None),
            "to": authorization.to.to_checksum(None),
            "value": authorization.value.to_string(),
            "validAfter": authorization.valid_after.to_string(),
            "validBefore": authorization.valid_before.to_string(),
            "nonce": authorization.nonce.to_string(),
            "signature": signature.to_hex(),
        });
        self.credential(signer.address(), &payload)
    }

    /// Signs a `permit2` credential, single or split as the bill asks. The buyer must have
    /// approved the Permit2 contract for the token.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`]; `CannotPay` also where the bill does not say who will spend.
    pub async fn permit(
        &self,
        signer: &impl Signer,
        consent: Consent,
    ) -> Result<HeaderValue, BillError> {
        let kind = CredentialType::Permit2;
        self.agree(kind, &consent)?;
        let permission = |amount: Units| TokenPermissions {
            token: self.token.address,
            amount: amount.get(),
        };
        let permit = ChargePermit {
            permitted: self.legs.iter().map(|leg| permission(leg.amount)).collect(),
            spender: self.spender.ok_or(BillError::CannotPay(kind))?,
            nonce: random_word()?.into(),
            deadline: U256::from(self.valid_until(consent.now)?),
            challenge_hash: self.challenge_hash(&consent),
            external_id: self.external_id.clone().unwrap_or_default(),
        };
        let domain = permit2::domain(self.token.chain_id, PERMIT2);
        let signature = signer
            .sign_digest(&permit.digest(&domain, Spelling::Canonical))
            .await?;
        let transfers = self
            .legs
            .iter()
            .map(|leg| json!({"to": leg.to.to_checksum(None), "requestedAmount": leg.amount}));
        let mut witness = json!({"challengeHash": permit.challenge_hash.to_string()});
        if let Some(id) = &self.external_id {
            witness["externalId"] = json!(id);
        }
        let payload = json!({
            "type": kind,
            "permit": {
                "permitted": permit.permitted,
                "nonce": permit.nonce.to_string(),
                "deadline": permit.deadline.to_string(),
            },
            "transferDetails": transfers.collect::<Vec<_>>(),
            "witness": witness,
            "signature": signature.to_hex(),
        });
        self.credential(signer.address(), &payload)
    }

    /// Points to a transfer that the buyer has made for this bill.
    ///
    /// # Errors
    ///
    /// `BillError` as [`Self::authorize`]. What was transferred is not undone by it.
    pub fn transferred(
        &self,
        payer: Address,
        transaction: B256,
        consent: Consent,
    ) -> Result<HeaderValue, BillError> {
        self.agree(CredentialType::Hash, &consent)?;
        let payload = json!({"type": CredentialType::Hash, "hash": transaction.to_string()});
        self.credential(payer, &payload)
    }

    pub(super) fn agree(&self, kind: CredentialType, consent: &Consent) -> Result<(), BillError> {
        if !self.types.contains(&kind) {
            return Err(BillError::CannotPay(kind));
        }
        if self.amount > consent.most {
            return Err(BillError::TooMuch {
                asked: self.amount,
                most: consent.most,
            });
        }
        self.valid_until(consent.now).map(|_| ())
    }

    fn valid_until(&self, now: Timestamp) -> Result<u64, BillError> {
        valid_until(self.challenge, now)
    }

    fn challenge_hash(&self, consent: &Consent) -> B256 {
        consent.form.of(&self.challenge.id, &self.challenge.realm)
    }

    pub(super) fn credential(
        &self,
        payer: Address,
        payload: &Value,
    ) -> Result<HeaderValue, BillError> {
        let source = Source {
            chain_id: self.token.chain_id,
            address: payer,
        };
        Ok(answer(self.challenge, Some(&source.to_string()), payload)?)
    }
}

/// When what is signed ends, in seconds: with the challenge, rounded down.
pub(super) fn valid_until(challenge: &Challenge, now: Timestamp) -> Result<u64, BillError> {
    valid_beyond(challenge, now, 0)
}

/// The same for sellers who take only what outlives the challenge by so many seconds.
pub(super) fn valid_beyond(
    challenge: &Challenge,
    now: Timestamp,
    beyond: u64,
) -> Result<u64, BillError> {
    let now_seconds = now.seconds();
    let end = if challenge.expires.is_none() {
        now_seconds.saturating_add(USUALLY_VALID)
    } else {
        let expires = challenge.expires_at().filter(|expires| now < *expires);
        expires.ok_or(BillError::Expired)?.seconds()
    };
    let longest = now_seconds.saturating_add(LONGEST_VALID);
    Ok(end.saturating_add(beyond).min(longest))
}
