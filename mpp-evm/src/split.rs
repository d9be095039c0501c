use alloy_primitives::Address;
use payment_core::{ConfigError, Money, Units};
use serde_json::{Map, Value, json};

/// A part of a payment that goes to somebody else than the recipient, in the same token
/// (evm/charge, Splits).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    recipient: Address,
    amount: Money,
    memo: Option<String>,
}

/// The most splits that one charge may have.
pub(crate) const MOST_SPLITS: usize = 10;
/// The most characters of a memo.
pub(crate) const LONGEST_MEMO: usize = 256;

impl Split {
    /// So much of the price goes to this account.
    #[must_use]
    pub const fn new(recipient: Address, amount: Money) -> Self {
        Self {
            recipient,
            amount,
            memo: None,
        }
    }

    /// Adds a text of at most 256 characters for the books.
    #[must_use]
    pub fn memo(mut self, memo: impl Into<String>) -> Self {
        self.memo = Some(memo.into());
        self
    }

    /// The entry of the request, and the leg of the payment.
    pub(crate) fn entry(
        &self,
        units: impl Fn(Money) -> Result<Units, ConfigError>,
    ) -> Result<(Value, Leg), ConfigError> {
        let amount = units(self.amount).map_err(|error| match error {
            ConfigError::ZeroPrice => ConfigError::setting("splits", "a split of nothing"),
            other => other,
        })?;
        let mut entry = Map::new();
        entry.insert("recipient".into(), json!(self.recipient.to_checksum(None)));
        entry.insert("amount".into(), json!(amount.to_string()));
        if let Some(memo) = &self.memo {
            if memo.chars().count() > LONGEST_MEMO {
                return Err(ConfigError::setting(
                    "splits",
                    "a memo has more than 256 characters",
                ));
            }
            entry.insert("memo".into(), json!(memo));
        }
        Ok((
            entry.into(),
            Leg {
                to: self.recipient,
                amount,
            },
        ))
    }
}

/// One transfer of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leg {
    /// Who gets it.
    pub to: Address,
    /// How much, in base units of the token.
    pub amount: Units,
}

/// The transfers that make up a payment: what is left for the recipient, then the splits in
/// their order.
///
/// `None` when the splits leave the recipient nothing.
pub(crate) fn legs(recipient: Address, total: Units, splits: &[Leg]) -> Option<Vec<Leg>> {
    let given = splits
        .iter()
        .try_fold(Units::ZERO, |sum, leg| sum.checked_add(leg.amount))?;
    let rest = total.checked_sub(given).filter(|rest| !rest.is_zero())?;
    let first = Leg {
        to: recipient,
        amount: rest,
    };
    Some(
        std::iter::once(first)
            .chain(splits.iter().copied())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use payment_core::usd;
    use proptest::prelude::*;

    use super::*;

    fn units(money: Money) -> Result<Units, ConfigError> {
        let token = payment_evm::Token::default_on(8453).unwrap();
        payment_evm::MoneyParsers::default().units(money, &token)
    }

    fn leg(byte: u8, amount: u64) -> Leg {
        Leg {
            to: Address::repeat_byte(byte),
            amount: Units::from(amount),
        }
    }

    #[test]
    fn the_recipient_gets_the_rest_and_never_nothing() {
        let recipient = Address::repeat_byte(1);
        let cut = legs(recipient, Units::from(100), &[leg(2, 30), leg(3, 20)]).unwrap();
        assert_eq!(cut, [leg(1, 50), leg(2, 30), leg(3, 20)]);
        assert_eq!(
            legs(recipient, Units::from(50), &[leg(2, 30), leg(3, 20)]),
            None
        );
        assert_eq!(
            legs(recipient, Units::from(49), &[leg(2, 30), leg(3, 20)]),
            None
        );
        let huge = Leg {
            to: recipient,
            amount: Units::new(alloy_primitives::U256::MAX),
        };
        assert_eq!(legs(recipient, Units::from(50), &[huge, leg(3, 51)]), None);
    }

    #[test]
    fn a_split_is_written_in_base_units() {
        let (entry, leg) = Split::new(Address::ZERO, usd!("0.05"))
            .memo("a")
            .entry(units)
            .unwrap();
        assert_eq!(leg.amount, Units::from(50_000));
        assert_eq!(
            entry,
            json!({"recipient": Address::ZERO.to_checksum(None), "amount": "50000", "memo": "a"})
        );
    }

    #[test]
    fn memos_are_counted_in_characters() {
        let split = |memo: String| {
            Split::new(Address::ZERO, usd!("0.05"))
                .memo(memo)
                .entry(units)
        };
        assert!(split("é".repeat(256)).is_ok());
        assert!(split("é".repeat(257)).is_err());
        let nothing = Split::new(Address::ZERO, Money::from_decimal("0").unwrap());
        assert!(nothing.entry(units).is_err());
        assert!(
            Split::new(Address::ZERO, usd!("0.0000001"))
                .entry(units)
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn the_parts_sum_up_to_the_whole(total: u64, parts in prop::collection::vec(any::<u64>(), 0..5)) {
            let splits: Vec<Leg> = parts.iter().map(|part| leg(2, *part)).collect();
            let given: u128 = parts.iter().map(|part| u128::from(*part)).sum();
            let cut = legs(Address::repeat_byte(1), Units::from(total), &splits);
            prop_assert_eq!(cut.is_some(), given < u128::from(total));
            if let Some(cut) = cut {
                let sum = cut.iter().try_fold(Units::ZERO, |sum, leg| sum.checked_add(leg.amount));
                prop_assert_eq!(sum, Some(Units::from(total)));
                prop_assert_eq!(&cut[1..], &splits[..]);
            }
        }
    }
}
