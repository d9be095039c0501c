//! What a buyer needs of the scheme: choosing a challenge and answering it.

use http::HeaderValue;
use payment_core::Timestamp;
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::{Challenge, Credential, CredentialError};

/// The first challenge that has not expired and that the buyer can pay. Servers list what they
/// prefer first. Of several challenges with one id only the first counts.
pub fn choose(
    challenges: &[Challenge],
    now: Timestamp,
    mut can_pay: impl FnMut(&Challenge) -> bool,
) -> Option<&Challenge> {
    let open = |challenge: &&Challenge| match &challenge.expires {
        Some(_) => challenge.expires_at().is_some_and(|at| now < at),
        None => true,
    };
    let first = |at: usize| {
        !challenges[..at]
            .iter()
            .any(|known| known.id == challenges[at].id)
    };
    let candidates = challenges.iter().enumerate();
    candidates
        .filter(|(at, _)| first(*at))
        .map(|(_, challenge)| challenge)
        .filter(open)
        .find(|challenge| can_pay(challenge))
}

/// The value that answers a challenge with this payload, for the header that
/// [`Challenge::credential_header`] names. What the server said is echoed as it came.
///
/// # Errors
///
/// `CredentialError` when the payload is not a JSON object.
pub fn answer(
    challenge: &Challenge,
    source: Option<&str>,
    payload: &impl Serialize,
) -> Result<HeaderValue, CredentialError> {
    let payload = to_raw_value(payload).map_err(|_| CredentialError::Shape)?;
    let mut credential = Credential::new(challenge.into(), &payload)?;
    credential.source = source.map(Into::into);
    let mut value =
        HeaderValue::from_str(&credential.format()?).map_err(|_| CredentialError::Shape)?;
    value.set_sensitive(true);
    Ok(value)
}
