use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{Ask, Asset, Network, Page, Paywall, Reply};

use crate::PaywallError;
use crate::escape::escape_html;
use crate::facts::Facts;
use crate::policy::{CUSTOM_POLICY, headers};
use crate::template::Template;
use crate::tokens::Tokens;

/// A page of the seller's own: HTML with slots for what differs between requests.
///
/// | slot | becomes |
/// |---|---|
/// | `{{offer}}` | `<script type="application/json" id="offer">` with all that is known; a script reads it with `JSON.parse` |
/// | `{{price}}` | what the first offer costs, as text |
/// | `{{description}}`, `{{url}}`, `{{refused}}` | text, or nothing |
///
/// Texts are escaped for HTML: good between tags and inside quoted attributes, not inside a
/// script, a style or an `href`. Scripts take what they need from `{{offer}}`.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use payment_paywall::CustomPaywall;
///
/// let page = CustomPaywall::new("<!doctype html><h1>{{price}}</h1><p>{{refused}}</p>{{offer}}")?
///     .policy("default-src 'none'; frame-ancestors 'none'")?;
/// assert!(CustomPaywall::new("{{prize}}").is_err());
/// # drop(page);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CustomPaywall(Arc<Custom>);

#[derive(Clone)]
struct Custom {
    template: Template,
    headers: Vec<(HeaderName, HeaderValue)>,
    tokens: Tokens,
}

const SLOTS: [&str; 5] = ["offer", "price", "description", "url", "refused"];

impl CustomPaywall {
    /// Takes the HTML apart. Without [`Self::policy`] it can't be framed and may do anything else.
    ///
    /// # Errors
    ///
    /// `PaywallError` for a slot that there is not.
    pub fn new(html: &str) -> Result<Self, PaywallError> {
        let template = Template::new(html)?;
        if template.slots().any(|slot| !SLOTS.contains(&slot)) {
            return Err(PaywallError::Slot);
        }
        Ok(Self(Arc::new(Custom {
            template,
            headers: headers(CUSTOM_POLICY)?,
            tokens: Tokens::default(),
        })))
    }

    /// The whole `Content-Security-Policy` of the page.
    ///
    /// # Errors
    ///
    /// `PaywallError` when it can't be a header.
    pub fn policy(mut self, policy: &str) -> Result<Self, PaywallError> {
        Arc::make_mut(&mut self.0).headers = headers(policy)?;
        Ok(self)
    }

    /// What a token is called and how many decimals it has, as
    /// [`PaywallBuilder::token`](crate::PaywallBuilder::token).
    #[must_use]
    pub fn token(mut self, network: Network, asset: Asset, symbol: &str, decimals: u8) -> Self {
        let custom = Arc::make_mut(&mut self.0);
        custom.tokens.add(network, asset, symbol, decimals);
        self
    }
}

impl Paywall for CustomPaywall {
    fn page(&self, ask: &Ask, reply: &Reply) -> Option<Page> {
        if reply.status != StatusCode::PAYMENT_REQUIRED {
            return None;
        }
        let facts = Facts::read(ask, reply, &self.0.tokens, "{} base units")?;
        let html = self.0.template.fill(|slot| filled(&facts, slot));
        let mut page = Page::new(html);
        page.headers.clone_from(&self.0.headers);
        Some(page)
    }
}

fn filled(facts: &Facts, slot: &str) -> String {
    let text = match slot {
        "offer" => {
            let json = facts.json();
            return format!("<script type=\"application/json\" id=\"offer\">{json}</script>");
        }
        "price" => facts.price(),
        "description" => facts.description.as_deref(),
        "url" => Some(&*facts.url),
        "refused" => facts.refused.as_deref(),
        _ => None,
    };
    escape_html(text.unwrap_or_default())
}

impl fmt::Debug for CustomPaywall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomPaywall").finish_non_exhaustive()
    }
}
