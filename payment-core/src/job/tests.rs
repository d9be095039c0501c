#![allow(clippy::unwrap_used)]

mod answers;
mod at_once;
mod drops;
mod faults;
mod hooks;
mod limits;
mod management;
mod metering;
mod order;
mod resuming;
mod rows;
mod shop;
mod simulation;
mod staff;
mod world;
