#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::super::fixture::*;
use super::super::{Session, escrow_domain};
use super::*;
use payment_core::Tariff;

/// Presents a voucher for content, and settles.
fn buy(session: &Session<NeverAsked>, payload: &Value) -> Result<Settled, Denied> {
    let terms = terms(session, tariff());
    let mut payment = bind(&*terms, payload, None, NOW, Asks::Content)?;
    payment.in_time()?;
    payment.check()?;
    at_once(payment.verify())?;
    at_once(payment.settle())
}

fn books(session: &Session<NeverAsked>) -> Channel {
    let loaded = at_once(session.ledger().load(opening().id()));
    loaded.unwrap().unwrap()
}

fn code(denied: Result<Settled, Denied>) -> String {
    match denied {
        Err(Denied::Refused(refusal)) => refusal.problem().code.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

/// A voucher whose signature no curve operation lets through: there is no point above its `r`.
fn unprovable(cumulative: u128) -> (Value, SignedVoucher) {
    let payload = with(&voucher(cumulative), "/signature", json!(of_nobody()));
    let signature = payment_evm::EvmSignature::from_hex(&of_nobody()).unwrap();
    let signed = SignedVoucher {
        cumulative,
        signature,
    };
    (payload, signed)
}

/// The key that the payer's vouchers are verified by.
fn key() -> payment_evm::PublicKey {
    let id = opening().id();
    let voucher = Voucher {
        channel: id,
        cumulative: 1,
    };
    let digest = voucher.digest(&escrow_domain(CHAIN, ESCROW));
    let signature = payment_evm::EvmSignature::from_hex(&voucher_by(&payer(), 1)).unwrap();
    signature.recover_key(&digest).unwrap().1
}

#[test]
fn the_voucher_that_was_accepted_last_costs_no_curve_operation() {
    let (payload, signed) = unprovable(500);
    // Neither recovery nor verification lets it through.
    for key in [None, Some(key())] {
        let session = session();
        let mut channel = channel();
        channel.key = key;
        with_channel(&session, channel);
        let code = code(buy(&session, &payload));
        assert_eq!(code, "session_invalid_signature");
    }
    // As if it had been proven before: whoever looked at the signature again would refuse it.
    let session = session();
    let mut channel = channel();
    channel.key = Some(key());
    channel.accepted = 500;
    channel.voucher = Some(signed);
    with_channel(&session, channel);
    for spent in [100, 200, 300, 400, 500] {
        buy(&session, &payload).unwrap();
        assert_eq!(books(&session).spent(), spent);
    }
    assert_eq!(
        code(buy(&session, &payload)),
        "session_insufficient_balance"
    );
    // Byte for byte: another amount or another signature is looked at.
    let more = with(&payload, "/cumulativeAmount", json!("600"));
    assert_eq!(code(buy(&session, &more)), "session_invalid_signature");
    let less = with(&payload, "/cumulativeAmount", json!("400"));
    assert_eq!(code(buy(&session, &less)), "session_invalid_signature");
    let other_v = of_nobody().replace("1b", "1c");
    assert_ne!(other_v, of_nobody());
    let other_v = with(&payload, "/signature", json!(other_v));
    assert_eq!(code(buy(&session, &other_v)), "session_invalid_signature");
    assert_eq!(books(&session).accepted(), 500);
}

#[test]
fn a_voucher_is_accepted_recovered_first_and_verified_later() {
    let session = session();
    with_channel(&session, channel());
    assert_eq!(books(&session).key, None);
    buy(&session, &voucher(100)).unwrap();
    assert_eq!(books(&session).key, Some(key()));
    buy(&session, &voucher(200)).unwrap();
    let known = books(&session);
    assert_eq!(
        (known.accepted(), known.spent(), known.units()),
        (200, 200, 2)
    );
    assert!(known.holds().is_empty());
    // Somebody else's is refused by the key as it is by recovery.
    let theirs = with(
        &voucher(300),
        "/signature",
        json!(voucher_by(&other(), 300)),
    );
    assert_eq!(code(buy(&session, &theirs)), "session_signer_mismatch");
    assert_eq!(books(&session), known);
}

#[test]
fn requests_hold_by_numbers_of_their_own() {
    let session = session();
    with_channel(&session, channel());
    let terms = terms(&session, tariff());
    let mut payments = Vec::new();
    for _ in 0..32 {
        let mut payment = bind(&*terms, &voucher(3_200), None, NOW, Asks::Content).unwrap();
        payment.check().unwrap();
        at_once(payment.verify()).unwrap();
        payments.push(payment);
    }
    let mut numbers: Vec<_> = books(&session).holds().iter().map(|hold| hold.id).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 32);
    assert_eq!(books(&session).available(NOW), 0);
    for (at, mut payment) in payments.into_iter().enumerate() {
        match at % 2 {
            0 => drop(at_once(payment.settle()).unwrap()),
            _ => at_once(payment.release()),
        }
    }
    let known = books(&session);
    assert!(known.holds().is_empty());
    assert_eq!((known.spent(), known.units()), (1_600, 16));
}

#[test]
fn a_voucher_for_nothing_but_itself_is_accepted_and_charges_nothing() {
    let session = session();
    with_channel(&session, channel());
    let terms = terms(&session, tariff());
    let mut payment = bind(&*terms, &voucher(700), None, NOW, Asks::Nothing).unwrap();
    assert!(matches!(payment.purpose(), Purpose::Management));
    payment.check().unwrap();
    at_once(payment.verify()).unwrap();
    let settled = at_once(payment.settle()).unwrap();
    assert!(settled.answer.is_none(), "204");
    let known = books(&session);
    assert_eq!((known.accepted(), known.spent()), (700, 0));
}

#[test]
fn a_receipt_says_how_the_channel_stands() {
    let session = session();
    with_channel(&session, channel());
    let settled = buy(&session, &voucher(250)).unwrap();
    let receipt = mpp_core::Receipt::of(settled, crate::METHOD, "challenge", NOW);
    let id = opening().id().to_string();
    let expected = json!({
        "method": "evm", "intent": "session", "status": "success",
        "timestamp": "2025-04-01T15:56:40Z", "reference": id, "challengeId": "challenge",
        "channelId": id, "acceptedCumulative": "250", "spent": "100", "chainId": 196, "units": 1,
    });
    assert_eq!(Value::Object(receipt.to_object()), expected);
}

#[test]
fn a_channel_of_another_venue_pays_for_nothing_here() {
    for change in [
        |venue: &mut super::super::Venue| venue.payee = TOKEN,
        |venue: &mut super::super::Venue| venue.token = PAYEE,
        |venue: &mut super::super::Venue| venue.escrow = PAYEE,
        |venue: &mut super::super::Venue| venue.chain_id = 1,
    ] {
        let session = session();
        let mut channel = channel();
        change(&mut channel.venue);
        with_channel(&session, channel);
        assert_eq!(
            code(buy(&session, &voucher(100))),
            "session_channel_not_found"
        );
    }
}

#[test]
fn each_step_that_the_channel_refuses_has_its_problem() {
    let with_books = |change: fn(&mut Channel)| {
        let session = session().min_voucher_delta(payment_core::usd!("0.0001"));
        let mut channel = channel();
        change(&mut channel);
        with_channel(&session, channel);
        session
    };
    for (change, cumulative, expected) in [
        ((|_| {}) as fn(&mut Channel), 99, "session_delta_too_small"),
        (|_| {}, 10_000_001, "session_amount_exceeds_deposit"),
        (
            |channel| channel.spent = 100,
            100,
            "session_insufficient_balance",
        ),
        (
            |channel| channel.finalized = true,
            100,
            "session_channel_finalized",
        ),
        (
            |channel| channel.close_requested_at = 1,
            100,
            "session_channel_finalized",
        ),
        (
            |channel| channel.closing_until = Some(NOW),
            100,
            "session_channel_finalized",
        ),
    ] {
        let session = with_books(change);
        assert_eq!(code(buy(&session, &voucher(cumulative))), expected);
    }
}

/// Names of channels are public: who has proven nothing has the chain asked nothing.
#[test]
fn t60_a_signature_is_looked_at_before_the_chain_is() {
    let stale = || {
        let session = session();
        let mut channel = channel();
        channel.seen_at = Timestamp::default();
        with_channel(&session, channel);
        session
    };
    let present = |payload: &Value, asks| {
        let session = stale();
        let terms = terms(&session, tariff());
        let mut payment = bind(&*terms, payload, None, NOW, asks)?;
        payment.check()?;
        at_once(payment.verify())?;
        at_once(payment.settle())
    };
    let asked = |outcome| match outcome {
        Err(Denied::Failed(fault)) => assert_eq!(fault.code(), "escrow_asked"),
        other => panic!("the chain was not asked: {other:?}"),
    };
    let of_other = json!(voucher_by(&other(), 100));
    for payload in [voucher(100), close(100)] {
        for asks in [Asks::Content, Asks::Nothing] {
            asked(present(&payload, asks));
            let theirs = with(&payload, "/signature", of_other.clone());
            assert_eq!(code(present(&theirs, asks)), "session_signer_mismatch");
        }
    }
}

#[test]
fn only_a_signature_proves_who_pays() {
    let session = session();
    let terms = terms(&session, tariff());
    let source = format!("did:pkh:eip155:{CHAIN}:{PAYER}");
    for (payload, proven) in [
        (open_by_authorization(), true),
        (open_by_permit(), true),
        (open_by_hash(), false),
        (top_up_by_authorization(), true),
        (top_up_by_permit(), true),
        (top_up_by_hash(), false),
    ] {
        let mut payment = bind(&*terms, &payload, Some(&source), NOW, Asks::Content).unwrap();
        assert_eq!(payment.payer(), None);
        payment.check().unwrap();
        let expected = proven.then(|| Account::from(PAYER));
        assert_eq!(payment.payer(), expected.as_ref(), "{payload}");
    }
}

/// A stream whose handler is slow must not last longer than it could be paid.
#[test]
fn t69_a_stream_lasts_until_another_takes_over_or_the_channel_closes() {
    let session = session();
    with_channel(&session, channel());
    let route = Tariff::per("token", payment_core::usd!("0.0001"));
    let terms = terms(&session, route);
    let begin = || {
        let mut payment = bind(&*terms, &voucher(200), None, NOW, Asks::Content).unwrap();
        payment.check().unwrap();
        at_once(payment.verify()).unwrap();
        let Purpose::Metered(meter) = payment.purpose() else {
            panic!("not metered")
        };
        let mut tab = meter.stream().unwrap();
        assert!(!at_once(tab.lasts()), "it has not begun");
        at_once(payment.settle()).unwrap();
        assert!(at_once(tab.lasts()));
        tab
    };
    let mut first = begin();
    let mut second = begin();
    assert!(!at_once(first.lasts()));
    assert!(at_once(second.lasts()));
    let until = NOW.plus(std::time::Duration::from_secs(60));
    let close = |channel: &Channel| Ok((channel.begin_close(None, until, NOW)?.0, ()));
    at_once(session.ledger().apply(opening().id(), close)).unwrap();
    assert!(!at_once(second.lasts()));
    assert_eq!(books(&session).spent(), 0);
}

/// What was set aside before the seller changed the price is what the request costs.
#[test]
fn t71_a_request_costs_what_was_set_aside_for_it() {
    for price in [payment_core::usd!("0.0001"), payment_core::usd!("0.0003")] {
        let session = session();
        with_channel(&session, channel());
        let keyed = |price| {
            let terms = terms(&session, payment_core::Route::priced(price));
            bind_keyed(&*terms, &voucher(1_000), "one").unwrap()
        };
        let mut first = keyed(payment_core::usd!("0.0002"));
        first.check().unwrap();
        at_once(first.verify()).unwrap();
        let mut again = keyed(price);
        again.check().unwrap();
        at_once(again.reconcile(&[])).unwrap();
        let known = books(&session);
        assert_eq!((known.spent(), known.holds().len()), (200, 0));
    }
}

/// Whoever pays for little, or for a stream and reads none of it, takes a place of the guard.
#[test]
fn t120_a_key_is_not_remembered_for_long() {
    let session = session();
    let terms = terms(&session, tariff());
    let keyed = bind_keyed(&*terms, &voucher(100), "one").unwrap();
    assert_eq!(keyed.keys().len(), 1);
    assert!(keyed.keep_until() <= NOW.plus(std::time::Duration::from_secs(600)));
    // Nothing else of a session takes one.
    for payload in [
        voucher(100),
        close(100),
        open_by_permit(),
        top_up_by_permit(),
    ] {
        let payment = bind(&*terms, &payload, None, NOW, Asks::Content).unwrap();
        assert!(payment.keys().is_empty());
    }
}
