//! Whole numbers only: medians, ratios in thousandths, and how they are shown.

use std::time::Duration;

/// The middle one; 0 of none.
pub fn median<T: Ord + Copy + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The one that a tenth is below; 0 of none. What it was when nothing else ran.
pub fn quiet<T: Ord + Copy + Default>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 10).copied().unwrap_or_default()
}

/// One in thousandths of the other.
pub fn thousandths(part: u64, whole: u64) -> u64 {
    (part * 1000).checked_div(whole).unwrap_or_default()
}

/// Picoseconds of one of so many.
pub fn each(took: Duration, count: usize) -> u64 {
    let (all, count) = (took.as_nanos() * 1000, count.max(1) as u128);
    u64::try_from(all / count).unwrap_or(u64::MAX)
}

/// How many of so long fit into a second.
pub const fn per_second(picoseconds: u64) -> u64 {
    1_000_000_000_000 / if picoseconds == 0 { 1 } else { picoseconds }
}

/// Thousandths as a decimal fraction.
pub fn fraction(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}

/// Picoseconds as nanoseconds, with the sign they have.
pub fn nanos(picoseconds: i64) -> String {
    ((picoseconds + 500 * picoseconds.signum()) / 1000).to_string()
}

/// A difference, which may be less than nothing.
pub fn less(from: u64, what: u64) -> i64 {
    i64::try_from(i128::from(from) - i128::from(what)).unwrap_or(i64::MAX)
}
