use bytes::Bytes;
use payment_core::Units;
use serde::{Deserialize, Serialize};

use crate::answer::MAX_TRANSACTION;

/// What is known of a settlement whose outcome is not: enough to find it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Evidence {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transaction: Option<Box<str>>,
    /// What was charged, where that was for the handler to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    charge: Option<Units>,
}

impl Evidence {
    pub(crate) fn new(transaction: Option<Box<str>>) -> Self {
        let transaction = transaction.filter(|text| text.len() <= MAX_TRANSACTION);
        Self {
            transaction,
            charge: None,
        }
    }

    /// With what was charged.
    pub(crate) fn of_charge(self, charge: Option<Units>) -> Self {
        Self { charge, ..self }
    }

    pub(crate) const fn charge(&self) -> Option<Units> {
        self.charge
    }

    /// Reads what was stored. What can't be read is as good as nothing.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub(crate) fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }

    /// What was known before, where nothing newer is.
    pub(crate) fn or(self, earlier: Self) -> Self {
        if self.transaction.is_some() {
            self
        } else {
            earlier
        }
    }

    pub(crate) fn to_bytes(&self) -> Bytes {
        // An optional text always serializes; no evidence at all only costs another question.
        serde_json::to_vec(self)
            .map(Bytes::from)
            .unwrap_or_default()
    }
}
