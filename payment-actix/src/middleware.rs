use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use payment_core::{Admit, ConfigError, Gate, ReplayGuard, Route, RouteGate};

use crate::PaymentService;

/// Makes middleware of a gate.
pub trait GateExt {
    /// Where used credentials are remembered.
    type Guard: ReplayGuard;

    /// Prices what it is wrapped around.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the price can't be charged exactly or no protocol takes the route.
    fn priced(
        &self,
        route: impl Into<Route>,
    ) -> Result<PaymentMiddleware<RouteGate<Self::Guard>>, ConfigError>;
}

impl<G: ReplayGuard> GateExt for Gate<G> {
    type Guard = G;

    fn priced(
        &self,
        route: impl Into<Route>,
    ) -> Result<PaymentMiddleware<RouteGate<G>>, ConfigError> {
        self.route(route).map(PaymentMiddleware::new)
    }
}

/// Puts a gate in front of what it wraps: the gate of one route, or a table of many. Cheap to
/// clone, and one for all workers.
#[derive(Clone, Debug)]
pub struct PaymentMiddleware<A = RouteGate> {
    gate: A,
}

impl<A: Admit> PaymentMiddleware<A> {
    /// The middleware of this gate.
    #[must_use]
    pub const fn new(gate: A) -> Self {
        Self { gate }
    }
}

impl<S, A, B> Transform<S, ServiceRequest> for PaymentMiddleware<A>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    A: Admit,
    B: MessageBody + 'static,
{
    type Response = <Self::Transform as Service<ServiceRequest>>::Response;
    type Error = Error;
    type Transform = PaymentService<S, A>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(PaymentService {
            gate: self.gate.clone(),
            inner: Rc::new(inner),
        }))
    }
}
