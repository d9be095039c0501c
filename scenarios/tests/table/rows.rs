mod asking;
mod charging;
mod credentials;
mod failing;
mod holding;
mod hooking;
mod metering;
mod mounting;
mod paying;
mod pricing;
mod routing;
mod settling;
mod stamping;
mod tabling;

use scenarios::{Handler, Reply, Request, Shop, Totals};

use crate::run::Row;
use crate::shops::{PRICE, shop};

/// The table.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = asking::rows();
    rows.extend(credentials::rows());
    rows.extend(paying::rows());
    rows.extend(failing::rows());
    rows.extend(settling::rows());
    rows.extend(holding::rows());
    rows.extend(stamping::rows());
    rows.extend(mounting::rows());
    rows.extend(metering::rows());
    rows.extend(charging::rows());
    rows.extend(hooking::rows());
    rows.extend(pricing::rows());
    rows.extend(routing::rows());
    rows.extend(tabling::rows());
    rows
}

pub(crate) fn row<const N: usize>(
    name: &'static str,
    shop: fn() -> Shop,
    steps: [(Request, Reply); N],
    totals: Totals,
) -> Row {
    Row {
        name,
        shop,
        steps: steps.into(),
        totals,
    }
}

pub(crate) const NOTHING: Totals = Totals {
    served: 0,
    settles: 0,
    reconciles: 0,
    releases: 0,
    units: 0,
    undone: 0,
    refunds: 0,
};

pub(crate) const SOLD: Totals = Totals {
    served: 1,
    settles: 1,
    ..NOTHING
};

pub(crate) const GIVEN_BACK: Totals = Totals {
    served: 1,
    releases: 1,
    ..NOTHING
};

/// The weather, sold and given away.
pub(crate) fn weather() -> Shop {
    shop()
        .sell("/weather", PRICE, Handler::says("sunny"))
        .give("/free", Handler::says("free"))
}

pub(crate) fn get() -> Request {
    Request::get("/weather")
}
