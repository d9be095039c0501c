use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use devnet::Devnet;
use devnet::facilitator::Facilitator;
use http::StatusCode;
use payment_core::{Gate, Money, usd};
use payment_evm::Token;
use payment_tower::GateExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use x402_core::wire::{PAYMENT_SIGNATURE, X_PAYMENT};
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::ExactEvm;

use crate::proxy::Proxy;
use crate::{Failure, office};

/// What each report costs.
pub(crate) const PRICE: Money = usd!("0.01");

/// The one URL by which buyers know the shop. Certificates for it are the proxy's matter.
pub(crate) const ORIGIN: &str = "https://shop.example";

/// Proxy, shop and the service behind it, each on a port of its own.
pub(crate) struct Street {
    pub(crate) net: Devnet,
    /// Where buyers come in.
    pub(crate) proxy: String,
    /// Where only the proxy should come in.
    pub(crate) shop: String,
    /// A shop that was not told its URL.
    pub(crate) nameless: String,
    _facilitator: Facilitator,
    servers: JoinSet<std::io::Result<()>>,
}

impl Street {
    /// Opens everything, with the proxy on this port of the machine, 0 for a free one.
    pub(crate) async fn open(port: u16) -> Result<Self, Failure> {
        let net = Devnet::start().await?;
        let facilitator = Facilitator::start(&net, 0).await?;
        let mut servers = JoinSet::new();
        let office = serve(&mut servers, 0, office::app()).await?;

        let gate = Gate::builder(x402(&net, &facilitator)?)
            .origin(ORIGIN)
            .build()?;
        let shop = serve(&mut servers, 0, reports(&gate, &office)?).await?;
        let gate = Gate::new(x402(&net, &facilitator)?);
        let nameless = serve(&mut servers, 0, reports(&gate, &office)?).await?;

        let proxy = Proxy::to(shop.clone())?;
        let proxy = serve(&mut servers, port, proxy.app()).await?;
        Ok(Self {
            net,
            proxy,
            shop,
            nameless,
            _facilitator: facilitator,
            servers,
        })
    }

    /// The seller's balance.
    pub(crate) fn income(&self) -> String {
        let (token, seller) = (self.net.token.address, self.net.seller.address);
        self.net.chain.balance_of(token, seller).to_string()
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        self.servers.abort_all();
    }
}

fn x402(net: &Devnet, facilitator: &Facilitator) -> Result<X402<HttpFacilitator>, Failure> {
    let token = Token::known(net.chain.chain_id(), net.token.address)
        .ok_or("the devnet's token is not in the table")?;
    let hosted = HttpFacilitator::new(facilitator.url(), HttpOptions::default())?;
    Ok(X402::new(hosted).accept(ExactEvm::new(token, net.seller.address)))
}

/// Sells what the service behind the shop has.
fn reports(gate: &Gate, office: &str) -> Result<Router, Failure> {
    let office = Proxy::to(office.to_owned())?;
    let sell = async move |mut request: Request| -> Response {
        // What the buyer has signed is for the gate, and nobody else's to see.
        request.headers_mut().remove(PAYMENT_SIGNATURE);
        request.headers_mut().remove(X_PAYMENT);
        let answer = office.pass(request).await;
        answer.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
    };
    let priced = || Ok::<_, Failure>(get(sell.clone()).layer(gate.priced(PRICE)?));
    Ok(Router::new()
        .route("/report", priced()?)
        .route("/broken", priced()?))
}

async fn serve(
    servers: &mut JoinSet<std::io::Result<()>>,
    port: u16,
    app: Router,
) -> Result<String, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    servers.spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}
