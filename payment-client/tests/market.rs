//! The buyer against our own seller: router, gate and both protocols on axum, settled on a chain.
#![allow(clippy::unwrap_used)]

use alloy_primitives::{Address, B256, U256};
use axum::Router;
use axum::routing::post;
use devnet::{Devnet, Wallet};
use mpp_core::Mpp;
use mpp_evm::{Charge, OnchainCharge};
use payment_client::{Buyer, BuyerError, Protocol, SpendLimit, prefer_protocol};
use payment_core::{Gate, Network, Secret, usd};
use payment_evm::{Authorization, EvmSignature, LocalSigner, Settler, SettlerOptions, Token};
use payment_router::PaymentRouter;
use payment_tower::GateExt;
use serde::Deserialize;
use x402_core::wire::SupportedResponse;
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, X402};
use x402_evm::ExactEvm;

const CHAIN: u64 = 84_532;

/// Settles what the gate has checked, straight on the chain.
struct OnChain {
    settler: Settler,
    token: Address,
}

#[derive(Deserialize)]
struct Payload {
    signature: EvmSignature,
    authorization: Authorization,
}

impl Facilitator for OnChain {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        let Payload {
            signature,
            authorization,
        } = serde_json::from_str(request.payload().get()).unwrap();
        let simulated = self
            .settler
            .simulate_transfer_with_authorization(self.token, &authorization, &signature)
            .await;
        Ok(match simulated {
            Ok(()) => VerifyAnswer::Valid {
                payer: request.payer().cloned(),
            },
            Err(_) => VerifyAnswer::Invalid {
                code: "insufficient_funds".into(),
            },
        })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        let Payload {
            signature,
            authorization,
        } = serde_json::from_str(request.payload().get()).unwrap();
        let mined = self
            .settler
            .transfer_with_authorization(self.token, &authorization, &signature)
            .await
            .unwrap();
        Ok(SettleAnswer::Settled {
            transaction: mined.hash.to_string().into(),
            network: Network::eip155(CHAIN),
            payer: request.payer().cloned(),
            amount: Some(request.amount()),
        })
    }

    async fn reconcile(
        &self,
        _: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

struct Market {
    net: Devnet,
    url: String,
}

impl Market {
    /// A shop that echoes for one cent, by MPP or x402.
    async fn open() -> Self {
        let net = Devnet::start().await.unwrap();
        let token = Token::known(CHAIN, net.token.address).unwrap();
        let options = SettlerOptions::default().poll_every(std::time::Duration::from_millis(20));
        let settler = Settler::connect(&net.rpc_url, signer(&net.settler), options)
            .await
            .unwrap();
        let seller = net.seller.address;
        let charge =
            Charge::new(token.clone(), seller).settle_with(OnchainCharge::new(settler.clone()));
        let mpp = Mpp::builder("shop.example", Secret::new([7; 32]))
            .method(charge)
            .build()
            .unwrap();
        let facilitator = OnChain {
            settler,
            token: token.address,
        };
        let x402 = X402::new(facilitator).accept(ExactEvm::new(token, seller));
        let router = PaymentRouter::new().add(10, mpp).add(20, x402);
        let gate = Gate::builder(router)
            .origin("https://shop.example")
            .build()
            .unwrap();
        let echo = async |body: String| format!("you said {body}");
        let priced = gate.priced(usd!("0.01")).unwrap();
        let app = Router::new().route("/echo", post(echo).layer(priced));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/echo", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { net, url }
    }

    fn balance(&self, account: Address) -> U256 {
        self.net.chain.balance_of(self.net.token.address, account)
    }
}

fn signer(wallet: &Wallet) -> LocalSigner {
    LocalSigner::from_hex(&wallet.key.to_string()).unwrap()
}

fn buyer(signer: LocalSigner, protocol: Protocol) -> Buyer<LocalSigner> {
    Buyer::builder(signer)
        .spend_limit(SpendLimit::per_payment(usd!("0.01")).total(usd!("0.05")))
        .network(Network::eip155(CHAIN))
        .select(prefer_protocol(protocol))
        .client(reqwest::ClientBuilder::no_proxy)
        .build()
        .unwrap()
}

#[tokio::test]
async fn what_the_buyer_pays_arrives_by_both_protocols() {
    let market = Market::open().await;
    let wallet = &market.net.buyers[0];
    let (had, seller) = (market.balance(wallet.address), market.net.seller.address);
    let earned = market.balance(seller);
    for (sales, protocol) in [(1u64, Protocol::Mpp), (2, Protocol::X402)] {
        let buyer = buyer(signer(wallet), protocol);
        let reply = buyer.post(&*market.url).body("hello").send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let payment = reply.payment().unwrap();
        assert_eq!(payment.protocol(), protocol);
        assert_eq!(payment.pay_to(), seller);
        let receipt = payment.proof().receipt().unwrap();
        let hash: B256 = receipt.reference.parse().unwrap();
        let mined = market.net.chain.receipt(hash).unwrap();
        assert!(mined.status());
        let cents = U256::from(sales * 10_000);
        assert_eq!(market.balance(wallet.address), had - cents);
        assert_eq!(market.balance(seller), earned + cents);
        let body = reply.into_response().text().await.unwrap();
        assert_eq!(body, "you said hello");
    }
}

#[tokio::test]
async fn an_empty_purse_is_refused_and_signs_once() {
    let market = Market::open().await;
    for protocol in [Protocol::Mpp, Protocol::X402] {
        let buyer = buyer(LocalSigner::random().unwrap(), protocol);
        let height = market.net.chain.height();
        let call = buyer.post(&*market.url).body("hello");
        let error = call.send().await.unwrap_err();
        let BuyerError::Refused { payment, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(payment.protocol(), protocol);
        assert_eq!(market.net.chain.height(), height);
        assert_eq!(buyer.spent(), usd!("0.01"));
    }
}
