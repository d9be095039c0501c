use std::borrow::Cow;

use crate::{Money, Route};

/// What a route costs: by the call, or by units of what it delivers.
///
/// ```
/// use payment_core::{Route, Tariff, usd};
///
/// let chat: Route = Tariff::per("token", usd!("0.000002"))
///     .deposit(usd!("0.50"))
///     .up_to(4_000)
///     .into();
/// assert!(chat.is_metered());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Tariff {
    price: Money,
    unit: Option<Cow<'static, str>>,
    deposit: Option<Money>,
    most: u64,
}

impl Tariff {
    /// A price for each call.
    pub const fn per_call(price: Money) -> Self {
        Self {
            price,
            unit: None,
            deposit: None,
            most: 1,
        }
    }

    /// A price for each unit, such as `token` or `byte`. Only protocols that keep an account with
    /// the buyer take such a route: MPP sessions.
    pub fn per(unit: impl Into<Cow<'static, str>>, price: Money) -> Self {
        Self {
            unit: Some(unit.into()),
            ..Self::per_call(price)
        }
    }

    /// What to suggest to buyers who open a channel.
    pub const fn deposit(mut self, deposit: Money) -> Self {
        self.deposit = Some(deposit);
        self
    }

    /// How many units one response may use, that is not streamed: so much is set aside while the
    /// handler runs, and more is never charged. One without this; zero counts as one.
    pub const fn up_to(mut self, units: u64) -> Self {
        self.most = if units == 0 { 1 } else { units };
        self
    }
}

impl From<Tariff> for Route {
    fn from(tariff: Tariff) -> Self {
        let Tariff {
            price,
            unit,
            deposit,
            most,
        } = tariff;
        Self {
            unit,
            deposit,
            most_units: most,
            ..Self::priced(price)
        }
    }
}
