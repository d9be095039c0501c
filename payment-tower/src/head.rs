use bytes::Bytes;
use http::Uri;
use http::request::Parts;
use payment_core::RequestHead;

/// The body of a request, where [`ReadBody`](crate::ReadBody) has read it. No client and no other
/// layer can say that it has. (T95)
#[derive(Clone)]
pub(crate) struct Gathered(pub(crate) Bytes);

/// The head of a request, by the URI that the client asked for.
///
/// Inside a nested axum router the URI lacks the prefix of the nest. Two mounts of one handler are
/// two things to pay for, and buyers are shown a URL that they can ask for.
pub(crate) struct Head<'a> {
    parts: &'a Parts,
    uri: &'a Uri,
}

impl<'a> Head<'a> {
    pub(crate) fn new(parts: &'a Parts) -> Self {
        Self {
            parts,
            uri: original_uri(parts).unwrap_or(&parts.uri),
        }
    }
}

#[cfg(feature = "axum")]
fn original_uri(parts: &Parts) -> Option<&Uri> {
    parts
        .extensions
        .get()
        .map(|::axum::extract::OriginalUri(uri)| uri)
}

#[cfg(not(feature = "axum"))]
const fn original_uri(_: &Parts) -> Option<&Uri> {
    None
}

/// The pattern of the route, nests included. A layer outside of the router comes too early for it.
#[cfg(feature = "axum")]
fn matched_path(parts: &Parts) -> Option<&str> {
    let matched = parts.extensions.get::<::axum::extract::MatchedPath>();
    matched.map(::axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
const fn matched_path(_: &Parts) -> Option<&str> {
    None
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.uri.path()
    }

    fn dispatched_path(&self) -> Option<&str> {
        Some(self.parts.uri.path())
    }

    fn pattern(&self) -> Option<&str> {
        matched_path(self.parts)
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        self.parts.authority()
    }

    fn has_body(&self) -> bool {
        match self.body() {
            Some(body) => !body.is_empty(),
            None => self.parts.has_body(),
        }
    }

    fn body(&self) -> Option<&Bytes> {
        let gathered: &Gathered = self.parts.extensions.get()?;
        Some(&gathered.0)
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.parts.each_value(name, visit);
    }
}
