use alloy_primitives::B256;
use payment_core::{Denied, Pending};
use payment_evm::wire;
use serde::{Deserialize, Serialize};

/// What is kept of a settlement whose outcome is not known: the transaction, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence(Option<B256>);

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(with = "wire::word")]
    transaction: B256,
}

impl Evidence {
    pub(crate) const fn of(transaction: B256) -> Self {
        Self(Some(transaction))
    }

    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) fn read(bytes: &[u8]) -> Self {
        let record = serde_json::from_slice::<Record>(bytes);
        Self(record.ok().map(|record| record.transaction))
    }

    pub(crate) const fn transaction(self) -> Option<B256> {
        self.0
    }

    pub(crate) fn unknown(
        self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Denied {
        let record = self.0.map(|transaction| Record { transaction });
        // A word always serializes.
        let evidence = record.and_then(|record| serde_json::to_vec(&record).ok());
        Denied::Unknown(Pending {
            evidence: evidence.unwrap_or_default().into(),
            headers: Vec::new(),
            code: "settlement_pending",
            cause: cause.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn evidence_comes_back_as_it_was_kept() {
        for evidence in [Evidence::of(B256::repeat_byte(7)), Evidence::none()] {
            let Denied::Unknown(pending) = evidence.unknown("no answer") else {
                panic!()
            };
            assert_eq!(Evidence::read(&pending.evidence), evidence);
        }
        assert_eq!(
            Evidence::read(b"{\"transaction\":\"0x07\"}"),
            Evidence::none()
        );
    }
}
