use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::Error;
use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use bytes::Bytes;
use pin_project_lite::pin_project;

type Answer<B> = ServiceResponse<EitherBody<B, Bytes>>;
type Run<B> = Pin<Box<dyn Future<Output = Result<Answer<B>, Error>>>>;

pin_project! {
    /// The future of a response behind the gate.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time. Before the settlement begins the payment is given back; once it
    /// has begun it finishes, and the same credential gets what was paid for.
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Free { #[pin] future: F },
        // `None` once given.
        Answer { response: Option<Answer<B>> },
        Job { #[pin] run: Run<B> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) const fn free(future: F) -> Self {
        Self {
            state: State::Free { future },
        }
    }

    pub(crate) const fn answer(response: Answer<B>) -> Self {
        Self {
            state: State::Answer {
                response: Some(response),
            },
        }
    }

    pub(crate) const fn job(run: Run<B>) -> Self {
        Self {
            state: State::Job { run },
        }
    }
}

impl<F, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<ServiceResponse<B>, Error>>,
{
    type Output = Result<Answer<B>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Free { future } => future
                .poll(context)
                .map_ok(ServiceResponse::map_into_left_body),
            StateProj::Answer { response } => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            StateProj::Job { run } => run.poll(context),
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
