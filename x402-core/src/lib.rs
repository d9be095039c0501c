//! x402 v1 and v2: wire, headers, offers, schemes, facilitators, and the protocol for the gate.
