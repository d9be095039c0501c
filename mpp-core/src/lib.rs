//! The Payment HTTP authentication scheme: challenge, credential, receipt, problems, and the protocol for the gate.
