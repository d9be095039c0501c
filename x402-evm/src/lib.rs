//! x402 schemes on EVM chains: exact by EIP-3009, buyer signing, on-chain facilitator.
