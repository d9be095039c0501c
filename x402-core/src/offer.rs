use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use payment_core::{Account, Asset, ConfigError, Network, Route, Units};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::wire::{ascii, v1, v2};
use crate::{Version, v1_name};

/// One way to pay a route: ours. Cheap to clone.
///
/// It serializes, and nothing deserializes into it: no byte of a buyer's can become one.
///
/// ```compile_fail
/// let forged: x402_core::Offer = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Clone)]
pub struct Offer(Arc<Terms>);

struct Terms {
    scheme: Cow<'static, str>,
    network: Network,
    amount: Units,
    asset: Asset,
    pay_to: Account,
    max_timeout_seconds: u64,
    extra: Map<String, Value>,
    body_digest: Option<Box<str>>,
    description: Option<Box<str>>,
    mime_type: Option<Box<str>>,
    output_schema: Option<Value>,
    text: Texts,
}

/// What is compared and sent, spelled once.
struct Texts {
    network: Box<str>,
    amount: Box<str>,
    asset: Box<str>,
    pay_to: Box<str>,
    extra: Box<str>,
    json: Box<RawValue>,
}

impl Offer {
    /// An offer of a scheme for this route.
    ///
    /// # Errors
    ///
    /// `ConfigError` when the amount is zero, or the time to pay leaves none to serve and settle.
    pub fn new(
        scheme: impl Into<Cow<'static, str>>,
        network: Network,
        asset: Asset,
        pay_to: Account,
        amount: Units,
        extra: Map<String, Value>,
        route: &Route,
    ) -> Result<Self, ConfigError> {
        if amount.is_zero() {
            return Err(ConfigError::ZeroPrice);
        }
        let max_timeout_seconds = route.pay_within.as_secs();
        if max_timeout_seconds <= route.margin_seconds() {
            let reason = "must be longer than the time to serve and settle";
            return Err(ConfigError::setting("pay_within", reason));
        }
        let scheme = scheme.into();
        // What a buyer is to echo. Version 1 echoes nothing, and sees what the scheme says alone.
        let mut shown = extra.clone();
        let ours = [(QUOTE, &route.quote), (BODY_DIGEST, &route.body_digest)];
        for (name, text) in ours {
            if let Some(text) = text {
                shown.insert(name.into(), Value::from(&**text));
            }
        }
        let requirements = v2::PaymentRequirements {
            scheme: scheme.clone().into_owned(),
            network: network.to_string(),
            amount: amount.to_string(),
            asset: asset.to_string(),
            pay_to: pay_to.to_string(),
            max_timeout_seconds,
            extra: (!shown.is_empty()).then(|| shown.clone()),
        };
        let unwritable = |_| ConfigError::setting("extra", "can't be written as JSON");
        let text = Texts {
            json: serde_json::value::to_raw_value(&requirements).map_err(unwritable)?,
            extra: serde_json::to_string(&shown).map_err(unwritable)?.into(),
            network: requirements.network.into(),
            amount: requirements.amount.into(),
            asset: requirements.asset.into(),
            pay_to: requirements.pay_to.into(),
        };
        Ok(Self(Arc::new(Terms {
            scheme,
            network,
            amount,
            asset,
            pay_to,
            max_timeout_seconds,
            extra,
            body_digest: route.body_digest.clone(),
            description: route.description.as_deref().map(Into::into),
            mime_type: route.mime_type.as_deref().map(Into::into),
            output_schema: route.output_schema.clone(),
            text,
        })))
    }

    /// The scheme, such as `exact`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.0.scheme
    }

    /// Where it is paid.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.0.network
    }

    /// The price in base units.
    #[must_use]
    pub fn amount(&self) -> Units {
        self.0.amount
    }

    /// What it is paid with.
    #[must_use]
    pub fn asset(&self) -> &Asset {
        &self.0.asset
    }

    /// Who is paid.
    #[must_use]
    pub fn pay_to(&self) -> &Account {
        &self.0.pay_to
    }

    /// How long a payment may be good for.
    #[must_use]
    pub fn max_timeout_seconds(&self) -> u64 {
        self.0.max_timeout_seconds
    }

    /// Data of the scheme.
    #[must_use]
    pub fn extra(&self) -> &Map<String, Value> {
        &self.0.extra
    }

    /// The v2 JSON of the offer.
    #[must_use]
    pub fn json(&self) -> &RawValue {
        &self.0.text.json
    }

    /// The v1 form of the offer, where v1 has a name for the network.
    #[must_use]
    pub fn v1(&self, resource: &str) -> Option<v1::PaymentRequirements> {
        let terms = &*self.0;
        Some(v1::PaymentRequirements {
            scheme: terms.scheme.clone().into_owned(),
            network: v1_name(&terms.network)?.to_owned(),
            max_amount_required: terms.text.amount.to_string(),
            asset: terms.text.asset.to_string(),
            pay_to: terms.text.pay_to.to_string(),
            resource: resource.to_owned(),
            // Buyers and facilitators of v1 read no offer that leaves one of the two away.
            description: terms.description.as_deref().unwrap_or_default().to_owned(),
            mime_type: Some(terms.mime_type.as_deref().unwrap_or_default().to_owned()),
            output_schema: terms.output_schema.clone(),
            max_timeout_seconds: terms.max_timeout_seconds,
            extra: (!terms.extra.is_empty()).then(|| terms.extra.clone()),
        })
    }

    /// The v1 JSON of the offer, in ASCII.
    pub(crate) fn v1_json(&self, resource: &str) -> Option<String> {
        // A struct of texts and numbers always serializes.
        let json = serde_json::to_string(&self.v1(resource)?).ok()?;
        Some(ascii(&json).into_owned())
    }

    /// The digest of the body that its price was read from.
    pub(crate) fn body_digest(&self) -> Option<&str> {
        self.0.body_digest.as_deref()
    }

    /// How this version spells the network.
    pub(crate) fn network_in(&self, version: Version) -> &str {
        match version {
            Version::V2 => &self.0.text.network,
            Version::V1 => v1_name(&self.0.network).unwrap_or(&self.0.text.network),
        }
    }

    pub(crate) fn network_text(&self) -> &str {
        &self.0.text.network
    }

    pub(crate) fn amount_text(&self) -> &str {
        &self.0.text.amount
    }

    pub(crate) fn asset_text(&self) -> &str {
        &self.0.text.asset
    }

    pub(crate) fn pay_to_text(&self) -> &str {
        &self.0.text.pay_to
    }

    pub(crate) fn extra_text(&self) -> &str {
        &self.0.text.extra
    }

    pub(crate) fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    pub(crate) fn mime_type(&self) -> Option<&str> {
        self.0.mime_type.as_deref()
    }

    /// Whether a v2 echo could mean both: they differ in nothing but `extra`.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let (a, b) = (&*self.0, &*other.0);
        a.scheme == b.scheme
            && a.network == b.network
            && a.amount == b.amount
            && a.asset == b.asset
            && a.pay_to == b.pay_to
            && a.max_timeout_seconds == b.max_timeout_seconds
    }
}

/// The member of `extra` that has the sealed quote of a price. What comes back is opened by the
/// gate; no offer is chosen by it.
pub(crate) const QUOTE: &str = "quote";

/// The member of `extra` that has the digest of the body that is paid for.
pub(crate) const BODY_DIGEST: &str = "bodyDigest";

impl Serialize for Offer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.text.json.serialize(serializer)
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Offer({})", self.0.text.json.get())
    }
}
