use alloy_primitives::U256;
use devnet::Devnet;
use payment_client::{Buyer, Proof, SpendLimit};
use payment_core::{Network, Units, usd};
use payment_evm::LocalSigner;
use serde_json::{Value, json};

use crate::Failure;

/// What every purchase here costs, in base units.
const PRICE: u64 = 10_000;

/// What was there before a purchase.
pub(crate) struct Ledger {
    buyer: U256,
    seller: U256,
    calls: u64,
}

/// One purchase, of one call or of several, seen from all sides.
pub(crate) struct Row {
    what: String,
    calls: u64,
    status: u64,
    receipt: bool,
    paid: U256,
    got: U256,
    served: u64,
}

impl Ledger {
    pub(crate) fn open(net: &Devnet) -> Self {
        Self {
            buyer: balance(net, net.buyers[0].address),
            seller: balance(net, net.seller.address),
            calls: 1,
        }
    }

    /// For so many calls in place of one.
    pub(crate) const fn calls(mut self, calls: u64) -> Self {
        self.calls = calls;
        self
    }

    pub(crate) fn close(&self, net: &Devnet, what: String, answer: &Value, served: u64) -> Row {
        Row {
            what,
            calls: self.calls,
            status: answer["status"].as_u64().unwrap_or_default(),
            receipt: !answer["receipt"].is_null(),
            paid: self
                .buyer
                .saturating_sub(balance(net, net.buyers[0].address)),
            got: balance(net, net.seller.address).saturating_sub(self.seller),
            served,
        }
    }
}

impl Row {
    pub(crate) fn head() {
        println!(
            "{:<52} {:>6} {:>7} {:>9} {:>9} {:>6}",
            "who pays whom", "status", "receipt", "paid", "received", "served"
        );
    }

    pub(crate) fn shown(self) -> Self {
        let receipt = if self.receipt { "yes" } else { "no" };
        let show = |units| Units::new(units).display(6);
        println!(
            "{:<52} {:>6} {receipt:>7} {:>9} {:>9} {:>6}",
            self.what,
            self.status,
            show(self.paid),
            show(self.got),
            self.served
        );
        self
    }

    pub(crate) fn good(&self) -> bool {
        let price = U256::from(PRICE * self.calls);
        self.status == 200
            && self.receipt
            && self.paid == price
            && self.got == price
            && self.served == self.calls
    }
}

fn balance(net: &Devnet, account: alloy_primitives::Address) -> U256 {
    net.chain.balance_of(net.token.address, account)
}

/// Our own buyer, with the first buyer's key.
pub(crate) fn buyer(net: &Devnet) -> Result<Buyer<LocalSigner>, Failure> {
    let buyer = Buyer::builder(LocalSigner::from_hex(&net.buyers[0].key.to_string())?)
        .spend_limit(SpendLimit::per_payment(usd!("0.10")).total(usd!("1")))
        .network(Network::eip155(net.chain.chain_id()))
        .build()?;
    Ok(buyer)
}

/// A purchase by our own buyer.
pub(crate) async fn by_us(net: &Devnet, url: &str) -> Result<Value, Failure> {
    let reply = buyer(net)?.get(url).send().await?;
    let receipt = reply.payment().and_then(|payment| match payment.proof() {
        Proof::Receipt(receipt) => Some(receipt.reference.clone()),
        _ => None,
    });
    let status = reply.status().as_u16();
    let body = reply.into_response().text().await?;
    Ok(json!({"status": status, "receipt": receipt, "body": body}))
}

/// Once, if what is sold came with the answer, for those who keep no count: it names who has served
/// it, or what was paid.
pub(crate) fn served(answer: &Value) -> u64 {
    let body = answer["body"].as_str().unwrap_or_default();
    u64::from(body.contains(r#""served":"by"#) || body.contains("for 10000 units"))
}
