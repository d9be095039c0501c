use std::mem;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use payment_core::{Admission, Admit, RouteGate};
use tower_service::Service;

use crate::head::{Gathered, Head};
use crate::held::Held;
use crate::{PaymentBody, ResponseFuture, TokioSpawn};

/// A service behind a gate.
#[derive(Clone, Debug)]
pub struct PaymentService<S, A = RouteGate> {
    pub(crate) gate: A,
    pub(crate) inner: S,
}

impl<S, A, ReqBody, ResBody> Service<Request<ReqBody>> for PaymentService<S, A>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    A: Admit,
    ReqBody: Send + 'static,
    ResBody: Body + Send + 'static,
{
    type Response = Response<PaymentBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let job = match self.gate.admit(&Head::new(&parts)) {
            None => {
                let request = Request::from_parts(parts, body);
                return ResponseFuture::free(self.inner.call(request));
            }
            Some(Admission::Answer(reply)) => return ResponseFuture::answer(reply),
            Some(Admission::Priced(job)) => job,
        };
        if let Some(reply) = job.answer_at_once() {
            return ResponseFuture::answer(reply);
        }
        // The instance that was polled ready is the one to call; leave the clone behind.
        let next = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, next);
        let method = parts.method.clone();
        ResponseFuture::job(Box::pin(job.run(TokioSpawn::current(), move |paid| {
            // What is read of this request is not the body of another that is made of it.
            parts.extensions.remove::<Gathered>();
            parts.extensions.insert(paid);
            let response = ready.call(Request::from_parts(parts, body));
            async move { response.await.map(|response| Held::new(response, method)) }
        })))
    }
}
