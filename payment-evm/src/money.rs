use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use payment_core::{ConfigError, Money, Units};

use crate::Token;

/// How prices become base units of a token: by the parsers that were added, in order, and by the
/// decimals of the token where none of them says anything.
///
/// For sellers who think in another unit than the token's own: a price in dollars, paid in euros.
/// A parser is asked whenever an offer is made, for the 402 and again for the payment, and says the
/// same each time; a rate that moves is for a [`Pricer`](payment_core::Pricer), whose quotes stay
/// good for a while.
///
/// ```
/// use payment_core::{Units, usd};
/// use payment_evm::{MoneyParsers, Token};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::default_on(8453).ok_or("no default token on this chain")?;
/// let mut parsers = MoneyParsers::default();
/// assert_eq!(parsers.units(usd!("0.01"), &token)?, Units::from(10_000));
/// parsers.add(|money, token| match &*token.symbol {
///     "USDC" => money.to_units(token.decimals).ok()?.checked_mul(2),
///     _ => None,
/// });
/// assert_eq!(parsers.units(usd!("0.01"), &token)?, Units::from(20_000));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MoneyParsers(Vec<Arc<Parser>>);

type Parser = dyn Fn(Money, &Token) -> Option<Units> + Send + Sync;

impl MoneyParsers {
    /// Adds one, to be asked after those before it.
    pub fn add(&mut self, parser: impl Fn(Money, &Token) -> Option<Units> + Send + Sync + 'static) {
        self.0.push(Arc::new(parser));
    }

    /// The amount of money in base units of this token.
    ///
    /// # Errors
    ///
    /// `ConfigError` for an amount of nothing, for one that the token can't represent where no
    /// parser has taken it, and for a parser that panics: nothing is charged by guess.
    pub fn units(&self, money: Money, token: &Token) -> Result<Units, ConfigError> {
        let units = match self.parsed(money, token)? {
            Some(units) => units,
            None => money.to_units(token.decimals)?,
        };
        match units.is_zero() {
            true => Err(ConfigError::ZeroPrice),
            false => Ok(units),
        }
    }

    fn parsed(&self, money: Money, token: &Token) -> Result<Option<Units>, ConfigError> {
        // A price may be found while a request waits, and no request ends a process.
        let ask = AssertUnwindSafe(|| self.0.iter().find_map(|parser| parser(money, token)));
        catch_unwind(ask).map_err(|_| ConfigError::setting("money_parser", "it panicked"))
    }
}

impl fmt::Debug for MoneyParsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MoneyParsers").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use payment_core::usd;

    use super::*;

    fn usdc() -> Token {
        Token::default_on(8453).unwrap()
    }

    #[test]
    fn parsers_are_asked_in_order_and_the_decimals_last() {
        let mut parsers = MoneyParsers::default();
        assert_eq!(parsers.units(usd!("0.01"), &usdc()).unwrap(), 10_000.into());
        parsers.add(|money, _| (money == usd!("1")).then(|| Units::from(7)));
        parsers.add(|money, _| (money == usd!("2")).then(|| Units::from(8)));
        parsers.add(|money, _| (money == usd!("1")).then(|| Units::from(9)));
        for (money, units) in [
            (usd!("1"), 7),
            (usd!("2"), 8),
            (usd!("3"), 3_000_000),
            (usd!("0.01"), 10_000),
        ] {
            assert_eq!(parsers.units(money, &usdc()).unwrap(), units.into());
        }
    }

    #[test]
    fn nothing_is_no_price_whoever_says_so() {
        let mut parsers = MoneyParsers::default();
        let nothing = Money::from_decimal("0.00").unwrap();
        let zero = parsers.units(nothing, &usdc());
        assert!(matches!(zero, Err(ConfigError::ZeroPrice)), "{zero:?}");
        parsers.add(|_, _| Some(Units::ZERO));
        let zero = parsers.units(usd!("0.01"), &usdc());
        assert!(matches!(zero, Err(ConfigError::ZeroPrice)), "{zero:?}");
    }

    #[test]
    fn what_nobody_can_represent_is_refused_and_not_rounded() {
        let mut parsers = MoneyParsers::default();
        parsers.add(|_, _| None);
        let inexact = parsers.units(usd!("0.0000001"), &usdc());
        assert!(matches!(inexact, Err(ConfigError::Price(_))), "{inexact:?}");
    }

    #[test]
    fn a_parser_that_panics_is_an_error() {
        let mut parsers = MoneyParsers::default();
        parsers.add(|_, _| panic!("no rate"));
        let failed = parsers.units(usd!("0.01"), &usdc()).unwrap_err();
        assert!(failed.to_string().contains("panicked"), "{failed}");
    }
}
