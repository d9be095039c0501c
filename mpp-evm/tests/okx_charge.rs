//! The byte-exact cases of charges in OKX's form: challenge, transfers, hash.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, address};
use mpp_core::{
    Asks, Challenge, Credential, EncodedRequest, Method, MethodPayment, Presented, RawCredential,
    Terms,
};
use mpp_evm::{Charge, ChargeBackend, CheckedCharge, CredentialType, Proof, Split};
use payment_core::{Denied, Money, Refusal, Route, Timestamp};
use payment_evm::{Authorization, EvmSignature, Token, wire};
use serde_json::Value;
use serde_json::value::RawValue;
use support::SETTLED_BY;
use vectors::{Tally, load, text};

const PAYEE: Address = address!("0x48391029173Bdf3637A2958C7442a3Da237A44E9");
const PARTNER: Address = address!("0x2687BBDF8d81e64E91Cdf7fa69B933F3A3d0026A");
const PAYER: Address = address!("0xa9eFc64df94971Fc4f85Be11b40a505C176dC3bA");
const USDT: Address = address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736");

fn token() -> Token {
    Token::known(196, USDT).unwrap()
}

/// 100 base units.
fn route() -> Route {
    Route::priced(Money::from_decimal("0.0001").unwrap()).description("one call")
}

/// Keeps what it is handed.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<CheckedCharge>>>);

impl ChargeBackend for Kept {
    fn takes(&self, chain_id: u64, _: CredentialType, _: usize) -> bool {
        chain_id == 196
    }
    fn sender(&self) -> Option<Address> {
        None
    }
    async fn verify(&self, charge: &CheckedCharge) -> Result<(), Denied> {
        self.0.lock().unwrap().push(charge.clone());
        Ok(())
    }
    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
}

/// 30 of the 100 go to a partner.
fn split(backend: &Kept) -> Box<dyn Terms> {
    let thirty = Money::from_decimal("0.00003").unwrap();
    let charge = Charge::okx(token(), PAYEE).split(Split::new(PARTNER, thirty));
    let charge = charge.settle_with(backend.clone());
    charge.terms(&route()).unwrap()
}

/// The request as the vectors have it, which has no description.
fn request(terms: &dyn Terms) -> Value {
    let mut request = terms.request().clone();
    assert_eq!(request.remove("description").unwrap(), "one call");
    request.into()
}

/// The credential of a case, out of the bytes of its header.
fn decoded(case: &Value) -> RawCredential {
    let header = text(case, "authorization");
    let raw = RawCredential::find([header.as_bytes()]).unwrap().unwrap();
    let read = raw.read().unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), case["credential"]);
    raw
}

fn judge(
    terms: &dyn Terms,
    credential: &Credential<'_>,
    payload: &RawValue,
) -> Result<Box<dyn MethodPayment>, Refusal> {
    let expires = Timestamp::from_seconds(1_790_000_000);
    let issued = Timestamp::from_seconds(expires.seconds() - 300);
    let mut payment = terms.bind(Presented {
        challenge: &credential.challenge,
        issued,
        expires,
        source: credential.source.as_deref(),
        payload,
        now: Timestamp::from_seconds(issued.seconds() + 60),
        margin_seconds: 6,
        asks: Asks::Content,
        idempotency_key: None,
    })?;
    payment.in_time()?;
    payment.check()?;
    Ok(payment)
}

#[test]
fn our_challenge_asks_what_okxs_asks() {
    let file = load("okx_wire.json");
    let case = &file["mpp"]["chargeChallenge"];
    let terms = split(&Kept::default());
    assert_eq!(request(&*terms), case["request"]);
    let challenge = Challenge::parse(text(case, "wwwAuthenticate")).unwrap();
    assert_eq!(Value::from(challenge.request.decode()), case["request"]);
    assert_eq!(challenge.expires_at().unwrap().seconds(), 1_790_000_000);
    // To the byte, in its encoded form.
    let ours = EncodedRequest::encode(request(&*terms).as_object().unwrap()).unwrap();
    assert_eq!(ours.as_str(), text(&case["echo"], "request"));
    Tally::new("okx mpp.chargeChallenge").ran();
}

#[tokio::test]
async fn the_transfers_of_the_vectors_pay_our_bill() {
    let file = load("okx_wire.json");
    let case = &file["mpp"]["chargeTransaction"];
    let raw = decoded(case);
    let credential = raw.read().unwrap();
    let backend = Kept::default();
    let terms = split(&backend);
    let mut payment = judge(&*terms, &credential, credential.payload).unwrap();
    assert_eq!(payment.payer().unwrap().evm(), Some(PAYER));
    payment.verify().await.unwrap();

    // What reaches the backend is what was signed, in order, with the challenge to the letter.
    let charge = backend.0.lock().unwrap().remove(0);
    let Proof::Transfers(transfers) = charge.proof() else {
        panic!("{charge:?}");
    };
    let first = &case["credential"]["payload"]["authorization"];
    let written = [first, &first["splits"][0]];
    assert_eq!(transfers.len(), written.len());
    for (transfer, written) in transfers.iter().zip(written) {
        let authorization: Authorization = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(transfer.authorization, authorization);
        assert_eq!(transfer.signature.to_hex(), text(written, "signature"));
        let digest = authorization.digest(&token().domain());
        assert_eq!(transfer.signature.recover(&digest).unwrap(), PAYER);
    }
    assert_eq!(
        serde_json::to_value(charge.challenge()).unwrap(),
        case["credential"]["challenge"]
    );
    Tally::new("okx mpp.chargeTransaction").ran();
}

/// Each leaf of the vectors' payload, changed: nothing in it is taken on trust.
#[test]
fn no_member_of_the_vectors_payload_can_be_changed() {
    let file = load("okx_wire.json");
    let case = &file["mpp"]["chargeTransaction"];
    let raw = decoded(case);
    let credential = raw.read().unwrap();
    let terms = split(&Kept::default());
    let payload = &case["credential"]["payload"];
    let mut changed = 0;
    for parent in ["/authorization", "/authorization/splits/0"] {
        let members = payload.pointer(parent).unwrap().as_object().unwrap();
        for (member, value) in members {
            let other = match value.as_str() {
                Some(text) if text.starts_with("0x") => {
                    let last = if text.ends_with('1') { "2" } else { "1" };
                    format!("{}{last}", &text[..text.len() - 1])
                }
                Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                    format!("{number}1")
                }
                Some(word) => format!("{word}x"),
                None => continue,
            };
            let mut payload = payload.clone();
            payload.pointer_mut(parent).unwrap()[member] = other.into();
            let payload = RawValue::from_string(payload.to_string()).unwrap();
            let outcome = judge(&*terms, &credential, &payload);
            assert!(outcome.is_err(), "{parent}/{member}");
            changed += 1;
        }
    }
    assert_eq!(changed, 15);
}

#[tokio::test]
async fn the_hash_of_the_vectors_is_taken_where_hashes_are() {
    let file = load("okx_wire.json");
    let case = &file["mpp"]["chargeHash"];
    let raw = decoded(case);
    let credential = raw.read().unwrap();
    let backend = Kept::default();
    // Not where the price is split: one transfer can't pay several.
    let refused = judge(&*split(&backend), &credential, credential.payload);
    let refused = refused.err().unwrap();
    assert!(refused.problem().detail.contains("not offered"));

    let charge = Charge::okx(token(), PAYEE).credential_types([CredentialType::Hash]);
    let terms = charge.settle_with(backend.clone()).terms(&route()).unwrap();
    let mut payment = judge(&*terms, &credential, credential.payload).unwrap();
    payment.verify().await.unwrap();
    let charge = backend.0.lock().unwrap().remove(0);
    let hash = text(&case["credential"]["payload"], "hash");
    assert!(matches!(charge.proof(), Proof::Hash { hash: shown, .. } if shown.to_string() == hash));
    assert_eq!(charge.payer(), PAYER);
    Tally::new("okx mpp.chargeHash").ran();
}

#[test]
fn the_transfers_are_those_of_the_signature_vectors() {
    let file = load("eip712_okx.json");
    let wire_file = load("okx_wire.json");
    let first = &wire_file["mpp"]["chargeTransaction"]["credential"]["payload"]["authorization"];
    let cases = vectors::cases(&file, "/transferWithAuthorization");
    let mut tally = Tally::new("okx transferWithAuthorization through Authorization");
    let mut met = 0;
    for case in cases {
        let authorization: Authorization = serde_json::from_value(case["message"].clone()).unwrap();
        let domain = &case["domain"];
        let contract = wire::address::parse(text(domain, "verifyingContract")).unwrap();
        let chain_id = domain["chainId"].as_u64().unwrap();
        let domain = payment_evm::Domain::new(
            text(domain, "name"),
            domain["version"].as_str(),
            chain_id,
            contract,
        );
        let digest = authorization.digest(&domain);
        assert_eq!(digest.to_string(), text(case, "digest"));
        let signature = EvmSignature::from_hex(text(case, "signature")).unwrap();
        assert_eq!(signature.check(&digest, authorization.from), Ok(()));
        let shown = [first, &first["splits"][0]];
        met += shown
            .iter()
            .filter(|shown| shown["signature"] == case["signature"])
            .count();
        tally.ran();
    }
    assert_eq!((tally.count(), met), (6, 2));
}
