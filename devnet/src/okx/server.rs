use std::io;
use std::sync::Arc;

use alloy_primitives::Address;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;

use super::account::{OkxAccount, Signed};
use super::batch::{self, Landing};
use super::builder::OkxBuilder;
use super::call::{Call, Endpoint};
use super::desk::Desk;
use super::refusal::Refusal;
use super::session_key::SessionBuyer;
use crate::error::SendError;
use crate::script::{Act, Answer, Script};
use crate::serve::{Cut, Server};
use crate::{Devnet, Wallet};

/// The largest request body, in bytes.
const BODY: usize = 1 << 20;

/// OKX's payment service on 127.0.0.1, settling on the chain. It stops when this is dropped.
pub struct Okx {
    server: Server,
    desk: Arc<Desk>,
}

impl Okx {
    /// Serves the devnet's chain on a free port, for the default account.
    ///
    /// # Errors
    ///
    /// No port could be opened.
    pub async fn start(net: &Devnet) -> io::Result<Self> {
        Self::builder().start(net).await
    }

    /// To choose accounts, port, clock and habits first.
    #[must_use]
    pub fn builder() -> OkxBuilder {
        OkxBuilder::default()
    }

    pub(super) async fn serve(options: OkxBuilder, net: &Devnet) -> io::Result<Self> {
        let port = options.port;
        let desk = Arc::new(Desk {
            chain: Arc::clone(&net.chain),
            tokens: net.tokens.clone(),
            escrow: net.escrow,
            settler: net.settler.clone(),
            options,
            script: Script::default(),
            book: Default::default(),
        });
        let at_work = Arc::clone(&desk);
        let server = Server::start(port, move |request| {
            let desk = Arc::clone(&at_work);
            async move { desk.answer(request).await }
        })
        .await?;
        Ok(Self { server, desk })
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// The first account it knows.
    #[must_use]
    pub fn account(&self) -> &OkxAccount {
        &self.desk.options.accounts[0]
    }

    /// Says what happens to the next request of this kind that has no order yet. Requests that are
    /// not let in use no order up.
    pub fn order(&self, endpoint: Endpoint, act: Act) {
        self.desk.script.order(endpoint, act);
    }

    /// The next `polls` questions for the status of a settlement hear that it is pending.
    pub fn keep_pending(&self, polls: usize) {
        for _ in 0..polls {
            self.order(Endpoint::SettleStatus, Act::lie("status", "pending"));
        }
    }

    /// Takes back the orders that have not been played.
    pub fn heal(&self) {
        self.desk.script.clear();
    }

    /// Every request so far that an endpoint got, let in or not.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.desk.script.calls()
    }

    /// Waits until this many requests of a kind have come in.
    pub async fn arrived(&self, endpoint: Endpoint, count: usize) {
        self.desk.script.arrived(endpoint, count).await;
    }

    /// Refuses payments of this account from now on.
    pub fn block(&self, payer: Address) {
        self.desk.book().blocked.insert(payer);
    }

    /// Makes a wallet one that pays in batches: it lets the service take what it owes, and gets a
    /// session key to promise payments with.
    ///
    /// # Errors
    ///
    /// The wallet's transaction was not taken.
    pub fn session_wallet(&self, wallet: &Wallet) -> Result<SessionBuyer, SendError> {
        batch::entrust(&self.desk, wallet)?;
        Ok(SessionBuyer::of(wallet, &self.desk))
    }

    /// Settles all that was promised: one transaction for each token, payer and payee. What could
    /// not be taken stays owed.
    #[must_use]
    pub fn land_batch(&self) -> Vec<Landing> {
        batch::land(&self.desk)
    }
}

impl std::fmt::Debug for Okx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Okx")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
        let (head, body) = request.into_parts();
        let Some(endpoint) = Endpoint::at(&head.method, head.uri.path()) else {
            return Ok(self.refused(None, Refusal::nowhere()).reply());
        };
        let Ok(body) = Limited::new(body, BODY).collect().await else {
            let refusal = Refusal::bad(51000, "body too large or cut");
            return Ok(self.refused(Some(endpoint), refusal).reply());
        };
        let body = body.to_bytes();
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let signed = Signed {
            headers: &head.headers,
            method: head.method.as_str(),
            path,
            body: &body,
        };
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        self.script.note(Call {
            endpoint,
            path: path.to_owned(),
            headers: head.headers.clone(),
            body: json.clone(),
        });
        let now = (self.options.time)();
        let admitted = signed
            .check(&self.options.accounts, now)
            .and_then(|()| is_proper(&head.method, &head.headers, &json));
        if let Err(refusal) = admitted {
            return Ok(self.refused(Some(endpoint), refusal).reply());
        }
        let work = || self.work(endpoint, head.uri.query(), &json);
        self.script.next(endpoint).play(work).await
    }
}

/// A body that is posted is a JSON object, and says that it is JSON.
fn is_proper(method: &Method, headers: &HeaderMap, body: &Value) -> Result<(), Refusal> {
    if *method != Method::POST {
        return Ok(());
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::bad(51000, "content type is not application/json"));
    }
    if !body.is_object() {
        return Err(Refusal::bad(51000, "body is not a JSON object"));
    }
    Ok(())
}
