#![allow(clippy::unwrap_used)]

mod at_once;
mod drops;
mod faults;
mod limits;
mod order;
mod rows;
mod shop;
mod simulation;
mod world;
