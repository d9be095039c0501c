use std::fmt::Write as _;

use crate::escape::{escape_html, shell_word};
use crate::facts::{Facts, OtherFacts, WayFacts};
use crate::words::Words;

/// The parts of the page that differ from request to request, as HTML.
pub(crate) struct View<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) words: &'a Words,
}

impl View<'_> {
    /// What goes into a slot.
    pub(crate) fn slot(&self, name: &str) -> String {
        match name {
            "badge" => self.badge(),
            "test_note" => self.test_note(),
            "heading" => self.heading(),
            "what" => self.what(),
            "why" => self.why(),
            "offers" => self.offers(),
            "cannot" => self.cannot(),
            "others" => self.others(),
            "commands" => self.commands(),
            "data" => self.facts.json(),
            _ => String::new(),
        }
    }

    fn word(&self, name: &str) -> String {
        self.words.html(name).unwrap_or_default()
    }

    /// The offers that a wallet in a browser can pay.
    fn payable(&self) -> impl Iterator<Item = &WayFacts> {
        self.facts.ways.iter().filter(|way| way.signing.is_some())
    }

    /// Whether no real money is asked for.
    fn is_test(&self) -> bool {
        let mut payable = self.payable().peekable();
        payable.peek().is_some() && payable.all(|way| way.test)
    }

    fn badge(&self) -> String {
        if !self.is_test() {
            return String::new();
        }
        format!("<span class=\"badge\">{}</span>", self.word("test"))
    }

    fn test_note(&self) -> String {
        if !self.is_test() {
            return String::new();
        }
        format!(" {}", self.word("test_note"))
    }

    fn heading(&self) -> String {
        let Some((price, rest)) = self.sole() else {
            let lead = self.word("lead_choice");
            return format!("<h1 id=\"heading\"><strong>{lead}</strong></h1>");
        };
        let lead = self.word("lead");
        format!("<h1 id=\"heading\">{lead} <strong>{price}</strong>{rest}</h1>")
    }

    /// The price where there is one way to pay, or one for wallets, and what comes after it.
    fn sole(&self) -> Option<(String, String)> {
        let Facts { ways, others, .. } = self.facts;
        let of = |way: &WayFacts| (escape_html(&way.price), self.after_price(way));
        if self.payable().count() == 1 {
            return self.payable().next().map(of);
        }
        match (&ways[..], &others[..]) {
            ([way], []) => Some(of(way)),
            ([], [other]) if other.unit.is_none() => {
                let network = other.network.as_deref();
                let on = network.map_or_else(String::new, |network| self.about_bdi("on", network));
                Some((escape_html(other.price.as_deref()?), format!(" {on}")))
            }
            _ => None,
        }
    }

    /// Of what and on which network, the token by its address where it has no other name.
    fn after_price(&self, way: &WayFacts) -> String {
        let on = self.about_bdi("on", &way.network);
        if way.number.is_some() {
            return format!(" {on}");
        }
        let token = format!("<code>{}</code>", escape_html(&way.asset));
        format!(" {} {on}", self.words.about("of", &token))
    }

    fn what(&self) -> String {
        let mut html = String::new();
        if let Some(description) = &self.facts.description {
            let description = escape_html(description);
            let _ = write!(html, "<p dir=\"auto\">{description}</p>");
        }
        let url = escape_html(&self.facts.url);
        let _ = write!(
            html,
            "<p class=\"small\"><code id=\"address\">{url}</code></p>"
        );
        html
    }

    fn why(&self) -> String {
        let Some(why) = &self.facts.refused else {
            return String::new();
        };
        let said = self.about_bdi("refused", why);
        format!("<p class=\"note\">{said}</p>")
    }

    fn offers(&self) -> String {
        let mut html = String::new();
        let count = self.payable().count();
        if count > 1 {
            let legend = self.word("choose");
            let _ = write!(html, "<fieldset><legend>{legend}</legend>");
            for (index, way) in self.payable().enumerate() {
                let checked = if index == 0 { " checked" } else { "" };
                let price = escape_html(&way.price);
                let rest = self.after_price(way);
                let _ = write!(
                    html,
                    "<label class=\"way\"><input type=\"radio\" name=\"way\" value=\"{index}\"\
                     {checked}><span><b>{price}</b>{rest}</span></label>"
                );
            }
            html.push_str("</fieldset>");
        } else {
            html.push_str("<div class=\"only\"></div>");
        }
        for (index, way) in self.payable().enumerate() {
            self.details(&mut html, index, way);
        }
        html
    }

    fn details(&self, html: &mut String, index: usize, way: &WayFacts) {
        let (summary, price) = (self.word("details"), escape_html(&way.price));
        let _ = write!(
            html,
            "<details data-way=\"{index}\"><summary>{summary}</summary><dl>"
        );
        let seconds = self.words.about("seconds", &way.seconds.to_string());
        let valid = format!("<time datetime=\"PT{}S\">{seconds}</time>", way.seconds);
        let code = |text: &str| format!("<code>{}</code>", escape_html(text));
        let network = format!("<bdi>{}</bdi>", escape_html(&way.network));
        for (name, value) in [
            ("pays", &price),
            ("to", &code(&way.pay_to)),
            ("token", &code(&way.asset)),
            ("network", &network),
            ("valid", &valid),
        ] {
            let name = self.word(name);
            let _ = write!(html, "<dt>{name}</dt><dd>{value}</dd>");
        }
        html.push_str("</dl>");
        if way.number.is_none() {
            let note = self.word("units_note");
            let _ = write!(html, "<p class=\"small\">{note}</p>");
        }
        html.push_str("</details>");
    }

    /// Why no wallet of a browser pays this.
    fn cannot(&self) -> String {
        let why = if self.payable().next().is_none() {
            self.word("not_payable")
        } else if self.facts.has_body {
            self.word("has_body")
        } else {
            return String::new();
        };
        format!("<p class=\"note\">{why}</p>")
    }

    fn others(&self) -> String {
        let mut items = String::new();
        for way in self.facts.ways.iter().filter(|way| way.signing.is_none()) {
            let (price, scheme) = (escape_html(&way.price), escape_html(&way.scheme));
            let rest = self.after_price(way);
            let _ = write!(items, "<li>x402 {scheme}: <b>{price}</b>{rest}</li>");
        }
        for other in &self.facts.others {
            items.push_str(&self.other(other));
        }
        if items.is_empty() {
            return items;
        }
        // What else is there to see, when no wallet pays.
        let (summary, open) = match self.payable().next() {
            Some(_) => (self.word("others"), ""),
            None => (self.word("ways"), " open"),
        };
        format!("<details{open}><summary>{summary}</summary><ul>{items}</ul></details>")
    }

    fn other(&self, other: &OtherFacts) -> String {
        let mut said = escape_html(&other.protocol);
        if let Some(price) = &other.price {
            let _ = write!(said, ": <b>{}</b>", escape_html(price));
        }
        if let Some(unit) = &other.unit {
            let _ = write!(said, " {}", self.about_bdi("per", unit));
        }
        if let Some(network) = &other.network {
            let _ = write!(said, " {}", self.about_bdi("on", network));
        }
        if let Some(time) = &other.expires {
            let time = escape_html(time);
            let time = format!("<time datetime=\"{time}\">{time}</time>");
            let _ = write!(said, ", {}", self.words.about("until", &time));
        }
        format!("<li>{said}</li>")
    }

    fn commands(&self) -> String {
        let summary = self.word("commands");
        let method = method(&self.facts.method);
        let url = escape_html(&shell_word(&self.facts.url));
        let url = format!("<span data-url>{url}</span>");
        let most = match self.most() {
            Some(number) => format!(" --max {}", escape_html(&number)),
            None => String::new(),
        };
        let pay = format!("pay {} {url}{most}", escape_html(&method));
        let curl = match &*self.facts.method {
            "GET" => format!("curl -i {url}"),
            _ => format!("curl -i -X {} {url}", escape_html(&method)),
        };
        let lines = [("pay", pay), ("curl", curl)].map(|(name, line)| self.line(name, &line));
        let lines = lines.concat();
        format!("<details id=\"commands\" open><summary>{summary}</summary>{lines}</details>")
    }

    /// The number of the price, where all that is offered costs the same.
    fn most(&self) -> Option<String> {
        let ways = self.facts.ways.iter().map(|way| &way.number);
        let others = self.facts.others.iter().map(|other| &other.number);
        let mut numbers = ways.chain(others);
        let first = numbers.next()?.as_ref()?;
        let same = numbers.all(|number| number.as_ref() == Some(first));
        same.then(|| first.clone())
    }

    fn line(&self, name: &str, line: &str) -> String {
        let (label, copy) = (self.word(&format!("command_{name}")), self.word("copy"));
        format!(
            "<div class=\"line\"><div><span id=\"label-{name}\">{label}</span>\
             <button type=\"button\" class=\"plain copy\" data-copy=\"line-{name}\" \
             aria-describedby=\"label-{name}\" hidden>{copy}</button></div>\
             <pre><code id=\"line-{name}\">{line}</code></pre></div>"
        )
    }

    /// Words about a text that may run the other way.
    fn about_bdi(&self, name: &str, text: &str) -> String {
        let text = format!("<bdi>{}</bdi>", escape_html(text));
        self.words.about(name, &text)
    }
}

/// The method as a word of a shell.
fn method(method: &str) -> String {
    if method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        method.to_owned()
    } else {
        shell_word(method)
    }
}
