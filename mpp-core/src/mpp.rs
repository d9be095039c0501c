use std::fmt;
use std::sync::Arc;

use payment_core::{ConfigError, Offering, PaymentProtocol, ProtocolName, Route, Secret};

use crate::challenge::{is_intent, is_method, is_slot};
use crate::key::ChallengeKey;
use crate::offer::{Offer, RouteOffers};
use crate::{MPP, Method};

/// The `Payment` scheme as a protocol of the gate: issues challenges under one realm and key,
/// and takes credentials by its methods.
pub struct Mpp(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) realm: Box<str>,
    pub(crate) key: ChallengeKey,
    pub(crate) previous: Vec<ChallengeKey>,
    /// The value of the `header` parameter, when credentials are taken elsewhere than in
    /// `Authorization`.
    pub(crate) header: Option<&'static str>,
    methods: Vec<Box<dyn Method>>,
}

impl Shared {
    /// Adds what a method asks for at the price of a route that has one, if it takes that.
    fn add(
        &self,
        offers: &mut Vec<Offer>,
        method: &dyn Method,
        route: &Route,
    ) -> Result<(), ConfigError> {
        let terms = match method.terms(route) {
            Ok(terms) => terms,
            Err(ConfigError::NoAsset) => return Ok(()),
            Err(error) => return Err(error),
        };
        let offer = Offer::new(self, method, terms, route)?;
        // Two options that came to the same ask for it once.
        if !offers.iter().any(|known| known.is_like(&offer)) {
            offers.push(offer);
        }
        Ok(())
    }
}

impl Mpp {
    /// Starts with a realm and a key. The realm names this service alone: ASCII, no `|`. The key
    /// has at least 32 random bytes; every process that serves the realm has the same.
    #[must_use]
    pub fn builder(realm: impl Into<String>, secret: Secret) -> MppBuilder {
        MppBuilder::new("realm", realm.into(), "secret", secret)
    }

    /// Starts with the realm in `MPP_REALM` and the key in `MPP_SECRET_KEY`.
    ///
    /// # Errors
    ///
    /// `ConfigError` that names the variable that is missing. There are no defaults.
    pub fn from_env() -> Result<MppBuilder, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`Mpp::from_env`], from any place that holds texts by name.
    ///
    /// # Errors
    ///
    /// `ConfigError` that names the variable that is missing.
    pub fn from_lookup(
        lookup: impl Fn(&'static str) -> Option<String>,
    ) -> Result<MppBuilder, ConfigError> {
        let find = |name| {
            let value = lookup(name).filter(|text| !text.is_empty());
            value.ok_or_else(|| ConfigError::setting(name, "is not set, or not a text"))
        };
        let (realm, secret) = (find(REALM)?, find(SECRET)?);
        Ok(MppBuilder::new(REALM, realm, SECRET, Secret::new(secret)))
    }
}

const REALM: &str = "MPP_REALM";
const SECRET: &str = "MPP_SECRET_KEY";

impl PaymentProtocol for Mpp {
    fn name(&self) -> ProtocolName {
        MPP
    }

    /// Before x402.
    fn priority(&self) -> u32 {
        10
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        if !route.takes(MPP) {
            return Ok(None);
        }
        if route.pay_within.as_secs() == 0 {
            return Err(ConfigError::setting("pay_within", "is less than a second"));
        }
        let mut offers = Vec::with_capacity(self.0.methods.len());
        if route.options.is_empty() {
            for method in &self.0.methods {
                self.0.add(&mut offers, &**method, route)?;
            }
        }
        for option in &route.options {
            let route = route.with_option(option);
            for method in self.0.methods.iter().filter(|method| method.takes(option)) {
                self.0.add(&mut offers, &**method, &route)?;
            }
        }
        if offers.is_empty() {
            return match route.options.is_empty() {
                true => Err(ConfigError::NoAsset),
                false => Ok(None),
            };
        }
        Ok(Some(Box::new(RouteOffers::new(
            Arc::clone(&self.0),
            offers,
            route,
        ))))
    }
}

impl fmt::Debug for Mpp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.0.methods.iter();
        let methods: Vec<_> = methods
            .map(|m| format!("{}/{}", m.method(), m.intent()))
            .collect();
        f.debug_struct("Mpp")
            .field("realm", &self.0.realm)
            .field("methods", &methods)
            .finish_non_exhaustive()
    }
}

/// An [`Mpp`] in the making.
pub struct MppBuilder {
    realm: (&'static str, String),
    secret: (&'static str, Secret),
    previous: Vec<Secret>,
    header: Option<&'static str>,
    methods: Vec<Box<dyn Method>>,
}

impl MppBuilder {
    fn new(
        realm_setting: &'static str,
        realm: String,
        secret_setting: &'static str,
        secret: Secret,
    ) -> Self {
        Self {
            realm: (realm_setting, realm),
            secret: (secret_setting, secret),
            previous: Vec::new(),
            header: None,
            methods: Vec::new(),
        }
    }

    /// Still takes challenges that were issued under an older key. To change the key, make the
    /// old one the previous until its last challenge has expired, then leave it out.
    #[must_use]
    pub fn previous_secret(mut self, secret: Secret) -> Self {
        self.previous.push(secret);
        self
    }

    /// Adds a way to pay. They are offered in the order they are added.
    #[must_use]
    pub fn method(mut self, method: impl Method) -> Self {
        self.methods.push(Box::new(method));
        self
    }

    /// Takes credentials in `Payment-Authorization` and nowhere else, and says so in every
    /// challenge: for services whose `Authorization` is used for login. Clients that do not know
    /// the `header` parameter can't pay then.
    #[must_use]
    pub const fn advertise_header(mut self) -> Self {
        self.header = Some("Payment-Authorization");
        self
    }

    /// Makes the protocol.
    ///
    /// # Errors
    ///
    /// `ConfigError` for a realm that is empty, not ASCII, or has `|` or control characters; a
    /// key of fewer than 32 bytes; no method, or one whose name breaks the rule.
    pub fn build(self) -> Result<Mpp, ConfigError> {
        let Self {
            realm: (realm_setting, realm),
            secret,
            previous,
            header,
            methods,
        } = self;
        if realm.is_empty() || !realm.is_ascii() || !is_slot(&realm) {
            let reason = "is to be ASCII without '|' and control characters, and not empty";
            return Err(ConfigError::setting(realm_setting, reason));
        }
        let key = ChallengeKey::new(&secret.1, secret.0)?;
        let previous = previous
            .iter()
            .map(|old| ChallengeKey::new(old, "previous_secret"));
        let previous = previous.collect::<Result<_, _>>()?;
        if methods.is_empty() {
            return Err(ConfigError::setting("method", "there is none"));
        }
        let lower = |text: &str| !text.bytes().any(|b| b.is_ascii_uppercase());
        let named =
            |m: &dyn Method| is_method(m.method()) && is_intent(m.intent()) && lower(m.intent());
        if !methods.iter().all(|method| named(&**method)) {
            return Err(ConfigError::setting("method", "its name breaks the rule"));
        }
        let realm = realm.into_boxed_str();
        Ok(Mpp(Arc::new(Shared {
            realm,
            key,
            previous,
            header,
            methods,
        })))
    }
}

impl fmt::Debug for MppBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MppBuilder")
            .field("realm", &self.realm.1)
            .finish_non_exhaustive()
    }
}
