use std::ops::Deref;
use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::cache::{VARIES, merge_list, merge_private, merge_vary};
use crate::cors::EXPOSED;

/// The head of a response that is on its way out. Framework crates implement it for their own
/// header maps; what is done with it stands here, once.
pub trait ResponseHead {
    /// The status.
    fn status(&self) -> StatusCode;
    /// Visits each value of a header, in order.
    fn each_value<'a>(&'a self, name: &HeaderName, visit: &mut dyn FnMut(&'a [u8]));
    /// Removes all values of a header.
    fn remove(&mut self, name: &HeaderName);
    /// Adds a value to a header.
    fn append(&mut self, name: &HeaderName, value: HeaderValue);
}

impl<B> ResponseHead for http::Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn each_value<'a>(&'a self, name: &HeaderName, visit: &mut dyn FnMut(&'a [u8])) {
        for value in self.headers().get_all(name) {
            visit(value.as_bytes());
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        self.headers_mut().remove(name);
    }

    fn append(&mut self, name: &HeaderName, value: HeaderValue) {
        self.headers_mut().append(name, value);
    }
}

/// The headers by which buyers learn of settlements. Nobody but the gate sets them.
pub(crate) static RECEIPTS: [HeaderName; 3] = [
    HeaderName::from_static("payment-response"),
    HeaderName::from_static("x-payment-response"),
    HeaderName::from_static("payment-receipt"),
];

/// The headers that only the gate sets on one route: the usual receipts, and those that its
/// protocols [declare](crate::Offering::receipt_headers). Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Receipts(Option<Arc<[HeaderName]>>);

impl Receipts {
    pub(crate) fn with(declared: &[HeaderName]) -> Self {
        let unusual = declared.iter().filter(|name| !RECEIPTS.contains(name));
        let unusual: Vec<_> = unusual.cloned().collect();
        Self((!unusual.is_empty()).then(|| unusual.into()))
    }

    /// Those that protocols declare beside the usual ones.
    fn declared(&self) -> &[HeaderName] {
        self.0.as_deref().unwrap_or_default()
    }

    fn each(&self) -> impl Iterator<Item = &HeaderName> {
        RECEIPTS.iter().chain(self.declared())
    }

    /// Removes receipts that the gate did not write, as from trailers.
    pub fn remove_from(&self, headers: &mut HeaderMap) {
        for name in self.each() {
            headers.remove(name);
        }
    }
}

/// What the gate adds to the head of a handler's response, and what it removes from it.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Stamps {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether there is a receipt among them.
    paid: bool,
    receipts: Receipts,
}

impl Stamps {
    /// The headers of a receipt; none where nothing was settled.
    pub(crate) const fn of_receipt(headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self {
            paid: !headers.is_empty(),
            headers,
            receipts: Receipts(None),
        }
    }

    /// With these as well, on a route of these receipts.
    pub(crate) fn on(
        &mut self,
        receipts: &Receipts,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
    ) {
        self.receipts = receipts.clone();
        self.headers.extend(headers);
    }

    /// What only the gate sets on this route.
    #[must_use]
    pub fn receipts(&self) -> Receipts {
        self.receipts.clone()
    }
}

impl Deref for Stamps {
    type Target = [(HeaderName, HeaderValue)];

    fn deref(&self) -> &Self::Target {
        &self.headers
    }
}

impl IntoIterator for Stamps {
    type Item = (HeaderName, HeaderValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.headers.into_iter()
    }
}

/// Makes a handler's response the gate's: receipts are ours alone, what was paid for is nobody
/// else's to keep, caches are told what it varies on, and scripts of an origin that may read it see
/// the receipt. (T92, T95, T96)
pub fn stamp(response: &mut dyn ResponseHead, stamps: Stamps) {
    let Stamps {
        headers: stamps,
        paid,
        receipts,
    } = stamps;
    let paid = response.status().as_u16() < 400 || paid;
    for name in receipts.each() {
        response.remove(name);
    }
    let vary = merge_vary(all_values(response, &VARY).as_deref(), &VARIES);
    replace(response, &VARY, vary);
    if paid {
        let caching = merge_private(all_values(response, &CACHE_CONTROL).as_deref());
        replace(response, &CACHE_CONTROL, caching);
    }
    for (name, _) in stamps.iter().filter(|(name, _)| name != VARY) {
        response.remove(name);
    }
    for (name, value) in stamps {
        match name {
            VARY => {
                let before = all_values(response, &VARY);
                replace(response, &VARY, merge_vary(before.as_deref(), &value));
            }
            _ => response.append(&name, value),
        }
    }
    // Whoever has allowed another origin to read it: scripts of that origin see the receipt.
    let mut shared = false;
    response.each_value(&ACCESS_CONTROL_ALLOW_ORIGIN, &mut |_| shared = true);
    if shared {
        let name = ACCESS_CONTROL_EXPOSE_HEADERS;
        let before = all_values(response, &name);
        let mut exposed = merge_list(before.as_deref(), &EXPOSED);
        for receipt in receipts.declared() {
            exposed = merge_list(exposed.to_str().ok(), &receipt.clone().into());
        }
        replace(response, &name, exposed);
    }
}

fn replace(response: &mut dyn ResponseHead, name: &HeaderName, value: HeaderValue) {
    response.remove(name);
    response.append(name, value);
}

/// All values of a list header as one, without those that are no text.
fn all_values(response: &dyn ResponseHead, name: &HeaderName) -> Option<String> {
    let mut joined: Option<String> = None;
    response.each_value(name, &mut |value| {
        let text = std::str::from_utf8(value).ok();
        let Some(value) = text.filter(|text| !text.bytes().any(|b| b.is_ascii_control())) else {
            return;
        };
        match &mut joined {
            None => joined = Some(value.to_owned()),
            Some(joined) => {
                joined.push_str(", ");
                joined.push_str(value);
            }
        }
    });
    joined
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    const OTHER: HeaderName = HeaderName::from_static("x-other-receipt");

    fn stamped(status: u16, receipt: bool) -> Response<()> {
        let response = Response::builder().status(status);
        let response = response
            .header(OTHER, "forged")
            .header(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        let mut response = response.body(()).expect("a response");
        let value = HeaderValue::from_static("settled");
        let mut stamps = Stamps::of_receipt(match receipt {
            true => vec![(OTHER, value)],
            false => Vec::new(),
        });
        let declared = Receipts::with(&[OTHER, RECEIPTS[0].clone()]);
        stamps.on(&declared, None);
        stamp(&mut response, stamps);
        response
    }

    #[test]
    fn t95_a_receipt_that_a_protocol_declares_is_the_gates_alone() {
        for (status, receipt) in [(200, true), (500, true), (500, false)] {
            let response = stamped(status, receipt);
            let receipts: Vec<_> = response.headers().get_all(OTHER).iter().collect();
            assert_eq!(receipts, vec!["settled"; usize::from(receipt)], "{status}");
            // What was paid for is private, by whatever receipt.
            let private = response.headers().contains_key(CACHE_CONTROL);
            assert_eq!(private, receipt, "{status}");
            let exposed = &response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS];
            let exposed = exposed.to_str().expect("text");
            assert!(exposed.ends_with(", x-other-receipt"), "{exposed}");
        }
    }

    #[test]
    fn the_usual_receipts_cost_nothing_to_declare() {
        assert!(Receipts::with(&RECEIPTS).0.is_none());
        assert!(Receipts::default().0.is_none());
    }
}
