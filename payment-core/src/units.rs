use std::fmt;
use std::str::FromStr;

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Base units of one token. A decimal string on the wire.
///
/// There is no `Add`, no `as` and no float: arithmetic on money is spelled out and checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Units(U256);

/// A text that is not a canonical amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a canonical amount of base units")]
pub struct UnitsError;

impl Units {
    /// No units at all.
    pub const ZERO: Self = Self(U256::ZERO);

    /// Wraps an integer that is already in base units.
    #[must_use]
    pub const fn new(value: U256) -> Self {
        Self(value)
    }

    /// The integer, for encoding and signing.
    #[must_use]
    pub const fn get(self) -> U256 {
        self.0
    }

    /// Whether there is nothing here.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// `self + rhs`, unless it overflows.
    #[must_use]
    pub fn checked_add(self, rhs: Self) -> Option<Self> {
        self.0.checked_add(rhs.0).map(Self)
    }

    /// `self - rhs`, unless `rhs` is more.
    #[must_use]
    pub fn checked_sub(self, rhs: Self) -> Option<Self> {
        self.0.checked_sub(rhs.0).map(Self)
    }

    /// `self * times`, unless it overflows.
    #[must_use]
    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(U256::from(times)).map(Self)
    }

    /// So many hundredths of a percent of it, rounded down; `None` for more than all of it.
    #[must_use]
    pub fn basis_points_floor(self, points: u16) -> Option<Self> {
        let (all, points) = (U256::from(10_000), U256::from(points));
        let (whole, rest) = self.0.div_rem(all);
        // The parts are less than the whole, so that nothing overflows.
        (points <= all).then(|| Self(whole * points + rest * points / all))
    }

    /// The amount in whole tokens of so many decimals, for a human to read.
    #[must_use]
    pub fn display(self, decimals: u8) -> String {
        let digits = format!(
            "{:0>width$}",
            self.0.to_string(),
            width = usize::from(decimals) + 1
        );
        let (whole, fraction) = digits.split_at(digits.len() - usize::from(decimals));
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        }
    }
}

impl From<u64> for Units {
    fn from(value: u64) -> Self {
        Self(U256::from(value))
    }
}

impl FromStr for Units {
    type Err = UnitsError;

    /// # Errors
    ///
    /// `UnitsError` for anything but `0|[1-9][0-9]*` below 2^256: no sign, no blank, no hex, no
    /// leading zero.
    fn from_str(text: &str) -> Result<Self, UnitsError> {
        let canonical = match text.as_bytes() {
            b"0" => true,
            [b'1'..=b'9', rest @ ..] => rest.len() < 78 && rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        if !canonical {
            return Err(UnitsError);
        }
        U256::from_str_radix(text, 10)
            .map(Self)
            .map_err(|_| UnitsError)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Units({})", self.0)
    }
}

impl Serialize for Units {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_canonical_amounts_are_read() {
        for bad in [
            "", "+1", "-1", " 1", "1 ", "01", "00", "0x1", "1.0", "1e3", "１", "1_0",
        ] {
            assert_eq!(bad.parse::<Units>(), Err(UnitsError), "{bad:?}");
        }
        assert!(U256::MAX.to_string().parse::<Units>().is_ok());
        assert!(format!("{}0", U256::MAX).parse::<Units>().is_err());
        let above =
            "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert!(above.parse::<Units>().is_err());
    }

    #[test]
    fn shows_whole_tokens() {
        assert_eq!(Units::from(10_000).display(6), "0.01");
        assert_eq!(Units::from(1_000_000).display(6), "1");
        assert_eq!(Units::from(0).display(6), "0");
        assert_eq!(Units::from(7).display(0), "7");
    }

    #[test]
    fn a_portion_is_rounded_down_and_never_more_than_all() {
        let portion = |units: u64, points| Units::from(units).basis_points_floor(points);
        assert_eq!(portion(10_000, 3_333), Some(Units::from(3_333)));
        assert_eq!(portion(3, 9_999), Some(Units::from(2)));
        assert_eq!(portion(3, 0), Some(Units::ZERO));
        assert_eq!(portion(3, 10_001), None);
        let most = Units::new(U256::MAX);
        assert_eq!(most.basis_points_floor(10_000), Some(most));
    }

    proptest! {
        #[test]
        fn a_portion_is_the_exact_one_rounded_down(units: u64, points in 0u16..=10_000) {
            let exact = u128::from(units) * u128::from(points) / 10_000;
            let portion = Units::from(units).basis_points_floor(points);
            prop_assert_eq!(portion, Some(Units::new(U256::from(exact))));
        }

        #[test]
        fn decimal_round_trip(limbs: [u64; 4]) {
            let units = Units::new(U256::from_limbs(limbs));
            prop_assert_eq!(units.to_string().parse::<Units>(), Ok(units));
        }
    }
}
