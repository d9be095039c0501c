use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get};
use devnet::Devnet;
use devnet::facilitator::Facilitator;
use payment_core::{Gate, RouteTable};
use payment_evm::Token;
use payment_tower::PaymentLayer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::ExactEvm;

use crate::Failure;
use crate::file::Entry;

/// The app as it would be without payments.
fn app() -> Router {
    Router::new()
        .route("/health", get(async || "well\n"))
        .route("/weather/here", get(async || "rain\n"))
        .route("/weather/{city}", get(weather))
        .route("/reports/{*name}", any(report))
}

async fn weather(Path(city): Path<String>) -> String {
    format!("sunny in {city}\n")
}

async fn report(Path(name): Path<String>) -> String {
    format!("all is well, says {name}\n")
}

/// A chain, a facilitator on it, and the app behind the table.
pub(crate) struct Shop {
    pub(crate) net: Devnet,
    pub(crate) token: Token,
    pub(crate) url: String,
    _facilitator: Facilitator,
    server: JoinHandle<std::io::Result<()>>,
}

impl Shop {
    pub(crate) async fn open(routes: &[Entry]) -> Result<Self, Failure> {
        let net = Devnet::start().await?;
        let facilitator = Facilitator::start(&net, 0).await?;
        let token = Token::known(net.chain.chain_id(), net.token.address)
            .ok_or("the devnet's token is not in the table")?;
        let hosted = HttpFacilitator::new(facilitator.url(), HttpOptions::default())?;
        let x402 = X402::new(hosted).accept(ExactEvm::new(token.clone(), net.seller.address));

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let gate = Gate::builder(x402).origin(&*url).build()?;
        let table: RouteTable = gate
            .table()
            .routes(routes.iter().map(|entry| (&entry.key, entry.route())))?
            .build()?;
        // On the outermost router: what is not in the table is free, whatever it is.
        let app = app().layer(PaymentLayer::new(table));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            net,
            token,
            url,
            _facilitator: facilitator,
            server,
        })
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}
