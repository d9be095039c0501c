use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{Ask, Page, Paywall, Reply};

use crate::PaywallBuilder;
use crate::facts::Facts;
use crate::template::Template;
use crate::tokens::Tokens;
use crate::view::View;
use crate::words::Words;

/// A page that says what a request costs and pays it with a wallet of the browser.
///
/// It loads nothing: style and script stand in it, and its `Content-Security-Policy` allows
/// those two by their hashes and no others. Cheap to clone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use payment_core::{Asset, Network};
/// use payment_paywall::PaywallPage;
///
/// let usdc = Asset::parse("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
/// let page = PaywallPage::builder()
///     .app_name("Weather")
///     .accent("#0b7a5b")
///     .token(Network::eip155(8453), usdc, "USDC", 6)
///     .build()?;
/// # drop(page);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PaywallPage(Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) template: Template,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) words: Words,
    pub(crate) tokens: Tokens,
}

impl PaywallPage {
    /// To say whose page it is and what its tokens are called.
    pub fn builder() -> PaywallBuilder {
        PaywallBuilder::default()
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Paywall for PaywallPage {
    fn page(&self, ask: &Ask, reply: &Reply) -> Option<Page> {
        let Parts {
            template,
            headers,
            words,
            tokens,
        } = &*self.0;
        if reply.status != StatusCode::PAYMENT_REQUIRED {
            return None;
        }
        let facts = &Facts::read(ask, reply, tokens, words.units())?;
        let view = View { facts, words };
        let mut page = Page::new(template.fill(|name| view.slot(name)));
        page.headers.clone_from(headers);
        Some(page)
    }
}

impl fmt::Debug for PaywallPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaywallPage").finish_non_exhaustive()
    }
}
