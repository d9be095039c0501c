use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use x402_axum::{Account, Address, Denial, PaymentOption, Pricing, Quote, usd};

use crate::Sold;

pub(crate) fn by_size() -> Pricing {
    Pricing::by(async |ask| {
        Ok(match Size::of(ask.query.as_deref()) {
            Some(Size::Small) => Quote::Standard,
            Some(Size::Large) => usd!("0.02").into(),
            Some(Size::Thumb) => Quote::Free,
            Some(Size::Poster) => Quote::Deny(Denial::new("not_for_sale").detail("no posters")),
            None => Quote::Deny(Denial::new("no_such_size").status(StatusCode::BAD_REQUEST)),
        })
    })
}

/// The price moves with every sale. A buyer who was told another one pays that, within the grace.
pub(crate) fn by_demand(sold: &Sold) -> Pricing {
    let sold = Arc::clone(sold);
    let price = move || {
        let cents = sold.load(Ordering::SeqCst).checked_add(10)?;
        usd!("0.01").checked_mul(cents)
    };
    let pricing = Pricing::by(move |_| {
        let price = price();
        // An error closes the gate: nothing is sold at a price that nobody knows.
        async move { Ok(price.ok_or("too dear")?.into()) }
    });
    pricing.grace(Duration::from_secs(60))
}

/// Who is paid depends on the request as well.
pub(crate) fn by_artist(artist: Address) -> Pricing {
    Pricing::by(move |ask| async move {
        Ok(match ask.query.as_deref() {
            Some("by=ann") => PaymentOption::new(usd!("0.05"))
                .pay_to(Account::from(artist))
                .into(),
            _ => Quote::Standard,
        })
    })
}

/// Price and handler read the query by one function. If they took `?size=small&size=large` for two
/// different things, a large map would be sold at the price of a small one.
#[derive(Debug)]
pub(crate) enum Size {
    Thumb,
    Small,
    Large,
    Poster,
}

impl Size {
    pub(crate) fn of(query: Option<&str>) -> Option<Self> {
        match query {
            None | Some("size=small") => Some(Self::Small),
            Some("size=large") => Some(Self::Large),
            Some("size=thumb") => Some(Self::Thumb),
            Some("size=poster") => Some(Self::Poster),
            Some(_) => None,
        }
    }
}
