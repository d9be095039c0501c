use std::borrow::Cow;

use payment_core::{Ask, Refusal};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::code::refuse_version;
use crate::{Accepted, Code, Version, refuse};

/// A payment header of either version, decoded once and borrowed. What it says is not looked at
/// before the version is.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(rename = "x402Version")]
    version: u64,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    accepted: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scheme: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    network: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    url: Option<Cow<'a, str>>,
}

impl<'a> Envelope<'a> {
    /// Reads strict JSON as an envelope of this version.
    pub(super) fn read(json: &'a [u8], version: Version) -> Result<Self, Refusal> {
        // Structs read lists too; an envelope is an object.
        if !is_object(json) {
            return Err(refuse(Code::Malformed));
        }
        let envelope: Self = serde_json::from_slice(json).map_err(|_| refuse(Code::Malformed))?;
        if envelope.version != u64::from(version.number()) {
            return Err(refuse_version(envelope.version));
        }
        Ok(envelope)
    }

    pub(super) fn payload(&self) -> Result<&'a RawValue, Refusal> {
        self.payload
            .filter(|payload| is_object(payload.get().as_bytes()))
            .ok_or_else(|| refuse(Code::Malformed))
    }

    pub(super) fn accepted(&self) -> Result<Accepted<'a>, Refusal> {
        let accepted = self.accepted.ok_or_else(|| refuse(Code::Malformed))?;
        if !is_object(accepted.get().as_bytes()) {
            return Err(refuse(Code::Malformed));
        }
        // An echo of other members or types is none of an offer of ours.
        serde_json::from_str(accepted.get()).map_err(|_| refuse(Code::NoMatch))
    }

    pub(super) fn v1_choice(&self) -> Result<(&str, &str), Refusal> {
        match (&self.scheme, &self.network) {
            (Some(scheme), Some(network)) => Ok((scheme, network)),
            _ => Err(refuse(Code::Malformed)),
        }
    }

    /// Whether the echoed resource, if there is one, is what is asked for. Buyers don't sign it:
    /// this catches mistakes, single use catches theft.
    pub(super) fn is_for(&self, ask: &Ask) -> Result<bool, Refusal> {
        let Some(resource) = self.resource else {
            return Ok(true);
        };
        if !is_object(resource.get().as_bytes()) {
            return Err(refuse(Code::Malformed));
        }
        let resource: Option<Resource<'_>> = serde_json::from_str(resource.get()).ok();
        let url = resource.and_then(|resource| resource.url);
        let url = &*url.ok_or_else(|| refuse(Code::Malformed))?;
        if url == &*ask.resource {
            return Ok(true);
        }
        Ok(!ask.canonical && path_of(url) == ask.resource_path())
    }
}

fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

/// The path of a URL, or of a text that is one already.
fn path_of(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let rest = &url[after_scheme..];
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or(path)
}
