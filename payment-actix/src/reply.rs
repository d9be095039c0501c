use actix_web::body::EitherBody;
use actix_web::dev::ServiceResponse;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use payment_core::Reply;

use crate::head::{actix_status, append};

/// The gate's own answer.
pub(crate) fn response(reply: Reply) -> HttpResponse<Bytes> {
    let mut response = HttpResponse::with_body(actix_status(reply.status), reply.body);
    for (name, value) in &reply.headers {
        append(response.head_mut(), name, value);
    }
    response
}

/// The gate's own answer to this request.
pub(crate) fn to<B>(request: HttpRequest, reply: Reply) -> ServiceResponse<EitherBody<B, Bytes>> {
    ServiceResponse::new(request, response(reply).map_into_right_body())
}
