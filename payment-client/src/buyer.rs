use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mpp_core::{PAYMENT_AUTHORIZATION, RawCredential};
use payment_core::{Clock, Money};
use payment_evm::Signer;
use reqwest::{IntoUrl, Request, Response};
use url::Url;
use x402_core::wire::{PAYMENT_REQUIRED, PAYMENT_SIGNATURE, X_PAYMENT};

use crate::budget::Budget;
use crate::builder::{BuyerBuilder, Unlimited};
use crate::call::Call;
use crate::error::{BuyerError, Trouble};
use crate::offer::{Offer, Protocol};
use crate::patience::Patience;
use crate::payment::{Exposure, Payment};
use crate::receipt::Proof;
use crate::reply::Reply;
use crate::rules::Rules;
use crate::selector::Selector;
use crate::session::{SessionBudget, SessionBuilder};
use crate::shelf::Shelf;
use crate::transport;
use crate::verdict::Verdict;
use crate::waiter::Waiter;
use crate::{mpp, sign, x402};

pub(crate) const ACCEPT_PAYMENT: HeaderName = HeaderName::from_static("accept-payment");
const EVM_CHARGE: HeaderValue = HeaderValue::from_static("evm/charge");

/// Sends requests, and pays for those that are answered with a 402.
///
/// Clones share one budget, one signer and one connection pool.
pub struct Buyer<S> {
    pub(crate) inner: Arc<Inner<S>>,
}

pub(crate) struct Inner<S> {
    pub(crate) signer: S,
    pub(crate) client: reqwest::Client,
    pub(crate) rules: Rules,
    pub(crate) selectors: Vec<Box<dyn Selector>>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) patience: Patience,
    pub(crate) plain_http: PlainHttp,
    pub(crate) announce: Announce,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) waiter: Waiter,
}

/// Whether payments may cross a network unencrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum PlainHttp {
    #[default]
    LoopbackOnly,
    Anywhere,
}

/// Whether requests say which payments we can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Announce {
    #[default]
    Nothing,
    AcceptPayment,
}

impl<S: Signer> Buyer<S> {
    /// Starts a buyer that pays from the signer's account. It can be built once it has a
    /// spend limit.
    pub fn builder(signer: S) -> BuyerBuilder<S, Unlimited> {
        BuyerBuilder::new(signer)
    }

    /// The account that pays.
    pub fn address(&self) -> Address {
        self.inner.signer.address()
    }

    /// What was signed away so far, against [`SpendLimit::total`](crate::SpendLimit::total).
    #[must_use]
    pub fn spent(&self) -> Money {
        self.inner.budget.spent().money()
    }

    /// Starts to pay one seller by a channel: one deposit, then a voucher for each call.
    pub fn session(&self, budget: SessionBudget) -> SessionBuilder<S> {
        SessionBuilder::new(self.clone(), budget)
    }

    /// Starts a GET.
    pub fn get(&self, url: impl IntoUrl) -> Call<'_, S> {
        self.request(Method::GET, url)
    }

    /// Starts a POST.
    pub fn post(&self, url: impl IntoUrl) -> Call<'_, S> {
        self.request(Method::POST, url)
    }

    /// Starts a request.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> Call<'_, S> {
        Call::new(self, self.inner.client.request(method, url))
    }

    /// Sends a request; when the answer is a 402, signs one payment and sends the request once
    /// more with it. Redirects are not followed, paid or not: the answer says where to go.
    ///
    /// # Errors
    ///
    /// [`BuyerError`]; its variants say whether something was paid. Any other answer of the
    /// seller is a [`Reply`], whatever its status.
    ///
    /// # Cancel safety
    ///
    /// Dropped before the payment is sent, nothing is paid or counted. Dropped later, the amount
    /// stays counted, the payment may be taken, and the credential is lost.
    pub async fn execute(&self, request: Request) -> Result<Reply, BuyerError> {
        if carries_payment(request.headers()) {
            return Err(BuyerError::AlreadyPaid);
        }
        let mut unpaid = request.try_clone().ok_or(BuyerError::BodyNotRepeatable)?;
        if self.inner.announce == Announce::AcceptPayment {
            unpaid.headers_mut().insert(ACCEPT_PAYMENT, EVM_CHARGE);
        }
        let answer = self.send(unpaid).await.map_err(BuyerError::Transport)?;
        if answer.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Reply::new(answer, None));
        }
        self.check_privacy(request.url())?;
        let offer = self.choose(answer, request.headers()).await?;
        let payment = self.pay(offer, request).await?;
        self.deliver(payment).await
    }

    /// Asks again for the answer to a payment whose outcome is not known, with the same
    /// credential. Nothing is signed and nothing more is counted.
    ///
    /// # Errors
    ///
    /// As [`Self::execute`] once the payment was sent.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::execute`] once the payment was sent.
    pub async fn resume(&self, payment: Payment) -> Result<Reply, BuyerError> {
        self.deliver(Box::new(payment)).await
    }

    /// Reads the offers of a 402 and picks one.
    async fn choose(&self, mut answer: Response, asked: &HeaderMap) -> Result<Offer, BuyerError> {
        let inner = &*self.inner;
        let body = if answer.headers().contains_key(PAYMENT_REQUIRED) {
            Vec::new()
        } else {
            transport::small_body(&mut answer, inner.patience.answer()).await
        };
        let now = inner.clock.now();
        let mut shelf = Shelf::default();
        mpp::offers(answer.headers(), asked, &inner.rules, now, &mut shelf);
        x402::offers(answer.headers(), &body, &inner.rules, now, &mut shelf);
        let before: Vec<Protocol> = shelf.offers.iter().map(Offer::protocol).collect();
        for select in &inner.selectors {
            select(&mut shelf.offers);
        }
        shelf.declined(&before);
        let skipped = shelf.skipped;
        match shelf.offers.into_iter().next() {
            Some(offer) => Ok(offer),
            None => Err(BuyerError::NothingPayable { skipped }),
        }
    }

    /// Takes the price from the budget and signs. Nobody sees the signature yet.
    async fn pay(&self, offer: Offer, request: Request) -> Result<Box<Payment>, BuyerError> {
        let inner = &*self.inner;
        let hold =
            inner
                .budget
                .hold(offer.dollars)
                .map_err(|exhausted| BuyerError::TotalReached {
                    price: offer.price(),
                    left: exhausted.left.money(),
                })?;
        let credential = sign::pay(&offer, &inner.signer).await?;
        if offer.valid_until <= inner.clock.now() {
            return Err(BuyerError::TooSlow);
        }
        Ok(Box::new(Payment {
            payer: inner.signer.address(),
            offer,
            credential,
            request,
            counted: hold.count(),
            exposure: Exposure::Unsent,
            proof: Proof::Absent,
        }))
    }

    /// Shows the one payment to the seller until there is an answer or no patience left.
    async fn deliver(&self, mut payment: Box<Payment>) -> Result<Reply, BuyerError> {
        let inner = &*self.inner;
        let started = inner.clock.now();
        let mut tried = 0;
        loop {
            let request = payment
                .paid_request()
                .ok_or(BuyerError::BodyNotRepeatable)?;
            let answer = self.send(request).await;
            tried += 1;
            let (last, retry_after) = match answer {
                Ok(answer) => {
                    let (now, status) = (inner.clock.now(), answer.status());
                    payment.expose(exposure_by(status));
                    match Verdict::of(status, answer.headers(), now) {
                        Verdict::Final => return Ok(settled(answer, payment)),
                        Verdict::Refused { code } => {
                            return Err(refused(status, code, payment));
                        }
                        Verdict::Open { retry_after } => (Trouble::Status(status), retry_after),
                    }
                }
                Err(trouble) => {
                    if !trouble.never_left() {
                        payment.expose(Exposure::Lost);
                    }
                    (trouble, None)
                }
            };
            tracing::debug!(tried, %last, "no answer to a payment yet");
            let spent =
                Duration::from_millis(inner.clock.now().millis().saturating_sub(started.millis()));
            match inner.patience.pause(tried, retry_after, spent) {
                Some(pause) => inner.waiter.wait(pause).await,
                None => return Err(unknown(payment, last, retry_after)),
            }
        }
    }

    /// Payments are not sent where others can read them.
    pub(crate) fn check_privacy(&self, url: &Url) -> Result<(), BuyerError> {
        match self.inner.plain_http {
            PlainHttp::LoopbackOnly if !payment_http::is_private(url) => Err(BuyerError::PlainHttp),
            _ => Ok(()),
        }
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Response, Trouble> {
        transport::send(&self.inner.client, request, self.inner.patience.answer()).await
    }
}

impl<S> Buyer<S> {
    pub(crate) fn from_inner(inner: Inner<S>) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}

fn settled(answer: Response, mut payment: Box<Payment>) -> Reply {
    payment.proof = Proof::of(answer.headers(), &payment);
    tracing::debug!(
        protocol = %payment.protocol(),
        network = %payment.network(),
        amount = %payment.amount(),
        status = answer.status().as_u16(),
        receipt = payment.proof.receipt().is_some(),
        "paid"
    );
    Reply::new(answer, Some(payment))
}

/// Whether a status is the seller's own word, or that of something in between which has lost it.
const fn exposure_by(status: StatusCode) -> Exposure {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Exposure::Lost,
        _ => Exposure::Answered,
    }
}

/// A refusal is a no, unless an answer was lost before: a seller who has served that one refuses
/// the same payment as used, and paying again would pay twice.
fn refused(status: StatusCode, code: Option<String>, payment: Box<Payment>) -> BuyerError {
    if payment.exposure == Exposure::Lost {
        return unknown(payment, Trouble::Status(status), None);
    }
    tracing::debug!(protocol = %payment.protocol(), code, "the seller refused the payment");
    BuyerError::Refused {
        payment,
        status,
        code,
    }
}

fn unknown(payment: Box<Payment>, last: Trouble, retry_after: Option<Duration>) -> BuyerError {
    if payment.exposure == Exposure::Unsent {
        payment.give_back();
        return BuyerError::NotSent(last);
    }
    tracing::warn!(protocol = %payment.protocol(), %last, "the outcome of a payment is not known");
    BuyerError::OutcomeUnknown {
        payment,
        last,
        retry_after,
    }
}

/// Whether somebody has put a payment in already, in any place that takes one.
pub(crate) fn carries_payment(headers: &HeaderMap) -> bool {
    let logins = headers.get_all(AUTHORIZATION).iter().map(AsRef::as_ref);
    let in_authorization = !matches!(RawCredential::find(logins), Ok(None));
    in_authorization
        || [PAYMENT_SIGNATURE, X_PAYMENT, PAYMENT_AUTHORIZATION]
            .iter()
            .any(|name| headers.contains_key(name))
}

impl<S> Clone for Buyer<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: Signer> fmt::Debug for Buyer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buyer")
            .field("address", &self.address())
            .field("networks", &self.inner.rules.networks)
            .field("spent", &format_args!("{}", self.spent()))
            .finish_non_exhaustive()
    }
}
