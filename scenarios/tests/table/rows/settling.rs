//! Settlements that are no plain success.

use payment_core::MemoryReplayGuard;
use scenarios::{Handler, Totals};

use crate::expected::{Change, PENDING, fault, own, refused, served};
use crate::rows::{GIVEN_BACK, NOTHING, SOLD, get, row, weather};
use crate::run::Row;
use crate::shops::{PRICE, settled_first, shop, with};

pub(crate) fn rows() -> Vec<Row> {
    let pending = own(503, PENDING, "settlement_pending")
        .with("payment-response", "pending")
        .with("retry-after", "2");
    let broke = refused("/weather", "no_funds").with("payment-response", "failed");
    let first = || shop().sell("/weather", settled_first(), Handler::says("sunny"));
    vec![
        row(
            "a settlement that is refused keeps the response back and shows the receipt",
            weather,
            [(get().pay("broke-1"), broke.clone())],
            Totals {
                settles: 1,
                ..GIVEN_BACK
            },
        ),
        row(
            "a settlement that is lost is found by the same credential, and served once",
            weather,
            [
                (get().pay("lost-1"), pending.clone()),
                (get().pay("lost-1"), served("sunny")),
                (get().pay("lost-1"), refused("/weather", "spent")),
            ],
            Totals {
                served: 2,
                settles: 1,
                reconciles: 1,
                ..NOTHING
            },
        ),
        row(
            "where nothing more can be remembered, nothing more is taken",
            || {
                let shop = with(|gate, _| gate.guard(MemoryReplayGuard::with_capacity(1)));
                shop.sell("/weather", PRICE, Handler::says("sunny"))
            },
            [
                (get().pay("good-1"), served("sunny")),
                (
                    get().pay("good-2"),
                    fault(503, "replay_store_full").with("retry-after", "2"),
                ),
                (get().pay("good-1"), refused("/weather", "spent")),
            ],
            SOLD,
        ),
        row(
            "what verifies is down",
            weather,
            [(
                get().pay("down-1"),
                fault(503, "verifier_down").with("retry-after", "2"),
            )],
            Totals {
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "settled first, a refusal never reaches the handler",
            first,
            [(get().pay("broke-1"), broke)],
            Totals {
                settles: 1,
                releases: 1,
                ..NOTHING
            },
        ),
        row(
            "settled first, a lost settlement never reaches the handler until it is found",
            first,
            [
                (get().pay("lost-1"), pending),
                (get().pay("lost-1"), served("sunny")),
            ],
            Totals {
                reconciles: 1,
                ..SOLD
            },
        ),
        row(
            "settled first, it is served once",
            first,
            [
                (get().pay("good-1"), served("sunny")),
                (get().pay("good-1"), refused("/weather", "spent")),
            ],
            SOLD,
        ),
    ]
}
