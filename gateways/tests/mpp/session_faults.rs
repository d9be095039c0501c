//! Each fault at a session: what the buyer reads, what is on the chain, and what the same
//! credential gets once OKX is well again. No content comes of a deposit.

use std::sync::Arc;
use std::time::Duration;

use devnet::okx::{Act, Endpoint, Repeats};
use gateways::okx::Compat;
use mpp_evm::session::{ChannelId, DeskError, Escrow as _, Keeper};
use payment_core::Denied;
use serde_json::json;
use tokio::sync::Notify;

use crate::answer::Answer;
use crate::faults::{self, BUSY, Done, Fault, NO, ODD, PENDING, REFUSALS, Undone, refuse};
use crate::purse::{Words, header};
use crate::shop::{CENT, Header, Plan, Shop};

const OPEN: Endpoint = Endpoint::SessionOpen;
const TOP_UP: Endpoint = Endpoint::SessionTopUp;
const SETTLE: Endpoint = Endpoint::SessionSettle;
const CLOSE: Endpoint = Endpoint::SessionClose;
const STATUS: Endpoint = Endpoint::SessionStatus;

const DEPOSIT: u128 = 10 * CENT;

type Row = (Fault, String);

/// What is done shows in the status, whatever was said of it; what is not may yet be.
fn seen(faults: Vec<Fault>) -> Vec<Row> {
    let rows = faults.into_iter().map(|fault| {
        let word = if fault.work == Done { "200" } else { PENDING };
        (fault, word.to_owned())
    });
    rows.collect()
}

/// Every row that is the same for all calls that move money.
fn common() -> Vec<Row> {
    let mut rows = seen(faults::lost());
    rows.extend(seen(faults::garbage()));
    rows.extend(seen(faults::envelopes()));
    rows.extend(seen(faults::other_receipts()));
    rows.extend(seen(faults::spellings()));
    rows.extend(seen(faults::open_codes()));
    let other = alloy_primitives::B256::repeat_byte(3).to_string();
    let mut lies = Vec::new();
    for value in [json!(other), json!(""), json!(7), json!(null)] {
        let name = format!("channel {value}");
        lies.push(Fault::new(name, Done, [Act::lie("channelId", value)]));
    }
    lies.push(Fault::new("no channel", Done, [Act::omit("channelId")]));
    for value in [json!(""), json!("0x12"), json!(null)] {
        let name = format!("reference {value}");
        lies.push(Fault::new(name, Done, [Act::lie("reference", value)]));
    }
    lies.push(Fault::new("no reference", Done, [Act::omit("reference")]));
    for act in [Act::Status(429), refuse(50011), Act::StatusAfter(429)] {
        lies.push(Fault::new(format!("{act:?} once"), Done, [act]));
    }
    for (code, ..) in REFUSALS {
        let name = format!("{code} after");
        lies.push(Fault::new(name, Done, [faults::refuse_after(code)]));
    }
    rows.extend(seen(lies));
    let away = faults::turned_away().into_iter();
    rows.extend(away.map(|(fault, word)| (fault, word.to_owned())));
    rows
}

/// Receipts that say another deposit than the chain has.
fn other_deposits(of: u128) -> Vec<Row> {
    let mut rows = Vec::new();
    for value in [
        json!((of * 1000).to_string()),
        json!(u128::MAX.to_string()),
        json!(of as u64),
        json!(null),
        json!("-1"),
        json!("abc"),
        json!(1.5),
        json!([]),
    ] {
        let name = format!("deposit {value}");
        rows.push(Fault::new(name, Done, [Act::lie("deposit", value)]));
    }
    rows.push(Fault::new("no deposit", Done, [Act::omit("deposit")]));
    seen(rows)
}

fn refusals(compat: Compat) -> Vec<Row> {
    let rows = REFUSALS.map(|(code, draft, okx)| {
        let word = if compat == Compat::Okx { okx } else { draft };
        let fault = Fault::new(format!("{code}"), Undone, [refuse(code)]);
        (fault, word.to_owned())
    });
    rows.into()
}

async fn shop(compat: Compat, repeats: Repeats) -> Shop {
    let plan = Plan {
        compat,
        ..Plan::default()
    };
    Shop::where_repeats_are(repeats, plan).await
}

/// Whether an answer is what the row says, and no content.
#[track_caller]
fn is(answer: &Answer, action: &str, word: &str, name: &str) {
    assert_eq!(answer.word(), word, "{name}");
    match word {
        "200" => drop(answer.managed(action)),
        _ => answer.is_a_no(),
    }
}

// Opening

/// Opens a channel while the fault happens, and again by the same credential.
async fn opens_once(shop: &Shop, salt: u8, (fault, word): &Row) {
    let words = [Words::Draft, Words::Okx][usize::from(salt) % 2];
    let first = (!salt.is_multiple_of(3)).then_some(CENT);
    let id = shop.id(salt);
    let open = shop.town.open(words, salt, DEPOSIT, first);
    let header = shop.header("/cheap", &open).await;
    let [payer, ..] = shop.purses();
    fault.order(&shop.okx, OPEN);
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    shop.okx.heal();
    is(&answer, "open", word, &fault.name);
    let moved = if fault.work == Done { DEPOSIT } else { 0 };
    assert_eq!(payer - shop.purses()[0], moved, "{}", fault.name);
    for _ in 0..2 {
        let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
        is(&again, "open", "200", &fault.name);
        let accepted = first.unwrap_or(0);
        shop.counters(id, [DEPOSIT, accepted, 0, 0]).await;
    }
    assert_eq!(payer - shop.purses()[0], DEPOSIT, "{}", fault.name);
    assert_eq!(shop.on_chain(id).deposit, DEPOSIT, "{}", fault.name);
    let runs = shop.kitchen.runs();
    shop.pay("/cheap", &shop.voucher(id, DEPOSIT))
        .await
        .served();
    assert_eq!(shop.kitchen.runs(), runs + 1, "{}", fault.name);
    // Above what is there nothing is bought.
    shop.pay("/cheap", &shop.voucher(id, DEPOSIT + 1))
        .await
        .refused("402 session_amount_exceeds_deposit");
}

async fn all_open_once(compat: Compat, repeats: Repeats, rows: Vec<Row>) {
    for rows in rows.chunks(250) {
        let shop = shop(compat, repeats).await;
        for (salt, row) in (1..).zip(rows) {
            opens_once(&shop, salt, row).await;
        }
        assert_eq!(shop.kitchen.runs(), rows.len());
        shop.holds(0, 0, DEPOSIT * rows.len() as u128);
    }
}

#[tokio::test]
async fn each_fault_at_an_opening_deposits_once() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let mut rows = common();
        rows.extend(other_deposits(DEPOSIT));
        if repeats == Repeats::Refused {
            // Nothing is to be had by asking twice within one call.
            rows.retain(|(fault, _)| !fault.name.contains("once"));
        }
        all_open_once(Compat::Draft, repeats, rows).await;
    }
}

#[tokio::test]
async fn a_clear_no_to_an_opening_is_told_in_the_words_of_either_side() {
    for compat in [Compat::Draft, Compat::Okx] {
        all_open_once(compat, Repeats::SameAnswer, refusals(compat)).await;
    }
}

/// Neither the call nor the status says anything.
#[tokio::test]
async fn an_opening_that_nobody_can_see_stays_unknown_until_somebody_can() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = shop(Compat::Draft, repeats).await;
        for (salt, fault) in (1..).zip([Act::CloseAfter, Act::StatusAfter(500), Act::CloseBefore]) {
            let open = shop.town.open(Words::Okx, salt, DEPOSIT, None);
            let header = shop.header("/cheap", &open).await;
            shop.okx.order(STATUS, Act::Honest);
            shop.okx.order(OPEN, fault);
            for _ in 0..2 {
                shop.okx.order(STATUS, Act::CloseBefore);
            }
            let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
            answer.refused(PENDING);
            shop.okx.heal();
            let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
            again.managed("open");
            shop.counters(shop.id(salt), [DEPOSIT, 0, 0, 0]).await;
            shop.holds(0, 0, u128::from(salt) * DEPOSIT);
        }
    }
}

/// The receipt says less than was signed: nothing is credited that nobody vouches for, and what is
/// there counts once it is looked at.
#[tokio::test]
async fn a_receipt_of_a_smaller_deposit_credits_no_more_and_loses_nothing() {
    let shop = Shop::open().await;
    for (salt, said) in (1..).zip(["0", "1", "9999"]) {
        let open = shop.town.open(Words::Okx, salt, DEPOSIT, None);
        let header = shop.header("/cheap", &open).await;
        shop.okx.order(OPEN, Act::lie("deposit", said));
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        answer.refused("402 payment_insufficient");
        shop.get("/cheap", &[header]).await.managed("open");
        shop.counters(shop.id(salt), [DEPOSIT, 0, 0, 0]).await;
        shop.holds(0, 0, u128::from(salt) * DEPOSIT);
    }
}

// Adding

#[tokio::test]
async fn each_fault_at_a_top_up_deposits_once() {
    for compat in [Compat::Draft, Compat::Okx] {
        let shop = shop(compat, Repeats::SameAnswer).await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        let mut rows = refusals(compat);
        if compat == Compat::Draft {
            rows.extend(common());
            rows.extend(other_deposits(DEPOSIT));
        }
        let mut held = DEPOSIT;
        for (salt, (fault, word)) in (1..).zip(&rows) {
            let words = [Words::Draft, Words::Okx][usize::from(salt) % 2];
            let top_up = shop.top_up(words, id, CENT, salt);
            let header = shop.header("/cheap", &top_up).await;
            fault.order(&shop.okx, TOP_UP);
            let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
            shop.okx.heal();
            is(&answer, "topUp", word, &fault.name);
            let moved = if fault.work == Done { CENT } else { 0 };
            assert_eq!(shop.on_chain(id).deposit, held + moved, "{}", fault.name);
            held += CENT;
            for _ in 0..2 {
                let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
                is(&again, "topUp", "200", &fault.name);
                assert_eq!(shop.on_chain(id).deposit, held, "{}", fault.name);
                shop.counters(id, [held, 0, 0, 0]).await;
            }
        }
        shop.holds(0, 0, held);
        assert_eq!(shop.kitchen.runs(), 0);
    }
}

#[tokio::test]
async fn a_top_up_that_is_refused_the_second_time_is_still_counted_once() {
    let shop = shop(Compat::Draft, Repeats::Refused).await;
    let id = shop.channel_of(1, DEPOSIT, 0).await;
    let mut held = DEPOSIT;
    let acts = [Act::CloseAfter, Act::StatusAfter(500), Act::CloseBefore];
    for (salt, fault) in (1..).zip(acts) {
        let header = shop
            .header("/cheap", &shop.top_up(Words::Okx, id, CENT, salt))
            .await;
        shop.okx.order(STATUS, Act::Honest);
        shop.okx.order(TOP_UP, fault);
        for _ in 0..2 {
            shop.okx.order(STATUS, Act::CloseBefore);
        }
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        answer.refused(PENDING);
        shop.okx.heal();
        held += CENT;
        for _ in 0..3 {
            let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
            again.managed("topUp");
            shop.counters(id, [held, 0, 0, 0]).await;
            assert_eq!(shop.on_chain(id).deposit, held);
        }
    }
}

/// What the payer has sent itself is in its channel, whatever OKX says of it.
#[tokio::test]
async fn each_fault_at_a_top_up_of_the_payers_own_counts_once() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        let shop = shop(Compat::Draft, repeats).await;
        let id = shop.channel_of(1, CENT, 0).await;
        let mut rows: Vec<Row> = refusals(Compat::Draft);
        let open = [faults::lost(), faults::envelopes(), faults::open_codes()];
        let open = open.into_iter().flatten();
        rows.extend(open.map(|fault| (fault, PENDING.to_owned())));
        let good = faults::spellings().into_iter();
        rows.extend(good.map(|fault| (fault, "200".to_owned())));
        let mut held = CENT;
        for (fault, word) in rows {
            let hash = shop.tops_up(id, CENT);
            held += CENT;
            let payload = shop.top_up_shown(id, CENT, hash);
            let header = shop.header("/cheap", &payload).await;
            fault.order(&shop.okx, TOP_UP);
            let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
            shop.okx.heal();
            is(&answer, "topUp", &word, &fault.name);
            let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
            let taken = fault.work == Done && word != "200";
            if repeats == Repeats::Refused && taken {
                // OKX has taken note of it, and we have not heard.
                again.refused("402 malformed_credential");
            } else {
                is(&again, "topUp", "200", &fault.name);
            }
            // By the chain at the latest, it is the buyer's to spend.
            shop.advance(60);
            let voucher = shop.voucher(id, held);
            shop.pay("/cheap", &voucher).await.served();
            assert_eq!(shop.channel(id).await.deposit(), held, "{}", fault.name);
        }
        shop.holds(0, 0, held);
    }
}

// Paying out

fn outcome<T>(result: &Result<T, DeskError>) -> String {
    match result {
        Ok(_) => "200".to_owned(),
        Err(DeskError::Escrow(Denied::Refused(refusal))) => {
            let problem = refusal.problem();
            format!("{} {}", problem.status.as_u16(), problem.code)
        }
        Err(DeskError::Escrow(Denied::Failed(fault))) => {
            format!("{} {}", fault.status().as_u16(), fault.code())
        }
        Err(DeskError::Escrow(Denied::Unknown(pending))) => format!("503 {}", pending.code),
        Err(other) => format!("{other:?}"),
    }
}

/// Faults that leave an attempt open are ended by the next that is seen.
#[tokio::test]
async fn each_fault_at_a_settlement_settles_once_and_loses_no_voucher() {
    for compat in [Compat::Draft, Compat::Okx] {
        let shop = shop(compat, Repeats::SameAnswer).await;
        let mut rows = refusals(compat);
        if compat == Compat::Draft {
            rows.extend(common());
            rows.extend(other_deposits(DEPOSIT));
        }
        let calls = rows.len() as u128 * 2;
        let id = shop.channel_of(1, calls * CENT, 0).await;
        let mut spent = 0;
        for (fault, word) in rows {
            spent += CENT;
            shop.pay("/cheap", &shop.voucher(id, spent)).await.served();
            fault.order(&shop.okx, SETTLE);
            let settled = shop.desk.settle_channel(id).await;
            shop.okx.heal();
            assert_eq!(outcome(&settled), word, "{}", fault.name);
            let moved = if fault.work == Done { CENT } else { 0 };
            let settled = shop.on_chain(id).settled;
            assert_eq!(settled, spent - CENT + moved, "{}", fault.name);
            // The buyer goes on meanwhile.
            spent += CENT;
            shop.pay("/cheap", &shop.voucher(id, spent)).await.served();
            let settled = shop.desk.settle_channel(id).await;
            assert_eq!(outcome(&settled), "200", "{}", fault.name);
            assert_eq!(shop.on_chain(id).settled, spent, "{}", fault.name);
            shop.counters(id, [calls * CENT, spent, spent, spent]).await;
            shop.holds(spent, 0, calls * CENT - spent);
        }
    }
}

/// Closes a channel while the fault happens, and again by the same credential.
async fn closes_once(shop: &Shop, salt: u8, (fault, word): &Row) {
    let id = shop.channel_of(salt, DEPOSIT, 0).await;
    shop.pay("/cheap", &shop.voucher(id, 2 * CENT))
        .await
        .served();
    let header = shop.header("/cheap", &shop.close(id, 2 * CENT)).await;
    let before = shop.purses();
    fault.order(&shop.okx, CLOSE);
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    shop.okx.heal();
    is(&answer, "close", word, &fault.name);
    assert_eq!(
        shop.on_chain(id).finalized,
        fault.work == Done,
        "{}",
        fault.name
    );
    let over = "410 session_channel_finalized";
    if word == PENDING {
        // It may be closed at any moment: nothing is sold on it.
        shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
            .await
            .refused(over);
        shop.get("/cheap", std::slice::from_ref(&header))
            .await
            .refused(over);
        shop.advance(121);
    }
    if word != "200" {
        let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
        is(&again, "close", "200", &fault.name);
    }
    let again = shop.get("/cheap", &[header]).await;
    again.refused(over);
    let [payer, seller, _, escrow] = shop.purses();
    assert_eq!(
        [payer, seller, escrow],
        [
            before[0] + DEPOSIT - 2 * CENT,
            before[1] + 2 * CENT,
            before[3] - DEPOSIT
        ],
        "{}",
        fault.name
    );
    let channel = shop.channel(id).await;
    assert!(channel.finalized() && channel.settled() == 2 * CENT);
}

#[tokio::test]
async fn each_fault_at_a_close_closes_once_and_pays_what_is_owed() {
    for compat in [Compat::Draft, Compat::Okx] {
        let mut rows = refusals(compat);
        if compat == Compat::Draft {
            rows.extend(common());
            rows.extend(other_deposits(DEPOSIT));
        }
        let shop = shop(compat, Repeats::SameAnswer).await;
        for (salt, row) in (1..).zip(&rows) {
            closes_once(&shop, salt, row).await;
        }
    }
}

#[tokio::test]
async fn a_payout_that_nobody_can_see_is_taken_up_again() {
    for repeats in [Repeats::SameAnswer, Repeats::Refused] {
        for fault in [Act::CloseAfter, Act::StatusAfter(502), Act::CloseBefore] {
            let shop = shop(Compat::Draft, repeats).await;
            let id = shop.channel_of(1, DEPOSIT, 0).await;
            shop.pay("/cheap", &shop.voucher(id, 2 * CENT))
                .await
                .served();
            let blind = |endpoint, fault: &Act| {
                shop.okx.order(STATUS, Act::Honest);
                shop.okx.order(endpoint, fault.clone());
                for _ in 0..2 {
                    shop.okx.order(STATUS, Act::Status(500));
                }
            };
            blind(SETTLE, &fault);
            let settled = shop.desk.settle_channel(id).await;
            assert_eq!(outcome(&settled), PENDING, "{fault:?}");
            shop.okx.heal();
            shop.desk.settle_channel(id).await.unwrap();
            shop.holds(2 * CENT, 0, DEPOSIT - 2 * CENT);
            blind(CLOSE, &fault);
            let closed = shop.desk.close_channel(id).await;
            assert_eq!(outcome(&closed), PENDING, "{fault:?}");
            shop.okx.heal();
            shop.advance(121);
            shop.desk.close_channel(id).await.unwrap();
            shop.holds(2 * CENT, 0, 0);
        }
    }
}

// Looking

/// Presents a voucher on a channel that has to be looked at, while the fault happens.
async fn looked_at(shop: &Shop, id: ChannelId, cents: u128, acts: &[Act]) -> (Header, Answer) {
    shop.advance(60);
    let voucher = shop.voucher(id, cents * CENT);
    let challenge = shop.challenge("session", "/cheap").await;
    let header = header(&challenge, None, &voucher);
    for act in acts {
        shop.okx.order(STATUS, act.clone());
    }
    let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
    shop.okx.heal();
    (header, answer)
}

/// Content is not sold blindly, and nothing is lost by that.
#[tokio::test]
async fn while_the_status_can_not_be_read_nobody_is_served_and_nothing_is_lost() {
    let mut rows: Vec<(Vec<Act>, &str)> = Vec::new();
    for act in [Act::CloseBefore, Act::CloseAfter] {
        rows.push((vec![act.clone(), act], ODD));
    }
    for act in [
        Act::Status(500),
        Act::Status(503),
        Act::Status(429),
        Act::StatusAfter(500),
        refuse(50001),
        refuse(50011),
        refuse(50026),
    ] {
        rows.push((vec![act.clone(), act], BUSY));
    }
    for fault in faults::garbage() {
        rows.push((fault.acts, ODD));
    }
    for (member, value) in [
        ("channelId", json!("0x00")),
        (
            "channelId",
            json!(alloy_primitives::B256::repeat_byte(3).to_string()),
        ),
        ("payer", json!("0x12")),
        ("payer", json!(null)),
        ("deposit", json!("-1")),
        ("deposit", json!(1.5)),
        ("deposit", json!(null)),
        ("deposit", json!("0x10")),
        ("settledOnChain", json!((DEPOSIT * 40).to_string())),
        ("settledOnChain", json!({})),
        ("sessionStatus", json!("")),
        ("sessionStatus", json!("PAUSED")),
        ("sessionStatus", json!(0)),
    ] {
        rows.push((vec![Act::lie(member, value)], ODD));
    }
    for member in [
        "channelId",
        "payer",
        "payee",
        "token",
        "deposit",
        "settledOnChain",
    ] {
        rows.push((vec![Act::omit(member)], ODD));
    }
    for code in [8000, -1, 70000, 70003, 70008, 51000, 50113, 424_242] {
        rows.push((vec![refuse(code)], NO));
    }
    rows.push((vec![refuse(70007)], "503 okx_not_confirmed"));
    rows.push((vec![refuse(70001)], "500 okx_configuration"));
    rows.push((vec![refuse(70010)], "410 session_channel_not_found"));
    let stranger = json!(alloy_primitives::Address::repeat_byte(9).to_string());
    for member in ["payer", "payee", "token"] {
        let act = Act::lie(member, stranger.clone());
        rows.push((vec![act], "410 session_channel_not_found"));
    }
    let shop = Shop::open().await;
    let id = shop.channel_of(1, 200 * CENT, 0).await;
    for (cents, (acts, word)) in (1..).zip(rows) {
        let before = shop.channel(id).await;
        let (header, answer) = looked_at(&shop, id, cents, &acts).await;
        assert_eq!(answer.word(), word, "{acts:?}");
        answer.is_a_no();
        assert_eq!(shop.channel(id).await, before, "{acts:?}");
        shop.get("/cheap", &[header]).await.served();
        shop.counters(id, [200 * CENT, cents * CENT, cents * CENT, 0])
            .await;
        assert_eq!(shop.kitchen.runs() as u128, cents);
    }
}

/// Before money moves the channel is looked at. What can't be read moves none.
#[tokio::test]
async fn what_is_wrong_with_the_status_before_a_call_moves_nothing() {
    let stranger = json!(alloy_primitives::Address::repeat_byte(9).to_string());
    let acts = [
        (vec![Act::CloseBefore; 2], ODD),
        (vec![Act::Status(500); 2], BUSY),
        (vec![Act::Status(429); 2], BUSY),
        (vec![refuse(50011); 2], BUSY),
        (vec![Act::Garbage(b"{}".to_vec())], ODD),
        (vec![Act::lie("deposit", json!(null))], ODD),
        (vec![refuse(70003)], NO),
        (vec![refuse(70010)], "410 session_channel_not_found"),
        (
            vec![Act::lie("payee", stranger.clone())],
            "500 escrow_payee",
        ),
        (vec![Act::lie("payer", stranger)], "402 verification_failed"),
    ];
    for (acts, word) in acts {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        shop.pay("/cheap", &shop.voucher(id, CENT)).await.served();
        let held = shop.purses();
        for (action, endpoint, payload) in [
            ("topUp", TOP_UP, shop.top_up(Words::Okx, id, CENT, 1)),
            ("close", CLOSE, shop.close(id, CENT)),
        ] {
            let header = shop.header("/cheap", &payload).await;
            for act in &acts {
                shop.okx.order(STATUS, act.clone());
            }
            let asked = shop.asked(endpoint);
            let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
            shop.okx.heal();
            // Whose it is does not matter to a close.
            if (action, word) != ("close", "402 verification_failed") {
                assert_eq!(answer.word(), word, "{action} {acts:?}");
                answer.is_a_no();
                assert_eq!(shop.asked(endpoint), asked, "{action} {acts:?}");
                if action == "topUp" {
                    assert_eq!(shop.purses(), held, "{acts:?}");
                }
                let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
                assert_eq!(again.word(), "200", "{action} {acts:?}");
            }
        }
    }
}

/// A status that says less than there is keeps a buyer from buying, not a seller from its money.
#[tokio::test]
async fn a_status_that_says_less_than_there_is_loses_no_voucher() {
    for (lie, word) in [
        // What was deposited once stays deposited.
        (Act::lie("deposit", "1"), "200"),
        (
            Act::lie("sessionStatus", "CLOSING"),
            "410 session_channel_finalized",
        ),
    ] {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
            .await
            .served();
        let (_, answer) = looked_at(&shop, id, 4, std::slice::from_ref(&lie)).await;
        assert_eq!(answer.word(), word);
        let accepted = if word == "200" { 4 * CENT } else { 3 * CENT };
        assert_eq!(shop.channel(id).await.accepted(), accepted);
        let settled = shop.desk.settle_channel(id).await;
        assert_eq!(outcome(&settled), "200");
        assert_eq!(shop.on_chain(id).settled, accepted, "{word}");
        shop.holds(accepted, 0, DEPOSIT - accepted);
    }
}

/// That a channel is closed is final for the books. The voucher stays in them, and is still good.
#[tokio::test]
async fn a_channel_that_is_said_to_be_closed_keeps_its_voucher() {
    let shop = Shop::open().await;
    let id = shop.channel_of(1, DEPOSIT, 0).await;
    shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
        .await
        .served();
    let lie = Act::lie("sessionStatus", "CLOSED");
    let (header, answer) = looked_at(&shop, id, 4, &[lie]).await;
    answer.refused("410 session_channel_finalized");
    let again = shop.get("/cheap", &[header]).await;
    again.refused("410 session_channel_finalized");
    let voucher = shop.channel(id).await.voucher().unwrap();
    assert_eq!(voucher.cumulative, 3 * CENT);
    shop.escrow.settle(id, &voucher).await.unwrap();
    shop.holds(3 * CENT, 0, DEPOSIT - 3 * CENT);
}

// Slowly

#[tokio::test]
async fn a_buyer_who_hangs_up_while_a_deposit_is_made_deposits_once() {
    for after in [false, true] {
        let slow = |until: &Arc<Notify>| match after {
            true => Act::SlowAfter(Arc::clone(until)),
            false => Act::SlowBefore(Arc::clone(until)),
        };
        let shop = Shop::open().await;
        let id = shop.id(1);
        let open = shop.town.open(Words::Okx, 1, DEPOSIT, Some(CENT));
        let top_up = shop.top_up(Words::Okx, id, CENT, 1);
        let close = shop.close(id, CENT);
        for (endpoint, payload, action) in [
            (OPEN, open, "open"),
            (TOP_UP, top_up, "topUp"),
            (CLOSE, close, "close"),
        ] {
            let until = Arc::new(Notify::new());
            shop.okx.order(endpoint, slow(&until));
            let header = shop.header("/cheap", &payload).await;
            let request = tokio::spawn(shop.send_owned("/cheap", &header));
            shop.okx.arrived(endpoint, 1).await;
            request.abort();
            assert!(request.await.unwrap_err().is_cancelled());
            until.notify_one();
            if action == "close" {
                shop.advance(121);
            }
            let answer = shop.settled("/cheap", &header).await;
            if answer.status != 200 {
                assert_eq!(action, "close");
                answer.refused("410 session_channel_finalized");
            }
        }
        assert!(shop.on_chain(id).finalized);
        shop.holds(CENT, 0, 0);
    }
}

#[tokio::test]
async fn a_deposit_that_takes_too_long_is_made_once() {
    for after in [false, true] {
        let slow = |until: &Arc<Notify>| match after {
            true => Act::SlowAfter(Arc::clone(until)),
            false => Act::SlowBefore(Arc::clone(until)),
        };
        let plan = Plan {
            settle_within: Duration::from_millis(1500),
            ..Plan::default()
        };
        let shop = Shop::planned(plan).await;
        let id = shop.id(1);
        let open = shop.town.open(Words::Okx, 1, DEPOSIT, Some(CENT));
        let top_up = shop.top_up(Words::Okx, id, CENT, 1);
        let close = shop.close(id, CENT);
        for (endpoint, payload, action) in [
            (OPEN, open, "open"),
            (TOP_UP, top_up, "topUp"),
            (CLOSE, close, "close"),
        ] {
            let until = Arc::new(Notify::new());
            shop.okx.order(endpoint, slow(&until));
            let header = shop.header("/cheap", &payload).await;
            let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
            let word = if after { "200" } else { PENDING };
            is(&answer, action, word, action);
            until.notify_one();
            if word == PENDING {
                if action == "close" {
                    shop.advance(121);
                }
                let again = shop.get("/cheap", std::slice::from_ref(&header)).await;
                if again.status != 200 {
                    // What was given up was done all the same.
                    assert_eq!(action, "close");
                }
            }
        }
        assert!(shop.on_chain(id).finalized);
        shop.holds(CENT, 0, 0);
    }
}

/// Nobody waits for the settlement any more; the next one finds what has become of it.
#[tokio::test]
async fn a_settlement_that_is_given_up_half_way_pays_once() {
    for after in [false, true] {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        shop.pay("/cheap", &shop.voucher(id, 2 * CENT))
            .await
            .served();
        let until = Arc::new(Notify::new());
        shop.okx.order(
            SETTLE,
            match after {
                true => Act::SlowAfter(Arc::clone(&until)),
                false => Act::SlowBefore(Arc::clone(&until)),
            },
        );
        let desk = shop.desk.clone();
        let given_up = tokio::spawn(async move { desk.settle_channel(id).await });
        shop.okx.arrived(SETTLE, 1).await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        until.notify_one();
        let settled = shop.desk.settle_channel(id).await;
        assert_eq!(outcome(&settled), "200");
        shop.holds(2 * CENT, 0, DEPOSIT - 2 * CENT);
        shop.counters(id, [DEPOSIT, 2 * CENT, CENT, 2 * CENT]).await;
        shop.pay("/cheap", &shop.voucher(id, 3 * CENT))
            .await
            .served();
    }
}

#[tokio::test]
async fn a_buyer_who_hangs_up_while_the_status_is_read_has_bought_nothing() {
    for after in [false, true] {
        let shop = Shop::open().await;
        let id = shop.channel_of(1, DEPOSIT, 0).await;
        shop.advance(60);
        let header = shop.header("/cheap", &shop.voucher(id, CENT)).await;
        let (until, asked) = (Arc::new(Notify::new()), shop.asked(STATUS));
        shop.okx.order(
            STATUS,
            match after {
                true => Act::SlowAfter(Arc::clone(&until)),
                false => Act::SlowBefore(Arc::clone(&until)),
            },
        );
        let request = tokio::spawn(shop.send_owned("/cheap", &header));
        shop.okx.arrived(STATUS, asked + 1).await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        until.notify_one();
        shop.get("/cheap", std::slice::from_ref(&header))
            .await
            .served();
        shop.get("/cheap", &[header])
            .await
            .refused("402 session_insufficient_balance");
        shop.counters(id, [DEPOSIT, CENT, CENT, 0]).await;
        assert_eq!(shop.kitchen.runs(), 1);
    }
}

/// A keeper goes on through all of it.
#[tokio::test]
async fn a_keeper_that_meets_faults_settles_all_and_nothing_twice() {
    let shop = Shop::open().await;
    let mut ids = Vec::new();
    for salt in 1..=6 {
        let id = shop.channel_of(salt, DEPOSIT, 0).await;
        for cents in 1..=u128::from(salt) {
            shop.pay("/cheap", &shop.voucher(id, cents * CENT))
                .await
                .served();
        }
        ids.push(id);
    }
    let keeper = Keeper::new(shop.desk.clone()).settle_at(CENT);
    for act in [
        Act::CloseBefore,
        Act::CloseAfter,
        Act::StatusAfter(500),
        refuse(8000),
        refuse(70003),
        Act::lie("status", "failed"),
    ] {
        shop.okx.order(SETTLE, act);
    }
    for _ in 0..4 {
        keeper.tick().await;
        shop.advance(3600);
    }
    let earned = (1..=6).sum::<u128>() * CENT;
    shop.holds(earned, 0, 6 * DEPOSIT - earned);
    for act in [Act::CloseAfter, Act::CloseBefore, refuse(8000)] {
        shop.okx.order(CLOSE, act);
    }
    shop.advance(31 * 86_400);
    for _ in 0..4 {
        keeper.tick().await;
        shop.advance(3600);
    }
    shop.holds(earned, 0, 0);
    for id in ids {
        assert!(shop.channel(id).await.finalized());
    }
}
