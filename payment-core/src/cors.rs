use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue};

use crate::accept::is_token;
use crate::origin::Origin;
use crate::{ConfigError, Reply, RequestHead};

/// Which pages of other origins may pay here, by `fetch`.
///
/// The gate then answers preflights so that browsers go on, and lets scripts read what tells them
/// how to pay and what was paid, on its own answers and on those that are paid for. Routes without a
/// price are not its business.
///
/// Those who have a CORS layer of their own, outside of the gate, leave this away and give that
/// layer [`Cors::exposed_headers`] and [`Cors::allowed_headers`]: two that set the same headers are
/// one too many. A handler that allows an origin itself needs neither: what is to be exposed is
/// added to its response.
///
/// ```
/// use payment_core::Cors;
///
/// let pages = Cors::origins(["https://app.example.com", "http://localhost:5173"]);
/// let everybody = Cors::any();
/// # drop((pages, everybody));
/// ```
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Option<Vec<String>>,
    credentials: bool,
    max_age: Duration,
}

impl Cors {
    /// Pages of any origin.
    #[must_use]
    pub const fn any() -> Self {
        Self {
            origins: None,
            credentials: false,
            max_age: MAX_AGE,
        }
    }

    /// Pages of these origins, such as `https://app.example.com`, and no others. They are compared
    /// as a whole; there are no patterns.
    #[must_use]
    pub fn origins<T: Into<String>>(origins: impl IntoIterator<Item = T>) -> Self {
        Self {
            origins: Some(origins.into_iter().map(Into::into).collect()),
            ..Self::any()
        }
    }

    /// Lets the browser send cookies and client certificates along. Not for any origin.
    #[must_use]
    pub const fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// How long a browser may go by the answer to a preflight; ten minutes without this.
    #[must_use]
    pub const fn max_age(mut self, time: Duration) -> Self {
        self.max_age = time;
        self
    }

    /// What scripts have to read: for the `Access-Control-Expose-Headers` of a CORS layer outside.
    #[must_use]
    pub const fn exposed_headers() -> [HeaderName; 6] {
        [
            HeaderName::from_static("payment-required"),
            HeaderName::from_static("payment-response"),
            HeaderName::from_static("x-payment-response"),
            WWW_AUTHENTICATE,
            HeaderName::from_static("payment-receipt"),
            RETRY_AFTER,
        ]
    }

    /// What scripts have to send: for the `Access-Control-Allow-Headers` of a CORS layer outside.
    #[must_use]
    pub const fn allowed_headers() -> [HeaderName; 6] {
        [
            HeaderName::from_static("payment-signature"),
            HeaderName::from_static("x-payment"),
            AUTHORIZATION,
            HeaderName::from_static("payment-authorization"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("accept-payment"),
        ]
    }

    /// Checks what was set.
    pub(crate) fn rules(self) -> Result<CorsRules, ConfigError> {
        let wrong = |reason: &str| ConfigError::setting("cors", reason);
        if self.credentials && self.origins.is_none() {
            return Err(wrong("credentials of any origin are taken by nobody"));
        }
        let count = self.origins.as_ref().map_or(0, Vec::len);
        if count > usize::from(u16::MAX) {
            return Err(wrong("too many origins"));
        }
        let origin = |text: String| {
            let origin = Origin::parse(&text).ok_or_else(|| wrong("an origin is none"))?;
            HeaderValue::from_str(&origin.text).map_err(|_| wrong("an origin is none"))
        };
        let origins = self.origins.map(|list| list.into_iter().map(origin));
        Ok(CorsRules {
            origins: origins.map(Iterator::collect).transpose()?,
            credentials: self.credentials,
            max_age: self.max_age.as_secs().into(),
        })
    }
}

/// What is exposed, as one value.
pub(crate) const EXPOSED: HeaderValue = HeaderValue::from_static(
    "PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, WWW-Authenticate, Payment-Receipt, \
     Retry-After",
);

const ALLOWED: &str = "PAYMENT-SIGNATURE, X-PAYMENT, Authorization, Payment-Authorization, \
     Idempotency-Key, Accept-Payment";

const MAX_AGE: Duration = Duration::from_secs(600);

/// Names of headers in one preflight that are answered, and bytes of each.
const MOST_NAMES: usize = 64;
const LONGEST_NAME: usize = 64;

/// Who may read an answer. As small as it is, it goes with each request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reader {
    #[default]
    Nobody,
    Anybody,
    /// The page that is named in this place.
    Page(u16),
}

/// What was set, checked.
#[derive(Debug)]
pub(crate) struct CorsRules {
    /// `None` for any.
    origins: Option<Vec<HeaderValue>>,
    credentials: bool,
    max_age: HeaderValue,
}

impl CorsRules {
    /// Who may read what is answered to this request.
    pub(crate) fn reader(&self, head: &dyn RequestHead) -> Reader {
        let Some(origins) = &self.origins else {
            return Reader::Anybody;
        };
        let (mut named, mut count) = (None, 0);
        head.each_value("origin", &mut |value| {
            count += 1;
            named = origins.iter().position(|origin| origin == value);
        });
        match named.map(u16::try_from) {
            Some(Ok(place)) if count == 1 => Reader::Page(place),
            _ => Reader::Nobody,
        }
    }

    /// Its origin in our spelling: what the client said is compared, and never repeated.
    fn spelled(&self, reader: Reader) -> Option<HeaderValue> {
        match reader {
            Reader::Nobody => None,
            Reader::Anybody => Some(HeaderValue::from_static("*")),
            Reader::Page(place) => self.origins.as_ref()?.get(usize::from(place)).cloned(),
        }
    }

    /// Whether answers differ by the origin that asks.
    pub(crate) const fn varies(&self) -> bool {
        self.origins.is_some()
    }

    /// The headers that let it read an answer; none for nobody.
    pub(crate) fn allow(&self, reader: Reader) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let origin = self.spelled(reader);
        let yes = HeaderValue::from_static("true");
        let credentials = origin.as_ref().filter(|_| self.credentials).map(|_| yes);
        let origin = origin.map(|origin| (ACCESS_CONTROL_ALLOW_ORIGIN, origin));
        let credentials = credentials.map(|yes| (ACCESS_CONTROL_ALLOW_CREDENTIALS, yes));
        origin.into_iter().chain(credentials)
    }

    /// The answer to a preflight. An origin that is not allowed is told nothing.
    pub(crate) fn preflight(&self, head: &dyn RequestHead) -> Reply {
        const VARIES: HeaderValue = HeaderValue::from_static(
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        );
        let mut reply = Reply::preflight();
        let headers = &mut reply.headers;
        headers.insert(VARY, VARIES);
        let reader = self.reader(head);
        headers.extend(self.allow(reader));
        if reader != Reader::Nobody {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names(head));
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            if let Some(method) = method(head) {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, method);
            }
        }
        reply
    }
}

/// The method that is asked for. Whether the route has it is seen when it comes.
fn method(head: &dyn RequestHead) -> Option<HeaderValue> {
    let (mut asked, mut count) = (None, 0);
    head.each_value("access-control-request-method", &mut |value| {
        count += 1;
        asked = std::str::from_utf8(value).ok();
    });
    let method = asked.filter(|text| count == 1 && text.len() <= LONGEST_NAME && is_token(text))?;
    HeaderValue::from_str(method).ok()
}

/// Our headers, and those that are asked for.
fn names(head: &dyn RequestHead) -> HeaderValue {
    let mut names = ALLOWED.to_owned();
    let mut left = MOST_NAMES;
    head.each_value("access-control-request-headers", &mut |value| {
        let asked = std::str::from_utf8(value).unwrap_or_default();
        for name in asked.split(',').map(str::trim) {
            if left > 0 && name != "*" && name.len() <= LONGEST_NAME && is_token(name) {
                left -= 1;
                if !lists(&names, name) {
                    names.push_str(", ");
                    names.push_str(name);
                }
            }
        }
    });
    HeaderValue::from_str(&names).unwrap_or(HeaderValue::from_static(ALLOWED))
}

/// Whether a list of names has this one.
pub(crate) fn lists(list: &str, name: &str) -> bool {
    list.split(',')
        .any(|listed| listed.trim().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
