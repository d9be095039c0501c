//! Each fault at a charge: what the buyer reads, how often the handler runs, what is on the chain,
//! and what the same credential gets once OKX is well again.

use std::sync::Arc;
use std::time::Duration;

use devnet::okx::{Act, Endpoint, Repeats};
use gateways::okx::Compat;
use mpp_evm::CredentialType;
use serde_json::json;
use tokio::sync::Notify;

use crate::charges::{legs, split};
use crate::faults::{self, BUSY, Done, Fault, NO, ODD, PENDING, REFUSALS, Undone, Work, refuse};
use crate::kitchen::Mood;
use crate::purse::{BOTH, Words, header};
use crate::shop::{CENT, Header, Plan, Shop};

const SETTLE: Endpoint = Endpoint::ChargeSettle;
const VERIFY: Endpoint = Endpoint::ChargeVerifyHash;

/// Pays while the fault happens, then again with the same credential: a price, a meal, once.
async fn pays_once(shop: &Shop, path: &str, paid: &Header, fault: &Fault, word: &str) {
    let (runs, sold) = (shop.kitchen.runs(), shop.balance(shop.seller()));
    // A route that settles first runs no handler for what is not settled.
    let cooked = usize::from(path != "/first");
    fault.order(&shop.okx, SETTLE);
    let first = shop.get(path, std::slice::from_ref(paid)).await;
    shop.okx.heal();
    let name = format!("{} on {path}", fault.name);
    assert_eq!(first.word(), word, "{name}");
    let moved = match fault.work {
        Work::Done => CENT,
        Work::Undone => 0,
    };
    assert_eq!(shop.balance(shop.seller()) - sold, moved, "{name}: moved");
    if word == "200" {
        first.served();
        assert_eq!(shop.kitchen.runs() - runs, 1, "{name}");
    } else {
        first.is_a_no();
        assert_eq!(shop.kitchen.runs() - runs, cooked, "{name}");
        let second = shop.settled(path, paid).await;
        assert_eq!(second.status, 200, "{name}: {}", second.word());
        second.served();
        assert_eq!(shop.kitchen.runs() - runs, cooked + 1, "{name}");
    }
    let runs = shop.kitchen.runs();
    let again = shop.settled(path, paid).await;
    assert_eq!(again.status, 402, "{name}: {}", again.word());
    again.is_a_no();
    assert_eq!(shop.kitchen.runs(), runs, "{name}");
    let sold = shop.balance(shop.seller()) - sold;
    assert_eq!(sold, CENT, "{name}: paid once");
}

/// All rows, in both forms of the credential and on both kinds of routes.
async fn all_pay_once(compat: Compat, rows: Vec<(Fault, String)>) {
    let shop = Shop::planned(Plan {
        compat,
        ..Plan::default()
    })
    .await;
    let mut sold = 0;
    for (number, (fault, word)) in rows.iter().enumerate() {
        for words in BOTH {
            let path = ["/cheap", "/first"][(number + words as usize) % 2];
            // In OKX's form nothing but the nonce tells one payment from another.
            let paid = shop.charged_by(words, path, sold).await;
            pays_once(&shop, path, &paid, fault, word).await;
            sold += 1;
        }
    }
    shop.holds(CENT * u128::from(sold), 0, 0);
}

impl Shop {
    async fn charged_by(&self, words: Words, path: &str, number: u32) -> Header {
        let challenge = self.challenge("charge", path).await;
        let payload = match words {
            Words::Draft => self.authorized(&challenge, CENT),
            Words::Okx => {
                let nonce = alloy_primitives::B256::left_padding_from(&number.to_be_bytes());
                let mut first = self.transfer(self.seller(), CENT, nonce);
                first["type"] = "eip-3009".into();
                json!({"type": "transaction", "authorization": first})
            }
        };
        header(&challenge, Some(&self.source()), &payload)
    }
}

fn rows(faults: Vec<Fault>, word: &str) -> Vec<(Fault, String)> {
    let rows = faults.into_iter();
    rows.map(|fault| (fault, word.to_owned())).collect()
}

#[tokio::test]
async fn what_is_lost_at_a_charge_is_asked_again_and_paid_once() {
    all_pay_once(Compat::Draft, rows(faults::lost(), PENDING)).await;
}

#[tokio::test]
async fn what_is_no_answer_to_a_charge_is_no_yes_and_no_no() {
    let mut faults = faults::garbage();
    faults.extend(faults::envelopes());
    faults.extend(faults::open_codes());
    all_pay_once(Compat::Draft, rows(faults, PENDING)).await;
}

#[tokio::test]
async fn the_receipt_of_something_else_is_none_for_a_charge() {
    let mut faults = faults::other_receipts();
    for value in [
        json!(""),
        json!("0x"),
        json!("0x12"),
        json!(null),
        json!(7),
        json!([]),
    ] {
        let name = format!("reference {value}");
        faults.push(Fault::new(name, Done, [Act::lie("reference", value)]));
    }
    faults.push(Fault::new("no reference", Done, [Act::omit("reference")]));
    let other = Act::lie("challengeId", "another");
    faults.push(Fault::new("another challenge", Done, [other]));
    all_pay_once(Compat::Draft, rows(faults, PENDING)).await;
}

#[tokio::test]
async fn a_good_receipt_in_another_spelling_pays_a_charge() {
    let mut faults = faults::spellings();
    faults.push(Fault::new("no challenge", Done, [Act::omit("challengeId")]));
    for act in [Act::Status(429), refuse(50011), Act::StatusAfter(429)] {
        faults.push(Fault::new(format!("{act:?} once"), Done, [act]));
    }
    all_pay_once(Compat::Draft, rows(faults, "200")).await;
}

#[tokio::test]
async fn a_charge_that_was_turned_away_is_good_for_later() {
    let away = faults::turned_away().into_iter();
    let away = away.map(|(fault, word)| (fault, word.to_owned()));
    all_pay_once(Compat::Draft, away.collect()).await;
}

#[tokio::test]
async fn a_clear_no_to_a_charge_is_told_in_the_words_of_either_side() {
    for compat in [Compat::Draft, Compat::Okx] {
        let rows = REFUSALS.map(|(code, draft, okx)| {
            let word = if compat == Compat::Okx { okx } else { draft };
            let fault = Fault::new(format!("{code}"), Undone, [refuse(code)]);
            (fault, word.to_owned())
        });
        all_pay_once(compat, rows.into()).await;
    }
}

/// A service that takes each credential once and has no memory of what it said: what it did stays
/// of unknown outcome. The buyer is never told to pay again.
#[tokio::test]
async fn where_a_repeated_charge_is_refused_nobody_is_told_to_pay_again() {
    let shop = Shop::where_repeats_are(Repeats::Refused, Plan::default()).await;
    let mut all = faults::lost();
    all.extend(faults::envelopes());
    all.extend(faults::open_codes());
    let done = all.into_iter().filter(|fault| fault.work == Done);
    for (number, fault) in done.enumerate() {
        let words = BOTH[number % 2];
        let paid = shop
            .charged_by(words, "/first", u32::try_from(number).unwrap())
            .await;
        let sold = shop.balance(shop.seller());
        fault.order(&shop.okx, SETTLE);
        for _ in 0..3 {
            let answer = shop.settled("/first", &paid).await;
            answer.refused(PENDING);
        }
        assert_eq!(shop.balance(shop.seller()) - sold, CENT, "{}", fault.name);
    }
    assert_eq!(shop.kitchen.runs(), 0);
}

/// The parts of a payment in several: all or nothing by OKX, and nothing is served for a part.
#[tokio::test]
async fn each_fault_at_a_split_charge_pays_every_part_once() {
    let shop = Shop::planned(split()).await;
    let mut all = rows(faults::lost(), PENDING);
    all.extend(rows(faults::envelopes(), PENDING));
    all.extend(rows(faults::open_codes(), PENDING));
    // Found before the first transfer is made, or perhaps after it.
    for (code, word, _) in REFUSALS {
        let early = [70000, 70001, 70002, 70005, 70006, 70009].contains(&code);
        let word = if early { word } else { PENDING };
        let fault = Fault::new(format!("{code}"), Undone, [refuse(code)]);
        all.push((fault, word.to_owned()));
    }
    let mut sold = 0_u128;
    for (fault, word) in all {
        let challenge = shop.challenge("charge", "/first").await;
        let nonce = 2 * u8::try_from(sold).unwrap() + 1;
        let payload = shop.transfers(&legs(&shop), nonce);
        let paid = header(&challenge, Some(&shop.source()), &payload);
        fault.order(&shop.okx, SETTLE);
        let first = shop.get("/first", std::slice::from_ref(&paid)).await;
        shop.okx.heal();
        assert_eq!(first.word(), word, "{}", fault.name);
        shop.settled("/first", &paid).await.served();
        sold += 1;
        shop.holds(sold * 7_000, sold * 3_000, 0);
        assert_eq!(shop.settled("/first", &paid).await.status, 402);
    }
    assert_eq!(shop.kitchen.runs() as u128, sold);
}

#[tokio::test]
async fn a_buyer_who_hangs_up_while_okx_is_slow_pays_once() {
    for after in [false, true] {
        for path in ["/cheap", "/first"] {
            let shop = Shop::open().await;
            let until = Arc::new(Notify::new());
            let slow = match after {
                true => Act::SlowAfter(Arc::clone(&until)),
                false => Act::SlowBefore(Arc::clone(&until)),
            };
            shop.okx.order(SETTLE, slow);
            let paid = shop.charged(Words::Okx, path, 1).await;
            let request = tokio::spawn(shop.send_owned(path, &paid));
            shop.okx.arrived(SETTLE, 1).await;
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
            let meanwhile = shop.get(path, std::slice::from_ref(&paid)).await;
            meanwhile.refused("409 payment_in_progress");
            until.notify_one();
            shop.settled(path, &paid).await.served();
            assert_eq!(shop.settled(path, &paid).await.status, 402);
            shop.holds(CENT, 0, 0);
        }
    }
}

#[tokio::test]
async fn a_charge_that_takes_too_long_stays_unknown_until_it_is_asked_again() {
    for after in [false, true] {
        let shop = Shop::planned(Plan {
            settle_within: Duration::from_millis(1500),
            ..Plan::default()
        })
        .await;
        let until = Arc::new(Notify::new());
        let slow = match after {
            true => Act::SlowAfter(Arc::clone(&until)),
            false => Act::SlowBefore(Arc::clone(&until)),
        };
        shop.okx.order(SETTLE, slow);
        let paid = shop.charged(Words::Okx, "/first", 1).await;
        let answer = shop.get("/first", std::slice::from_ref(&paid)).await;
        answer.refused(PENDING);
        shop.holds(if after { CENT } else { 0 }, 0, 0);
        until.notify_one();
        shop.settled("/first", &paid).await.served();
        shop.holds(CENT, 0, 0);
        assert_eq!(shop.settled("/first", &paid).await.status, 402);
        assert_eq!(shop.kitchen.runs(), 1);
    }
}

// By hash

async fn shown(shop: &Shop) -> Header {
    let hash = shop.transfers_itself(shop.seller(), CENT);
    let payload = json!({"type": "hash", "hash": hash.to_string()});
    let challenge = shop.challenge("charge", "/cheap").await;
    header(&challenge, Some(&shop.source()), &payload)
}

/// Asking moves nothing: each fault is one for now, and the transfer is good later.
#[tokio::test]
async fn each_fault_while_a_transfer_is_looked_up_leaves_it_good() {
    for compat in [Compat::Draft, Compat::Okx] {
        looked_up(compat).await;
    }
}

async fn looked_up(compat: Compat) {
    let mut all: Vec<(Fault, &str)> = Vec::new();
    for act in [Act::CloseBefore, Act::CloseAfter] {
        all.push((Fault::new("reset", Undone, vec![act; 2]), ODD));
    }
    for status in [500, 503, 429] {
        all.push((
            Fault::new("busy", Undone, vec![Act::Status(status); 2]),
            BUSY,
        ));
        let after = vec![Act::StatusAfter(status); 2];
        all.push((Fault::new("busy after", Undone, after), BUSY));
    }
    all.extend(faults::garbage().into_iter().map(|fault| (fault, ODD)));
    for fault in faults::other_receipts() {
        all.push((fault, ODD));
    }
    for value in [json!(""), json!(null), json!("0x12")] {
        let fault = Fault::new("reference", Done, [Act::lie("reference", value)]);
        all.push((fault, ODD));
    }
    let other = alloy_primitives::B256::repeat_byte(3).to_string();
    all.push((
        Fault::new("another transfer", Done, [Act::lie("reference", other)]),
        "402 verification_failed",
    ));
    for (code, draft, okx) in REFUSALS {
        let word = if compat == Compat::Okx { okx } else { draft };
        all.push((Fault::new(format!("{code}"), Undone, [refuse(code)]), word));
    }
    all.push((
        Fault::new("70007", Undone, [refuse(70007)]),
        "503 okx_not_confirmed",
    ));
    all.push((Fault::new("8000", Undone, [refuse(8000)]), NO));
    let plan = Plan {
        charges: Some(vec![CredentialType::Hash]),
        compat,
        ..Plan::default()
    };
    let shop = Shop::planned(plan).await;
    let mut sold = 0;
    for (fault, word) in all {
        let paid = shown(&shop).await;
        let runs = shop.kitchen.runs();
        fault.order(&shop.okx, VERIFY);
        let answer = shop.get("/cheap", std::slice::from_ref(&paid)).await;
        shop.okx.heal();
        assert_eq!(answer.word(), word, "{}", fault.name);
        answer.is_a_no();
        assert_eq!(shop.kitchen.runs(), runs, "{}", fault.name);
        shop.settled("/cheap", &paid).await.served();
        assert_eq!(shop.settled("/cheap", &paid).await.status, 402);
        assert_eq!(shop.kitchen.runs(), runs + 1, "{}", fault.name);
        sold += CENT;
        shop.holds(sold, 0, 0);
    }
}

/// OKX takes note of a transfer once. What it found stays found, and when its answer is lost,
/// nobody who has paid is told to pay again.
#[tokio::test]
async fn a_transfer_that_okx_has_taken_note_of_is_not_refused_for_being_shown_twice() {
    let plan = Plan {
        charges: Some(vec![CredentialType::Hash]),
        ..Plan::default()
    };
    let shop = Shop::where_repeats_are(Repeats::Refused, plan).await;
    // The handler fails after it was found.
    let paid = shown(&shop).await;
    shop.kitchen.mood(Mood::Status(500));
    assert_eq!(
        shop.get("/cheap", std::slice::from_ref(&paid)).await.status,
        500
    );
    shop.kitchen.mood(Mood::Good);
    shop.settled("/cheap", &paid).await.served();
    assert_eq!(shop.settled("/cheap", &paid).await.status, 402);
    assert_eq!((shop.kitchen.runs(), shop.asked(VERIFY)), (2, 1));
    // The answer is lost.
    let mut all = faults::lost();
    all.extend(faults::envelopes());
    all.extend(faults::other_receipts());
    for fault in all.into_iter().filter(|fault| fault.work == Done) {
        let paid = shown(&shop).await;
        fault.order(&shop.okx, VERIFY);
        for _ in 0..3 {
            let answer = shop.settled("/cheap", &paid).await;
            answer.is_a_no();
            let status = answer.status.as_u16();
            assert!([502, 503].contains(&status), "{}: {status}", fault.name);
        }
    }
    assert_eq!(shop.kitchen.runs(), 2);
}

#[tokio::test]
async fn a_buyer_who_hangs_up_while_its_transfer_is_looked_up_is_served_for_it_once() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let plan = Plan {
            charges: Some(vec![CredentialType::Hash]),
            ..Plan::default()
        };
        let shop = Shop::where_repeats_are(repeats, plan).await;
        let until = Arc::new(Notify::new());
        shop.okx.order(VERIFY, Act::SlowBefore(Arc::clone(&until)));
        let paid = shown(&shop).await;
        let request = tokio::spawn(shop.send_owned("/cheap", &paid));
        shop.okx.arrived(VERIFY, 1).await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        until.notify_one();
        let answer = shop.settled("/cheap", &paid).await;
        if answer.status == 200 {
            assert_eq!(shop.settled("/cheap", &paid).await.status, 402);
        } else {
            // It was looked up for nobody, and is not found again.
            assert_eq!(repeats, Repeats::Refused);
            answer.refused(PENDING);
        }
        shop.holds(CENT, 0, 0);
    }
}
