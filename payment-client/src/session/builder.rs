use std::fmt;

use alloy_primitives::Address;
use payment_core::Money;
use payment_evm::Signer;

use super::{ChannelFile, PendingCount, Plan, Session, SessionError};
use crate::buyer::Buyer;
use crate::dollars::Dollars;

/// How much a session may lock up.
///
/// ```
/// use payment_client::SessionBudget;
/// use payment_core::usd;
///
/// // Half a dollar at a time, two dollars with all top-ups.
/// let budget = SessionBudget::deposit(usd!("0.50")).total(usd!("2"));
/// # let _ = budget;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionBudget {
    deposit: Money,
    total: Money,
}

impl SessionBudget {
    /// Deposits at most this much at a time, and nothing more until [`Self::total`] allows it.
    #[must_use]
    pub const fn deposit(most: Money) -> Self {
        Self {
            deposit: most,
            total: most,
        }
    }

    /// Deposits at most this much in the life of the channel. What was signed counts, taken or not.
    #[must_use]
    pub const fn total(self, most: Money) -> Self {
        Self {
            total: most,
            ..self
        }
    }
}

/// A session in the making.
#[must_use]
pub struct SessionBuilder<S> {
    buyer: Buyer<S>,
    plan: Plan,
    file: Option<ChannelFile>,
}

impl<S: Signer> SessionBuilder<S> {
    pub(crate) fn new(buyer: Buyer<S>, budget: SessionBudget) -> Self {
        let SessionBudget { deposit, total } = budget;
        Self {
            buyer,
            plan: Plan {
                deposit,
                total,
                escrows: Vec::new(),
            },
            file: None,
        }
    }

    /// Keeps the channel in a file, and goes on with the one that is there. Without it, a deposit
    /// is lost sight of when this process ends: the contract gives it back only to who asks it.
    pub fn keep_in(mut self, file: ChannelFile) -> Self {
        self.file = Some(file);
        self
    }

    /// Deposits into this contract only, beside those named before. Without any, the seller names
    /// the contract: one that it made itself can keep the whole deposit.
    pub fn escrow(mut self, chain_id: u64, contract: Address) -> Self {
        self.plan.escrows.push((chain_id, contract));
        self
    }

    /// Makes the session. Nothing is sent before the first call.
    ///
    /// # Errors
    ///
    /// `File` when the channel file is in use, damaged or another payer's; `InexactBudget` when the budget
    /// can't be held exactly.
    pub fn start(self) -> Result<Session<S>, SessionError> {
        let Plan { deposit, total, .. } = self.plan;
        if [deposit, total].iter().any(|m| Dollars::of(*m).is_none()) {
            return Err(SessionError::InexactBudget);
        }
        let (keeper, record) = match self.file {
            Some(file) => {
                let (keeper, record) = file.open()?;
                (Some(keeper), record)
            }
            None => (None, None),
        };
        let payer = self.buyer.address();
        if record.as_ref().is_some_and(|record| record.payer != payer) {
            return Err(super::ChannelFileError::OtherPayer.into());
        }
        Ok(Session {
            buyer: self.buyer,
            plan: self.plan,
            keeper,
            record,
            bills: Vec::new(),
            place: None,
            counted: Dollars::default(),
            pending: PendingCount::Uncounted,
            dispute: None,
        })
    }
}

impl<S: Signer> fmt::Debug for SessionBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("buyer", &self.buyer)
            .field("plan", &self.plan)
            .field("file", &self.file)
            .finish()
    }
}
