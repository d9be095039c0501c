use payment_core::{Money, Route};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What the file says: routes in the order in which they are tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    routes: Vec<Box<RawValue>>,
}

/// One priced route.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Such as `GET /reports/*`.
    pub(crate) key: String,
    #[serde(deserialize_with = "money")]
    pub(crate) price: Money,
    #[serde(default)]
    pub(crate) description: String,
    mime_type: Option<String>,
}

impl Entry {
    pub(crate) fn route(&self) -> Route {
        let route = Route::priced(self.price).description(&*self.description);
        match &self.mime_type {
            Some(mime_type) => route.mime_type(mime_type),
            None => route,
        }
    }
}

fn money<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
    let text = String::deserialize(from)?;
    Money::from_decimal(&text)
        .map_err(|error| serde::de::Error::custom(format_args!("price {text:?}: {error}")))
}

/// Reads the routes of a file, or those that come with the program. An error is one line.
pub(crate) fn read(file: Option<&str>) -> Result<Vec<Entry>, String> {
    let Some(name) = file else {
        return parse(include_str!("../routes.json").as_bytes());
    };
    let text = std::fs::read(name).map_err(|error| format!("{name}: {error}"))?;
    parse(&text).map_err(|error| format!("{name}: {error}"))
}

fn parse(text: &[u8]) -> Result<Vec<Entry>, String> {
    let file: File = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let routes = file.routes.iter().enumerate();
    routes.map(|(at, json)| entry(at, json)).collect()
}

fn entry(at: usize, json: &RawValue) -> Result<Entry, String> {
    serde_json::from_str(json.get()).map_err(|error| {
        let name = match serde_json::from_str::<Named>(json.get()) {
            Ok(Named { key }) => format!("route {key:?}"),
            Err(_) => format!("route {}", at + 1),
        };
        // The line and column that follow are counted from where the route begins.
        let error = error.to_string();
        let reason = error.split(" at line ").next().unwrap_or_default();
        format!("{name}: {reason}")
    })
}

/// A route of which no more can be read than how it is called.
#[derive(Deserialize)]
struct Named {
    key: String,
}
