//! A real EVM inside the process, with tokens, wallets, JSON-RPC, a movable clock and a scriptable facilitator.
