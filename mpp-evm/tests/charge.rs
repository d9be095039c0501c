//! What a route asks for, and what can't be asked for.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256};
use mpp_core::Method;
use mpp_evm::{Charge, ChargeBackend, CheckedCharge, CredentialType, Split};
use payment_core::{ConfigError, Denied, Money, Route, usd};
use payment_evm::{Token, TransferMethod};
use serde_json::{Value, json};
use std::time::Duration;
use support::*;

fn request(charge: &impl Method) -> Value {
    terms(charge).request().clone().into()
}

fn refused(charge: &impl Method, route: &Route) -> String {
    charge.terms(route).err().unwrap().to_string()
}

#[test]
fn a_plain_charge_asks_for_an_authorization() {
    let charge = charge();
    assert_eq!((charge.method(), charge.intent()), ("evm", "charge"));
    assert_eq!(
        request(&charge),
        json!({
            "amount": "1000000",
            "currency": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
            "recipient": "0x742d35Cc6634c0532925a3b844bC9e7595F8fE00",
            "methodDetails": {"chainId": 8453, "credentialTypes": ["authorization"], "decimals": 6},
        })
    );
}

#[test]
fn permits_advertise_their_spender_and_contract() {
    let charge = charge()
        .credential_types([CredentialType::Permit2])
        .split(Split::new(STRANGER, usd!("0.05")).memo("fee"))
        .external_id("order-7");
    let terms = charge
        .terms(&Route::priced(usd!("1")).description("one call"))
        .unwrap();
    assert_eq!(
        Value::from(terms.request().clone()),
        json!({
            "amount": "1000000",
            "currency": usdc().address.to_checksum(None),
            "recipient": RECIPIENT.to_checksum(None),
            "description": "one call",
            "externalId": "order-7",
            "methodDetails": {
                "chainId": 8453,
                "credentialTypes": ["permit2"],
                "decimals": 6,
                "permit2Address": "0x000000000022D473030F116dDEE9F6B43aC78BA3",
                "spender": SENDER.to_checksum(None),
                "splits": [{"recipient": STRANGER.to_checksum(None), "amount": "50000", "memo": "fee"}],
            },
        })
    );
}

/// A shop that takes OKX's buyers.
fn okx() -> Charge {
    Charge::okx(usdc(), RECIPIENT)
}

#[test]
fn a_route_of_both_flavours_speaks_the_words_of_both() {
    let asked = request(&okx().settle_with(Yes));
    let details = json!({
        "chainId": 8453, "credentialTypes": ["authorization"], "decimals": 6, "feePayer": true,
    });
    assert_eq!(asked["methodDetails"], details);
    // What is named keeps its order, and a flavour is asked for by naming its types.
    let types = [CredentialType::Hash, CredentialType::Transfers];
    let named = request(&charge().credential_types(types));
    assert_eq!(named["methodDetails"]["credentialTypes"], json!(["hash"]));
    assert_eq!(named["methodDetails"]["feePayer"], json!(true));
    let hash = request(&charge().credential_types([CredentialType::Hash]));
    assert_eq!(hash["methodDetails"].get("feePayer"), None);
    assert_eq!(
        hash,
        request(
            &okx()
                .credential_types([CredentialType::Hash])
                .settle_with(Yes)
        )
    );
}

#[test]
fn a_route_of_okxs_flavour_alone_says_nothing_in_the_drafts_words() {
    let split = || Split::new(STRANGER, usd!("0.1"));
    let details = |charge: &dyn Method| {
        let terms = charge.terms(&Route::priced(usd!("1"))).unwrap();
        terms.request()["methodDetails"].clone()
    };
    let alone = json!({"chainId": 8453, "feePayer": true});
    let transfers = charge().credential_types([CredentialType::Transfers]);
    assert_eq!(details(&transfers), alone);
    // A backend that settles OKX's form alone leaves nothing of the draft's.
    assert_eq!(details(&okx().settle_with(OnlyTransfers)), alone);
    let splits = json!([{"recipient": STRANGER.to_checksum(None), "amount": "100000"}]);
    let divided = json!({"chainId": 8453, "feePayer": true, "splits": splits});
    let charge = okx().split(split()).settle_with(Yes);
    assert_eq!(details(&charge), divided);
    // Permits can be asked for beside it.
    let both = [CredentialType::Permit2, CredentialType::Transfers];
    let charge = okx().split(split()).credential_types(both).settle_with(Yes);
    let details = details(&charge);
    assert_eq!(details["credentialTypes"], json!(["permit2"]));
    assert_eq!(details["feePayer"], json!(true));
}

#[test]
fn okxs_flavour_is_off_unless_it_is_asked_for() {
    let plain = terms(&charge());
    assert_eq!(plain.request()["methodDetails"].get("feePayer"), None);
    // Nor is it taken for want of another.
    let bridged = usdc().transfer(TransferMethod::Permit2);
    let bridged = Charge::okx(bridged, RECIPIENT).settle_with(Yes);
    let route = Route::priced(usd!("1"));
    assert!(refused(&bridged, &route).contains("no authorizations"));
    let narrow = okx()
        .split(Split::new(STRANGER, usd!("0.1")))
        .settle_with(OnlyTransfers);
    assert!(refused(&narrow, &route).contains("can't settle"));
}

/// Settles transfers in OKX's form, in one part, and nothing else.
struct OnlyTransfers;

impl ChargeBackend for OnlyTransfers {
    fn takes(&self, _: u64, kind: CredentialType, legs: usize) -> bool {
        kind == CredentialType::Transfers && legs == 1
    }
    fn sender(&self) -> Option<Address> {
        None
    }
    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(())
    }
    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
}

#[test]
fn types_keep_the_sellers_order_and_hash_is_never_there_unasked() {
    let types = [CredentialType::Permit2, CredentialType::Authorization];
    let listed = request(&charge().credential_types(types));
    assert_eq!(
        listed["methodDetails"]["credentialTypes"],
        json!(["permit2", "authorization"])
    );
    let splits = request(&charge().split(Split::new(STRANGER, usd!("0.1"))));
    assert_eq!(
        splits["methodDetails"]["credentialTypes"],
        json!(["permit2"])
    );
    let terms = terms(&charge());
    let hash = json!({"type": "hash", "hash": B256::ZERO.to_string()});
    let case = Case::of(hash).from(did(8453, payer().address()));
    assert_refused("hash", &case, &*terms, "invalid-payload", "not offered");
}

#[test]
fn what_can_not_be_charged_exactly_is_not_offered() {
    let route = |text: &str| Route::priced(Money::from_decimal(text).unwrap());
    assert!(matches!(
        charge().terms(&route("0.0000001")).err(),
        Some(ConfigError::Price(_))
    ));
    assert!(matches!(
        charge().terms(&route("0")).err(),
        Some(ConfigError::ZeroPrice)
    ));
    let split = charge().split(Split::new(STRANGER, usd!("0.0000001")));
    assert!(matches!(
        split.terms(&route("1")).err(),
        Some(ConfigError::Price(_))
    ));
}

#[test]
fn splits_leave_the_recipient_something_and_number_ten_at_most() {
    let route = Route::priced(usd!("0.11"));
    let split = |count: usize| {
        (0..count).fold(charge(), |charge, _| {
            charge.split(Split::new(STRANGER, usd!("0.01")))
        })
    };
    assert!(split(10).terms(&route).is_ok());
    assert!(refused(&split(11), &Route::priced(usd!("1"))).contains("more than ten"));
    assert!(refused(&split(10), &Route::priced(usd!("0.10"))).contains("nothing"));
    let long = charge().split(Split::new(STRANGER, usd!("0.01")).memo("m".repeat(257)));
    assert!(refused(&long, &route).contains("256"));
}

#[test]
fn types_that_can_not_work_are_refused_when_the_route_is_built() {
    use CredentialType::{Authorization, Hash, Permit2, Transfers};
    let route = Route::priced(usd!("1"));
    let split = || charge().split(Split::new(STRANGER, usd!("0.1")));
    let bridged = || {
        let token = usdc().transfer(TransferMethod::Permit2);
        Charge::new(token, RECIPIENT).settle_with(Yes)
    };
    for (charge, words) in [
        (charge().credential_types([]), "none is named"),
        (charge().credential_types([Hash, Hash]), "twice"),
        (
            split().credential_types([Authorization, Permit2]),
            "only permit2",
        ),
        (split().credential_types([Authorization]), "only permit2"),
        (split().credential_types([Hash]), "only permit2"),
        (split().credential_types([Transfers, Hash]), "only permit2"),
        (charge().credential_types([Transfers, Transfers]), "twice"),
        (bridged().credential_types([Transfers]), "no authorizations"),
        (
            bridged().credential_types([Authorization]),
            "no authorizations",
        ),
        (bridged(), "no authorizations"),
    ] {
        assert!(refused(&charge, &route).contains(words), "{words}");
    }
    assert!(bridged().credential_types([Permit2]).terms(&route).is_ok());
}

#[test]
fn hashes_need_a_bound_on_the_time_to_pay() {
    let charge = charge().credential_types([CredentialType::Hash]);
    let within = |seconds| Route::priced(usd!("1")).pay_within(Duration::from_secs(seconds));
    assert!(charge.terms(&within(24 * 3600)).is_ok());
    assert!(refused(&charge, &within(24 * 3600 + 1)).contains("a day"));
}

/// Settles authorizations on one chain, and nothing else.
struct Narrow;

impl ChargeBackend for Narrow {
    fn takes(&self, chain_id: u64, kind: CredentialType, _: usize) -> bool {
        chain_id == 8453 && kind != CredentialType::Hash
    }
    fn sender(&self) -> Option<Address> {
        None
    }
    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Ok(())
    }
    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Ok(SETTLED_BY)
    }
}

#[test]
fn a_backend_that_can_not_settle_it_is_found_out_when_the_route_is_built() {
    let route = Route::priced(usd!("1"));
    let narrow = |token| Charge::new(token, RECIPIENT).settle_with(Narrow);
    assert!(narrow(usdc()).terms(&route).is_ok());
    let elsewhere = narrow(Token::default_on(84532).unwrap());
    assert!(refused(&elsewhere, &route).contains("on this chain"));
    let hash = narrow(usdc()).credential_types([CredentialType::Hash]);
    assert!(refused(&hash, &route).contains("can't settle"));
    let permit = narrow(usdc()).credential_types([CredentialType::Permit2]);
    assert!(refused(&permit, &route).contains("spend permits"));
}

#[test]
fn a_claimed_sender_does_not_count_as_the_payer() {
    // What counts against a payer is what that payer has signed: anybody can name anybody.
    let terms = terms(&charge().credential_types([CredentialType::Hash]));
    let payload = json!({"type": "hash", "hash": B256::repeat_byte(0xAB).to_string()});
    let case = Case::of(payload).from(did(8453, payer().address()));
    assert_eq!(case.judge(&*terms).unwrap().payer(), None);
}

#[test]
fn a_hash_needs_its_source_and_is_kept_long() {
    let terms = terms(&charge().credential_types([CredentialType::Hash]));
    let payload = json!({"type": "hash", "hash": B256::repeat_byte(0xAB).to_string()});
    let case = Case::of(payload.clone());
    assert_refused("nobody", &case, &*terms, "malformed-credential", "source");
    let elsewhere = case.clone().from(did(1, payer().address()));
    assert_refused(
        "elsewhere",
        &elsewhere,
        &*terms,
        "verification-failed",
        "source",
    );
    let case = case.from(did(8453, payer().address()));
    let payment = case.judge(&*terms).unwrap();
    assert_eq!(payment.keep_until().seconds(), EXPIRES + 48 * 3600);
    // One key, however the hash is spelled.
    let upper = payload["hash"]
        .as_str()
        .unwrap()
        .to_uppercase()
        .replace("0X", "0x");
    let shouted = Case::of(json!({"type": "hash", "hash": upper})).from(did(8453, STRANGER));
    assert_eq!(shouted.judge(&*terms).unwrap().keys(), payment.keys());
}

#[test]
fn settling_alone_proves_what_it_moves_and_no_transfer_of_before() {
    let authorization = Case::of(signed(&honest()));
    let payment = authorization.judge(&*terms(&charge())).unwrap();
    assert!(payment.is_proven_by_settling());
    let hashes = terms(&charge().credential_types([CredentialType::Hash]));
    let payload = json!({"type": "hash", "hash": B256::repeat_byte(0xAB).to_string()});
    let hash = Case::of(payload).from(did(8453, payer().address()));
    assert!(!hash.judge(&*hashes).unwrap().is_proven_by_settling());
}
