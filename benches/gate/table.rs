//! What was measured, beside what is aimed at.

use tollgate_benches::number::{fraction, median, nanos, per_second};

use crate::cases::Cases;
use crate::inside::Inside;
use crate::loopback::Loopback;

/// What a paid request may take beside the curve, whatever the finer aims say.
const WITHOUT_CURVE: &str = "everything but the curve in a paid request: < 15000 ns";

/// The curve alone, in picoseconds.
pub(crate) fn print_curve(recovery: u64, verification: u64) {
    println!("\nthe curve alone, one operation\n");
    for (name, time) in [("recovery", recovery), ("verification", verification)] {
        let nanos = nanos(i64::try_from(time).unwrap_or(i64::MAX));
        println!("{name:<30} {nanos:>8} {:>10}", per_second(time));
    }
    println!("\naim for {WITHOUT_CURVE}");
}

pub(crate) fn print_inside(cases: &Cases, measured: &[Inside]) {
    let bare = median(measured.iter().map(|inside| inside.bare));
    let bare_allocations = median(measured.iter().map(|inside| inside.bare_allocations));
    let name = cases.framework.name;
    println!("\n{name}, in process, one request (medians; no curve: quiet tenth)\n");
    println!(
        "{:<30} {:>8} {:>10} {:>8} {:>9} {:>10} {:>10} {:>7} {:>7}  aim",
        "", "ns", "req/s", "of bare", "+ ns", "no curve", "+ ns", "allocs", "+ ours"
    );
    let whole = |picoseconds: u64| nanos(i64::try_from(picoseconds).unwrap_or(i64::MAX));
    println!(
        "{:<30} {:>8} {:>10} {:>8} {:>9} {:>10} {:>10} {bare_allocations:>7}",
        cases.bare.kind.name,
        whole(bare),
        per_second(bare),
        fraction(1000),
        "",
        "",
        ""
    );
    for (case, inside) in cases.all.iter().zip(measured) {
        let (all, beyond) = match inside.without_curve {
            Some((all, beyond)) => (nanos(all), nanos(beyond)),
            None => Default::default(),
        };
        println!(
            "{:<30} {:>8} {:>10} {:>8} {:>9} {all:>10} {beyond:>10} {:>7} {:>7}  {}",
            case.kind.name,
            whole(inside.time),
            per_second(inside.time),
            fraction(inside.ratio),
            nanos(inside.beyond),
            inside.allocations,
            i128::from(inside.allocations) - i128::from(inside.bare_allocations),
            case.kind.aims.inside,
        );
    }
}

pub(crate) fn print_loopback(cases: &Cases, measured: &[Loopback]) {
    let bare = median(measured.iter().map(|loopback| loopback.bare));
    let name = cases.framework.name;
    println!("\n{name}, over loopback, kept-alive connections\n");
    println!("{:<30} {:>10} {:>8}  aim", "", "req/s", "of bare");
    println!(
        "{:<30} {:>10} {:>8}",
        cases.bare.kind.name,
        per_second(bare),
        fraction(1000)
    );
    let over = cases.all.iter();
    let over = over.filter(|case| case.kind.goes_over_loopback());
    for (case, loopback) in over.zip(measured) {
        println!(
            "{:<30} {:>10} {:>8}  {}",
            case.kind.name,
            per_second(loopback.time),
            fraction(loopback.ratio),
            case.kind.aims.loopback,
        );
    }
}
