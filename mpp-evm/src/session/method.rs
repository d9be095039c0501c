use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use mpp_core::{MPP, Method, MethodPayment, Presented, Terms};
use payment_core::{Clock, ConfigError, Money, PaymentOption, Refusal, Route, SystemClock, Units};
use payment_evm::permit2::{self, PERMIT2};
use payment_evm::{MoneyParsers, Token, TransferMethod};
use serde_json::{Map, Value, json};

use super::bell::Bells;
use super::books::Books;
use super::deposit::{self, BoundDeposit};
use super::due::SessionDue;
use super::objection::Objection;
use super::payload::{Deposit, First, Open, Payload, TopUp, VoucherPayload};
use super::payment::{Action, Opened, SessionPayment};
use super::{
    ChannelId, ChannelStore, Desk, Escrow, Ledger, MemoryChannelStore, Opening, Venue,
    escrow_domain,
};
use crate::CredentialType;

/// The MPP method `evm`, intent `session`: the buyer locks a deposit once and signs a voucher for
/// each call.
///
/// Buyers of the draft and of OKX are served alike. OKX's may open a channel without a first
/// voucher: nothing is authorized then, and the voucher of the first call is the first.
///
/// Clones share their channels.
#[must_use]
pub struct Session<E, S = MemoryChannelStore> {
    token: Token,
    payee: Address,
    types: Option<Vec<CredentialType>>,
    least_delta: Option<Money>,
    least_deposit: Option<Money>,
    permit2: Address,
    lease: Duration,
    parsers: MoneyParsers,
    books: Books<E, S>,
}

/// How old what is known of the chain may be while a channel is in use. (T67)
const FRESH_FOR: Duration = Duration::from_secs(60);

impl<E: Escrow> Session<E> {
    /// Sessions in this token, paid to this account out of this escrow. Channels are kept in
    /// memory, and gone with the process, until [`Self::store`] says otherwise.
    ///
    /// A channel is good at every session of the same account, token and escrow, and a voucher
    /// says nothing of where it was spent. So all of them, in one process or in several, must keep
    /// one store: clones of one session do, and two that are made by themselves serve each voucher
    /// twice.
    pub fn new(token: Token, payee: Address, escrow: E) -> Self {
        Self {
            token,
            payee,
            types: None,
            least_delta: None,
            least_deposit: None,
            permit2: PERMIT2,
            lease: Duration::from_secs(120),
            parsers: MoneyParsers::default(),
            books: Books {
                ledger: Arc::new(Ledger::new(MemoryChannelStore::default())),
                escrow: Arc::new(escrow),
                clock: Arc::new(SystemClock),
                bells: Arc::new(Bells::default()),
            },
        }
    }
}

impl<E: Escrow, S: ChannelStore> Session<E, S> {
    /// Keeps channels in this store.
    pub fn store<T: ChannelStore>(self, store: T) -> Session<E, T> {
        let Self {
            token,
            payee,
            types,
            least_delta,
            least_deposit,
            permit2,
            lease,
            parsers,
            books,
        } = self;
        Session {
            token,
            payee,
            types,
            least_delta,
            least_deposit,
            permit2,
            lease,
            parsers,
            books: Books {
                ledger: Arc::new(Ledger::new(store)),
                escrow: books.escrow,
                clock: books.clock,
                bells: books.bells,
            },
        }
    }

    /// Tells the time by this clock; it must be the one of the gate.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.books.clock = Arc::new(clock);
        self
    }

    /// Takes deposits of these types, in this order of preference: `Authorization`, `Permit2`,
    /// `Hash`. All that the escrow can bring to the chain, unless this says otherwise.
    pub fn deposits(mut self, types: impl IntoIterator<Item = CredentialType>) -> Self {
        self.types = Some(types.into_iter().collect());
        self
    }

    /// The least that a voucher must add. Nothing, unless this says otherwise.
    pub const fn min_voucher_delta(mut self, least: Money) -> Self {
        self.least_delta = Some(least);
        self
    }

    /// The least deposit that a channel is opened with, and the least of a signed one that is added
    /// later: each should be worth the gas. Unless this says otherwise, a channel is opened with the
    /// price of one call at least, and anything may be added.
    pub const fn min_deposit(mut self, least: Money) -> Self {
        self.least_deposit = Some(least);
        self
    }

    /// Uses a Permit2 contract at another address than the usual one.
    pub const fn permit2_at(mut self, contract: Address) -> Self {
        self.permit2 = contract;
        self
    }

    /// How long the price of a request stays set aside while its handler runs. Two minutes,
    /// unless this says otherwise. A handler that takes longer is paid if enough is left then.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Finds the base units of prices and deposits by this parser, where it says any: see
    /// [`MoneyParsers`]. Several are asked in the order they are added.
    pub fn money_parser(
        mut self,
        parser: impl Fn(Money, &Token) -> Option<Units> + Send + Sync + 'static,
    ) -> Self {
        self.parsers.add(parser);
        self
    }

    /// The channels, as the routes see them.
    pub fn ledger(&self) -> &Arc<Ledger<S>> {
        &self.books.ledger
    }

    /// Where the seller settles and closes channels of these sessions; what a keeper works at.
    #[must_use]
    pub fn desk(&self) -> Desk<E, S> {
        self.books.desk(self.payee, self.token.address)
    }

    /// The types that were asked for, or all that there can be.
    fn types(&self) -> Result<Vec<CredentialType>, ConfigError> {
        let authorizations = self.token.transfer == TransferMethod::Eip3009;
        let takes = |kind: &CredentialType| {
            self.books.escrow.takes(*kind)
                && (authorizations || *kind != CredentialType::Authorization)
        };
        let all = [
            CredentialType::Authorization,
            CredentialType::Permit2,
            CredentialType::Hash,
        ];
        let wrong = |reason: &str| Err(ConfigError::setting("deposits", reason));
        let Some(types) = &self.types else {
            let types: Vec<_> = all.into_iter().filter(takes).collect();
            return match types.is_empty() {
                true => wrong("the escrow takes none in this token"),
                false => Ok(types),
            };
        };
        let twice = |(at, kind)| types[..at].contains(kind);
        if types.is_empty() || types.iter().enumerate().any(twice) {
            return wrong("none is named, or one twice");
        }
        if !types.iter().all(|kind| all.contains(kind) && takes(kind)) {
            return wrong("the escrow can't take one of them in this token");
        }
        Ok(types.clone())
    }

    fn due(&self, route: &Route) -> Result<SessionDue, ConfigError> {
        let (chain_id, escrow) = (self.books.escrow.chain_id(), self.books.escrow.contract());
        if chain_id != self.token.chain_id {
            return Err(ConfigError::setting("escrow", "is on another chain"));
        }
        if !self.books.escrow.pays(self.payee) {
            return Err(ConfigError::setting("escrow", "has no key for the payee"));
        }
        let price = self.units(route.price)?;
        if price == 0 {
            return Err(ConfigError::ZeroPrice);
        }
        let most = price.checked_mul(u128::from(route.most_units));
        let most = most.ok_or_else(|| ConfigError::setting("up_to", "is too much to count"))?;
        let least_deposit = self
            .least_deposit
            .map(|least| self.units(least))
            .transpose()?;
        Ok(SessionDue {
            venue: Venue {
                chain_id,
                escrow,
                payee: self.payee,
                token: self.token.address,
            },
            domain: escrow_domain(chain_id, escrow),
            token_domain: self.token.domain(),
            permit2: self.permit2,
            permit2_domain: permit2::domain(chain_id, self.permit2),
            price,
            most,
            metered: route.is_metered(),
            least_delta: match self.least_delta {
                Some(least) => self.units(least)?,
                None => 0,
            },
            least_deposit: least_deposit.unwrap_or(price).max(price),
            least_top_up: least_deposit.unwrap_or(1).max(1),
            types: self.types()?,
            lease: self.lease,
            fresh_for: FRESH_FOR,
            token: self.token.clone(),
        })
    }

    fn units(&self, money: Money) -> Result<u128, ConfigError> {
        if money.is_zero() {
            return Ok(0);
        }
        let units = self.parsers.units(money, &self.token)?.get();
        u128::try_from(units).map_err(|_| ConfigError::setting("price", "is above 2^128-1"))
    }
}

impl<E: Escrow, S: ChannelStore> Method for Session<E, S> {
    fn method(&self) -> &str {
        crate::METHOD
    }

    fn intent(&self) -> &str {
        "session"
    }

    fn takes(&self, option: &PaymentOption) -> bool {
        let asset = self.token.address.into();
        option.takes(MPP, self.intent(), &self.token.network(), &asset)
    }

    fn terms(&self, route: &Route) -> Result<Box<dyn Terms>, ConfigError> {
        // A channel pays one account, and that is the payee's.
        if route
            .pay_to
            .as_ref()
            .is_some_and(|account| account.evm() != Some(self.payee))
        {
            return Err(ConfigError::NoAsset);
        }
        let due = self.due(route)?;
        let suggested = route
            .deposit
            .map(|deposit| self.units(deposit))
            .transpose()?;
        let request = request(&due, suggested, route);
        Ok(Box::new(SessionTerms {
            request,
            due: Arc::new(due),
            books: Arc::new(self.books.clone()),
        }))
    }
}

impl<E, S> Clone for Session<E, S> {
    fn clone(&self) -> Self {
        Self {
            token: self.token.clone(),
            payee: self.payee,
            types: self.types.clone(),
            least_delta: self.least_delta,
            least_deposit: self.least_deposit,
            permit2: self.permit2,
            lease: self.lease,
            parsers: self.parsers.clone(),
            books: self.books.clone(),
        }
    }
}

impl<E, S> fmt::Debug for Session<E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("token", &self.token.symbol)
            .field("chain_id", &self.token.chain_id)
            .field("payee", &self.payee)
            .field("types", &self.types)
            .finish_non_exhaustive()
    }
}

/// The request object (evm-session, Request Schema). Absent members are left out.
fn request(due: &SessionDue, suggested: Option<u128>, route: &Route) -> Map<String, Value> {
    let checksummed = |address: Address| json!(address.to_checksum(None));
    let mut details = Map::new();
    details.insert("chainId".into(), json!(due.venue.chain_id));
    details.insert("escrowContract".into(), checksummed(due.venue.escrow));
    details.insert("credentialTypes".into(), json!(due.types));
    if due.least_delta != 0 {
        details.insert("minVoucherDelta".into(), json!(due.least_delta.to_string()));
    }
    // We bring to the chain what is only signed.
    if due.types.iter().any(|kind| *kind != CredentialType::Hash) {
        details.insert("feePayer".into(), json!(true));
    }
    if due.permit2 != PERMIT2 && due.types.contains(&CredentialType::Permit2) {
        details.insert("permit2Contract".into(), checksummed(due.permit2));
    }
    let unit = route.unit.as_deref().unwrap_or("request");
    let mut request = Map::new();
    request.insert("amount".into(), json!(due.price.to_string()));
    request.insert("unitType".into(), json!(unit));
    request.insert("currency".into(), checksummed(due.venue.token));
    request.insert("recipient".into(), checksummed(due.venue.payee));
    request.insert("methodDetails".into(), details.into());
    if let Some(deposit) = suggested {
        request.insert("suggestedDeposit".into(), json!(deposit.to_string()));
    }
    if let Some(text) = &route.description {
        request.insert("description".into(), json!(text));
    }
    request
}

/// What one route asks for, as the wire says it and as credentials are compared with it.
struct SessionTerms<E, S> {
    request: Map<String, Value>,
    due: Arc<SessionDue>,
    books: Arc<Books<E, S>>,
}

impl<E: Escrow, S: ChannelStore> Terms for SessionTerms<E, S> {
    fn request(&self) -> &Map<String, Value> {
        &self.request
    }

    fn bind(&self, presented: Presented<'_>) -> Result<Box<dyn MethodPayment>, Refusal> {
        let action = match Payload::read(presented.payload.get())? {
            Payload::Open(open) => self.open(*open, &presented)?,
            Payload::TopUp(top_up) => self.top_up(*top_up, &presented)?,
            Payload::Voucher(voucher) => self.voucher(voucher, &presented)?,
            Payload::Close(voucher) => Action::Close(voucher),
        };
        let (books, due) = (Arc::clone(&self.books), Arc::clone(&self.due));
        Ok(Box::new(SessionPayment::new(
            books, due, action, &presented,
        )))
    }
}

impl<E: Escrow, S: ChannelStore> SessionTerms<E, S> {
    fn open(&self, open: Open, presented: &Presented<'_>) -> Result<Action, Objection> {
        let Open {
            channel,
            voucher,
            deposit,
            salt,
            authorized_signer,
        } = open;
        let (opening, deposit) =
            self.opening(deposit, salt, authorized_signer, channel, presented)?;
        Ok(Action::Open(Box::new(Opened {
            deposit,
            opening,
            voucher,
        })))
    }

    fn opening(
        &self,
        deposit: Deposit,
        salt: alloy_primitives::B256,
        authorized_signer: Address,
        id: ChannelId,
        presented: &Presented<'_>,
    ) -> Result<(Opening, BoundDeposit), Objection> {
        self.offered(deposit.kind())?;
        let payer = deposit::payer(&deposit, &self.due, presented)?;
        let venue = &self.due.venue;
        let opening = Opening {
            payer,
            payee: venue.payee,
            token: venue.token,
            salt,
            authorized_signer,
            escrow: venue.escrow,
            chain_id: venue.chain_id,
        };
        let deposit = BoundDeposit::opening(deposit, opening, id, &self.due, presented.challenge)?;
        Ok((opening, deposit))
    }

    fn top_up(&self, top_up: TopUp, presented: &Presented<'_>) -> Result<Action, Objection> {
        let TopUp {
            channel,
            additional,
            deposit,
            salt,
        } = top_up;
        self.offered(deposit.kind())?;
        let payer = deposit::payer(&deposit, &self.due, presented)?;
        let additional = Some(additional);
        let deposit = BoundDeposit::top_up(
            deposit,
            payer,
            channel,
            additional,
            salt,
            &self.due,
            presented.challenge,
        )?;
        Ok(Action::TopUp(Box::new(deposit)))
    }

    fn voucher(
        &self,
        payload: VoucherPayload,
        presented: &Presented<'_>,
    ) -> Result<Action, Objection> {
        let VoucherPayload { voucher, first } = payload;
        let id = voucher.channel;
        let first = match first.map(|first| *first) {
            None => None,
            Some(First::Open {
                deposit,
                salt,
                authorized_signer,
            }) => Some(
                self.opening(deposit, salt, authorized_signer, id, presented)?
                    .1,
            ),
            Some(First::TopUp { deposit, salt }) => {
                self.offered(deposit.kind())?;
                let payer = deposit::payer(&deposit, &self.due, presented)?;
                Some(BoundDeposit::top_up(
                    deposit,
                    payer,
                    id,
                    None,
                    salt,
                    &self.due,
                    presented.challenge,
                )?)
            }
        };
        let first = first.map(Box::new);
        Ok(Action::Voucher { first, voucher })
    }

    fn offered(&self, kind: CredentialType) -> Result<(), Objection> {
        if self.due.types.contains(&kind) {
            Ok(())
        } else {
            Err(Objection::NotOffered)
        }
    }
}

#[cfg(test)]
mod tests;
