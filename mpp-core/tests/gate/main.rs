//! The protocol at a gate, with a payment method that needs no chain.

#![allow(clippy::unwrap_used)]

mod attacks;
mod flow;
mod settings;
mod shop;
