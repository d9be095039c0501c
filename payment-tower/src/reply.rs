use bytes::Bytes;
use http::Response;
use payment_core::Reply;

/// The gate's own answer.
pub(crate) fn response<B: From<Bytes>>(reply: Reply) -> Response<B> {
    let mut response = Response::new(B::from(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
