use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Response};
use payment_core::Reply;

/// The gate's own answer to a request with this method. Over HTTP/2 nobody else sees to it that
/// nothing is sent to `HEAD`.
pub(crate) fn to<B: From<Bytes>>(method: &Method, mut reply: Reply) -> Response<B> {
    if method == Method::HEAD {
        let length = HeaderValue::from(reply.body.len());
        reply.headers.insert(CONTENT_LENGTH, length);
        reply.body = Bytes::new();
    }
    response(reply)
}

/// The gate's own answer.
pub(crate) fn response<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
