//! What x402 and MPP both need of EVM chains: typed data, signatures, signers, tokens, settlement.
