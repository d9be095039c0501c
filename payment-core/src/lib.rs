//! The vocabulary of payments, and the [`Gate`]: the one place that knows the order of steps.
//!
//! This crate knows no web framework, no chain and no network. Protocols (x402, MPP) implement
//! [`PaymentProtocol`]; framework crates read a [`RequestHead`], call [`RouteGate::admit`] and
//! run the [`Job`] they get.
//!
//! The rules that hold here, whatever stands on either side:
//!
//! - claim → bind to this route's price → check locally → reserve → verify outside → serve →
//!   settle → stamp: this order is [`Job::run`] and exists nowhere else.
//! - Nothing the buyer sent decides anything before it is bound to our own offer.
//! - One credential is settled at most once and delivered at most once, on all routes.
//! - A settlement once begun finishes, whatever the client does.
//! - Every answer of the gate is a problem document with a stable code, kept by no cache. Sellers
//!   [word](CustomBody) its body, show a [page](Paywall) to people and let [pages of other
//!   origins](Cors) read it; none of that changes how it is paid.

mod accept;
mod account;
mod admit;
mod alarm;
mod announced;
mod answer;
mod ask;
mod cache;
mod clock;
mod config;
mod contained;
mod cors;
mod custom;
mod denied;
mod detach;
mod dress;
mod entry;
mod future;
mod gate;
mod hooked;
mod hooks;
mod inflight;
mod job;
mod json;
mod late;
mod limits;
mod memory;
mod meter;
mod mistakes;
mod money;
mod network;
mod option;
mod origin;
mod paid;
mod paywall;
mod permit;
mod pricing;
mod problem;
mod protocol;
mod quote;
mod replay;
mod reply;
mod request;
mod resource;
mod route;
mod secret;
mod sse;
mod stamp;
mod stream;
mod table;
mod tariff;
mod units;

pub use account::{Account, Asset};
pub use admit::{Admission, Admit, Unread};
pub use alarm::{Alarm, Elapsed};
pub use announced::as_announced;
pub use ask::{Ask, RepeatedParam};
#[cfg(any(test, feature = "testing"))]
pub use clock::ManualClock;
pub use clock::{Clock, SystemClock, Timestamp};
pub use config::ConfigError;
pub use cors::Cors;
pub use custom::CustomBody;
pub use denied::{Denial, Denied, Fault, Pending, Refusal};
pub use detach::Spawn;
pub use future::{BoxFuture, Soon};
pub use gate::{Gate, GateBuilder, RouteGate};
pub use hooks::{Access, Failure, Hooks, On, PaymentContext, Recovery, Refund, Verdict};
pub use job::{HoldError, Job, Outcome, Served};
pub use json::{JsonLimits, StrictJsonError, strict_json};
pub use limits::Limits;
pub use memory::MemoryReplayGuard;
pub use meter::{Meter, Short, Tab};
pub use money::{Inexact, Money, MoneyError, Price};
pub use network::{Network, NetworkError};
pub use option::PaymentOption;
pub use paid::{ChargeError, Paid};
pub use paywall::{Page, Paywall};
pub use pricing::{Pricer, Pricing, Quote};
pub use problem::Problem;
pub use protocol::{
    Challenge, Claim, Offering, Payment, PaymentProtocol, ProtocolName, Purpose, Receipt,
};
pub use replay::{
    ReplayGuard, ReplayKey, Reservation, Reserve, Resume, Stage, Standing, StoreFault, Ticket,
};
pub use reply::Reply;
pub use request::RequestHead;
pub use route::{Route, Timing};
pub use secret::Secret;
pub use sse::{BoxError, IntoSseEvent, SseEvent, SseEventError};
pub use stamp::{Receipts, ResponseHead, Stamps, stamp};
pub use stream::{SseTerms, Timer};
pub use table::{KeyError, RouteTable, RouteTableBuilder};
pub use tariff::Tariff;
pub use units::{Units, UnitsError};
