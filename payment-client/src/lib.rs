//! The buyer: an HTTP client that pays x402 and MPP challenges by itself, within limits.
//!
//! ```no_run
//! use payment_client::{Buyer, SpendLimit};
//! use payment_core::{Network, usd};
//! use payment_evm::LocalSigner;
//!
//! # async fn buy() -> Result<(), Box<dyn std::error::Error>> {
//! let buyer = Buyer::builder(LocalSigner::random()?)
//!     .spend_limit(SpendLimit::per_payment(usd!("0.10")).total(usd!("5")))
//!     .network(Network::eip155(84532))
//!     .build()?;
//! let reply = buyer.get("https://api.example.com/weather").send().await?;
//! if let Some(payment) = reply.payment() {
//!     println!("paid {} by {}", payment.price(), payment.protocol());
//! }
//! println!("{}", reply.into_response().text().await?);
//! # Ok(())
//! # }
//! ```
//!
//! One seller that is called often is paid by a [`Session`]: one deposit in a payment channel, then
//! a voucher for each call, which costs no transaction.
//!
//! ```no_run
//! # use payment_client::{Buyer, ChannelFile, SessionBudget};
//! # use payment_core::usd;
//! # use payment_evm::LocalSigner;
//! # async fn buy(buyer: Buyer<LocalSigner>) -> Result<(), Box<dyn std::error::Error>> {
//! let mut session = buyer
//!     .session(SessionBudget::deposit(usd!("0.50")).total(usd!("2")))
//!     .keep_in(ChannelFile::new("weather.json"))
//!     .start()?;
//! let reply = session.get("https://api.example.com/weather").send().await?;
//! println!("{}", reply.into_response().text().await?);
//!
//! let call = session.post("https://api.example.com/chat").body("Which day is it?");
//! let mut words = call.ahead(32).stream().await?;
//! while let Some(word) = words.next().await? {
//!     print!("{}", word.data);
//! }
//! drop(words);
//!
//! if let Some(closed) = session.close().await? {
//!     println!("spent {}, {} come back", closed.spent(), closed.refunded());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The rules that hold here:
//!
//! - Nothing is signed above the limit of one payment, above what is left of the total, for a
//!   network that was not named, or for a token whose decimals we only know from the seller.
//! - One request is paid at most once: by one signature, or by one for each part of the price where
//!   a seller takes it in parts. While the outcome of a payment is not known, the same bytes are
//!   sent again; when that does not help, the caller gets the payment to ask later.
//! - What was signed and may have been seen counts as spent, whatever the seller says.
//! - A payment goes to the URL that the caller gave, over TLS or within this machine. No redirect
//!   is followed.
//! - A session keeps to rules of its own beside these: [`Session`].
//! - Credentials appear in no `Debug` output and no trace.

mod budget;
mod builder;
mod buyer;
mod call;
mod dollars;
mod error;
mod limit;
mod mpp;
mod offer;
mod patience;
mod payment;
mod receipt;
mod reply;
mod rules;
mod selector;
mod session;
mod shelf;
mod sign;
mod transport;
mod verdict;
mod waiter;
mod x402;

#[cfg(test)]
mod tests;

pub use builder::{BuildError, BuyerBuilder, Unlimited};
pub use buyer::Buyer;
pub use call::Call;
pub use error::{BuyerError, Trouble};
pub use limit::SpendLimit;
pub use offer::{Offer, Protocol};
pub use patience::Patience;
pub use payment::Payment;
pub use receipt::{Contradiction, Proof, Receipt};
pub use reply::Reply;
pub use rules::{Skip, Skipped};
pub use selector::{
    Selector, cheapest, max_amount, prefer_network, prefer_protocol, prefer_scheme,
};
pub use session::{
    Action, ChannelFile, ChannelFileError, Closed, Difference, Dispute, Session, SessionBudget,
    SessionBuilder, SessionCall, SessionError, SessionReply, Standing, StreamFault, Unanswered,
    Unit, UnitStream, Usage,
};
pub use transport::ClientError;
