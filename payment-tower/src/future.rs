use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use payment_core::{BoxFuture, Outcome, Receipts, Reply, stamp};
use pin_project_lite::pin_project;

use crate::held::Held;
use crate::{PaymentBody, reply};

type Run<B, E> = BoxFuture<'static, Result<Outcome<Held<B>>, E>>;

pin_project! {
    /// The future of a response behind the gate.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. Before the settlement begins the payment is given back; once it
    /// has begun it finishes, and the same credential gets what was paid for.
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, E> {
        Free { #[pin] future: F },
        // `None` once given.
        Answer { reply: Option<Reply> },
        Job { #[pin] run: Run<B, E> },
    }
}

impl<F, B, E> ResponseFuture<F, B, E> {
    pub(crate) const fn free(future: F) -> Self {
        Self {
            state: State::Free { future },
        }
    }

    pub(crate) const fn answer(reply: Reply) -> Self {
        Self {
            state: State::Answer { reply: Some(reply) },
        }
    }

    pub(crate) const fn job(run: Run<B, E>) -> Self {
        Self {
            state: State::Job { run },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<PaymentBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Free { future } => future.poll(context).map_ok(|response| {
                response.map(|body| PaymentBody::inner(body, Receipts::default()))
            }),
            StateProj::Answer { reply } => match reply.take() {
                Some(reply) => Poll::Ready(Ok(reply::response(reply))),
                None => Poll::Pending,
            },
            StateProj::Job { run } => run.poll(context).map_ok(|outcome| match outcome {
                Outcome::Served { response, stamps } => {
                    let mut response = response.release(stamps.receipts());
                    stamp(&mut response, stamps);
                    response
                }
                Outcome::Reply(reply) => reply::response(reply),
            }),
        }
    }
}

impl<F, B, E> fmt::Debug for ResponseFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
