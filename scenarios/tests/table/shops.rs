use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use payment_core::{
    Access, Cors, Gate, GateBuilder, Limits, Money, On, Pricing, Quote, Refund, Route, Timing,
    Verdict, usd,
};
use payment_router::PaymentRouter;
use scenarios::{OURS, Protocol, RIVAL, Shop, Till};
use tokio::task::yield_now;

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

/// A shop whose gate has more to it.
pub(crate) fn with(more: impl FnOnce(GateBuilder, &Arc<Till>) -> GateBuilder) -> Shop {
    let till = Arc::<Till>::default();
    let gate = Gate::builder(OURS.at(&till)).limits(limits());
    let gate = more(gate.origin("https://shop.example"), &till);
    let gate = gate.build().unwrap();
    Shop::new(till, gate)
}

/// A shop with all that a seller can say: hooks that listen and decide, one that refunds, pages of
/// other origins.
pub(crate) fn with_everything() -> Shop {
    with(|gate, till| {
        let (undoing, refunding) = (Arc::clone(till), Arc::clone(till));
        let hooks = On::new()
            .protected_request(async |_| {
                yield_now().await;
                Access::Pay
            })
            .before_verify(|_| go_on())
            .after_verify(|_| go_on())
            .before_settle(|_| go_on())
            .after_settle(|_, _| yield_now())
            .succeeded(|_| yield_now())
            .failed(|_, _| yield_now())
            .compensate(move |_| {
                undoing.undone.fetch_add(1, Ordering::SeqCst);
                yield_now()
            })
            .refund(move |_, _| {
                refunding.refunds.fetch_add(1, Ordering::SeqCst);
                async {
                    yield_now().await;
                    Refund::Done
                }
            });
        gate.hooks(hooks).cors(Cors::any())
    })
}

async fn go_on() -> Verdict {
    yield_now().await;
    Verdict::GoOn
}

/// The route at a price that is found for each request.
pub(crate) fn found(route: impl Into<Route>) -> Route {
    let pricing = Pricing::by(async |_| {
        yield_now().await;
        Ok(Quote::from(usd!("0.02")))
    });
    route.into().pricing(pricing)
}

/// A shop that takes two protocols.
pub(crate) fn of_two() -> Shop {
    of_these([OURS, RIVAL])
}

/// A shop that takes these protocols, and waits a moment for each.
pub(crate) fn of_these<const N: usize>(protocols: [Protocol; N]) -> Shop {
    let till = Arc::<Till>::default();
    let mut router = PaymentRouter::new().challenge_deadline(Duration::from_millis(5));
    for (at, protocol) in protocols.into_iter().enumerate() {
        router = router.add(at as u32, protocol.at(&till));
    }
    let gate = Gate::builder(router).origin("https://shop.example");
    let gate = gate.limits(limits()).build().unwrap();
    Shop::new(till, gate)
}

/// Small enough to be passed by a row.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.credential = 1024;
    limits.held_body = 64;
    limits
}

/// The price of a call that is settled before it is served.
pub(crate) fn settled_first() -> Route {
    Route::priced(PRICE).timing(Timing::BeforeServing)
}
