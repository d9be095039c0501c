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
pub(crate) const RECEIPTS: [HeaderName; 3] = [
    HeaderName::from_static("payment-response"),
    HeaderName::from_static("x-payment-response"),
    HeaderName::from_static("payment-receipt"),
];

/// Removes receipts that the gate did not write, from trailers too.
pub fn remove_receipts(headers: &mut HeaderMap) {
    for name in &RECEIPTS {
        headers.remove(name);
    }
}

/// Makes a handler's response the gate's: receipts are ours alone, what was paid for is nobody
/// else's to keep, caches are told what it varies on, and scripts of an origin that may read it see
/// the receipt. (T92, T95, T96)
pub fn stamp(response: &mut dyn ResponseHead, stamps: Vec<(HeaderName, HeaderValue)>) {
    let receipt = stamps.iter().any(|(name, _)| RECEIPTS.contains(name));
    let paid = response.status().as_u16() < 400 || receipt;
    for name in &RECEIPTS {
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
        replace(response, &name, merge_list(before.as_deref(), &EXPOSED));
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
