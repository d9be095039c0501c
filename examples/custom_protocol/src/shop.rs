use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use devnet::Devnet;
use devnet::facilitator::Facilitator;
use payment_core::{Clock as _, Gate, Money, SystemClock, usd};
use payment_evm::Token;
use payment_router::PaymentRouter;
use payment_tower::GateExt;
use payment_tower::axum::Paid;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use x402_core::{HttpFacilitator, HttpOptions, X402};
use x402_evm::ExactEvm;

use crate::Failure;
use crate::protocol::Vouchers;
use crate::voucher::{DECIMALS, Press};

/// What a look at the weather costs.
pub(crate) const PRICE: Money = usd!("0.01");

/// A shop that takes vouchers beside x402.
pub(crate) struct Shop {
    pub(crate) net: Devnet,
    pub(crate) url: String,
    press: Press,
    _facilitator: Facilitator,
    server: JoinHandle<std::io::Result<()>>,
}

impl Shop {
    /// Opens it on this port of the machine, 0 for a free one.
    pub(crate) async fn open(port: u16) -> Result<Self, Failure> {
        let mut key = [0; 64];
        getrandom::fill(&mut key)?;
        let press = Press::new(key);

        let net = Devnet::start().await?;
        let facilitator = Facilitator::start(&net, 0).await?;
        let token = Token::known(net.chain.chain_id(), net.token.address)
            .ok_or("the devnet's token is not in the table")?;
        let hosted = HttpFacilitator::new(facilitator.url(), HttpOptions::default())?;
        let x402 = X402::new(hosted).accept(ExactEvm::new(token, net.seller.address));

        // Ours places itself behind x402; `add` would put it anywhere else.
        let router = PaymentRouter::new()
            .with(x402)
            .with(Vouchers::of(press.clone()))
            .on_error(|error| eprintln!("{error}"));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        // What was used is remembered in memory: good for keys that end with the process too.
        let gate = Gate::builder(router).origin(&*url).build()?;
        let weather =
            async |Paid(paid): Paid| format!("sunny, 21 degrees (paid by {})\n", paid.protocol());
        let app = Router::new().route("/weather", get(weather).layer(gate.priced(PRICE)?));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self {
            net,
            url,
            press,
            _facilitator: facilitator,
            server,
        })
    }

    pub(crate) fn weather(&self) -> String {
        format!("{}/weather", self.url)
    }

    /// Sells a voucher. How it is paid for is between the shop and its customers.
    pub(crate) fn sell(&self, worth: Money) -> Result<String, Failure> {
        let worth = worth.to_units(DECIMALS)?;
        let (now, an_hour) = (SystemClock.now(), Duration::from_secs(3600));
        Ok(self.press.print(worth, now, an_hour)?)
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.server.abort();
    }
}
