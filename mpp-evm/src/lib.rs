//! The MPP method evm: charge.
