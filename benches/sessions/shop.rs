use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::request::Parts;
use http::{Request, StatusCode};
use mpp_core::Mpp;
use mpp_evm::session::{ChannelId, Ledger, MemoryChannelStore, SignedVoucher};
use payment_core::{
    Admission, BoxFuture, Gate, HoldError, Outcome, Route, RouteGate, Secret, Served, Spawn, Timer,
    usd,
};
use tollgate_benches::Failure;
use tollgate_benches::session::{Noon, Wallet, open_channel, session};

const HOST: &str = "api.example.com";

/// Base units of one request.
pub(crate) const PRICE: u128 = 10_000;

/// A route that sessions pay for, and the channels they pay out of.
pub(crate) struct Shop {
    gate: RouteGate,
    ledger: Arc<Ledger<MemoryChannelStore>>,
}

impl Shop {
    pub(crate) fn new() -> Result<Self, Failure> {
        let (session, ledger) = session()?;
        let mpp = Mpp::builder(HOST, Secret::new([7; 32])).method(session);
        let gate = Gate::builder(mpp.build()?)
            .origin(format!("https://{HOST}"))
            .clock(Noon)
            .build()?;
        let route = Route::priced(usd!("0.01")).pay_within(Duration::from_secs(24 * 3600));
        Ok(Self {
            gate: gate.route(route)?,
            ledger,
        })
    }

    /// A buyer with a challenge of this shop.
    pub(crate) fn wallet(&self) -> Result<Wallet, Failure> {
        match self.ask(&head(None)?)? {
            Outcome::Reply(reply) => Wallet::new(&reply.headers),
            Outcome::Served { .. } => Err("served for nothing".into()),
        }
    }

    /// A channel of his that nobody has used yet.
    pub(crate) fn channel(&self, wallet: &Wallet) -> Result<ChannelId, Failure> {
        let id = ChannelId::new(payment_evm::random_word()?);
        at_once(self.ledger.open(open_channel(id, wallet.address())?))??;
        Ok(id)
    }

    /// The highest voucher of a channel.
    pub(crate) fn voucher(&self, id: ChannelId) -> Result<Option<SignedVoucher>, Failure> {
        let channel = at_once(self.ledger.load(id))??;
        Ok(channel.and_then(|channel| channel.voucher()))
    }

    /// From the header to the decision.
    pub(crate) fn ask(&self, head: &Parts) -> Result<Outcome<Sunny>, Failure> {
        match self.gate.admit(head) {
            Admission::Answer(reply) => Ok(Outcome::Reply(reply)),
            Admission::Priced(job) => Ok(at_once(job.run(Stays, weather))??),
        }
    }
}

/// A request for the route, with a credential where there is one.
pub(crate) fn head(credential: Option<&http::HeaderValue>) -> Result<Parts, Failure> {
    let mut request = Request::get("/weather").header(http::header::HOST, HOST);
    if let Some(value) = credential {
        request = request.header(http::header::AUTHORIZATION, value.clone());
    }
    Ok(request.body(())?.into_parts().0)
}

/// The response of the handler.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sunny;

fn weather(_: payment_core::Paid) -> Ready<Result<Sunny, Infallible>> {
    ready(Ok(Sunny))
}

impl Served for Sunny {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

/// Nothing moves to another task here, because nothing waits.
#[derive(Clone, Copy, Debug)]
struct Stays;

impl Spawn for Stays {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        // Dropped as it is: `at_once` has failed by then.
        drop(task);
    }
}

impl Timer for Stays {
    fn sleep(&self, _: std::time::Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// Runs what waits for nothing.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err("something waits".into()),
    }
}
