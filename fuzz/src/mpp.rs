//! A shop that takes MPP charges by authorization in both forms, permit and hash, and a buyer with a signed
//! credential for it.

use std::sync::LazyLock;

use alloy_primitives::{Address, B256, U256, address};
use mpp_core::{Challenge, EchoedChallenge, Mpp, RawCredential};
use mpp_evm::buyer::{Bill, Consent};
use mpp_evm::{ChallengeHash, Charge, ChargeBackend, CheckedCharge, CredentialType, Due};
use payment_core::{
    Admission, Ask, Claim, Denied, Gate, Offering, PaymentProtocol, Refusal, Route, RouteGate,
    Secret, Timestamp, Units, usd,
};
use payment_evm::{Authorization, LocalSigner, Token};
use serde_json::{Value, json};

use crate::{Head, Standing, ask, base64url, block_on, same_hex};

const PATH: &str = "/weather";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_768_478_400);
const RECIPIENT: Address = address!("0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00");
const RECIPIENT_TEXT: &str = "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00";
const SENDER: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
const PRICE: &str = "1000000";
/// A key that everybody knows.
const BUYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const BUYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const SOURCE: &str = "did:pkh:eip155:8453:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

/// The longest credential that is decoded, in letters.
pub const MOST: usize = 64 * 1024;

/// A challenge that was issued, and the JSON of a credential that pays it.
pub struct Bought {
    challenge: Challenge,
    nonce: String,
    /// The credential, decoded.
    pub credential: Vec<u8>,
}

struct Shop {
    offering: Box<dyn Offering>,
    gate: RouteGate,
    ask: Ask,
}

static SHOP: LazyLock<Shop> = LazyLock::new(|| {
    let gate = Gate::builder(protocol())
        .clock(Standing(NOW))
        .origin(crate::ORIGIN)
        .build();
    let route = || Route::priced(usd!("1"));
    Shop {
        offering: protocol()
            .offer(&route())
            .expect("constants")
            .expect("taken on every route"),
        gate: gate
            .and_then(|gate| gate.route(route()))
            .expect("constants"),
        ask: ask(PATH, NOW),
    }
});

/// The one purchase of this process. The key of the shop is fixed, the challenge is not.
pub static BOUGHT: LazyLock<Bought> = LazyLock::new(|| {
    let shop = &*SHOP;
    let issued = block_on(shop.offering.challenge(&shop.ask, None)).expect("randomness");
    let line = issued.headers[0].1.to_str().expect("ASCII");
    let challenge = Challenge::parse(line).expect("ours is read");
    let value = {
        let bill = Bill::read(&challenge, &[]).expect("ours is a bill");
        let consent = Consent::up_to(Units::from(1_000_000), NOW);
        let signer = LocalSigner::from_hex(BUYER_KEY).expect("a key");
        block_on(bill.authorize(&signer, consent)).expect("signed")
    };
    let token = value
        .to_str()
        .expect("ASCII")
        .strip_prefix("Payment ")
        .expect("the scheme");
    let json = RawCredential::decode(token.as_bytes()).expect("ours is read");
    let read = json.read().expect("ours is read");
    Bought {
        nonce: ChallengeHash::Packed
            .of(&challenge.id, &challenge.realm)
            .to_string(),
        credential: serde_json::to_vec(&read).expect("JSON"),
        challenge,
    }
});

fn usdc() -> Token {
    let usdc = address!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913");
    Token::known(8453, usdc).expect("a token of the table")
}

pub(crate) fn protocol() -> Mpp {
    let types = [
        CredentialType::Authorization,
        CredentialType::Transfers,
        CredentialType::Permit2,
        CredentialType::Hash,
    ];
    let charge = Charge::new(usdc(), RECIPIENT)
        .credential_types(types)
        .settle_with(Watching);
    let mpp = Mpp::builder("api.example.com", Secret::new([7; 32])).method(charge);
    mpp.build().expect("constants")
}

/// Says yes, after it has seen that it is to settle what is due.
struct Watching;

impl Watching {
    fn watch(charge: &CheckedCharge) {
        let due: &Due = charge.due();
        assert_eq!(due.amount, Units::from(1_000_000));
        assert_eq!(due.recipient, RECIPIENT);
    }
}

impl ChargeBackend for Watching {
    fn takes(&self, _: u64, _: CredentialType, _: usize) -> bool {
        true
    }

    fn sender(&self) -> Option<Address> {
        Some(SENDER)
    }

    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        Self::watch(charge);
        Ok(())
    }

    async fn settle(&self, charge: &CheckedCharge) -> Result<B256, Denied> {
        Self::watch(charge);
        Ok(B256::ZERO)
    }

    async fn reconcile(&self, charge: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        self.settle(charge).await
    }
}

impl Bought {
    /// The credential of this payload, for the challenge.
    #[must_use]
    pub fn credential_of(&self, payload: &[u8]) -> Vec<u8> {
        let echo = EchoedChallenge::from(&self.challenge);
        let echo = serde_json::to_string(&echo).expect("JSON");
        let start = format!(r#"{{"challenge":{echo},"source":"{SOURCE}","payload":"#);
        [start.as_bytes(), &self.filled(payload), b"}"].concat()
    }

    /// The input with the texts of the challenge in their places: `$i` the id, `$q` the request,
    /// `$o` the opaque text, `$x` the expiry, `$n` the nonce that binds an authorization.
    #[must_use]
    pub fn filled(&self, data: &[u8]) -> Vec<u8> {
        let Challenge {
            id,
            request,
            expires,
            opaque,
            ..
        } = &self.challenge;
        let mut filled = Vec::with_capacity(2 * data.len());
        let mut rest = data.iter().copied().peekable();
        while let Some(byte) = rest.next() {
            let text = match (byte, rest.peek().copied()) {
                (b'$', Some(b'i')) => id.as_str(),
                (b'$', Some(b'q')) => request.as_str(),
                (b'$', Some(b'o')) => opaque.as_deref().unwrap_or_default(),
                (b'$', Some(b'x')) => expires.as_deref().unwrap_or_default(),
                (b'$', Some(b'n')) => &self.nonce,
                _ => {
                    filled.push(byte);
                    continue;
                }
            };
            rest.next();
            filled.extend_from_slice(text.as_bytes());
        }
        filled
    }

    /// The good credential with some bytes overwritten: three bytes of the input each, a place
    /// and what to put there.
    #[must_use]
    pub fn edited(&self, edits: &[u8]) -> Vec<u8> {
        let mut json = self.credential.clone();
        for edit in edits.chunks_exact(3).take(16) {
            let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % json.len();
            json[at] = edit[2];
        }
        json
    }
}

/// The payload of a good payment in OKX's form, which names no challenge.
///
/// # Panics
///
/// When it can't be signed.
#[must_use]
pub fn transfer() -> Value {
    let signer = LocalSigner::from_hex(BUYER_KEY).expect("a key");
    let transfer = Authorization {
        from: signer.address(),
        to: RECIPIENT,
        value: U256::from(1_000_000),
        valid_after: U256::ZERO,
        valid_before: U256::from(NOW.seconds() + 1_000),
        nonce: B256::repeat_byte(7),
    };
    let signature = signer
        .sign(&transfer.digest(&usdc().domain()))
        .expect("signed");
    let mut written = serde_json::to_value(transfer).expect("JSON");
    written["type"] = "eip-3009".into();
    written["signature"] = signature.to_hex().into();
    json!({ "type": "transaction", "authorization": written })
}

/// Sends this JSON as a credential.
///
/// # Panics
///
/// As [`present`].
pub fn present_json(json: &[u8]) {
    let value = [b"Payment ", &*base64url(json)].concat();
    present(vec![&value]);
}

/// Sends values of `Authorization` to the shop, as far as they go.
///
/// # Panics
///
/// When something is accepted that does not answer the issued challenge, or not in full.
pub fn present(values: Vec<&[u8]>) {
    let shop = &*SHOP;
    let found = RawCredential::find(values.iter().copied());
    let claim = match shop
        .offering
        .claim(&Head::new(PATH, "authorization", values))
    {
        Ok(Some(claim)) => claim,
        Ok(None) => return assert!(matches!(found, Ok(None))),
        Err(refusal) => {
            assert!(found.is_err());
            return check_refusal(&refusal);
        }
    };
    match shop.offering.bind(&shop.ask, claim.clone()) {
        Ok(payment) => bound(&claim, payment),
        Err(Denied::Refused(refusal)) => check_refusal(&refusal),
        Err(denied) => panic!("reading ends in a refusal or not at all: {denied:?}"),
    }
}

fn bound(claim: &Claim, mut payment: Box<dyn payment_core::Payment>) {
    let bought = &*BOUGHT;
    let raw = RawCredential::decode(&claim.credential).expect("what is bound is base64");
    let read = raw.read().expect("what is bound is a credential");
    let (echo, issued) = (&read.challenge, &bought.challenge);
    assert_eq!(
        *echo.id, *issued.id,
        "bound to a challenge that nobody issued"
    );
    assert_eq!(*echo.realm, *issued.realm);
    assert_eq!(*echo.request, *issued.request.as_str());
    assert_eq!(echo.expires.as_deref(), issued.expires.as_deref());
    assert_eq!(echo.opaque.as_deref(), issued.opaque.as_deref());
    assert_eq!(echo.digest, None);
    let payload: Value = serde_json::from_str(read.payload.get()).expect("JSON");
    let signed = match payload["type"].as_str() {
        Some("authorization") => {
            assert!(same_hex(&payload["to"], RECIPIENT_TEXT));
            assert_eq!(payload["value"], PRICE);
            let array = ChallengeHash::JsonArray
                .of(&issued.id, &issued.realm)
                .to_string();
            let nonce = &payload["nonce"];
            assert!(same_hex(nonce, &bought.nonce) || same_hex(nonce, &array));
            true
        }
        Some("transaction") => {
            let transfer = &payload["authorization"];
            assert_eq!(transfer["type"], "eip-3009");
            assert!(same_hex(&transfer["to"], RECIPIENT_TEXT));
            assert_eq!(transfer["value"], PRICE);
            let splits = transfer["splits"].as_array();
            assert!(splits.is_none_or(Vec::is_empty));
            true
        }
        Some("permit2") => {
            assert_eq!(payload["transferDetails"].as_array().map(Vec::len), Some(1));
            let transfer = &payload["transferDetails"][0];
            assert!(same_hex(&transfer["to"], RECIPIENT_TEXT));
            assert_eq!(transfer["requestedAmount"], PRICE);
            true
        }
        Some("hash") => false,
        other => panic!("not offered: {other:?}"),
    };
    assert_eq!(payment.keys().len(), 2);
    assert!(
        payment.payer().is_none(),
        "nobody has paid before it is proven"
    );
    let timely = payment.in_time().is_ok();
    if payment.check().is_err() {
        return assert!(payment.payer().is_none());
    }
    if signed {
        // Only the buyer's key has signed, for this challenge or in OKX's form.
        assert_eq!(payment.payer().expect("proven").to_string(), BUYER);
    }
    if timely {
        block_on(payment.verify()).expect("the backend says yes");
        block_on(payment.settle()).expect("the backend says yes");
        assert_eq!(payment.paid().amount(), Units::from(1_000_000));
    }
}

fn check_refusal(refusal: &Refusal) {
    assert!(refusal.problem().status.is_client_error());
    assert_eq!(refusal.by(), mpp_core::MPP);
}

/// Sends a token that is longer than is read anywhere.
///
/// # Panics
///
/// When anything reads it.
pub fn present_too_long(token: &[u8]) {
    let shop = &*SHOP;
    assert!(token.len() > MOST);
    assert!(RawCredential::decode(token).is_err());
    let value = [b"Payment ", token].concat();
    let head = Head::new(PATH, "authorization", vec![&value]);
    let Ok(Some(claim)) = shop.offering.claim(&head) else {
        return;
    };
    let long = claim.credential.len();
    let answered = matches!(shop.gate.admit(&head), Admission::Answer(_));
    assert!(answered || long <= 16 * 1024);
    assert!(long <= MOST || shop.offering.bind(&shop.ask, claim).is_err());
}
