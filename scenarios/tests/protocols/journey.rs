use std::fmt::Write;
use std::sync::Arc;

use payment_evm::LocalSigner;
use scenarios::{Actix, Axum, Bare, Reply, Request, Stack};

use crate::buyer::{Buyer, Header};
use crate::seller::Seller;

/// What names a transaction, of which there are no two alike.
const RECEIPTS: [&str; 3] = ["payment-response", "x-payment-response", "payment-receipt"];

/// A buyer's way through the shop on one stack.
pub(crate) struct Journey<S> {
    pub(crate) seller: Seller,
    pub(crate) buyer: Buyer,
    pub(crate) stack: S,
    /// All that was read.
    log: String,
}

impl<S: Stack> Journey<S> {
    pub(crate) async fn begin() -> Self {
        let seller = Seller::open().await;
        let key = seller.net.buyers[0].key.to_string();
        let buyer = Buyer {
            signer: LocalSigner::from_hex(&key).unwrap(),
            clock: Arc::clone(&seller.clock),
        };
        let stack = S::open(Arc::clone(&seller.shop)).await;
        Self {
            seller,
            buyer,
            stack,
            log: String::new(),
        }
    }

    /// Sends a request until no other holds its payment, and writes down what is read.
    async fn send(&mut self, request: Request) -> Reply {
        let mut reply = self.stack.send(&request).await.unwrap();
        while reply.status == 409 {
            reply = self.stack.send(&request).await.unwrap();
        }
        let mut shape = reply.clone();
        for (name, value) in &mut shape.headers {
            if RECEIPTS.contains(&&**name) {
                assert!(!value.is_empty());
                *value = "…".to_owned();
            }
            // The challenges of MPP are told apart by a random part, which their ids sign.
            for random in [" id=\"", " opaque=\""] {
                *value = without(value, random);
            }
        }
        let Request { method, target, .. } = &request;
        writeln!(self.log, "== {method} {target}\n{shape:?}\n").unwrap();
        reply
    }

    async fn get(&mut self, path: &str, headers: &[Header]) -> Reply {
        let mut request = Request::get(path);
        request.headers.extend_from_slice(headers);
        self.send(request).await
    }

    /// Buys something that is sold once.
    pub(crate) async fn buy(&mut self, path: &str, pay: Header, receipt: &str, price: u64) {
        let before = self.seller.earned();
        let paid = self.get(path, std::slice::from_ref(&pay)).await;
        assert_eq!(
            (paid.status, paid.header(receipt).len()),
            (200, 1),
            "{paid:?}"
        );
        assert_eq!(self.seller.earned(), before + price);
        let again = self.get(path, &[pay]).await;
        assert_eq!(
            (again.status, again.header(receipt).len()),
            (402, 0),
            "{again:?}"
        );
        assert_eq!(self.seller.earned(), before + price);
    }

    pub(crate) async fn is_refused(&mut self, path: &str, headers: &[Header], status: u16) {
        let before = self.seller.earned();
        let reply = self.get(path, headers).await;
        assert_eq!(reply.status, status, "{path} {reply:?}");
        assert_eq!(self.seller.earned(), before);
    }
}

/// The text with what stands between this and the next quote left out.
fn without(text: &str, before: &str) -> String {
    match text.split_once(before) {
        Some((head, tail)) => {
            let (_, tail) = tail.split_once('"').unwrap();
            format!("{head}{before}…\"{tail}")
        }
        None => text.to_owned(),
    }
}

async fn journey<S: Stack>() -> String {
    let mut way = Journey::<S>::begin().await;
    for path in ["/weather", "/x402", "/mpp", "/dear", "/north/weather?q=1"] {
        way.is_refused(path, &[], 402).await;
    }
    for preference in ["evm/charge", "evm/charge;q=0", "x402/*;q=0", "junk"] {
        let preference = ("accept-payment", preference.to_owned());
        way.is_refused("/weather", &[preference], 402).await;
    }
    for method in ["HEAD", "POST", "OPTIONS"] {
        let reply = way.send(Request::new(method, "/weather")).await;
        assert_eq!(reply.status, 402);
    }

    for path in ["/weather", "/north/weather", "/first"] {
        let pay = way.buyer.x402(&way.stack, path).await;
        way.buy(path, pay, "payment-response", 10_000).await;
        let pay = way.buyer.x402_v1(&way.stack, path).await;
        way.buy(path, pay, "x-payment-response", 10_000).await;
        let pay = way.buyer.mpp(&way.stack, path).await;
        way.buy(path, pay, "payment-receipt", 10_000).await;
    }

    // What can be paid in two ways is paid in the first that is offered.
    let pay = way.buyer.x402(&way.stack, "/either").await;
    way.buy("/either", pay, "payment-response", 30_000).await;
    let pay = way.buyer.mpp(&way.stack, "/either").await;
    way.buy("/either", pay, "payment-receipt", 30_000).await;

    // Credentials that are none, in each header.
    for (name, junk) in [
        ("payment-signature", "junk"),
        ("x-payment", "e30="),
        ("authorization", "Payment junk"),
        ("authorization", "Basic YTpi"),
    ] {
        let reply = way.get("/weather", &[(name, junk.to_owned())]).await;
        assert!([400, 402].contains(&reply.status), "{reply:?}");
    }
    // Junk for a protocol that the route does not take is no payment, and no refusal.
    for (path, name, junk) in [
        ("/mpp", "payment-signature", "junk"),
        ("/mpp", "x-payment", "junk"),
        ("/x402", "authorization", "Payment junk"),
    ] {
        let unpaid = way.get(path, &[]).await;
        let reply = way.get(path, &[(name, junk.to_owned())]).await;
        assert_eq!((reply.status, &reply.body), (402, &unpaid.body), "{path}");
    }
    let huge = ("payment-signature", "A".repeat(20_000));
    way.is_refused("/weather", &[huge], 431).await;

    // Good ones, where they are not good.
    let x402 = way.buyer.x402(&way.stack, "/weather").await;
    let mpp = way.buyer.mpp(&way.stack, "/weather").await;
    way.is_refused("/weather", &[x402.clone(), mpp.clone()], 400)
        .await;
    way.is_refused("/weather", &[x402.clone(), x402.clone()], 400)
        .await;
    way.is_refused("/mpp", std::slice::from_ref(&x402), 402)
        .await;
    way.is_refused("/x402", std::slice::from_ref(&mpp), 402)
        .await;
    way.is_refused("/dear", std::slice::from_ref(&x402), 402)
        .await;
    way.is_refused("/dear", std::slice::from_ref(&mpp), 402)
        .await;
    way.is_refused("/north/weather", std::slice::from_ref(&mpp), 402)
        .await;
    // They have lost nothing by that.
    way.buy("/weather", x402, "payment-response", 10_000).await;
    way.buy("/weather", mpp, "payment-receipt", 10_000).await;

    // A handler that fails costs nothing.
    let x402 = way.buyer.x402(&way.stack, "/fails").await;
    way.is_refused("/fails", &[x402], 500).await;
    let mpp = way.buyer.mpp(&way.stack, "/fails").await;
    way.is_refused("/fails", &[mpp], 500).await;
    way.log
}

#[tokio::test]
async fn a_journey_reads_the_same_on_every_stack() {
    let axum = journey::<Axum>().await;
    let hyper = journey::<Bare>().await;
    let actix = journey::<Actix>().await;
    assert!(axum == hyper, "{}", difference(&axum, &hyper));
    assert!(axum == actix, "{}", difference(&axum, &actix));
}

/// The first lines that differ, with what stands before them.
fn difference(a: &str, b: &str) -> String {
    let at = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| {
        let lines = text.lines().skip(at.saturating_sub(8)).take(10);
        lines.collect::<Vec<_>>().join("\n")
    };
    format!("{}\n-- and\n{}", around(a), around(b))
}
