#![doc = include_str!("../../PARITY.md")]
