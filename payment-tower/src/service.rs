use std::mem;
use std::task::{Context, Poll};

use http::{Method, Request, Response};
use http_body::Body;
use payment_core::{Admission, MemoryReplayGuard, ReplayGuard, RouteGate};
use tower_service::Service;

use crate::head::Head;
use crate::held::Held;
use crate::{PaymentBody, ResponseFuture, TokioSpawn};

/// A service behind the gate of its route.
#[derive(Debug)]
pub struct PaymentService<S, G = MemoryReplayGuard> {
    pub(crate) gate: RouteGate<G>,
    pub(crate) inner: S,
}

impl<S: Clone, G> Clone for PaymentService<S, G> {
    fn clone(&self) -> Self {
        Self {
            gate: self.gate.clone(),
            inner: self.inner.clone(),
        }
    }
}

impl<S, G, ReqBody, ResBody> Service<Request<ReqBody>> for PaymentService<S, G>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    G: ReplayGuard,
    ReqBody: Send + 'static,
    ResBody: Body + Send + 'static,
{
    type Response = Response<PaymentBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<ResBody, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let job = match self.gate.admit(&Head::new(&parts)) {
            Admission::Answer(reply) => return ResponseFuture::answer(reply),
            Admission::Priced(job) => job,
        };
        if let Some(reply) = job.answer_at_once() {
            return ResponseFuture::answer(reply);
        }
        // The instance that was polled ready is the one to call; leave the clone behind.
        let next = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, next);
        let tunnel = parts.method == Method::CONNECT;
        ResponseFuture::job(Box::pin(job.run(TokioSpawn::current(), move |paid| {
            parts.extensions.insert(paid);
            let response = ready.call(Request::from_parts(parts, body));
            async move { response.await.map(|response| Held::new(response, tunnel)) }
        })))
    }
}
