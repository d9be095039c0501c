use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::error::{CallError, SubmitError};

/// The most requests of one batch.
const BATCH: usize = 256;

/// A request body: one call or several.
#[derive(Debug)]
pub(crate) enum Body {
    One(Request),
    Batch(Vec<Request>),
}

/// One call, or the reason it is none. `id` is absent in a notification.
#[derive(Debug)]
pub(crate) struct Request {
    id: Option<Value>,
    call: Result<(String, Params), RpcError>,
}

impl Body {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, RpcError> {
        let body: Value = serde_json::from_slice(bytes)
            .map_err(|error| RpcError::new(-32700, format!("parse error: {error}")))?;
        match body {
            Value::Array(calls) if calls.is_empty() => Err(RpcError::new(-32600, "empty batch")),
            Value::Array(calls) if calls.len() > BATCH => Err(RpcError::new(
                -32600,
                format!("batch of {} is larger than {BATCH}", calls.len()),
            )),
            Value::Array(calls) => Ok(Self::Batch(
                calls.into_iter().map(Request::from_json).collect(),
            )),
            one => Ok(Self::One(Request::from_json(one))),
        }
    }

    pub(crate) fn methods(&self) -> Vec<&str> {
        match self {
            Self::One(request) => request.method().into_iter().collect(),
            Self::Batch(requests) => requests.iter().filter_map(Request::method).collect(),
        }
    }

    /// The reply, `None` where every call was a notification.
    pub(crate) fn answer(
        self,
        mut dispatch: impl FnMut(&str, &Params) -> Result<Value, RpcError>,
    ) -> Option<Value> {
        match self {
            Self::One(request) => request.answer(&mut dispatch),
            Self::Batch(requests) => {
                let replies: Vec<_> = requests
                    .into_iter()
                    .filter_map(|request| request.answer(&mut dispatch))
                    .collect();
                (!replies.is_empty()).then_some(Value::Array(replies))
            }
        }
    }
}

impl Request {
    fn from_json(value: Value) -> Self {
        let Value::Object(mut members) = value else {
            return Self::invalid("request is not an object");
        };
        let id = members.remove("id");
        if id
            .as_ref()
            .is_some_and(|id| id.is_array() || id.is_object() || id.is_boolean())
        {
            return Self::invalid("id is neither string nor number");
        }
        let Some(Value::String(method)) = members.remove("method") else {
            return Self {
                id: Some(id.unwrap_or_default()),
                call: Err(RpcError::new(-32600, "method is missing")),
            };
        };
        let call = match members.remove("params") {
            None | Some(Value::Null) => Ok((method, Params(Vec::new()))),
            Some(Value::Array(params)) => Ok((method, Params(params))),
            Some(_) => Err(RpcError::new(-32602, "params are not an array")),
        };
        Self { id, call }
    }

    fn invalid(why: &str) -> Self {
        Self {
            id: Some(Value::Null),
            call: Err(RpcError::new(-32600, why)),
        }
    }

    fn method(&self) -> Option<&str> {
        self.call.as_ref().ok().map(|(method, _)| method.as_str())
    }

    fn answer(
        self,
        dispatch: &mut impl FnMut(&str, &Params) -> Result<Value, RpcError>,
    ) -> Option<Value> {
        let outcome = self
            .call
            .and_then(|(method, params)| dispatch(&method, &params));
        let id = self.id?;
        Some(match outcome {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(error) => error.reply(&id),
        })
    }
}

/// Positional parameters.
#[derive(Debug)]
pub(crate) struct Params(Vec<Value>);

impl Params {
    pub(crate) fn required<T: DeserializeOwned>(&self, place: usize) -> Result<T, RpcError> {
        self.optional(place)?
            .ok_or_else(|| RpcError::new(-32602, format!("parameter {place} is missing")))
    }

    pub(crate) fn optional<T: DeserializeOwned>(
        &self,
        place: usize,
    ) -> Result<Option<T>, RpcError> {
        match self.0.get(place) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|error| RpcError::new(-32602, format!("parameter {place}: {error}"))),
        }
    }
}

/// The error member of a reply.
#[derive(Debug)]
pub(crate) struct RpcError {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl RpcError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
        }
    }

    pub(crate) fn reply(&self, id: &Value) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

impl From<CallError> for RpcError {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Reverted { data, .. } => Self {
                code: 3,
                message,
                data: Some(json!(data)),
            },
            CallError::Halted(_) | CallError::Invalid(_) | CallError::NoState => {
                Self::new(-32000, message)
            }
        }
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self::new(-32000, error.to_string())
    }
}
