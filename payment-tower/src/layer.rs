use payment_core::{Admit, ConfigError, Gate, ReplayGuard, Route, RouteGate};
use tower_layer::Layer;

use crate::{PaymentService, ReadBody};

/// Makes layers of a gate.
pub trait GateExt {
    /// Where used credentials are remembered.
    type Guard: ReplayGuard;

    /// Prices a route: the layer that goes on it.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly or no protocol takes the route, and
    /// for a price that is read from the body: that takes [`priced_by_body`](Self::priced_by_body).
    fn priced(
        &self,
        route: impl Into<Route>,
    ) -> Result<PaymentLayer<RouteGate<Self::Guard>>, ConfigError>;

    /// Prices a route whose price is read from the body: the pair of layers that goes on it, as one.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly or no protocol takes the route.
    fn priced_by_body(
        &self,
        route: impl Into<Route>,
    ) -> Result<BodyPriced<RouteGate<Self::Guard>>, ConfigError>;
}

/// What reads the body, around what prices it. A pair of layers is a layer; the first is outside.
pub type BodyPriced<A> = (ReadBody<A>, PaymentLayer<A>);

impl<G: ReplayGuard> GateExt for Gate<G> {
    type Guard = G;

    fn priced(&self, route: impl Into<Route>) -> Result<PaymentLayer<RouteGate<G>>, ConfigError> {
        let gate = self.route(route)?;
        match gate.body_limit() {
            None => Ok(PaymentLayer::new(gate)),
            Some(_) => Err(ConfigError::setting(
                "pricing",
                "the price is read from the body, which takes `priced_by_body`",
            )),
        }
    }

    fn priced_by_body(
        &self,
        route: impl Into<Route>,
    ) -> Result<BodyPriced<RouteGate<G>>, ConfigError> {
        let gate = self.route(route)?;
        Ok((ReadBody::new(gate.clone()), PaymentLayer::new(gate)))
    }
}

/// Puts a gate in front of a service: the gate of one route, or a table of many. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PaymentLayer<A = RouteGate> {
    gate: A,
}

impl<A: Admit> PaymentLayer<A> {
    /// The layer of this gate. Where a price of it is read from the body, [`ReadBody`] stands
    /// directly around it; without it, those requests are answered with 500.
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
