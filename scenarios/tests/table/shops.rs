use std::sync::Arc;

use payment_core::{Gate, Limits, Money, Route, Timing, usd};
use payment_router::PaymentRouter;
use scenarios::{OURS, RIVAL, Shop, Till};

pub(crate) const PRICE: Money = usd!("0.01");

/// A shop that takes our protocol, at a canonical origin.
pub(crate) fn shop() -> Shop {
    of_origin(Some("https://shop.example"))
}

/// The same without an origin, where offers name the host that the client asks for.
pub(crate) fn without_origin() -> Shop {
    of_origin(None)
}

fn of_origin(origin: Option<&str>) -> Shop {
    let till = Arc::<Till>::default();
    let mut gate = Gate::builder(OURS.at(&till)).limits(limits());
    if let Some(origin) = origin {
        gate = gate.origin(origin);
    }
    let gate = gate.build().unwrap();
    Shop::new(till, gate)
}

/// A shop that takes two protocols.
pub(crate) fn of_two() -> Shop {
    let till = Arc::<Till>::default();
    let router = PaymentRouter::new()
        .add(1, OURS.at(&till))
        .add(2, RIVAL.at(&till));
    let gate = Gate::builder(router).origin("https://shop.example");
    let gate = gate.limits(limits()).build().unwrap();
    Shop::new(till, gate)
}

/// Small enough to be passed by a row.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.credential = 1024;
    limits.held_body = 64;
    limits
}

/// The price of a call that is settled before it is served.
pub(crate) fn settled_first() -> Route {
    Route::priced(PRICE).timing(Timing::BeforeServing)
}
