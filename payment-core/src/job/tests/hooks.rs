//! The seller's own code: what it may decide, and what it can't break. (T24)

mod matrix;
