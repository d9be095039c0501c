use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use alloy_primitives::{Address, address};
use http::request::Parts;
use http::{Request, StatusCode};
use mpp_core::Mpp;
use mpp_evm::CredentialType;
use mpp_evm::session::{
    ChainState, Channel, ChannelId, CheckedDeposit, Escrow, Ledger, MemoryChannelStore, Moved,
    Session, SignedVoucher, Venue,
};
use payment_core::{
    Admission, BoxFuture, Clock, Denied, Fault, Gate, HoldError, Outcome, Route, RouteGate, Secret,
    Served, Spawn, Timer, Timestamp, usd,
};
use payment_evm::Token;

use crate::Failure;

const HOST: &str = "api.example.com";
const SELLER: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
const ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
const BASE_SEPOLIA: u64 = 84532;

/// Base units of one request.
pub(crate) const PRICE: u128 = 10_000;

/// A route that sessions pay for, and the channels they pay out of.
pub(crate) struct Shop {
    gate: RouteGate,
    ledger: Arc<Ledger<MemoryChannelStore>>,
}

/// Where all channels here belong.
pub(crate) const VENUE: fn() -> Result<Venue, Failure> = || {
    Ok(Venue {
        chain_id: BASE_SEPOLIA,
        escrow: ESCROW,
        payee: SELLER,
        token: token()?.address,
    })
};

fn token() -> Result<Token, Failure> {
    Token::default_on(BASE_SEPOLIA).ok_or_else(|| "a chain without a default token".into())
}

impl Shop {
    pub(crate) fn new() -> Result<Self, Failure> {
        let session = Session::new(token()?, SELLER, NeverAsked).clock(Noon);
        let ledger = Arc::clone(session.ledger());
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

    /// Takes a channel of this payer into the books.
    pub(crate) fn open(&self, id: ChannelId, payer: Address) -> Result<(), Failure> {
        at_once(self.ledger.open(open_channel(id, payer)?))??;
        Ok(())
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

/// A clock that stands, so that what is known of the chain stays fresh for as long as a benchmark
/// takes.
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }
}

/// A channel as it is when it was just opened.
pub(crate) fn open_channel(id: ChannelId, payer: Address) -> Result<Channel, Failure> {
    let venue = VENUE()?;
    let chain = ChainState {
        payer,
        payee: venue.payee,
        token: venue.token,
        authorized_signer: Some(Address::ZERO),
        deposit: u128::from(u64::MAX),
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    };
    Ok(Channel::adopt(id, venue, &chain, Noon.now())?)
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

/// The escrow of channels that are in the books already: a voucher costs no look at the chain.
/// Every question to it fails, and fails the benchmark.
#[derive(Clone, Copy, Debug)]
struct NeverAsked;

impl NeverAsked {
    fn fault<T>() -> Result<T, Fault> {
        Err(Fault::internal("escrow", "the escrow was asked"))
    }
}

impl Escrow for NeverAsked {
    fn taken_up(&self, _: ChannelId) {}

    fn chain_id(&self) -> u64 {
        BASE_SEPOLIA
    }

    fn contract(&self) -> Address {
        ESCROW
    }

    fn pays(&self, _: Address) -> bool {
        true
    }

    fn takes(&self, _: CredentialType) -> bool {
        true
    }

    async fn state(&self, _: ChannelId) -> Result<Option<ChainState>, Fault> {
        Self::fault()
    }

    async fn deposit(&self, _: &CheckedDeposit) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn settle(&self, _: ChannelId, _: &SignedVoucher) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }

    async fn close(&self, _: ChannelId, _: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        Ok(Self::fault()?)
    }
}
