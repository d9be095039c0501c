use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use payment_core::{BoxFuture, Outcome, Reply};
use pin_project_lite::pin_project;

use crate::held::Held;
use crate::{PaymentBody, stamp};

type Run<B, E> = BoxFuture<'static, Result<Outcome<Held<B>>, E>>;

pin_project! {
    /// The future of a response behind the gate.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. Before the settlement begins the payment is given back; once it
    /// has begun it finishes, and the same credential gets what was paid for.
    pub struct ResponseFuture<B, E> {
        #[pin]
        state: State<B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<B, E> {
        // `None` once given.
        Answer { reply: Option<Reply> },
        Job { #[pin] run: Run<B, E> },
    }
}

impl<B, E> ResponseFuture<B, E> {
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

impl<B, E> Future for ResponseFuture<B, E> {
    type Output = Result<Response<PaymentBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Answer { reply } => match reply.take() {
                Some(reply) => Poll::Ready(Ok(stamp::reply(reply))),
                None => Poll::Pending,
            },
            StateProj::Job { run } => run.poll(context).map_ok(|outcome| match outcome {
                Outcome::Served { response, stamps } => stamp::served(response.release(), stamps),
                Outcome::Reply(reply) => stamp::reply(reply),
            }),
        }
    }
}

impl<B, E> fmt::Debug for ResponseFuture<B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
