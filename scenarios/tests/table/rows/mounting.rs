//! Routes below others.

use scenarios::{Handler, Request, Shop};

use crate::expected::{refused, served, unpaid};
use crate::rows::{SOLD, row};
use crate::run::Row;
use crate::shops::{PRICE, shop};

pub(crate) fn rows() -> Vec<Row> {
    fn nested() -> Shop {
        shop()
            .nest("/north", "/weather", PRICE, Handler::says("snow"))
            .nest("/south", "/weather", PRICE, Handler::says("sunny"))
    }
    let north = || Request::get("/north/weather");
    vec![row(
        "an offer names a nested route in full, and what pays for one does not pay for another",
        nested,
        [
            (north(), unpaid("GET", "/north/weather")),
            (north().pay("good-1"), served("snow")),
            (
                Request::get("/south/weather").pay("good-1"),
                refused("/south/weather", "spent"),
            ),
        ],
        SOLD,
    )]
}
