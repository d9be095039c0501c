//! What people see of a 402: a page that says what a request costs and pays it with the wallet in
//! their browser.
//!
//! The gate that has it (`Gate::builder(..).paywall(page)`) shows it to clients that prefer HTML;
//! all others get the answer that they know. The page is one document: no script, style, font or
//! picture is loaded, and its `Content-Security-Policy` would not allow it.
//!
//! - A wallet signs x402's `exact` by EIP-3009. Other offers, and all of MPP, are shown with
//!   the line for the `pay` command.
//! - A payment that is signed is kept and sent again until its answer arrives. A new one is signed
//!   only when it has expired: no failure of the network makes anybody pay twice.
//! - Whatever request and seller say is text, never markup.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use payment_core::{Ask, Asset, Network, Paywall, Reply, Timestamp};
//! use payment_paywall::PaywallPage;
//!
//! let usdc = Asset::parse("0x036CbD53842c5426634e7929541eC2318f3dCF7e");
//! let paywall = PaywallPage::builder()
//!     .app_name("Weather")
//!     .token(Network::eip155(84532), usdc, "USDC", 6)
//!     .build()?;
//!
//! // The gate asks for a page with the answer that a program would get.
//! # use base64::Engine as _;
//! # let json = r#"{"x402Version":2,"resource":{"url":"http://localhost/weather"},"accepts":[{
//! #   "scheme":"exact","network":"eip155:84532","amount":"10000",
//! #   "asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e",
//! #   "payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","maxTimeoutSeconds":60,
//! #   "extra":{"name":"USDC","version":"2"}}]}"#;
//! # let required = base64::engine::general_purpose::STANDARD.encode(json);
//! # let ask = Ask::new(Timestamp::from_seconds(1_800_000_000), "GET", "/weather");
//! # let mut reply = Reply::empty(http::StatusCode::PAYMENT_REQUIRED);
//! # reply.headers.insert("payment-required", required.parse()?);
//! let page = paywall.page(&ask, &reply).ok_or("nothing to pay with")?;
//! let html = std::str::from_utf8(&page.html)?;
//! assert!(html.contains("<strong>0.01 USDC</strong>"));
//! # Ok(())
//! # }
//! ```
//!
//! Another page altogether is a [`CustomPaywall`], or any closure:
//! [`payment_core::Paywall`] is implemented for `Fn(&Ask, &Reply) -> Option<Page>`.
//! [`escape_html`] and [`escape_json`] are for those.

mod builder;
mod challenge;
mod colour;
mod custom;
mod error;
mod escape;
mod facts;
mod offer;
mod page;
mod policy;
mod template;
mod tokens;
mod view;
mod words;

pub use builder::PaywallBuilder;
pub use custom::CustomPaywall;
pub use error::PaywallError;
pub use escape::{escape_html, escape_json};
pub use page::PaywallPage;
