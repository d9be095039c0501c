//! The buyer: pays x402 and MPP challenges automatically, within a budget.
