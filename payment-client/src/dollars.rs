use alloy_primitives::U256;
use payment_core::{Money, Units};

/// Dollars at one scale for all tokens, so that amounts of different decimals add and compare
/// exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Dollars(u128);

/// Stablecoins have at most this many decimals; a token with more is not paid in.
const DECIMALS: u8 = 18;

impl Dollars {
    pub(crate) const MAX: Self = Self(u128::MAX);

    /// The same amount, unless it has more decimals than any token we pay in, or is more than
    /// there is in the world.
    pub(crate) fn of(money: Money) -> Option<Self> {
        Self::whole(money.to_units(DECIMALS).ok()?)
    }

    /// What so many base units of a dollar token are worth at par.
    pub(crate) fn of_units(units: Units, decimals: u8) -> Option<Self> {
        let missing = DECIMALS.checked_sub(decimals)?;
        Self::whole(units.checked_mul(10u64.checked_pow(u32::from(missing))?)?)
    }

    /// How many base units of a dollar token that is, the rest left off.
    pub(crate) fn units_rounded_down(self, decimals: u8) -> u128 {
        let missing = DECIMALS.saturating_sub(decimals);
        // 10^18 at most.
        self.0 / 10u128.pow(u32::from(missing))
    }

    pub(crate) fn money(self) -> Money {
        Money::from_decimal(&Units::new(U256::from(self.0)).display(DECIMALS))
            .expect("a u128 at 18 decimals has at most 39 digits that fit a u128")
    }

    pub(crate) fn checked_add(self, more: Self) -> Option<Self> {
        self.0.checked_add(more.0).map(Self)
    }

    /// `self - less`, and nothing if that is less than nothing.
    pub(crate) const fn saturating_sub(self, less: Self) -> Self {
        Self(self.0.saturating_sub(less.0))
    }

    fn whole(units: Units) -> Option<Self> {
        units.get().try_into().ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use payment_core::usd;

    use super::*;

    #[test]
    fn tokens_of_different_decimals_compare_exactly() {
        let cent = Dollars::of(usd!("0.01")).unwrap();
        assert_eq!(Dollars::of_units(Units::from(10_000), 6), Some(cent));
        assert_eq!(
            Dollars::of_units(Units::from(10_000_000_000_000_000), 18),
            Some(cent)
        );
        assert!(Dollars::of_units(Units::from(10_001), 6).unwrap() > cent);
        assert_eq!(cent.money(), usd!("0.01"));
        assert_eq!(
            Dollars(u128::MAX).money().to_units(18).unwrap().get(),
            U256::from(u128::MAX)
        );
    }

    #[test]
    fn what_cannot_be_held_exactly_is_refused() {
        assert_eq!(Dollars::of_units(Units::from(1), 19), None);
        assert_eq!(Dollars::of_units(Units::new(U256::MAX), 6), None);
        let fine = Money::from_decimal("0.0000000000000000001").unwrap();
        assert_eq!(Dollars::of(fine), None);
    }
}
