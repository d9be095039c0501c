use http::StatusCode;
use payment_core::{JsonLimits, strict_json};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{ApiCode, OkxFault};

/// Answers are larger than payments.
const LIMITS: JsonLimits = JsonLimits {
    depth: 32,
    members: 2048,
};

/// What every answer is wrapped in: `{"code", "msg", "data"}`. The texts in it are not read.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The data of an answer: a JSON object.
///
/// The code is looked at before the data, and before the status: what is refused with 4xx or 5xx
/// still says why. A list of one object counts as that object. An answer without a code is taken
/// for the bare object.
pub(super) fn data(status: StatusCode, body: &[u8]) -> Result<Box<RawValue>, OkxFault> {
    let garbage = |what| OkxFault::Garbage {
        what,
        status: status.as_u16(),
    };
    strict_json(body, LIMITS).map_err(|_| garbage("not JSON"))?;
    let whole: &RawValue = serde_json::from_slice(body).map_err(|_| garbage("not JSON"))?;
    if !whole.get().starts_with('{') {
        return Err(garbage("not an object"));
    }
    let envelope: Envelope<'_> =
        serde_json::from_str(whole.get()).map_err(|_| garbage("not an envelope"))?;
    let data = match envelope.code {
        Some(code) => {
            refusal(code.get()).map_err(|code| refused(status, code))?;
            if !status.is_success() {
                let status = status.as_u16();
                return Err(OkxFault::Contradictory { status });
            }
            envelope.data.ok_or_else(|| garbage("no data"))?
        }
        None => whole,
    };
    if !status.is_success() {
        return Err(garbage("an error status"));
    }
    sole_object(data).ok_or_else(|| garbage("data that is not an object"))
}

/// A member that is there, were it `null`: a code of `null` is a code that can't be read.
fn present<'de, D: Deserializer<'de>>(member: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(member).map(Some)
}

/// 429 is said at the door, whatever the code beside it.
fn refused(status: StatusCode, code: ApiCode) -> OkxFault {
    OkxFault::Refused(match status {
        StatusCode::TOO_MANY_REQUESTS => ApiCode::RateLimited,
        _ => code,
    })
}

/// Nothing for 0, as number or as text; a code for everything else.
fn refusal(code: &str) -> Result<(), ApiCode> {
    let text = code
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let digits = text.unwrap_or(code);
    let plain = digits.strip_prefix('-').unwrap_or(digits);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiCode::Unreadable);
    }
    match digits.parse::<i64>() {
        Ok(0) if digits == "0" => Ok(()),
        Ok(0) | Err(_) => Err(ApiCode::Unreadable),
        Ok(number) => Err(ApiCode::from_number(number)),
    }
}

fn sole_object(data: &RawValue) -> Option<Box<RawValue>> {
    if data.get().starts_with('{') {
        return Some(data.to_owned());
    }
    let list: Vec<Box<RawValue>> = serde_json::from_str(data.get()).ok()?;
    let [sole] = <[_; 1]>::try_from(list).ok()?;
    sole.get().starts_with('{').then_some(sole)
}

#[cfg(test)]
mod tests;
