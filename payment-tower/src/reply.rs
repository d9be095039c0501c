use http::Response;
use payment_core::Reply;

use crate::PaymentBody;

/// The gate's own answer.
pub(crate) fn response<B>(reply: Reply) -> Response<PaymentBody<B>> {
    let mut response = Response::new(PaymentBody::whole(reply.body, None));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}
