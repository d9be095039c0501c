//! What was measured, beside what is aimed at.

use tollgate_benches::number::{fraction, nanos, per_second};

use crate::million::Million;
use crate::voucher::{Case, Measured};

pub(crate) fn print_vouchers(cases: &[Case], measured: &[Measured]) {
    println!(
        "\nsessions, from the header to the decision, one request on one core \
         (medians; beyond the curve: quiet tenth)\n"
    );
    println!(
        "{:<28} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}  aim",
        "", "ns", "req/s", "curve ns", "of curve", "beyond ns", "allocs", "bytes"
    );
    let whole = |picoseconds: u64| nanos(i64::try_from(picoseconds).unwrap_or(i64::MAX));
    for (case, measured) in cases.iter().zip(measured) {
        let ratio = match measured.curve {
            0 => "-".to_owned(),
            _ => fraction(measured.ratio),
        };
        println!(
            "{:<28} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}  {}",
            case.name,
            whole(measured.time),
            per_second(measured.time),
            whole(measured.curve),
            ratio,
            nanos(measured.beyond),
            measured.allocations,
            measured.bytes,
            case.aim,
        );
    }
}

pub(crate) fn print_million(million: &Million) {
    let Million {
        channels,
        allocated,
        resident,
        took,
    } = *million;
    let each = |bytes: u64| bytes.div_ceil(channels.max(1));
    println!("\n{channels} open channels in memory, filled in {took:.1?}\n");
    println!(
        "{:<28} {:>9} bytes, {:>5} a channel  aim <= 300",
        "allocated",
        allocated,
        each(allocated)
    );
    println!(
        "{:<28} {:>9} bytes, {:>5} a channel",
        "resident",
        resident,
        each(resident)
    );
}
