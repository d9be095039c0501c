use payment_core::{Asset, Network};

use crate::colour::Colour;
use crate::escape::escape_html;
use crate::page::Parts;
use crate::policy::{headers, page_policy};
use crate::template::Template;
use crate::tokens::{Tokens, Worth};
use crate::words::Words;
use crate::{PaywallError, PaywallPage};

/// Says what a [`PaywallPage`] should be like.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PaywallBuilder {
    app_name: String,
    logo: Option<String>,
    accent: Option<String>,
    words: Vec<(String, String)>,
    tokens: Tokens,
}

/// Bytes of a logo, as it stands in every page.
const LOGO: usize = 16 * 1024;
const HTML: &str = include_str!("../page/page.html");
const STYLE: &str = include_str!("../page/style.css");
const SCRIPT: &str = include_str!("../page/pay.js");
/// The colour of buttons, where the seller has none, on light and on dark.
const ACCENTS: [&str; 2] = ["#1d5bd6", "#8ab4ff"];

impl PaywallBuilder {
    /// The name of the shop, at the top of the page.
    pub fn app_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.app_name);
        self
    }

    /// The picture beside the name: a `data:image/…;base64,…` URI of at most 16 KiB, since the
    /// page loads nothing.
    pub fn logo(mut self, data_uri: &str) -> Self {
        self.logo = Some(data_uri.to_owned());
        self
    }

    /// The colour of buttons, as `#rrggbb`. What is written on them is black or white, whichever
    /// is read better.
    pub fn accent(mut self, colour: &str) -> Self {
        self.accent = Some(colour.to_owned());
        self
    }

    /// What a token is called and how many decimals it has. Offers hold neither; amounts of
    /// tokens that are not named here are shown in base units.
    pub fn token(mut self, network: Network, asset: Asset, symbol: &str, decimals: u8) -> Self {
        self.tokens.add(network, asset, symbol, decimals);
        self
    }

    /// What a network with real money is called. Well-known EVM chains need no entry.
    pub fn network(mut self, network: Network, name: &str) -> Self {
        self.tokens.name(network, name, Worth::Real);
        self
    }

    /// What a network whose coins are worth nothing is called; the page says that they are not.
    pub fn test_network(mut self, network: Network, name: &str) -> Self {
        self.tokens.name(network, name, Worth::Test);
        self
    }

    /// Says something in other words or another language, `lang` among them. The names are those
    /// of `page/words.json`; `{}` and `{price}` and their like stay where the value belongs.
    pub fn word(mut self, name: &str, text: &str) -> Self {
        self.words.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Puts the page together, once.
    ///
    /// # Errors
    ///
    /// `PaywallError` when the logo, the colour or the name of a word is none.
    pub fn build(self) -> Result<PaywallPage, PaywallError> {
        let mut words = Words::english();
        for (name, text) in &self.words {
            words.replace(name, text)?;
        }
        let style = self.style()?;
        let brand = self.brand()?;
        let template = Template::new(HTML)?.settle(|slot| match slot {
            "style" => Some(style.clone()),
            "script" => Some(SCRIPT.to_owned()),
            "words" => Some(words.script_json()),
            "brand" => Some(brand.clone()),
            "app_title" => Some(self.title()),
            slot => words.html(slot.strip_prefix("word.")?),
        });
        Ok(PaywallPage::new(Parts {
            template,
            headers: headers(&page_policy(&style, SCRIPT))?,
            words,
            tokens: self.tokens,
        }))
    }

    fn title(&self) -> String {
        match &*self.app_name {
            "" => String::new(),
            name => format!(" – {}", escape_html(name)),
        }
    }

    fn brand(&self) -> Result<String, PaywallError> {
        let name = escape_html(&self.app_name);
        let Some(logo) = &self.logo else {
            return Ok(format!("<span>{name}</span>"));
        };
        if !is_logo(logo) {
            return Err(PaywallError::Logo);
        }
        Ok(format!("<img src=\"{logo}\" alt=\"\"><span>{name}</span>"))
    }

    fn style(&self) -> Result<String, PaywallError> {
        let [light, dark] = match &self.accent {
            Some(accent) => [&**accent; 2],
            None => ACCENTS,
        };
        let light = Colour::read(light).ok_or(PaywallError::Accent)?;
        let dark = Colour::read(dark).ok_or(PaywallError::Accent)?;
        let style = Template::new(STYLE)?.fill(|slot| match slot {
            "accent" => light.to_string(),
            "accent_dark" => dark.to_string(),
            "ink" => light.ink().to_owned(),
            "ink_dark" => dark.ink().to_owned(),
            _ => String::new(),
        });
        Ok(style)
    }
}

/// Whether a text is a picture that stands in the page, and nothing beside it.
fn is_logo(uri: &str) -> bool {
    let kinds = ["png", "jpeg", "gif", "webp", "svg+xml"];
    let data = kinds.iter().find_map(|kind| {
        let rest = uri.strip_prefix("data:image/")?.strip_prefix(kind)?;
        rest.strip_prefix(";base64,")
    });
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    data.is_some_and(|data| uri.len() <= LOGO && data.bytes().all(base64))
}
