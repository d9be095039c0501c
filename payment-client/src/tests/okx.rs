//! Charges of sellers that take OKX's form: one authorization for each leg.

use alloy_primitives::{Address, B256};
use mpp_core::{Asks, Method as _, Presented, RawCredential, Terms};
use mpp_evm::buyer::{Bill, BillError, Consent};
use mpp_evm::{Charge, ChargeBackend, CheckedCharge, CredentialType, Split};
use payment_core::{Denied, Refusal, Route, Timestamp, usd};
use payment_evm::{Authorization, EvmSignature};
use serde::Deserialize;
use serde_json::{Value, json};

use super::limits::skipped;
use super::shop::{Seen, Shop, Step, answer, step};
use super::terms::*;
use super::{Bench, NOW, signer};
use crate::{BuyerError, Contradiction, Proof, Skip};

const PARTNER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/// One cent, in OKX's words.
fn invited(splits: &[(&str, &str)]) -> Value {
    let mut request = charge();
    let mut details = json!({"chainId": super::CHAIN, "feePayer": true});
    if !splits.is_empty() {
        let entry = |(to, amount): &(&str, &str)| json!({"recipient": to, "amount": amount});
        details["splits"] = splits.iter().map(entry).collect();
    }
    request["methodDetails"] = details;
    request
}

fn offered(splits: &[(&str, &str)]) -> Step {
    mpp(&[challenge(&invited(splits))])
}

/// The receipt as one of OKX's sellers writes it.
fn served() -> Step {
    let file = vectors::load("okx_wire.json");
    let receipt = vectors::text(&file["mpp"]["receipt"], "header").to_owned();
    step(200, &[("payment-receipt", &receipt)])
}

fn payload(seen: &Seen) -> Value {
    let value = seen.header("authorization").unwrap();
    let raw = RawCredential::find([value.as_bytes()]).unwrap().unwrap();
    serde_json::from_str(raw.read().unwrap().payload.get()).unwrap()
}

/// Who gets how much, each signed by the buyer for the token, until a minute after the challenge.
fn transfers(payload: &Value) -> Vec<(String, u64)> {
    assert_eq!(payload["type"], "transaction");
    let first = &payload["authorization"];
    assert_eq!(first["type"], "eip-3009");
    let rest = first["splits"].as_array().map(Vec::as_slice);
    let mut nonces = Vec::new();
    let all = std::iter::once(first).chain(rest.unwrap_or_default());
    all.map(|transfer| {
        let authorization = Authorization::deserialize(transfer).unwrap();
        let signature = EvmSignature::from_hex(transfer["signature"].as_str().unwrap()).unwrap();
        let digest = authorization.digest(&usdc().domain());
        assert_eq!(signature.recover(&digest), Ok(signer().address()));
        assert_eq!(authorization.from, signer().address());
        assert!(authorization.valid_after.is_zero());
        assert_eq!(authorization.valid_before.to::<u64>(), NOW + 360);
        assert!(!nonces.contains(&authorization.nonce));
        nonces.push(authorization.nonce);
        let to = authorization.to.to_checksum(None);
        (to, authorization.value.to())
    })
    .collect()
}

#[tokio::test]
async fn a_seller_who_invites_them_is_paid_by_transfers() {
    let twice = [(PARTNER, "3000"), (PARTNER, "3000")];
    for (splits, legs) in [
        (&[][..], vec![(PAY_TO, 10_000)]),
        (&[(PARTNER, "1")], vec![(PAY_TO, 9_999), (PARTNER, 1)]),
        (
            &twice,
            vec![(PAY_TO, 4_000), (PARTNER, 3_000), (PARTNER, 3_000)],
        ),
    ] {
        let shop = Shop::open([offered(splits), served()]).await;
        let buyer = Bench::new().buyer();
        let reply = buyer.get(shop.url()).send().await.unwrap();
        let payment = reply.payment().unwrap();
        assert_eq!(payment.price(), usd!("0.01"));
        assert_eq!(payment.valid_until().seconds(), NOW + 360);
        assert!(payment.proof().receipt().is_some());
        assert_eq!(buyer.spent(), usd!("0.01"));
        let paid = transfers(&payload(&shop.seen()[1]));
        let legs: Vec<_> = legs.into_iter().map(|(to, n)| (to.to_owned(), n)).collect();
        assert_eq!(paid, legs);
    }
}

#[tokio::test]
async fn a_seller_who_names_types_gets_them_where_they_can_pay() {
    let named = |splits: &[(&str, &str)], names: Value| {
        let mut request = invited(splits);
        request["methodDetails"]["credentialTypes"] = names;
        challenge(&request)
    };
    let split = [(PARTNER, "1")];
    for (challenge, word) in [
        (named(&[], json!(["authorization"])), "authorization"),
        (named(&split, json!(["authorization"])), "transaction"),
        (named(&split, json!(["permit2"])), "transaction"),
    ] {
        let shop = Shop::open([mpp(&[challenge]), served()]).await;
        let buyer = Bench::new().buyer();
        let _ = buyer.get(shop.url()).send().await.unwrap();
        assert_eq!(payload(&shop.seen()[1])["type"], word);
    }
    let buyer = Bench::new().buyer();
    let hash_only = mpp(&[named(&[], json!(["hash"]))]);
    assert_eq!(skipped(&buyer, hash_only).await, [Skip::Transfer]);
}

#[tokio::test]
async fn an_invitation_to_sign_too_much_or_for_too_long_is_not_followed() {
    let buyer = Bench::new().buyer();
    let changed = |pointer: &str, value: Value| {
        let mut request = invited(&[]);
        *request.pointer_mut(pointer).unwrap() = value;
        challenge(&request)
    };
    let split = |splits: &[(&str, &str)]| challenge(&invited(splits));
    let ending = |seconds: u64| {
        let mut challenge = challenge(&invited(&[]));
        challenge.expires = Some(rfc3339(seconds));
        challenge
    };
    let mut endless = challenge(&invited(&[]));
    endless.expires = None;
    let silent = changed("/methodDetails/feePayer", json!(false));
    for (challenge, why) in [
        (split(&[(PARTNER, "10000")]), Skip::Split),
        (split(&[(PARTNER, "6000"), (PARTNER, "6000")]), Skip::Split),
        (split(&[(PARTNER, "0")]), Skip::Split),
        (split(&[(PARTNER, "1"); 11]), Skip::Split),
        // Ten cents are the most; the splits are within the amount.
        (changed("/amount", json!("100001")), Skip::AboveLimit),
        (changed("/currency", json!(PARTNER)), Skip::Token),
        (changed("/methodDetails/chainId", json!(1)), Skip::Network),
        (
            changed("/methodDetails/feePayer", json!("true")),
            Skip::Unreadable,
        ),
        // An hour, counted with the minute that it is signed for beyond the challenge.
        (ending(NOW + 3541), Skip::TooLong),
        (ending(NOW + 365 * 86_400), Skip::TooLong),
        (ending(NOW), Skip::Expired),
        (ending(NOW - 30), Skip::Expired),
        (endless, Skip::NoExpiry),
        (silent, Skip::Transfer),
    ] {
        let found = skipped(&buyer, mpp(std::slice::from_ref(&challenge))).await;
        assert_eq!(found, [why], "{challenge:?}");
    }
    assert!(buyer.spent().is_zero());
    let shop = Shop::open([mpp(&[ending(NOW + 3540)]), served()]).await;
    let _ = buyer.get(shop.url()).send().await.unwrap();
}

#[tokio::test]
async fn while_the_outcome_is_open_the_same_transfers_are_sent_again() {
    let split = [(PARTNER, "1")];
    let shop = Shop::open([
        offered(&split),
        step(503, &[("retry-after", "1")]),
        Step::HangUp,
        served(),
    ])
    .await;
    let buyer = Bench::new().buyer();
    let reply = buyer.get(shop.url()).send().await.unwrap();
    assert!(reply.payment().unwrap().proof().receipt().is_some());
    assert_eq!(buyer.spent(), usd!("0.01"));
    let seen = shop.seen();
    let sent = |at: usize| seen[at].header("authorization").unwrap().clone();
    assert_eq!((sent(1), sent(1)), (sent(2), sent(3)));
}

#[tokio::test]
async fn other_splits_in_a_second_challenge_get_no_second_signature() {
    let shop = Shop::open([offered(&[]), offered(&[(PARTNER, "9999")]), served()]).await;
    let buyer = Bench::new().buyer();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    assert!(matches!(error, BuyerError::Refused { .. }), "{error:?}");
    assert_eq!(shop.seen().len(), 2);
    assert_eq!(buyer.spent(), usd!("0.01"));
}

#[tokio::test]
async fn a_receipt_of_another_form_is_told_and_does_not_pay_again() {
    let form = r#"Payment id="a", status="success", method="evm", intent="charge""#;
    let paid = Step::Answer(answer(200, &[("payment-receipt", form)], "sunny"));
    let shop = Shop::open([offered(&[]), paid]).await;
    let buyer = Bench::new().buyer();
    let reply = buyer.get(shop.url()).send().await.unwrap();
    let unreadable = Proof::Contradicts(Contradiction::Unreadable);
    assert_eq!(reply.payment().unwrap().proof(), &unreadable);
    assert_eq!(reply.into_response().text().await.unwrap(), "sunny");
    assert_eq!((shop.seen().len(), buyer.spent()), (2, usd!("0.01")));
}

#[tokio::test]
async fn credentials_stay_out_of_debug() {
    let shop = Shop::open([offered(&[]), step(503, &[])]).await;
    let bench = Bench::new();
    let patience = crate::Patience::default().tries(1);
    let buyer = bench.builder().patience(patience).build().unwrap();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let seen = shop.seen();
    let signature = payload(&seen[1])["authorization"]["signature"].clone();
    let header = seen[1].text("authorization").unwrap();
    let text = format!("{error:?} {buyer:?}");
    assert!(!text.contains(signature.as_str().unwrap()) && !text.contains(header));
}

/// A seller's till that looks no further than the signatures.
struct Till {
    drafts: bool,
}

impl ChargeBackend for Till {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        self.drafts || kind == CredentialType::Transfers
    }
    fn sender(&self) -> Option<Address> {
        None
    }
    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(())
    }
    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(B256::ZERO)
    }
    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(B256::ZERO)
    }
}

/// Whether our own seller takes what the buyer has sent.
fn is_taken(terms: &dyn Terms, seen: &Seen, lifetime: u64) -> Result<(), Refusal> {
    let value = seen.header("authorization").unwrap();
    let raw = RawCredential::find([value.as_bytes()]).unwrap().unwrap();
    let credential = raw.read().unwrap();
    let mut payment = terms.bind(Presented {
        challenge: &credential.challenge,
        issued: Timestamp::from_seconds(NOW),
        expires: Timestamp::from_seconds(NOW + lifetime),
        source: credential.source.as_deref(),
        payload: credential.payload,
        now: Timestamp::from_seconds(NOW),
        margin_seconds: 6,
        asks: Asks::Content,
        idempotency_key: None,
    })?;
    payment.in_time()?;
    payment.check()
}

#[tokio::test]
async fn our_own_sellers_are_paid_whatever_they_ask_for() {
    let part = || Split::new(PARTNER.parse().unwrap(), usd!("0.0001")).memo("a share");
    let plain = || Charge::okx(usdc(), PAY_TO.parse().unwrap());
    let charges = [plain(), plain().external_id("order 7")];
    for (drafts, splits, lifetime) in [
        (true, 0, 300),
        (true, 0, 3540),
        (false, 0, 300),
        (true, 1, 60),
        (false, 1, 300),
        (false, 10, 3540),
    ] {
        for charge in charges.clone() {
            let charge = (0..splits).fold(charge, |charge, _| charge.split(part()));
            let charge = charge.settle_with(Till { drafts });
            let route = Route::priced(usd!("0.01")).description("a «word»");
            let terms = charge.terms(&route).unwrap();
            let mut challenge = challenge(&terms.request().clone().into());
            challenge.expires = Some(rfc3339(NOW + lifetime));
            let shop = Shop::open([mpp(&[challenge]), served()]).await;
            let _ = Bench::new().buyer().get(shop.url()).send().await.unwrap();
            let taken = is_taken(&*terms, &shop.seen()[1], lifetime);
            taken.unwrap_or_else(|no| panic!("{drafts} {splits} {lifetime}: {no:?}"));
        }
    }
}

/// A seller takes nothing that ends sooner than a minute after the challenge: what we would cut
/// short is not signed at all.
#[tokio::test]
async fn a_challenge_of_a_whole_day_gets_no_transfers_that_nobody_takes() {
    let mut challenge = challenge(&invited(&[]));
    challenge.expires = Some(rfc3339(NOW + 86_400));
    let bill = Bill::read(&challenge, &[]).unwrap();
    let consent = Consent::up_to(bill.amount(), Timestamp::from_seconds(NOW));
    let signed = bill.transfers(&signer(), consent).await;
    assert!(matches!(signed, Err(BillError::CannotPay(_))), "{signed:?}");
    let before = Timestamp::from_seconds(NOW + 60);
    let consent = Consent::up_to(bill.amount(), before);
    assert!(bill.transfers(&signer(), consent).await.is_ok());
}
