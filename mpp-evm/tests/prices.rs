//! Several ways to pay, and prices that are found for each request, by real signatures.

#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alloy_primitives::{Address, address};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode, request};
use mpp_core::{Challenge, Credential, EchoedChallenge, Mpp, RawCredential, buyer};
use mpp_evm::buyer::{Bill, Consent};
use mpp_evm::{Charge, CredentialType, Split};
use payment_core::{
    Account, Admission, Ask, Asset, BoxError, BoxFuture, Clock as _, ConfigError, Gate, HoldError,
    ManualClock, Money, Network, Outcome, PaymentOption, PaymentProtocol as _, Pricing,
    ProtocolName, Quote, RequestHead, Route, RouteGate, Secret, Served, Spawn, Timer, Timestamp,
    Units, usd,
};
use payment_evm::Token;
use serde_json::{Value, json};
use support::{RECIPIENT, STRANGER, Yes, charge, payer, usdc};

const NOW: u64 = support::ISSUED;
const CENT: Money = usd!("0.01");
const DEAR: Money = usd!("0.02");
const KEY: [u8; 32] = [7; 32];
const ALICE: Address = address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906");

type Say = Arc<dyn Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync>;

struct Market {
    say: Arc<Mutex<Say>>,
    route: RouteGate,
    clock: Arc<ManualClock>,
}

struct Got {
    status: StatusCode,
    headers: HeaderMap,
    problem: Value,
}

impl Got {
    fn challenges(&self) -> Vec<Challenge> {
        let lines = self.headers.get_all(WWW_AUTHENTICATE);
        Challenge::parse_all(lines.iter().map(HeaderValue::as_bytes))
    }

    fn challenge(&self) -> Challenge {
        assert_eq!(
            self.status,
            StatusCode::PAYMENT_REQUIRED,
            "{}",
            self.problem
        );
        self.challenges().remove(0)
    }

    /// Amount and payee of each challenge.
    fn asked(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let asked = self.challenges().into_iter().map(|challenge| {
            let request = challenge.request.decode();
            (text(&request["amount"]), text(&request["recipient"]))
        });
        asked.collect()
    }

    fn kind(&self) -> &str {
        let kind = self.problem["type"].as_str().unwrap_or_default();
        kind.rsplit('/').next().unwrap()
    }
}

#[derive(Clone)]
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

impl Timer for Tokio {
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

struct Weather;

impl Served for Weather {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }

    async fn hold(self, _: usize) -> Result<Self, HoldError> {
        Ok(self)
    }
}

/// A request whose body was gathered.
struct Head {
    parts: request::Parts,
    body: Option<bytes::Bytes>,
}

impl RequestHead for Head {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    fn authority(&self) -> Option<&str> {
        None
    }

    fn has_body(&self) -> bool {
        self.body.is_some()
    }

    fn body(&self) -> Option<&bytes::Bytes> {
        self.body.as_ref()
    }

    fn each_value<'a>(&'a self, name: &str, visit: &mut dyn FnMut(&'a [u8])) {
        self.parts.each_value(name, visit);
    }
}

fn mpp(charges: impl IntoIterator<Item = Charge<Yes>>) -> Mpp {
    let builder = Mpp::builder("shop.example", Secret::new(KEY));
    let builder = charges
        .into_iter()
        .fold(builder, |builder, charge| builder.method(charge));
    builder.build().unwrap()
}

impl Market {
    fn on(mpp: Mpp, route: impl FnOnce(Pricing) -> Route) -> Self {
        let say: Arc<Mutex<Say>> = Arc::new(Mutex::new(Arc::new(|_| Ok(Quote::Standard))));
        let pricing = Pricing::by({
            let say = Arc::clone(&say);
            move |ask| {
                let say = Arc::clone(&say.lock().unwrap());
                async move { say(&ask) }
            }
        });
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(NOW)));
        let gate = Gate::builder(mpp)
            .clock(Arc::clone(&clock))
            .build()
            .unwrap();
        let route = gate.route(route(pricing)).unwrap();
        Self { say, route, clock }
    }

    fn at(price: Money) -> Self {
        let market = Self::on(mpp([charge()]), |pricing| {
            Route::priced(CENT).pricing(pricing)
        });
        market.prices(move |_| Ok(price.into()));
        market
    }

    fn fixed(mpp: Mpp, route: Route) -> Self {
        Self::on(mpp, |_| route)
    }

    fn prices(&self, say: impl Fn(&Ask) -> Result<Quote, BoxError> + Send + Sync + 'static) {
        *self.say.lock().unwrap() = Arc::new(say);
    }

    async fn send(
        &self,
        method: &str,
        uri: &str,
        body: Option<&'static str>,
        credential: Option<&HeaderValue>,
    ) -> Got {
        let mut request = Request::builder().method(method).uri(uri);
        if let Some(credential) = credential {
            request = request.header(AUTHORIZATION, credential);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let body = body.map(Into::into);
        let reply = match self.route.admit(&Head { parts, body }) {
            Admission::Answer(reply) => reply,
            Admission::Priced(job) => {
                let serve = |_| async { Ok::<_, Infallible>(Weather) };
                match job.run(Tokio, serve).await.unwrap() {
                    Outcome::Reply(reply) => reply,
                    Outcome::Served { stamps, .. } => {
                        return Got {
                            status: StatusCode::OK,
                            headers: stamps.into_iter().collect(),
                            problem: Value::Null,
                        };
                    }
                }
            }
        };
        Got {
            status: reply.status,
            headers: reply.headers,
            problem: serde_json::from_slice(&reply.body).unwrap_or_default(),
        }
    }

    async fn get(&self, credential: Option<&HeaderValue>) -> Got {
        self.send("GET", "/weather", None, credential).await
    }

    /// What an honest buyer answers this challenge with.
    async fn sign(&self, challenge: &Challenge) -> HeaderValue {
        let bill = Bill::read(challenge, &[usdc()]).unwrap();
        let consent = Consent::up_to(Units::from(1_000_000), self.clock.now());
        bill.authorize(&payer(), consent).await.unwrap()
    }
}

/// A refusal, and what is asked for instead.
#[track_caller]
fn assert_refused(got: &Got, amount: &str) {
    assert_eq!(
        (got.status, got.kind()),
        (StatusCode::PAYMENT_REQUIRED, "invalid-challenge"),
        "{}",
        got.problem
    );
    assert_eq!(got.asked()[0].0, amount);
}

/// What our `opaque` says.
fn opaque(challenge: &Challenge) -> Value {
    let text = challenge.opaque.as_deref().unwrap();
    // The grammar of a request is that of `opaque`.
    Value::Object(mpp_core::EncodedRequest::parse(text).unwrap().decode())
}

/// A credential with something else in the place of its `opaque`.
fn with_opaque(credential: &HeaderValue, opaque: Option<&str>) -> HeaderValue {
    rewritten(credential, |challenge| {
        challenge.opaque = opaque.map(|text| text.to_owned().into());
    })
}

fn rewritten(
    credential: &HeaderValue,
    change: impl FnOnce(&mut EchoedChallenge<'static>),
) -> HeaderValue {
    let token = credential
        .to_str()
        .unwrap()
        .strip_prefix("Payment ")
        .unwrap();
    let raw = RawCredential::decode(token.as_bytes()).unwrap();
    let read = raw.read().unwrap();
    let mut challenge = read.challenge.protected();
    change(&mut challenge);
    let mut forged = Credential::new(challenge, read.payload).unwrap();
    forged.source.clone_from(&read.source);
    forged.format().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_price_that_moves_is_paid_as_it_was_quoted() {
    for (quoted, now, today) in [(CENT, DEAR, "20000"), (DEAR, CENT, "10000")] {
        let market = Market::at(quoted);
        let challenges = [(); 2].map(|()| market.get(None));
        let [first, second] = challenges;
        let (first, second) = (first.await.challenge(), second.await.challenge());
        assert!(opaque(&first)["quote"].is_string());
        let (first, second) = (market.sign(&first).await, market.sign(&second).await);
        market.prices(move |_| Ok(now.into()));
        market.clock.advance(Duration::from_secs(59));
        assert_eq!(market.get(Some(&first)).await.status, StatusCode::OK);
        market.clock.advance(Duration::from_secs(1));
        assert_refused(&market.get(Some(&second)).await, today);
    }
}

#[tokio::test]
async fn a_quote_that_has_run_out_pays_a_price_that_stands() {
    let market = Market::at(CENT);
    let challenge = market.get(None).await.challenge();
    market.clock.advance(Duration::from_secs(70));
    let credential = market.sign(&challenge).await;
    assert_eq!(market.get(Some(&credential)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn t03_no_quote_but_an_honest_one_buys_the_price_of_yesterday() {
    let market = Market::at(CENT);
    // Another gate under the same MPP key: its challenges are ours to the letter.
    let elsewhere = Market::at(CENT);
    let foreign = elsewhere.get(None).await.challenge();
    let other_query = market
        .send("GET", "/weather?q=1", None, None)
        .await
        .challenge();
    let honest = market.get(None).await.challenge();
    let plain = Market::fixed(mpp([charge()]), Route::priced(CENT));
    let plain = plain.get(None).await.challenge();
    let foreign = market.sign(&foreign).await;
    let other_query = market.sign(&other_query).await;
    let plain = market.sign(&plain).await;
    let honest_text = honest.opaque.clone().unwrap();
    let honest = market.sign(&honest).await;
    market.prices(|_| Ok(DEAR.into()));
    let altered: String = honest_text.chars().rev().collect();
    let attacks = [
        ("of another gate", foreign.clone()),
        ("of another query", other_query),
        ("of a route without quotes", plain),
        (
            "an honest quote on a foreign challenge",
            with_opaque(&foreign, Some(&honest_text)),
        ),
        ("altered", with_opaque(&honest, Some(&altered))),
        (
            "cut",
            with_opaque(&honest, Some(&honest_text[..honest_text.len() - 4])),
        ),
        ("none", with_opaque(&honest, None)),
        ("long", with_opaque(&honest, Some(&"A".repeat(6000)))),
    ];
    for (what, credential) in attacks {
        println!("{what}");
        assert_refused(&market.get(Some(&credential)).await, "20000");
    }
    assert_eq!(market.get(Some(&honest)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn t03_the_cheap_query_does_not_pay_the_dear_one() {
    let market = Market::at(CENT);
    market.prices(|ask| {
        Ok(match ask.query.as_deref() {
            Some("size=large") => DEAR.into(),
            _ => CENT.into(),
        })
    });
    let cheap = market
        .send("GET", "/weather?size=small", None, None)
        .await
        .challenge();
    let credential = market.sign(&cheap).await;
    let got = market
        .send("GET", "/weather?size=large", None, Some(&credential))
        .await;
    assert_refused(&got, "20000");
    let got = market
        .send("GET", "/weather?size=small", None, Some(&credential))
        .await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn i4_a_transfer_that_was_made_pays_the_price_that_was_offered() {
    for grace in [60, 0] {
        let hashes = charge().credential_types([CredentialType::Hash]);
        let market = Market::on(mpp([hashes]), |pricing| {
            Route::priced(CENT).pricing(pricing.grace(Duration::from_secs(grace)))
        });
        market.prices(|_| Ok(CENT.into()));
        let challenges = [market.get(None).await, market.get(None).await];
        let source = support::did(8453, payer().address());
        let [first, second] = challenges.map(|got| {
            let challenge = got.challenge();
            let hash = alloy_primitives::keccak256(&challenge.id).to_string();
            let payload = json!({"type": "hash", "hash": hash});
            buyer::answer(&challenge, Some(&source), &payload).unwrap()
        });
        market.prices(|_| Ok(DEAR.into()));
        market.clock.advance(Duration::from_secs(299));
        assert_eq!(market.get(Some(&first)).await.status, StatusCode::OK);
        // As long as the offer says, and once.
        assert_refused(&market.get(Some(&first)).await, "20000");
        market.clock.advance(Duration::from_secs(1));
        let late = market.get(Some(&second)).await;
        assert_eq!(
            (late.status.as_u16(), late.kind()),
            (402, "payment-expired")
        );
    }
}

fn reading_bodies(grace: Duration) -> Market {
    let market = Market::on(mpp([charge()]), |pricing| {
        Route::priced(CENT).pricing(pricing.reading_body(64).grace(grace))
    });
    market.prices(|ask| {
        let large = ask.body.as_ref().is_some_and(|body| body.len() > 3);
        Ok(if large { DEAR.into() } else { CENT.into() })
    });
    market
}

#[tokio::test]
async fn t07_a_challenge_is_good_for_the_body_that_was_priced() {
    for grace in [Duration::ZERO, Duration::from_secs(60)] {
        let market = reading_bodies(grace);
        let challenge = market
            .send("POST", "/weather", Some("one"), None)
            .await
            .challenge();
        let digest = challenge.digest.as_deref().unwrap();
        assert!(mpp_core::body_matches(digest, b"one").unwrap());
        let credential = market.sign(&challenge).await;
        for (body, amount) in [
            (Some("a longer one"), "20000"),
            (Some("two"), "10000"),
            (Some(""), "10000"),
        ] {
            let got = market
                .send("POST", "/weather", body, Some(&credential))
                .await;
            assert_refused(&got, amount);
        }
        let pay = |credential| {
            let market = &market;
            async move {
                market
                    .send("POST", "/weather", Some("one"), Some(&credential))
                    .await
            }
        };
        let colons = format!("sha-256=:{}:", &digest["sha-256=".len()..]);
        let silent = rewritten(&credential, |challenge| challenge.digest = None);
        let respelled = rewritten(&credential, |challenge| {
            challenge.digest = Some(colons.into())
        });
        for forged in [silent, respelled] {
            assert_refused(&pay(forged).await, "10000");
        }
        assert_eq!(pay(credential).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn t07_a_challenge_without_a_digest_pays_no_body_and_one_with_it_nothing_else() {
    let bodies = reading_bodies(Duration::ZERO);
    let fixed = Market::fixed(mpp([charge()]), Route::priced(CENT));
    // Both are ours to the letter, of this path, at this price.
    let without = fixed
        .send("POST", "/weather", Some("one"), None)
        .await
        .challenge();
    assert_eq!(without.digest, None);
    let with = bodies
        .send("POST", "/weather", Some("one"), None)
        .await
        .challenge();
    let (without, with) = (bodies.sign(&without).await, bodies.sign(&with).await);
    let got = bodies
        .send("POST", "/weather", Some("one"), Some(&without))
        .await;
    assert_refused(&got, "10000");
    let got = fixed
        .send("POST", "/weather", Some("one"), Some(&with))
        .await;
    assert_refused(&got, "10000");
}

#[tokio::test]
async fn the_payee_is_found_with_the_price() {
    let market = Market::at(CENT);
    let to = |account: Address| PaymentOption::new(CENT).pay_to(Account::from(account));
    market.prices(move |_| Ok(to(ALICE).into()));
    let got = market.get(None).await;
    assert_eq!(got.asked()[0].1, ALICE.to_checksum(None));
    let credential = market.sign(&got.challenge()).await;
    market.prices(move |_| Ok(to(STRANGER).into()));
    assert_eq!(market.get(Some(&credential)).await.status, StatusCode::OK);
    let got = market.get(None).await;
    assert_eq!(got.asked()[0].1, STRANGER.to_checksum(None));
    market.prices(|_| {
        let payee = Account::Other("alice".into());
        Ok(PaymentOption::new(CENT).pay_to(payee).into())
    });
    let got = market.get(None).await;
    assert_eq!(got.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn who_pays_the_methods_account_has_not_paid_the_routes() {
    let route = Route::priced(CENT).pay_to(ALICE.into());
    let market = Market::fixed(mpp([charge()]), route);
    let challenge = market.get(None).await.challenge();
    let bill = Bill::read(&challenge, &[usdc()]).unwrap();
    let consent = Consent::up_to(Units::from(10_000), market.clock.now());
    let mut payload = {
        let honest = bill.authorize(&payer(), consent).await.unwrap();
        let token = honest.to_str().unwrap().strip_prefix("Payment ").unwrap();
        let raw = RawCredential::decode(token.as_bytes()).unwrap();
        serde_json::from_str::<Value>(raw.read().unwrap().payload.get()).unwrap()
    };
    payload["to"] = json!(RECIPIENT.to_checksum(None));
    let forged = buyer::answer(&challenge, None, &payload).unwrap();
    let got = market.get(Some(&forged)).await;
    assert_eq!(got.status, StatusCode::PAYMENT_REQUIRED);
    let honest = market.sign(&challenge).await;
    assert_eq!(market.get(Some(&honest)).await.status, StatusCode::OK);
}

fn base_sepolia() -> Charge<Yes> {
    Charge::new(Token::default_on(84532).unwrap(), RECIPIENT).settle_with(Yes)
}

fn priced(price: Money) -> PaymentOption {
    PaymentOption::new(price)
}

#[tokio::test]
async fn options_stand_in_the_sellers_order_each_at_its_price() {
    let sepolia = Network::eip155(84532);
    let route = Route::priced(usd!("1")).options([
        priced(DEAR).network(sepolia).pay_to(ALICE.into()),
        priced(CENT).scheme("charge"),
        // Once more what stands above.
        priced(CENT).asset(Asset::from(usdc().address)),
    ]);
    let market = Market::fixed(mpp([charge(), base_sepolia()]), route);
    let got = market.get(None).await;
    let (ours, alice) = (RECIPIENT.to_checksum(None), ALICE.to_checksum(None));
    let expected = [("20000", &alice), ("10000", &ours), ("10000", &ours)];
    let expected = expected.map(|(amount, payee)| (amount.to_owned(), payee.clone()));
    assert_eq!(got.asked(), expected);
    let chains = got.challenges().into_iter();
    let chains = chains.map(|asked| asked.request.decode()["methodDetails"]["chainId"].clone());
    assert_eq!(
        chains.collect::<Vec<_>>(),
        [json!(84532), json!(8453), json!(84532)]
    );
    let credential = market.sign(&got.challenges()[1]).await;
    assert_eq!(market.get(Some(&credential)).await.status, StatusCode::OK);
}

#[test]
fn an_option_that_nobody_takes_is_left_to_other_protocols() {
    let offered = |option| {
        let route = Route::priced(CENT).options([option]);
        mpp([charge()]).offer(&route).map(|offer| offer.is_some())
    };
    for (option, taken) in [
        (priced(CENT), true),
        (priced(CENT).scheme("charge"), true),
        (priced(CENT).protocol(mpp_core::MPP), true),
        (priced(CENT).scheme("session"), false),
        (priced(CENT).protocol(ProtocolName::new("x402")), false),
        (priced(CENT).network(Network::eip155(1)), false),
        (priced(CENT).asset(Asset::from(ALICE)), false),
    ] {
        assert_eq!(offered(option.clone()).unwrap(), taken, "{option:?}");
        let route = Route::priced(CENT).options([option]);
        let gate = Gate::new(mpp([charge()])).route(route);
        assert_eq!(gate.is_ok(), taken);
    }
    let inexact = offered(priced(usd!("0.0000001")));
    assert!(matches!(inexact, Err(ConfigError::Price(_))), "{inexact:?}");
}

#[test]
fn only_an_account_of_the_chain_can_be_paid() {
    for account in [
        Account::Other("alice".into()),
        Account::from(Address::ZERO),
        Account::from(usdc().address),
    ] {
        let route = Route::priced(CENT).pay_to(account);
        let error = mpp([charge()]).offer(&route).err().unwrap();
        assert!(error.to_string().starts_with("pay_to:"), "{error}");
    }
}

#[tokio::test]
async fn money_parsers_price_charges_and_their_splits() {
    let doubled = |money: Money, token: &Token| money.to_units(token.decimals).ok()?.checked_mul(2);
    let permit2 = [CredentialType::Permit2];
    let split = charge()
        .split(Split::new(ALICE, usd!("0.001")))
        .credential_types(permit2)
        .money_parser(|_, _| None)
        .money_parser(doubled)
        .money_parser(|_, _| panic!("never asked"));
    let market = Market::fixed(mpp([split]), Route::priced(CENT));
    let request = market.get(None).await.challenge().request.decode();
    assert_eq!(request["amount"], "20000");
    assert_eq!(request["methodDetails"]["splits"][0]["amount"], "2000");
    let panics = mpp([charge().money_parser(|_, _| panic!("no rate"))]);
    let error = panics.offer(&Route::priced(CENT)).err().unwrap();
    assert!(error.to_string().contains("money_parser"), "{error}");
}

#[tokio::test]
async fn a_route_at_a_fixed_price_carries_no_quote() {
    let market = Market::fixed(mpp([charge()]), Route::priced(CENT));
    let challenge = market.get(None).await.challenge();
    let members: Vec<_> = opaque(&challenge)
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(members, ["nonce", "scope"]);
    assert_eq!(challenge.digest, None);
}

#[tokio::test]
async fn without_grace_the_price_of_the_moment_counts() {
    let market = Market::on(mpp([charge()]), |pricing| {
        Route::priced(CENT).pricing(pricing.grace(Duration::ZERO))
    });
    market.prices(|_| Ok(CENT.into()));
    let challenge = market.get(None).await.challenge();
    let credential = market.sign(&challenge).await;
    market.prices(|_| Ok(DEAR.into()));
    assert_refused(&market.get(Some(&credential)).await, "20000");
    market.prices(|_| Ok(CENT.into()));
    assert_eq!(market.get(Some(&credential)).await.status, StatusCode::OK);
}
