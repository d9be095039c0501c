//! What is sold, whatever the framework.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Request};
use mpp_core::Mpp;
use mpp_evm::Charge;
use mpp_evm::session::{Ledger, MemoryChannelStore};
use payment_core::{
    Admission, Gate, PaymentProtocol, Route, RouteGate, RouteTable, Secret, Timing, usd,
};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use tollgate_benches::Failure;
use tollgate_benches::session::{Noon, session, token};
use x402_core::X402;
use x402_evm::ExactEvm;

use crate::till::{Backend, Till};

/// The route that is never priced.
pub(crate) const FREE: &str = "/health";
/// The route that is priced where there is a gate.
pub(crate) const PRICED: &str = "/weather";
/// Another one, that settles first.
pub(crate) const REPORT: &str = "/report";
/// What is asked for when the origin is known.
pub(crate) const HOST: &str = "api.example.com";

const SELLER: alloy_primitives::Address =
    alloy_primitives::address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");

/// What stands in front of the routes. Clones share what was used.
#[derive(Clone, Debug)]
pub(crate) enum Shop {
    /// Nothing: the same app without a gate.
    Bare,
    /// A gate of its own on each priced route.
    Routes {
        weather: RouteGate,
        report: RouteGate,
    },
    /// A table around all of them.
    Table(RouteTable),
}

/// The shops, each with what it takes.
#[derive(Debug)]
pub(crate) struct Shops {
    /// Both protocols, MPP first.
    pub(crate) both: Shop,
    /// The same prices in a table.
    pub(crate) table: Shop,
    pub(crate) x402: Shop,
    pub(crate) mpp: Shop,
    /// Vouchers of sessions.
    pub(crate) session: Shop,
    /// The channels that those are of.
    pub(crate) ledger: Arc<Ledger<MemoryChannelStore>>,
}

impl Shops {
    pub(crate) fn new() -> Result<Self, Failure> {
        let both = gate(
            PaymentRouter::new()
                .add(MPP_PRIORITY, mpp()?)
                .add(X402_PRIORITY, x402()?),
        )?;
        let (method, ledger) = session()?;
        let vouchers = Mpp::builder(HOST, Secret::new([7; 32])).method(method);
        let vouchers = Gate::builder(vouchers.build()?)
            .origin(format!("https://{HOST}"))
            .clock(Noon)
            .build()?;
        Ok(Self {
            table: table(&both)?,
            both: routes(&both)?,
            x402: routes(&gate(x402()?)?)?,
            mpp: routes(&gate(mpp()?)?)?,
            session: routes(&vouchers)?,
            ledger,
        })
    }
}

fn gate(protocol: impl PaymentProtocol) -> Result<Gate, Failure> {
    let builder = Gate::builder(protocol).origin(format!("https://{HOST}"));
    Ok(builder.build()?)
}

fn x402() -> Result<X402<Till>, Failure> {
    Ok(X402::new(Till).accept(ExactEvm::new(token()?, SELLER)))
}

fn mpp() -> Result<Mpp, Failure> {
    let charge = Charge::new(token()?, SELLER).settle_with(Backend);
    let mpp = Mpp::builder(HOST, Secret::new([7; 32])).method(charge);
    Ok(mpp.build()?)
}

fn weather() -> Route {
    // A day, so that the challenges of vouchers live for as long as a benchmark takes.
    let day = std::time::Duration::from_secs(24 * 3600);
    Route::priced(usd!("0.01"))
        .description("The weather of today")
        .pay_within(day)
}

fn report() -> Route {
    Route::priced(usd!("0.02")).timing(Timing::BeforeServing)
}

fn routes(gate: &Gate) -> Result<Shop, Failure> {
    Ok(Shop::Routes {
        weather: gate.route(weather())?,
        report: gate.route(report())?,
    })
}

fn table(gate: &Gate) -> Result<Shop, Failure> {
    let table = gate
        .table()
        .route("GET /weather", weather())?
        .route("/report", report())?
        .route("GET /archive/{year}", weather())?;
    Ok(Shop::Table(table.build()?))
}

/// A request for the priced route.
fn head() -> Result<Parts, Failure> {
    let request = Request::get(PRICED).header(http::header::HOST, HOST);
    Ok(request.body(())?.into_parts().0)
}

impl Shop {
    /// The headers of a 402.
    pub(crate) fn challenge(&self) -> Result<HeaderMap, Failure> {
        let Self::Routes { weather, .. } = self else {
            return Err("no gate of one route".into());
        };
        let Admission::Priced(job) = weather.admit(&head()?) else {
            return Err("answered without a job".into());
        };
        let reply = job.answer_at_once().ok_or("no answer at once")?;
        Ok(reply.headers)
    }
}
