//! A shop on actix-web, in this process: both protocols, settled by its own key.
//!
//! | route | what it is |
//! |---|---|
//! | `/paid`, `/x402`, `/mpp` | as in `examples/shop` |
//! | `/moving` | its price doubles when the buyer comes back to pay: what was quoted is paid |
//! | `POST /words` | a fifth of the price for each word of the body |

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};
use devnet::Devnet;
use mpp_core::Mpp;
use mpp_evm::{Charge, OnchainCharge};
use payment_actix::{GateExt, Paid};
use payment_core::{Gate, Pricing, ProtocolName, Quote, Route, Secret, usd};
use payment_evm::{LocalSigner, Settler, SettlerOptions, Token};
use payment_router::{MPP_PRIORITY, PaymentRouter, X402_PRIORITY};
use x402_core::X402;
use x402_evm::{ExactEvm, OnchainFacilitator};

use crate::Failure;
use crate::purchase::{Ledger, Row};
use crate::script;

/// What is posted to `/words`, and costs what everything here costs.
const WORDS: &str = "each word is paid once";

/// A shop that is up until this is dropped.
pub(crate) struct ActixShop {
    url: String,
    runs: Runs,
    /// How often `/moving` was asked for, in this purchase.
    asked: Runs,
    server: ServerHandle,
}

/// How often something was done, such as a paid handler.
type Runs = Arc<AtomicU64>;

impl ActixShop {
    pub(crate) async fn open(net: &Devnet) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let gate = gate(net, &url).await?;
        let asked = Runs::default();
        let only = |name| Route::priced(usd!("0.01")).only([ProtocolName::new(name)]);
        let paid = gate.priced(usd!("0.01"))?;
        let (x402, mpp) = (gate.priced(only("x402"))?, gate.priced(only("mpp"))?);
        let moving = gate.priced(Route::priced(usd!("0.01")).pricing(moving(&asked)))?;
        let by_word = gate.priced(Route::priced(usd!("0.01")).pricing(by_word()))?;
        let runs = Runs::default();
        let count = web::Data::from(Arc::clone(&runs));
        let app = move || {
            App::new()
                .app_data(count.clone())
                .service(web::resource("/paid").wrap(paid.clone()).get(sold))
                .service(web::resource("/x402").wrap(x402.clone()).get(sold))
                .service(web::resource("/mpp").wrap(mpp.clone()).get(sold))
                .service(web::resource("/moving").wrap(moving.clone()).get(sold))
                .service(web::resource("/words").wrap(by_word.clone()).post(words))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.h1_allow_half_closed(false).listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Self {
            url,
            runs,
            asked,
            server: handle,
        })
    }

    /// What comes of it when the script of a client buys here, with the first buyer's key.
    pub(crate) async fn sells_to(
        &self,
        client: &str,
        route: &str,
        net: &Devnet,
    ) -> Result<Row, Failure> {
        let (before, ledger) = (self.runs.load(Ordering::SeqCst), Ledger::open(net));
        self.asked.store(0, Ordering::SeqCst);
        let url = format!("{}{route}", self.url);
        let key = net.buyers[0].key.to_string();
        let mut arguments = vec![&*url, &*key];
        // What a script is given beyond is posted.
        arguments.extend((route == "/words").then_some(WORDS));
        let answer = script::run(client, &arguments).await?;
        let what = format!("{client} -> actix shop {route}");
        let served = self.runs.load(Ordering::SeqCst).saturating_sub(before);
        Ok(ledger.close(net, what, &answer, served).shown())
    }
}

impl Drop for ActixShop {
    fn drop(&mut self) {
        // It stops without anybody who waits for it.
        drop(self.server.stop(false));
    }
}

async fn gate(net: &Devnet, origin: &str) -> Result<Gate, Failure> {
    let key = LocalSigner::from_hex(&net.settler.key.to_string())?;
    let settler = Settler::connect(&net.rpc_url, key, SettlerOptions::default()).await?;
    let token = Token::known(settler.chain_id(), net.token.address).ok_or("an unknown token")?;
    let pay_to = net.seller.address;
    let backend = OnchainCharge::new(settler.clone());
    let charge = Charge::new(token.clone(), pay_to).settle_with(backend);
    let mpp = Mpp::builder("interop.example", Secret::new([7; 32])).method(charge);
    let x402 = X402::new(OnchainFacilitator::new(settler)).accept(ExactEvm::new(token, pay_to));
    let router = PaymentRouter::new()
        .add(MPP_PRIORITY, mpp.build()?)
        .add(X402_PRIORITY, x402);
    Ok(Gate::builder(router).origin(origin).build()?)
}

/// A cent for the first who asks, two from then on: only a buyer who hands our quote back pays a
/// cent.
fn moving(asked: &Runs) -> Pricing {
    let asked = Arc::clone(asked);
    Pricing::by(move |_| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move { Ok(if first { usd!("0.01") } else { usd!("0.02") }.into()) }
    })
}

fn by_word() -> Pricing {
    let pricing = Pricing::by(async |ask| {
        let body = ask.body.as_deref().unwrap_or_default();
        let words = std::str::from_utf8(body)?.split(' ').count();
        let price = usd!("0.002").checked_mul(u64::try_from(words)?);
        Ok(Quote::from(price.ok_or("too many words")?))
    });
    pricing.reading_body(1024)
}

async fn sold(runs: web::Data<AtomicU64>, Paid(paid): Paid) -> HttpResponse {
    runs.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().body(format!("for {} units", paid.amount()))
}

/// Is paid only if it was given what was priced.
async fn words(runs: web::Data<AtomicU64>, _: Paid, body: String) -> HttpResponse {
    if body != WORDS {
        return HttpResponse::BadRequest().finish();
    }
    runs.fetch_add(1, Ordering::SeqCst);
    HttpResponse::Ok().body(body)
}
