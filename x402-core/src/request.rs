use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use payment_core::{Account, Timestamp, Units};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::wire::v2::ResourceInfo;
use crate::{Offer, SchemePayment, Settlement, Version};

/// What a facilitator is asked about: our own offer, and the buyer's payload bound to it.
#[derive(Clone)]
pub struct PaymentRequest {
    version: Version,
    offer: Offer,
    resource: Box<str>,
    payload: Box<RawValue>,
    echoed_extra: Option<Map<String, Value>>,
    payer: Option<Account>,
    amount: Units,
    charge: Charge,
    expires: Timestamp,
}

/// How much of the amount is to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// All of it.
    Whole,
    /// So much.
    Exactly(Units),
    /// At most all of it; nobody remembers how much.
    AtMost,
}

impl PaymentRequest {
    /// A request about a payment that was bound and checked.
    #[must_use]
    pub fn new(
        version: Version,
        offer: Offer,
        resource: impl Into<Box<str>>,
        payment: &dyn SchemePayment,
    ) -> Self {
        Self {
            version,
            offer,
            resource: resource.into(),
            payload: payment.payload().to_owned(),
            echoed_extra: payment.echoed_extra().cloned(),
            payer: payment.claimed_payer().cloned(),
            amount: payment.amount(),
            charge: Charge::Whole,
            expires: match payment.settlement() {
                Settlement::Transaction | Settlement::UpTo => payment.keep_until(),
                // A batch may land whenever it does.
                Settlement::Batch => END_OF_TIME,
            },
        }
    }

    /// The same, when the handler has said what it charges.
    pub(crate) fn charging(&self, charge: Charge) -> Self {
        Self {
            charge,
            ..self.clone()
        }
    }

    /// Whether so much is what was to move.
    pub(crate) fn is_charge(&self, units: Units) -> bool {
        match self.charge {
            Charge::AtMost => units <= self.amount,
            _ => units == self.amount(),
        }
    }

    /// The version of the buyer's envelope.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Our offer.
    #[must_use]
    pub const fn offer(&self) -> &Offer {
        &self.offer
    }

    /// What the scheme needs. A credential.
    #[must_use]
    pub fn payload(&self) -> &RawValue {
        &self.payload
    }

    /// Who pays: by a signature that was checked, or else by the payload's word.
    #[must_use]
    pub const fn payer(&self) -> Option<&Account> {
        self.payer.as_ref()
    }

    /// What is to move: to settle, what the handler charges where that is for it to say.
    #[must_use]
    pub const fn amount(&self) -> Units {
        match self.charge {
            Charge::Exactly(units) => units,
            Charge::Whole | Charge::AtMost => self.amount,
        }
    }

    /// When the payment can't be executed any more; the end of time for one that is settled in a
    /// batch.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The network as this version spells it.
    #[must_use]
    pub fn network_name(&self) -> &str {
        self.offer.network_in(self.version)
    }

    /// The body of `/verify` and `/settle`: `{x402Version, paymentPayload, paymentRequirements}`,
    /// in the version of the envelope.
    #[must_use]
    pub fn body(&self) -> String {
        self.body_with(&Map::new())
    }

    /// The same with more members beside those three, as some facilitators take them. None of
    /// the three is replaced.
    #[must_use]
    pub fn body_with(&self, more: &Map<String, Value>) -> String {
        let beside = more.iter().filter(|(name, _)| !MEMBERS.contains(&&***name));
        let more = &beside.collect();
        match self.version {
            Version::V2 => self.v2_body(more),
            Version::V1 => self.v1_body(more),
        }
        // Structs of texts, numbers and raw JSON always serialize; an empty body is refused by
        // any facilitator before it does anything.
        .unwrap_or_default()
    }

    fn v2_body(&self, more: &Beside<'_>) -> serde_json::Result<String> {
        let resource = ResourceInfo {
            description: self.offer.description().map(str::to_owned),
            mime_type: self.offer.mime_type().map(str::to_owned),
            ..ResourceInfo::new(&*self.resource)
        };
        serde_json::to_string(&Body {
            version: 2,
            payment_payload: PayloadV2 {
                version: 2,
                resource,
                accepted: self.echo()?,
                payload: &self.payload,
            },
            payment_requirements: self.requirements()?,
            more,
        })
    }

    /// Our offer, at the amount that is charged. (x402, 3.2)
    fn requirements(&self) -> serde_json::Result<Cow<'_, RawValue>> {
        let Charge::Exactly(units) = self.charge else {
            return Ok(Cow::Borrowed(self.offer.json()));
        };
        let mut requirements: Map<String, Value> = serde_json::from_str(self.offer.json().get())?;
        requirements.insert("amount".into(), units.to_string().into());
        serde_json::value::to_raw_value(&requirements).map(Cow::Owned)
    }

    /// Our offer, with what the buyer has added to its echo and the scheme has let through.
    fn echo(&self) -> serde_json::Result<Cow<'_, RawValue>> {
        let Some(added) = &self.echoed_extra else {
            return Ok(Cow::Borrowed(self.offer.json()));
        };
        let mut echo: Map<String, Value> = serde_json::from_str(self.offer.json().get())?;
        let mut extra = match echo.remove("extra") {
            Some(Value::Object(extra)) => extra,
            _ => Map::new(),
        };
        for (name, value) in added {
            // Ours is ours to say.
            extra.entry(name).or_insert_with(|| value.clone());
        }
        echo.insert("extra".into(), extra.into());
        serde_json::value::to_raw_value(&echo).map(Cow::Owned)
    }

    fn v1_body(&self, more: &Beside<'_>) -> serde_json::Result<String> {
        let mut requirements = self.offer.v1(&self.resource);
        if let (Some(requirements), Charge::Exactly(units)) = (&mut requirements, self.charge) {
            requirements.max_amount_required = units.to_string();
        }
        serde_json::to_string(&Body {
            version: 1,
            payment_payload: PayloadV1 {
                version: 1,
                scheme: self.offer.scheme(),
                network: self.network_name(),
                payload: &self.payload,
            },
            payment_requirements: requirements,
            more,
        })
    }
}

impl fmt::Debug for PaymentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentRequest")
            .field("version", &self.version)
            .field("offer", &self.offer)
            .field("payload", &"[redacted]")
            .finish_non_exhaustive()
    }
}

const END_OF_TIME: Timestamp = Timestamp::from_seconds(u64::MAX);

/// The members of a body, named once.
const MEMBERS: [&str; 3] = ["x402Version", "paymentPayload", "paymentRequirements"];

/// Members beside those.
type Beside<'a> = BTreeMap<&'a String, &'a Value>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, P, R> {
    #[serde(rename = "x402Version")]
    version: u8,
    payment_payload: P,
    payment_requirements: R,
    #[serde(flatten)]
    more: &'a Beside<'a>,
}

#[derive(Serialize)]
struct PayloadV2<'a> {
    #[serde(rename = "x402Version")]
    version: u8,
    resource: ResourceInfo,
    accepted: Cow<'a, RawValue>,
    payload: &'a RawValue,
}

#[derive(Serialize)]
struct PayloadV1<'a> {
    #[serde(rename = "x402Version")]
    version: u8,
    scheme: &'a str,
    network: &'a str,
    payload: &'a RawValue,
}
