use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use payment_core::{Challenge, ConfigError, Fault};

use crate::Offer;
use crate::wire::{PAYMENT_REQUIRED, ascii, encode_base64};

/// The 402 of one route in both versions. What does not change between requests is written once;
/// the last challenge is kept, so that a route with one URL encodes once.
pub(super) struct Challenges {
    /// v2, from after the URL to the end.
    v2_tail: String,
    /// v1 offers, each cut where the URL goes.
    v1: Vec<(String, String)>,
    recent: Mutex<Option<Recent>>,
}

struct Recent {
    resource: Box<str>,
    header: HeaderValue,
    members: Bytes,
}

/// Header lines longer than this are cut off by proxies (RULES.md, T93).
const MAX_HEADER: usize = 8 * 1024;
/// Room for the URL and an error in it, as base64.
const ROOM: usize = 2 * 1024;

impl Challenges {
    pub(super) fn new(v2: &[&Offer], v1: &[&Offer]) -> Result<Self, ConfigError> {
        let unwritable = || ConfigError::setting("description", "can't be written as JSON");
        let quoted = |text: &str| serde_json::to_string(text).map_err(|_| unwritable());
        let mut v2_tail = String::new();
        if let Some(offer) = v2.first() {
            if let Some(text) = offer.description() {
                v2_tail += &format!(",\"description\":{}", quoted(text)?);
            }
            if let Some(text) = offer.mime_type() {
                v2_tail += &format!(",\"mimeType\":{}", quoted(text)?);
            }
        }
        let offers: Vec<&str> = v2.iter().map(|offer| offer.json().get()).collect();
        v2_tail += &format!("}},\"accepts\":[{}]}}", offers.join(","));
        if v2_tail.len() * 4 / 3 + ROOM > MAX_HEADER {
            let reason = "the offers and the description are too long for a header";
            return Err(ConfigError::setting("description", reason));
        }
        let v1 = v1.iter().map(|offer| cut(offer).ok_or_else(unwritable));
        Ok(Self {
            v2_tail,
            v1: v1.collect::<Result<_, _>>()?,
            recent: Mutex::new(None),
        })
    }

    /// The challenge for this URL, with the code of what was wrong with the last payment.
    pub(super) fn make(&self, resource: &str, code: Option<&str>) -> Result<Challenge, Fault> {
        if let Some(code) = code {
            let header = self.header(resource, code)?;
            return Ok(challenge(header, self.members(resource, code)?));
        }
        if let Some(kept) = self.kept(resource) {
            return Ok(kept);
        }
        let header = self.header(resource, "PAYMENT-SIGNATURE header is required")?;
        let members = self.members(resource, "X-PAYMENT header is required")?;
        let recent = Recent {
            resource: resource.into(),
            header: header.clone(),
            members: members.clone(),
        };
        *self.recent.lock().unwrap_or_else(PoisonError::into_inner) = Some(recent);
        Ok(challenge(header, members))
    }

    fn kept(&self, resource: &str) -> Option<Challenge> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent
            .as_ref()
            .filter(|recent| *recent.resource == *resource)?;
        Some(challenge(recent.header.clone(), recent.members.clone()))
    }

    fn header(&self, resource: &str, error: &str) -> Result<HeaderValue, Fault> {
        let (error, url) = (quoted(error)?, quoted(resource)?);
        let tail = &self.v2_tail;
        let json =
            format!("{{\"x402Version\":2,\"error\":{error},\"resource\":{{\"url\":{url}{tail}");
        let value = encode_base64(json.as_bytes());
        if value.len() > MAX_HEADER {
            return Err(Fault::uri_too_long("no header has room for it"));
        }
        HeaderValue::try_from(value).map_err(|error| Fault::internal("challenge", error))
    }

    /// `"x402Version":1,"accepts":[…],"error":"…"`, or nothing when v1 is off.
    fn members(&self, resource: &str, error: &str) -> Result<Bytes, Fault> {
        if self.v1.is_empty() {
            return Ok(Bytes::new());
        }
        let (error, url) = (quoted(error)?, quoted(resource)?);
        let url = ascii(&url);
        let mut members = String::with_capacity(64 + self.v1.len() * (512 + url.len()));
        members.push_str("\"x402Version\":1,\"accepts\":[");
        for (at, (head, tail)) in self.v1.iter().enumerate() {
            if at > 0 {
                members.push(',');
            }
            members.push_str(head);
            members.push_str(&url);
            members.push_str(tail);
        }
        members.push_str("],\"error\":");
        members.push_str(&ascii(&error));
        Ok(members.into())
    }
}

fn challenge(header: HeaderValue, members: Bytes) -> Challenge {
    Challenge::new(vec![(PAYMENT_REQUIRED, header)], members)
}

/// The v1 JSON of an offer, cut where the URL goes.
fn cut(offer: &Offer) -> Option<(String, String)> {
    // Quotes inside texts are escaped, so that this is the member and not a part of one; no
    // member with free names stands before it.
    let marker = "\"resource\":\"\"";
    let json = offer.v1_json("")?;
    let at = json.find(marker)? + marker.len();
    Some((json[..at - 2].to_owned(), json[at..].to_owned()))
}

fn quoted(text: &str) -> Result<String, Fault> {
    serde_json::to_string(text).map_err(|error| Fault::internal("challenge", error))
}
