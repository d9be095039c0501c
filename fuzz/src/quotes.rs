//! Shops whose price has doubled since a buyer was quoted one, and the payment that this buyer has
//! signed. Only the quote, as it was sealed, makes it enough.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mpp_core::{Challenge, EchoedChallenge, RawCredential};
use mpp_evm::buyer::{Bill, Consent};
use payment_core::{
    Gate, Money, PaymentProtocol, Pricing, Reply, Route, RouteGate, Secret, Timestamp, Units, usd,
};
use payment_evm::LocalSigner;
use serde_json::Value;
use x402_core::wire::{self, v2};
use x402_evm::buyer::pay_v2;

use crate::{Head, Standing, answer, base64, base64url, block_on, mpp, x402};

const PATH: &str = "/premium-data";
/// A key that everybody knows.
const BUYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// What was quoted, and what was signed for it.
pub struct Quoted {
    open: fn() -> RouteGate,
    shop: RouteGate,
    header: &'static str,
    /// The quote.
    pub seal: String,
    /// The payment as JSON.
    message: Value,
}

/// By x402, whose buyers hand the quote back in `extra`.
pub static X402: LazyLock<Quoted> = LazyLock::new(|| {
    let reply = unpaid(&shop(x402::protocol(), x402::NOW, usd!("0.01")));
    let required = reply.headers[wire::PAYMENT_REQUIRED].as_bytes();
    let required: v2::PaymentRequired = wire::decode(required).expect("ours is read");
    let signer = LocalSigner::from_hex(BUYER_KEY).expect("a key");
    let payment = pay_v2(&required.resource, &required.accepts[0], &signer, x402::NOW);
    let payment = block_on(payment).expect("signed");
    let message = serde_json::to_value(&payment).expect("JSON");
    let seal = message["accepted"]["extra"]["quote"].as_str();
    Quoted {
        open: x402_shop,
        shop: x402_shop(),
        header: "payment-signature",
        seal: seal.expect("it is quoted").to_owned(),
        message,
    }
});

/// By MPP, whose buyers hand it back in `opaque`.
pub static MPP: LazyLock<Quoted> = LazyLock::new(|| {
    let reply = unpaid(&shop(mpp::protocol(), mpp::NOW, usd!("1")));
    let line = reply.headers["www-authenticate"].to_str().expect("ASCII");
    let challenge = Challenge::parse(line).expect("ours is read");
    let bill = Bill::read(&challenge, &[]).expect("ours is a bill");
    let consent = Consent::up_to(Units::from(1_000_000), mpp::NOW);
    let signer = LocalSigner::from_hex(BUYER_KEY).expect("a key");
    let value = block_on(bill.authorize(&signer, consent)).expect("signed");
    let token = value.to_str().expect("ASCII").strip_prefix("Payment ");
    let raw = RawCredential::decode(token.expect("the scheme").as_bytes()).expect("ours is read");
    let message = serde_json::to_value(raw.read().expect("ours is read")).expect("JSON");
    let opaque = EchoedChallenge::from(&challenge)
        .opaque
        .expect("ours has one");
    let opaque = URL_SAFE_NO_PAD
        .decode(opaque.as_bytes())
        .expect("base64url");
    let seal = crate::json(&opaque)["quote"].as_str().map(str::to_owned);
    Quoted {
        open: mpp_shop,
        shop: mpp_shop(),
        header: "authorization",
        seal: seal.expect("it is quoted"),
        message,
    }
});

fn x402_shop() -> RouteGate {
    shop(x402::protocol(), x402::NOW, usd!("0.02"))
}

fn mpp_shop() -> RouteGate {
    shop(mpp::protocol(), mpp::NOW, usd!("2"))
}

fn shop(protocol: impl PaymentProtocol, now: Timestamp, price: Money) -> RouteGate {
    let gate = Gate::builder(protocol)
        .clock(Standing(now))
        .origin(crate::ORIGIN)
        .quote_key(Secret::new([9; 32]))
        .build();
    let pricing = Pricing::by(move |_| async move { Ok(price.into()) });
    let route = Route::priced(usd!("0.01")).pricing(pricing);
    gate.and_then(|gate| gate.route(route)).expect("constants")
}

fn unpaid(shop: &RouteGate) -> Reply {
    let reply = answer(shop.admit(&Head::of("GET", PATH))).expect("nothing was paid");
    assert_eq!(reply.status, http::StatusCode::PAYMENT_REQUIRED);
    reply
}

impl Quoted {
    /// Whether the payment opens the route at this path with this in the place of the quote.
    ///
    /// # Panics
    ///
    /// When the answer is neither the handler's nor a refusal.
    #[must_use]
    pub fn opens(&self, path: &str, quote: &Value) -> bool {
        let mut message = self.message.clone();
        if self.header == "authorization" {
            let place = &mut message["challenge"]["opaque"];
            let opaque = place.as_str().unwrap_or_default();
            let opaque = URL_SAFE_NO_PAD.decode(opaque).expect("ours");
            let opaque = String::from_utf8(opaque).expect("JSON");
            let quote = quote.to_string();
            let opaque = opaque.replace(&format!("\"{}\"", self.seal), &quote);
            *place = URL_SAFE_NO_PAD.encode(opaque).into();
        } else {
            message["accepted"]["extra"]["quote"] = quote.clone();
        }
        self.shows(path, &message)
    }

    /// The same with this in the place of all that the quote stands in: `extra`, or `opaque`.
    ///
    /// # Panics
    ///
    /// As [`Self::opens`].
    #[must_use]
    pub fn opens_around(&self, around: &[u8]) -> bool {
        let mut message = self.message.clone();
        if self.header == "authorization" {
            let opaque = URL_SAFE_NO_PAD.encode(around);
            message["challenge"]["opaque"] = opaque.into();
        } else {
            let Ok(extra) = serde_json::from_slice::<Value>(around) else {
                return false;
            };
            // What stands beside it is not looked at.
            if extra["quote"] == *self.seal {
                return false;
            }
            message["accepted"]["extra"] = extra;
        }
        message != self.message && self.shows(PATH, &message)
    }

    fn shows(&self, path: &str, message: &Value) -> bool {
        let json = message.to_string().into_bytes();
        let value = match self.header {
            "authorization" => [b"Payment ", &*base64url(&json)].concat(),
            _ => base64(&json),
        };
        let head = Head::new(path, self.header, vec![&value]);
        let Some(reply) = answer(self.shop.admit(&head)) else {
            return true;
        };
        assert!(reply.status.is_client_error(), "{reply:?}");
        false
    }

    /// The quote with some bytes overwritten: two bytes of the input each, a place and what to put
    /// there.
    #[must_use]
    pub fn edited(&self, edits: &[u8]) -> String {
        let mut text = self.seal.clone().into_bytes();
        for edit in edits.chunks_exact(2).take(16) {
            let at = usize::from(edit[0]) % text.len();
            text[at] = edit[1];
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// A quote of this text, with the code of the one that was sealed.
    #[must_use]
    pub fn reworded(&self, text: &[u8]) -> String {
        let code = self.seal.split_once('.').expect("ours has a point").1;
        format!("{}.{code}", URL_SAFE_NO_PAD.encode(text))
    }

    /// That the payment opens the route if the quote is what it was, and only where it was quoted.
    ///
    /// # Panics
    ///
    /// When it is otherwise: then nothing here proves anything.
    pub fn prove(&self) {
        let seal = Value::from(&*self.seal);
        let shows = |path, quote| {
            // A shop of its own: what was presented once is not forgotten.
            let anew = Self {
                shop: (self.open)(),
                seal: self.seal.clone(),
                message: self.message.clone(),
                ..*self
            };
            anew.opens(path, quote)
        };
        assert!(shows(PATH, &seal));
        assert!(!shows("/other", &seal));
        assert!(!shows(PATH, &Value::Null));
    }

    /// Shows the payment with this text for a quote.
    ///
    /// # Panics
    ///
    /// When it opens the route.
    pub fn refuses(&self, quote: &str) {
        let opened = quote != self.seal && self.opens(PATH, &quote.into());
        assert!(!opened, "a quote that nobody sealed is paid: {quote}");
    }
}
