use payment_core::{ConfigError, Gate, MemoryReplayGuard, ReplayGuard, Route, RouteGate};
use tower_layer::Layer;

use crate::PaymentService;

/// Makes layers of a gate.
pub trait GateExt {
    /// Where used credentials are remembered.
    type Guard: ReplayGuard;

    /// Prices a route: the layer that goes on it.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly or no protocol takes the route.
    fn priced(&self, route: impl Into<Route>) -> Result<PaymentLayer<Self::Guard>, ConfigError>;
}

impl<G: ReplayGuard> GateExt for Gate<G> {
    type Guard = G;

    fn priced(&self, route: impl Into<Route>) -> Result<PaymentLayer<G>, ConfigError> {
        self.route(route).map(PaymentLayer::new)
    }
}

/// Puts the gate of one route in front of a service. Cheap to clone.
#[derive(Debug)]
pub struct PaymentLayer<G = MemoryReplayGuard> {
    gate: RouteGate<G>,
}

impl<G: ReplayGuard> PaymentLayer<G> {
    /// The layer of this gate.
    #[must_use]
    pub const fn new(gate: RouteGate<G>) -> Self {
        Self { gate }
    }
}

impl<G> Clone for PaymentLayer<G> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
        }
    }
}

impl<S, G> Layer<S> for PaymentLayer<G> {
    type Service = PaymentService<S, G>;

    fn layer(&self, inner: S) -> PaymentService<S, G> {
        PaymentService {
            gate: self.gate.clone(),
            inner,
        }
    }
}
