#![allow(clippy::unwrap_used)]

use alloy_primitives::address;
use payment_core::usd;
use serde_json::json;

use super::*;

const SELLER: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
const NOW: Timestamp = Timestamp::from_seconds(1_740_672_000);

fn scheme() -> AggrDeferred {
    AggrDeferred::new(Token::by_symbol(196, "USDT0").unwrap(), SELLER)
}

fn raw(json: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(json).unwrap()
}

fn bind(scheme: &AggrDeferred, valid_before: &str, version: Version) -> Result<Bound, Refusal> {
    let offer = scheme.offer(&Route::priced(usd!("0.01"))).unwrap();
    let payload = raw(&json!({
        "signature": STANDARD.encode([1; 64]),
        "authorization": {
            "from": Address::repeat_byte(2), "to": SELLER, "value": "10000",
            "validAfter": "0", "validBefore": valid_before, "nonce": U256::ONE.to_be_bytes::<32>()
                .iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        },
    }));
    let extra = raw(&json!({ "sessionCert": "YWJj" }));
    let presented = Presented::new(&offer, version, &payload, NOW).echoing(Some(&extra));
    let mut payment = scheme.bind(presented)?;
    payment.check()?;
    assert_eq!(payment.payload().get(), payload.get(), "to the last byte");
    Ok(payment)
}

type Bound = Box<dyn SchemePayment>;

#[test]
fn a_check_proves_nobody() {
    let payment = bind(&scheme(), "1740680000", Version::V2).unwrap();
    assert_eq!(payment.payer(), None);
    let wallet = Account::from(Address::repeat_byte(2));
    assert_eq!(payment.claimed_payer(), Some(&wallet));
    assert_eq!(payment.settlement(), Settlement::Batch);
    assert_eq!(payment.keys().len(), 2);
}

#[test]
fn version_1_is_refused_whoever_asks() {
    let answer = bind(&scheme(), "1740680000", Version::V1);
    let refusal = answer.err().unwrap();
    assert_eq!(refusal.problem().code, "invalid_x402_version");
}

#[test]
fn a_payment_is_kept_until_it_ends_or_may_be_forgotten() {
    let day = NOW.plus(DAY);
    let hour = Duration::from_secs(3600);
    let ever = U256::MAX.to_string();
    for (scheme, valid_before, until) in [
        (
            scheme(),
            "1740672100",
            Timestamp::from_seconds(1_740_672_100),
        ),
        (scheme(), "1740758400", day),
        (scheme(), "1740758401", day),
        (scheme(), &*ever, day),
        (scheme().remember_for(hour), &*ever, NOW.plus(hour)),
    ] {
        let payment = bind(&scheme, valid_before, Version::V2).unwrap();
        assert_eq!(payment.keep_until(), until, "{valid_before}");
    }
}

#[test]
fn what_can_not_be_charged_or_remembered_is_not_configured() {
    let route = || Route::priced(usd!("0.01")).pay_within(Duration::from_secs(60));
    let brief = |seconds| scheme().remember_for(Duration::from_secs(seconds));
    assert!(brief(60).offer(&route()).is_ok());
    assert!(brief(59).offer(&route()).is_err());
    assert!(scheme().offer(&Route::priced(usd!("0.0000001"))).is_err());
    let token = Token::by_symbol(196, "USDT0").unwrap();
    let nobody = AggrDeferred::new(token, Address::ZERO);
    assert!(nobody.offer(&route()).is_err());
}
