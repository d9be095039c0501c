use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, forward_ready};
use actix_web::{Error, HttpMessage};
use bytes::Bytes;
use payment_core::{Admission, Admit, Job, Outcome, ReplayGuard, RouteGate, stamp};

use crate::gather::{self, gather};
use crate::head::{Head, Stamped};
use crate::held::Held;
use crate::reply;
use crate::spawn::TokioSpawn;
use crate::{ResponseFuture, Unserved};

/// A service behind a gate.
#[derive(Debug)]
pub struct PaymentService<S, A = RouteGate> {
    pub(crate) gate: A,
    pub(crate) inner: Rc<S>,
}

impl<S, A, B> Service<ServiceRequest> for PaymentService<S, A>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    S::Future: 'static,
    A: Admit,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B, Bytes>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, B>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let head = Head::new(&request);
        if let Some(limit) = self.gate.reads_body(&head) {
            let (gate, service) = (self.gate.clone(), Rc::clone(&self.inner));
            return ResponseFuture::job(Box::pin(read(gate, limit, service, request)));
        }
        let job = match self.gate.admit(&head) {
            None => return ResponseFuture::free(self.inner.call(request)),
            Some(Admission::Answer(reply)) => {
                return ResponseFuture::answer(reply::to(request.into_parts().0, reply));
            }
            Some(Admission::Priced(job)) => job,
        };
        if let Some(reply) = job.answer_at_once() {
            return ResponseFuture::answer(reply::to(request.into_parts().0, reply));
        }
        let service = Rc::clone(&self.inner);
        ResponseFuture::job(Box::pin(run(job, TokioSpawn::current(), service, request)))
    }
}

/// Reads the body that the price is read from, then goes on as with any other.
async fn read<S, A, B>(
    gate: A,
    limit: usize,
    service: Rc<S>,
    mut request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B, Bytes>>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    A: Admit,
    B: MessageBody + 'static,
{
    let payload = request.take_payload();
    let body = match gather(payload, request.headers(), limit).await {
        Ok(body) => body,
        Err(why) => {
            let reply = gate.unread(&Head::new(&request), why);
            return Ok(reply::to(request.into_parts().0, reply));
        }
    };
    let admission = gate.admit(&Head::gathered(&request, &body));
    request.set_payload(gather::payload(body));
    match admission {
        None => Ok(service.call(request).await?.map_into_left_body()),
        Some(Admission::Answer(reply)) => Ok(reply::to(request.into_parts().0, reply)),
        Some(Admission::Priced(job)) => run(job, TokioSpawn::current(), service, request).await,
    }
}

async fn run<S, B, G>(
    job: Job<G>,
    spawn: TokioSpawn,
    service: Rc<S>,
    request: ServiceRequest,
) -> Result<ServiceResponse<EitherBody<B, Bytes>>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
    G: ReplayGuard,
{
    let (request, payload) = request.into_parts();
    // While the service has the request, actix wants no second handle to it: it lies here before
    // and after.
    let desk = Cell::new(Some(request));
    let serving = |paid| {
        let request = desk.take().expect("a job serves once");
        request.extensions_mut().insert(paid);
        let method = request.method().clone();
        let response = service.call(ServiceRequest::from_parts(request, payload));
        async {
            Ok::<_, Infallible>(match response.await {
                Ok(response) => {
                    let (request, response) = response.into_parts();
                    desk.set(Some(request));
                    Held::new(response, method)
                }
                Err(error) => Held::Failed(error),
            })
        }
    };
    let put_back = "it was put back, or the service ended in an error";
    match job.run(spawn, serving).await {
        Ok(Outcome::Served { response, stamps }) => match response.release() {
            Ok(mut response) => {
                stamp(&mut Stamped(response.head_mut()), stamps);
                let request = desk.take().expect(put_back);
                Ok(ServiceResponse::new(request, response))
            }
            Err(error) => Err(Unserved::new(error, stamps).into()),
        },
        // Nothing is answered in the place of an error.
        Ok(Outcome::Reply(reply)) => Ok(reply::to(desk.take().expect(put_back), reply)),
        Err(never) => match never {},
    }
}
