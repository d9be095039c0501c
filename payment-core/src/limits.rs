use std::time::Duration;

/// Bounds on what a stranger can make the gate do. The defaults are meant to be kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of one credential header; above it the answer is 431.
    pub credential: usize,
    /// Bytes of a paid response that settle-after holds back until the money has moved.
    pub held_body: usize,
    /// Paid requests in work at once; above it the answer is 503.
    pub in_flight: usize,
    /// Paid requests in work at once for one proven payer.
    pub in_flight_per_payer: usize,
    /// How long a reservation stands without news before the same credential may try again.
    pub lease: Duration,
    /// What a client is told to wait when the outcome of its payment is not known yet.
    pub retry_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            credential: 16 * 1024,
            held_body: 2 * 1024 * 1024,
            in_flight: 1024,
            in_flight_per_payer: 256,
            lease: Duration::from_secs(120),
            retry_after: Duration::from_secs(2),
        }
    }
}
