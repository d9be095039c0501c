use std::fmt;
use std::str::FromStr;

use alloy_primitives::U256;

use crate::Units;

/// An amount of money as people write it: an integer and a decimal scale. No float is involved.
///
/// `usd!("0.01")` makes one that is checked while compiling.
#[derive(Clone, Copy, Debug)]
pub struct Money {
    digits: u128,
    scale: u8,
}

/// A text that is not an amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoneyError {
    /// Not digits with at most one point between them.
    #[error("not an amount of money")]
    Malformed,
    /// More digits than any price needs (38), or more than 36 of them after the point.
    #[error("too many digits for an amount of money")]
    TooLong,
}

/// The amount has more decimals than the token, or does not fit its range.
///
/// It is never rounded: a price that can't be charged exactly is not charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the amount cannot be represented in {decimals} decimals")]
pub struct Inexact {
    /// Decimals of the token.
    pub decimals: u8,
}

impl Money {
    /// Parses plain decimal digits, in `const` contexts too: `0.01`, `5`, `1000`.
    ///
    /// # Errors
    ///
    /// `Malformed` for signs, blanks, exponents, separators, a missing digit on either side of
    /// the point; `TooLong` beyond 38 digits.
    pub const fn from_decimal(text: &str) -> Result<Self, MoneyError> {
        let bytes = text.as_bytes();
        let mut digits: u128 = 0;
        let mut scale: u8 = 0;
        let mut point = false;
        let mut at = 0;
        if bytes.is_empty() || bytes[0] == b'.' || bytes[bytes.len() - 1] == b'.' {
            return Err(MoneyError::Malformed);
        }
        while at < bytes.len() {
            let byte = bytes[at];
            at += 1;
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            if !byte.is_ascii_digit() {
                return Err(MoneyError::Malformed);
            }
            digits = match digits.checked_mul(10) {
                Some(tens) => match tens.checked_add((byte - b'0') as u128) {
                    Some(sum) => sum,
                    None => return Err(MoneyError::TooLong),
                },
                None => return Err(MoneyError::TooLong),
            };
            if point {
                scale += 1;
                if scale > 36 {
                    return Err(MoneyError::TooLong);
                }
            }
        }
        Ok(Self { digits, scale })
    }

    /// Whether this is no money at all. Zero is not a price.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// The same amount in base units of a token with so many decimals.
    ///
    /// # Errors
    ///
    /// `Inexact` when digits would be lost or the result does not fit 256 bits.
    pub fn to_units(self, decimals: u8) -> Result<Units, Inexact> {
        let inexact = Inexact { decimals };
        let ten = |power: u8| {
            U256::from(10u8)
                .checked_pow(U256::from(power))
                .ok_or(inexact)
        };
        let digits = U256::from(self.digits);
        if decimals >= self.scale {
            let factor = ten(decimals - self.scale)?;
            return digits.checked_mul(factor).map(Units::new).ok_or(inexact);
        }
        let (quotient, rest) = digits.div_rem(ten(self.scale - decimals)?);
        if rest.is_zero() {
            Ok(Units::new(quotient))
        } else {
            Err(inexact)
        }
    }

    /// `self + more`, unless it does not fit.
    #[must_use]
    pub const fn checked_add(self, more: Self) -> Option<Self> {
        let (a, b) = match self.scale < more.scale {
            true => (self, more),
            false => (more, self),
        };
        let Some(factor) = 10_u128.checked_pow((b.scale - a.scale) as u32) else {
            return None;
        };
        let Some(digits) = a.digits.checked_mul(factor) else {
            return None;
        };
        match digits.checked_add(b.digits) {
            Some(digits) => Some(Self {
                digits,
                scale: b.scale,
            }),
            None => None,
        }
    }

    /// `self * times`, unless it does not fit.
    #[must_use]
    pub const fn checked_mul(self, times: u64) -> Option<Self> {
        match self.digits.checked_mul(times as u128) {
            Some(digits) => Some(Self {
                digits,
                scale: self.scale,
            }),
            None => None,
        }
    }

    const fn normal(self) -> (u128, u8) {
        let (mut digits, mut scale) = (self.digits, self.scale);
        while scale > 0 && digits.is_multiple_of(10) {
            digits /= 10;
            scale -= 1;
        }
        (digits, scale)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::from_decimal(text)
    }
}

impl PartialEq for Money {
    fn eq(&self, other: &Self) -> bool {
        self.normal() == other.normal()
    }
}

impl Eq for Money {}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Units::new(U256::from(self.digits)).display(self.scale))
    }
}

/// Money with an optional token symbol, as sellers write it in configuration: `$0.01`, `0.01`,
/// `1.50 USDT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// How much.
    pub money: Money,
    /// Which token's symbol was asked for; `None` means the network's default. `USD` means none.
    pub symbol: Option<Box<str>>,
}

impl FromStr for Price {
    type Err = MoneyError;

    /// # Errors
    ///
    /// As [`Money::from_decimal`], and `Malformed` for anything but one optional `$` before and
    /// one symbol, set off by a blank, after the digits.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let text = text.strip_prefix('$').map_or(text, str::trim_start);
        let (digits, symbol) = match text.split_once(char::is_whitespace) {
            Some((digits, rest)) => (digits, Some(rest.trim_start())),
            None => (text, None),
        };
        let money = Money::from_decimal(digits)?;
        let symbol = match symbol {
            None => None,
            Some(word) if !is_symbol(word) => return Err(MoneyError::Malformed),
            Some(word) if word.eq_ignore_ascii_case("USD") => None,
            Some(word) => Some(word.into()),
        };
        Ok(Self { money, symbol })
    }
}

fn is_symbol(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

/// An amount of US dollars, checked while compiling.
///
/// ```
/// let price = payment_core::usd!("0.01");
/// assert_eq!(price.to_units(6).unwrap().to_string(), "10000");
/// ```
///
/// Anything that is not a positive amount does not compile:
///
/// ```compile_fail
/// let price = payment_core::usd!("0.0.1");
/// ```
///
/// ```compile_fail
/// let price = payment_core::usd!("0.00");
/// ```
#[macro_export]
macro_rules! usd {
    ($text:literal) => {
        const {
            match $crate::Money::from_decimal($text) {
                Ok(money) if !money.is_zero() => money,
                _ => panic!("not a positive amount of money"),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn inexact_amounts_are_refused() {
        let seven = Money::from_decimal("0.0000001").unwrap();
        assert_eq!(seven.to_units(6), Err(Inexact { decimals: 6 }));
        assert_eq!(seven.to_units(7).unwrap().to_string(), "1");
        let padded = Money::from_decimal("0.0100000").unwrap();
        assert_eq!(padded.to_units(6).unwrap().to_string(), "10000");
        assert_eq!(padded, crate::usd!("0.01"));
        assert_eq!(padded.to_string(), "0.01");
    }

    #[test]
    fn odd_spellings_are_refused() {
        for bad in [
            "", ".", ".01", "1.", "+1", "-1", "1e3", "1,000", "0x1", "1.2.3", "１", " 1",
        ] {
            assert!(Money::from_decimal(bad).is_err(), "{bad:?}");
        }
        assert_eq!("$ 1.50 usd".parse::<Price>().unwrap().symbol, None);
        assert_eq!(
            "1 USDT0".parse::<Price>().unwrap().symbol.as_deref(),
            Some("USDT0")
        );
        for bad in ["$1,000", "1.50USDT", "€1", "NaN", "$$1", "1 2", "1 USD C"] {
            assert!(bad.parse::<Price>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn money_adds_up_or_not_at_all() {
        let sum = |a: &str, b: &str| {
            let (a, b) = (
                Money::from_decimal(a).unwrap(),
                Money::from_decimal(b).unwrap(),
            );
            assert_eq!(a.checked_add(b), b.checked_add(a));
            a.checked_add(b).map(|sum| sum.to_string())
        };
        assert_eq!(sum("0.01", "2").as_deref(), Some("2.01"));
        assert_eq!(sum("0.10", "0.010").as_deref(), Some("0.11"));
        let most = u128::MAX.to_string();
        assert_eq!(sum(&most, "0").as_deref(), Some(&*most));
        for (a, b) in [
            (&*most, "1"),
            (&*most, "0.1"),
            ("1000", &*format!("0.{}1", "0".repeat(35))),
        ] {
            assert_eq!(sum(a, b), None, "{a} + {b}");
        }
    }

    proptest! {
        #[test]
        fn units_and_money_round_trip(value: u64, decimals in 0u8..=18) {
            let units = Units::from(value);
            let money = Money::from_decimal(&units.display(decimals)).unwrap();
            prop_assert_eq!(money.to_units(decimals), Ok(units));
        }
    }
}
