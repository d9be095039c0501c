use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::builder::Codes;
use super::refusal::Refusal;
use crate::script::{Answer, plain};

/// An answer in OKX's envelope.
pub(super) struct Enveloped {
    status: StatusCode,
    envelope: Value,
}

impl Enveloped {
    pub(super) fn data(data: &Value) -> Self {
        Self {
            status: StatusCode::OK,
            envelope: json!({"code": 0, "msg": "", "data": data}),
        }
    }

    /// Nothing but a code: data is null at the facilitator and empty at the SA-API.
    pub(super) fn refused(refusal: Refusal, nothing: &Value) -> Self {
        let Refusal { status, code, text } = refusal;
        Self {
            status,
            envelope: json!({"code": code, "msg": text, "data": nothing}),
        }
    }

    /// The same with its code written as `codes` says.
    pub(super) fn with(mut self, codes: Codes) -> Self {
        if codes == Codes::Text {
            self.envelope["code"] = self.envelope["code"].to_string().into();
        }
        self
    }
}

impl Answer for Enveloped {
    fn refusal(status: StatusCode, code: i64, text: &str) -> Self {
        Self {
            status,
            envelope: json!({"code": code, "msg": text, "data": null}),
        }
    }

    fn body(&mut self) -> &mut Value {
        &mut self.envelope["data"]
    }

    fn wrapping(&mut self) -> &mut Value {
        &mut self.envelope
    }

    fn unfinish(&mut self) {
        self.envelope["data"]["status"] = "pending".into();
    }

    fn reply(self) -> Response<Full<Bytes>> {
        let mut response = plain(self.status, self.envelope.to_string().into());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
