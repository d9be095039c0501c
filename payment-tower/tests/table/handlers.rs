//! Handlers that say who they are, and a protocol whose offers say what they cost.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{MethodRouter, any};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use payment_core::{
    Ask, Challenge, Claim, ConfigError, Denied, Fault, Gate, Money, Offering, Payment,
    PaymentProtocol, ProtocolName, Refusal, RequestHead, Route, RouteTable, Soon,
};
use tower::ServiceExt;

/// Offers say the description of their route, and nobody can pay.
struct Labels;

struct Label(HeaderValue);

impl PaymentProtocol for Labels {
    fn name(&self) -> ProtocolName {
        ProtocolName::new("labels")
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        let label = route.description.as_deref().unwrap();
        let label = HeaderValue::from_str(label).unwrap();
        Ok(Some(Box::new(Label(label))))
    }
}

impl Offering for Label {
    fn claim(&self, _: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        Ok(None)
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let line = (WWW_AUTHENTICATE, self.0.clone());
        Soon::now(Ok(Challenge::new(vec![line], bytes::Bytes::new())))
    }

    fn bind(&self, _: &Ask, _: Claim) -> Result<Box<dyn Payment>, Denied> {
        panic!("nothing was claimed")
    }
}

/// A table of these keys, each labelled with what its handler says.
pub(crate) fn table(keys: &[(&str, &str)]) -> RouteTable {
    let price = Money::from_decimal("0.01").unwrap();
    let routes = keys
        .iter()
        .map(|(key, label)| (*key, Route::priced(price).description(*label)));
    let table = Gate::new(Labels).table().routes(routes).unwrap();
    table.build().unwrap()
}

/// Answers any verb with its name.
pub(crate) fn says(name: &'static str) -> MethodRouter {
    any(async move || name)
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// To the handler of this name.
    To(String),
    /// To an offer of this label.
    Offered(String),
    Refused,
    /// To nothing: 404, 405.
    Nothing(StatusCode),
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Came {
    let response = app.clone().oneshot(request).await.unwrap();
    match response.status() {
        StatusCode::OK => {
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            Came::To(String::from_utf8(body.to_vec()).unwrap())
        }
        StatusCode::PAYMENT_REQUIRED => {
            let label = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            Came::Offered(label.to_owned())
        }
        StatusCode::BAD_REQUEST => Came::Refused,
        other => Came::Nothing(other),
    }
}

/// A GET, where the path can stand in a request at all.
pub(crate) async fn get(app: &Router, path: &str) -> Option<Came> {
    let request = Request::get(path).body(Body::empty()).ok()?;
    Some(send(app, request).await)
}
