use std::sync::Arc;

use alloy_primitives::B256;
use mpp_core::{ChallengeUse, EchoedChallenge, MPP, MethodPayment, Presented, Settled, refuse};
use payment_core::{
    Account, BoxFuture, Denied, Fault, Paid, Purpose, Refusal, ReplayKey, Soon, Timestamp,
};

use crate::candidate::Candidate;
use crate::{ChargeBackend, CheckedCharge, Due, Proof};

/// A payload bound to what is due, on its way to the backend.
pub(crate) struct ChargePayment<B, C> {
    due: Arc<Due>,
    backend: Arc<B>,
    candidate: C,
    keys: Vec<ReplayKey>,
    now: Timestamp,
    margin_seconds: u64,
    challenge: Arc<EchoedChallenge<'static>>,
    checked: Option<CheckedCharge>,
    payer: Option<Account>,
    transaction: Option<B256>,
}

impl<B: ChargeBackend, C: Candidate> ChargePayment<B, C> {
    pub(crate) fn new(
        due: Arc<Due>,
        backend: Arc<B>,
        candidate: C,
        presented: &Presented<'_>,
    ) -> Self {
        let keys = candidate.keys(&due);
        let Presented {
            now,
            margin_seconds,
            ..
        } = *presented;
        let (checked, payer, transaction) = (None, None, None);
        Self {
            due,
            backend,
            candidate,
            keys,
            now,
            margin_seconds,
            challenge: Arc::new(presented.challenge.protected()),
            checked,
            payer,
            transaction,
        }
    }

    fn checked(&self) -> Result<&CheckedCharge, Denied> {
        let unchecked = || Fault::internal("charge_unchecked", "settled before it was checked");
        self.checked.as_ref().ok_or_else(|| unchecked().into())
    }

    fn settled(&mut self, transaction: B256) -> Settled {
        self.transaction = Some(transaction);
        let settled =
            Settled::new(transaction.to_string()).member("chainId", self.due.token.chain_id);
        match &self.due.external_id {
            Some(id) => settled.member("externalId", id.as_str()),
            None => settled,
        }
    }
}

impl<B: ChargeBackend, C: Candidate> MethodPayment for ChargePayment<B, C> {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn challenge_use(&self) -> ChallengeUse {
        ChallengeUse::Once
    }

    fn spent(&self) -> Refusal {
        refuse::invalid_challenge("the challenge was used")
    }

    fn keep_until(&self) -> Timestamp {
        self.candidate.keep_until()
    }

    fn in_time(&self) -> Result<(), Refusal> {
        Ok(self.candidate.in_time(self.now, self.margin_seconds)?)
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        let (payer, proof) = self.candidate.prove(&self.due)?;
        self.payer = Some(payer.into());
        self.checked = Some(CheckedCharge::new(
            Arc::clone(&self.due),
            payer,
            proof,
            Arc::clone(&self.challenge),
        ));
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        // Who sends a hash can name any sender; what is counted by payer would be counted against
        // somebody else. Until the transfer was looked up, nobody is proven to pay.
        let proof = self.checked.as_ref().map(CheckedCharge::proof);
        self.payer
            .as_ref()
            .filter(|_| !matches!(proof, Some(Proof::Hash { .. })))
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async move { self.backend.verify(self.checked()?).await })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        // `check` has recovered whose payment it is.
        Soon::now(Ok(()))
    }

    fn is_proven_by_settling(&self) -> bool {
        // A transfer that was made before is looked up by `verify`, and by nothing else.
        let proof = self.checked.as_ref().map(CheckedCharge::proof);
        matches!(
            proof,
            Some(Proof::Authorization { .. } | Proof::Transfers(_) | Proof::Permit2 { .. })
        )
    }

    fn has_moved(&self) -> bool {
        self.candidate.has_moved()
    }

    fn paid(&self) -> Paid {
        let token = &self.due.token;
        let mut paid = Paid::new(MPP, self.due.amount).with(token.network(), token.address.into());
        if let Some(payer) = &self.payer {
            paid = paid.by(payer.clone());
        }
        match self.transaction {
            Some(transaction) => paid.settled_by(transaction.to_string()),
            None => paid,
        }
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Settled, Denied>> {
        Soon::later(async move {
            let transaction = self.backend.settle(self.checked()?).await?;
            Ok(self.settled(transaction))
        })
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Settled, Denied>> {
        Soon::later(async move {
            let transaction = self.backend.reconcile(self.checked()?, evidence).await?;
            Ok(self.settled(transaction))
        })
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        // Verifying took nothing.
        Box::pin(std::future::ready(()))
    }
}
