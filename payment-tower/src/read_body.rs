use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use payment_core::{Admit, BoxFuture, RouteGate, Unread};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::gather::{Gap, gather};
use crate::head::{Gathered, Head};
use crate::reply;

/// Reads the bodies that prices are read from. It stands directly outside of the
/// [`PaymentLayer`](crate::PaymentLayer) of the same gate:
/// [`GateExt::priced_by_body`](crate::GateExt::priced_by_body) makes both.
///
/// ```
/// # use payment_core::{Gate, PaymentProtocol, Pricing, Quote, ConfigError, Route, usd};
/// # fn main() {}
/// # #[cfg(feature = "axum")]
/// # fn app<P: PaymentProtocol>(protocol: P) -> Result<(), ConfigError> {
/// use axum::{Router, routing::post};
/// use payment_tower::GateExt;
///
/// let by_length = Pricing::by(async |ask| {
///     Ok(match ask.body.as_deref().unwrap_or_default().len() {
///         0..100 => Quote::Standard,
///         _ => Quote::from(usd!("0.05")),
///     })
/// });
/// let route = Route::priced(usd!("0.01")).pricing(by_length.reading_body(64 * 1024));
/// let app: Router = Router::new().route(
///     "/translate",
///     post(async |text: String| text.to_uppercase()).layer(Gate::new(protocol).priced_by_body(route)?),
/// );
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// - The handler reads the very bytes that were priced. Trailers are dropped.
/// - A body that is too large is answered with 413, before it is read where its length is said; one
///   that breaks off with 400. Neither reaches the gate.
/// - Who does not pay sends a body all the same: each connection can make the server hold as many
///   bytes as the limit says, for as long as the server lets it send. Keep the limit small, and give
///   connections a timeout and a number. (T120)
#[derive(Clone, Debug)]
pub struct ReadBody<A = RouteGate> {
    gate: A,
}

impl<A: Admit> ReadBody<A> {
    /// What reads bodies for this gate.
    #[must_use]
    pub const fn new(gate: A) -> Self {
        Self { gate }
    }
}

impl<S, A: Clone> Layer<S> for ReadBody<A> {
    type Service = ReadBodyService<S, A>;

    fn layer(&self, inner: S) -> ReadBodyService<S, A> {
        ReadBodyService {
            gate: self.gate.clone(),
            inner,
        }
    }
}

/// A service whose priced bodies are read before it is called.
#[derive(Clone, Debug)]
pub struct ReadBodyService<S, A = RouteGate> {
    gate: A,
    inner: S,
}

impl<S, A, ReqBody, ResBody> Service<Request<ReqBody>> for ReadBodyService<S, A>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    A: Admit,
    ReqBody: Body + From<Bytes> + Send + 'static,
    ResBody: From<Bytes> + Send + 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ReadBodyFuture<S::Future, ResBody, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let Some(limit) = self.gate.reads_body(&Head::new(&parts)) else {
            let future = self.inner.call(Request::from_parts(parts, body));
            return ReadBodyFuture {
                state: State::Unread { future },
            };
        };
        // The instance that was polled ready is the one to call; leave the clone behind.
        let next = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, next);
        let gate = self.gate.clone();
        let run = Box::pin(async move {
            let gathered = match says_more_than(limit, &parts) {
                true => Err(Gap::TooLarge),
                false => gather(body, limit).await,
            };
            let why = match gathered {
                Ok((data, _)) => {
                    parts.extensions.insert(Gathered(data.clone()));
                    let request = Request::from_parts(parts, ReqBody::from(data));
                    return ready.call(request).await;
                }
                Err(Gap::TooLarge) => Unread::TooLarge,
                Err(Gap::Broken) => Unread::Broken,
            };
            let reply = gate.unread(&Head::new(&parts), why);
            Ok(reply::to(&parts.method, reply))
        });
        ReadBodyFuture {
            state: State::Read { run },
        }
    }
}

/// Whether the body says that it is larger.
fn says_more_than(limit: usize, parts: &Parts) -> bool {
    let said = parts.headers.get(CONTENT_LENGTH);
    let said = said.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    said.is_some_and(|said| usize::try_from(said).map_or(true, |said| said > limit))
}

pin_project! {
    /// The future of a response whose request may be read first.
    ///
    /// # Cancel safety
    ///
    /// May be dropped at any time: before the body is read nothing has happened.
    pub struct ReadBodyFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B, E> {
        Unread { #[pin] future: F },
        Read { #[pin] run: BoxFuture<'static, Result<Response<B>, E>> },
    }
}

impl<F, B, E> Future for ReadBodyFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Unread { future } => future.poll(context),
            StateProj::Read { run } => run.poll(context),
        }
    }
}

impl<F, B, E> fmt::Debug for ReadBodyFuture<F, B, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBodyFuture").finish_non_exhaustive()
    }
}
