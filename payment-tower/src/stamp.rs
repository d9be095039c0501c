use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use payment_core::{Reply, merge_private, merge_vary};

use crate::PaymentBody;

/// The headers by which buyers learn of settlements. Nobody but the gate sets them.
const RECEIPTS: [HeaderName; 3] = [
    HeaderName::from_static("payment-response"),
    HeaderName::from_static("x-payment-response"),
    HeaderName::from_static("payment-receipt"),
];

/// Removes receipts that the gate did not write.
pub(crate) fn remove_receipts(headers: &mut HeaderMap) {
    for name in &RECEIPTS {
        headers.remove(name);
    }
}

/// The handler's response with the gate's receipts, which only this buyer may keep.
pub(crate) fn served<B>(
    mut response: Response<PaymentBody<B>>,
    stamps: Vec<(HeaderName, HeaderValue)>,
) -> Response<PaymentBody<B>> {
    let paid = response.status().as_u16() < 400 || !stamps.is_empty();
    let headers = response.headers_mut();
    remove_receipts(headers);
    let vary = merge_vary(all_values(headers, &VARY).as_deref());
    headers.insert(VARY, vary);
    if paid {
        let caching = merge_private(all_values(headers, &CACHE_CONTROL).as_deref());
        headers.insert(CACHE_CONTROL, caching);
    }
    for (name, _) in &stamps {
        headers.remove(name);
    }
    for (name, value) in stamps {
        headers.append(name, value);
    }
    response
}

/// The gate's own answer.
pub(crate) fn reply<B>(reply: Reply) -> Response<PaymentBody<B>> {
    let mut response = Response::new(PaymentBody::whole(reply.body, None));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// All values of a list header as one, without those that are no text.
fn all_values(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut joined: Option<String> = None;
    for value in headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
    {
        match &mut joined {
            None => joined = Some(value.to_owned()),
            Some(joined) => {
                joined.push_str(", ");
                joined.push_str(value);
            }
        }
    }
    joined
}
