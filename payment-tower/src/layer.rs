use payment_core::{Admit, ConfigError, Gate, ReplayGuard, Route, RouteGate};
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
    fn priced(
        &self,
        route: impl Into<Route>,
    ) -> Result<PaymentLayer<RouteGate<Self::Guard>>, ConfigError>;
}

impl<G: ReplayGuard> GateExt for Gate<G> {
    type Guard = G;

    fn priced(&self, route: impl Into<Route>) -> Result<PaymentLayer<RouteGate<G>>, ConfigError> {
        self.route(route).map(PaymentLayer::new)
    }
}

/// Puts a gate in front of a service: the gate of one route, or a table of many. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PaymentLayer<A = RouteGate> {
    gate: A,
}

impl<A: Admit> PaymentLayer<A> {
    /// The layer of this gate.
    #[must_use]
    pub const fn new(gate: A) -> Self {
        Self { gate }
    }
}

impl<S, A: Clone> Layer<S> for PaymentLayer<A> {
    type Service = PaymentService<S, A>;

    fn layer(&self, inner: S) -> PaymentService<S, A> {
        PaymentService {
            gate: self.gate.clone(),
            inner,
        }
    }
}
