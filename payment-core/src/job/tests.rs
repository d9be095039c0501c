#![allow(clippy::unwrap_used)]

mod drops;
mod faults;
mod limits;
mod order;
mod rows;
mod shop;
mod simulation;
mod world;
