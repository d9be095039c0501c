use std::fmt;
use std::sync::Arc;

use alloy_primitives::Address;
use mpp_core::{MPP, Method, Terms};
use payment_core::{ConfigError, Money, PaymentOption, Route, Units};
use payment_evm::permit2::{self, PERMIT2};
use payment_evm::{Domain, MoneyParsers, Token, TransferMethod};
use serde_json::{Map, Value, json};

use crate::candidate::LONGEST_TO_PAY;
use crate::split::{MOST_SPLITS, legs};
use crate::terms::ChargeTerms;
use crate::{ChargeBackend, CredentialType, Due, Leg, Split};

/// The MPP method `evm`, intent `charge`: one payment in one token for one request.
///
/// Buyers come in two flavours: of the draft, and of OKX, who sign one authorization for each leg
/// of the payment and bind none of them to the challenge ([`CredentialType::Transfers`]). A route
/// of [`Self::new`] takes the draft's credentials, one of [`Self::okx`] takes both flavours, and
/// [`Self::credential_types`] names them one by one.
///
/// ```
/// use mpp_evm::{Charge, Split};
/// use payment_core::usd;
/// use payment_evm::Token;
/// # use alloy_primitives::address;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let token = Token::default_on(8453).ok_or("no default token on this chain")?;
/// let shop = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
/// let partner = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
/// // Add `.settle_with(backend)`, and it is a method for `Mpp`.
/// let charge = Charge::new(token, shop).split(Split::new(partner, usd!("0.001")));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Charge<B = ()> {
    token: Token,
    recipient: Address,
    types: Types,
    splits: Vec<Split>,
    external_id: Option<String>,
    permit2: Address,
    domains: Domains,
    parsers: MoneyParsers,
    backend: Arc<B>,
}

/// What signatures are checked in, hashed once: some routes are priced for each request.
#[derive(Clone, Copy)]
struct Domains {
    token: Domain,
    permit2: Domain,
}

impl Charge {
    /// Charges in this token, paid to this account. Takes `authorization` credentials where the
    /// token has EIP-3009, unless [`Self::credential_types`] says otherwise.
    pub fn new(token: Token, recipient: Address) -> Self {
        let domains = Domains {
            token: token.domain(),
            permit2: permit2::domain(token.chain_id, PERMIT2),
        };
        Self {
            token,
            recipient,
            types: Types::Safest,
            splits: Vec::new(),
            external_id: None,
            permit2: PERMIT2,
            domains,
            parsers: MoneyParsers::default(),
            backend: Arc::new(()),
        }
    }

    /// Charges buyers of OKX, and of the draft where they can pay the same, unless
    /// [`Self::credential_types`] says otherwise:
    ///
    /// - An unsplit price is paid by one EIP-3009 authorization in either form; in the draft's
    ///   where the backend settles that too.
    /// - A split price is paid in OKX's form alone, by one authorization for each part.
    ///
    /// What OKX's buyers sign names no challenge: it pays whichever unpaid challenge of the same
    /// terms it is shown to first. That it pays only once is up to the replay guard and the token.
    ///
    /// ```
    /// use mpp_evm::Charge;
    /// use payment_evm::Token;
    /// # use alloy_primitives::address;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let usdt = address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736");
    /// let token = Token::known(196, usdt).ok_or("no such token in the table")?;
    /// let shop = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    /// // Add `.settle_with(backend)`, and it is a method for `Mpp`.
    /// let charge = Charge::okx(token, shop);
    /// # Ok(())
    /// # }
    /// ```
    pub fn okx(token: Token, recipient: Address) -> Self {
        Self {
            types: Types::BothFlavours,
            ..Self::new(token, recipient)
        }
    }
}

impl<B> Charge<B> {
    /// Takes these types of credentials, in this order of preference. `hash` is the weakest of
    /// them and never taken unless it is named here.
    pub fn credential_types(mut self, types: impl IntoIterator<Item = CredentialType>) -> Self {
        self.types = Types::Named(types.into_iter().collect());
        self
    }

    /// Adds a part of every payment that goes to somebody else: up to ten, in this order, in sum
    /// less than any price. Only `Permit2` and `Transfers` credentials can split.
    pub fn split(mut self, split: Split) -> Self {
        self.splits.push(split);
        self
    }

    /// Names the order in the seller's own books. Buyers see it, and permits sign it.
    pub fn external_id(mut self, id: impl Into<String>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Uses a Permit2 contract at another address than the usual one.
    pub fn permit2_at(mut self, contract: Address) -> Self {
        self.permit2 = contract;
        self.domains.permit2 = permit2::domain(self.token.chain_id, contract);
        self
    }

    /// Finds the base units of prices and splits by this parser, where it says any: see
    /// [`MoneyParsers`]. Several are asked in the order they are added.
    pub fn money_parser(
        mut self,
        parser: impl Fn(Money, &Token) -> Option<Units> + Send + Sync + 'static,
    ) -> Self {
        self.parsers.add(parser);
        self
    }

    /// Settles with this backend.
    pub fn settle_with<C: ChargeBackend>(self, backend: C) -> Charge<C> {
        let Self {
            token,
            recipient,
            types,
            splits,
            external_id,
            permit2,
            domains,
            parsers,
            ..
        } = self;
        let backend = Arc::new(backend);
        Charge {
            token,
            recipient,
            types,
            splits,
            external_id,
            permit2,
            domains,
            parsers,
            backend,
        }
    }
}

impl<B: ChargeBackend> Charge<B> {
    fn due(&self, route: &Route, splits: &[Leg]) -> Result<Due, ConfigError> {
        let amount = self.parsers.units(route.price, &self.token)?;
        let recipient = self.recipient(route)?;
        if splits.len() > MOST_SPLITS {
            return Err(ConfigError::setting("splits", "more than ten"));
        }
        let legs = legs(recipient, amount, splits)
            .ok_or_else(|| ConfigError::setting("splits", "they leave the recipient nothing"))?;
        let chain_id = self.token.chain_id;
        let types = self.types(legs.len())?;
        if !types
            .iter()
            .all(|kind| self.backend.takes(chain_id, *kind, legs.len()))
        {
            let reason = "the backend can't settle one of them on this chain";
            return Err(ConfigError::setting("credential_types", reason));
        }
        let spender = self.backend.sender();
        if types.contains(&CredentialType::Permit2) && spender.is_none() {
            let reason = "the backend has no account to spend permits with";
            return Err(ConfigError::setting("credential_types", reason));
        }
        if types.contains(&CredentialType::Hash) && route.pay_within.as_secs() > LONGEST_TO_PAY {
            return Err(ConfigError::setting(
                "pay_within",
                "more than a day with hash credentials",
            ));
        }
        Ok(Due {
            token_domain: self.domains.token,
            permit2_domain: self.domains.permit2,
            token: self.token.clone(),
            recipient,
            amount,
            legs,
            external_id: self.external_id.clone(),
            types,
            permit2: self.permit2,
            spender,
        })
    }

    /// Who is paid on this route.
    fn recipient(&self, route: &Route) -> Result<Address, ConfigError> {
        let Some(account) = &route.pay_to else {
            return Ok(self.recipient);
        };
        let usable = |account: &Address| !account.is_zero() && *account != self.token.address;
        account.evm().filter(usable).ok_or_else(|| {
            ConfigError::setting("pay_to", "must be an account of the seller's on this chain")
        })
    }

    /// The types that were asked for, or the safest of a flavour that can pay.
    fn types(&self, legs: usize) -> Result<Vec<CredentialType>, ConfigError> {
        let authorizations = self.token.transfer == TransferMethod::Eip3009;
        let types = match &self.types {
            Types::Named(types) => types.clone(),
            Types::BothFlavours => self.both_flavours(legs),
            Types::Safest if legs > 1 => vec![CredentialType::Permit2],
            Types::Safest if authorizations => vec![CredentialType::Authorization],
            Types::Safest => Vec::new(),
        };
        let wrong = |reason: &str| Err(ConfigError::setting("credential_types", reason));
        if types.is_empty() {
            return wrong("none is named, and the token takes no authorizations");
        }
        let twice = |(at, kind)| types[..at].contains(kind);
        if types.iter().enumerate().any(twice) {
            return wrong("one is named twice");
        }
        if !authorizations && types.iter().any(|kind| kind.is_eip3009()) {
            return wrong("the token takes no authorizations");
        }
        if legs > 1 && !types.iter().all(|kind| kind.can_split()) {
            return wrong("only permit2 credentials and transfers can split a payment");
        }
        Ok(types)
    }

    /// OKX's form, after the draft's where that pays the same.
    fn both_flavours(&self, legs: usize) -> Vec<CredentialType> {
        let drafts = CredentialType::Authorization;
        let takes = legs == 1 && self.backend.takes(self.token.chain_id, drafts, legs);
        let drafts = takes.then_some(drafts).into_iter();
        drafts.chain([CredentialType::Transfers]).collect()
    }
}

/// Which credentials a charge takes.
#[derive(Clone, Debug)]
enum Types {
    /// The safest of the draft's that can pay.
    Safest,
    /// OKX's form, and the safest of the draft's beside it.
    BothFlavours,
    /// These.
    Named(Vec<CredentialType>),
}

impl<B: ChargeBackend> Method for Charge<B> {
    fn method(&self) -> &str {
        "evm"
    }

    fn intent(&self) -> &str {
        "charge"
    }

    fn takes(&self, option: &PaymentOption) -> bool {
        let asset = self.token.address.into();
        option.takes(MPP, self.intent(), &self.token.network(), &asset)
    }

    fn terms(&self, route: &Route) -> Result<Box<dyn Terms>, ConfigError> {
        // One payment for one request: what is counted while it is served is for sessions.
        if route.is_metered() {
            return Err(ConfigError::NoAsset);
        }
        let units = |money| self.parsers.units(money, &self.token);
        let cut: Result<Vec<_>, _> = self.splits.iter().map(|split| split.entry(units)).collect();
        let (entries, splits): (Vec<Value>, Vec<Leg>) = cut?.into_iter().unzip();
        let due = Arc::new(self.due(route, &splits)?);
        let request = request(&due, entries, route.description.as_deref());
        Ok(Box::new(ChargeTerms {
            request,
            due,
            backend: Arc::clone(&self.backend),
        }))
    }
}

/// The request object (evm/charge, Request Schema). Absent members are left out. A route that takes
/// nothing of the draft's says nothing in its words.
fn request(due: &Due, splits: Vec<Value>, description: Option<&str>) -> Map<String, Value> {
    let mut details = Map::new();
    details.insert("chainId".into(), json!(due.token.chain_id));
    let drafts = due.types.iter().filter(|kind| kind.is_drafts());
    let drafts: Vec<_> = drafts.collect();
    if !drafts.is_empty() {
        details.insert("credentialTypes".into(), json!(drafts));
        details.insert("decimals".into(), json!(due.token.decimals));
    }
    // What invites OKX's buyers to sign: we bring it to the chain. (okx, 7.5)
    if due.types.contains(&CredentialType::Transfers) {
        details.insert("feePayer".into(), json!(true));
    }
    if let Some(spender) = due
        .spender
        .filter(|_| due.types.contains(&CredentialType::Permit2))
    {
        details.insert(
            "permit2Address".into(),
            json!(due.permit2.to_checksum(None)),
        );
        details.insert("spender".into(), json!(spender.to_checksum(None)));
    }
    if !splits.is_empty() {
        details.insert("splits".into(), splits.into());
    }
    let mut request = Map::new();
    request.insert("amount".into(), json!(due.amount.to_string()));
    request.insert(
        "currency".into(),
        json!(due.token.address.to_checksum(None)),
    );
    request.insert("recipient".into(), json!(due.recipient.to_checksum(None)));
    request.insert("methodDetails".into(), details.into());
    if let Some(text) = description {
        request.insert("description".into(), json!(text));
    }
    if let Some(id) = &due.external_id {
        request.insert("externalId".into(), json!(id));
    }
    request
}

impl<B> Clone for Charge<B> {
    fn clone(&self) -> Self {
        Self {
            token: self.token.clone(),
            recipient: self.recipient,
            types: self.types.clone(),
            splits: self.splits.clone(),
            external_id: self.external_id.clone(),
            permit2: self.permit2,
            domains: self.domains,
            parsers: self.parsers.clone(),
            backend: Arc::clone(&self.backend),
        }
    }
}

impl<B> fmt::Debug for Charge<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Charge")
            .field("token", &self.token.symbol)
            .field("chain_id", &self.token.chain_id)
            .field("recipient", &self.recipient)
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}
