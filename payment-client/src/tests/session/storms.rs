//! Long rows of mishaps and lies, drawn from a seed: whatever comes, the budget holds, promises
//! are covered, and afterwards it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use payment_evm::LocalSigner;
use serde_json::Value;

use super::files::Room;
use super::seller::{PRICE, Seller, Turn, amount, header, receipt};
use super::{Bench, market};
use crate::tests::shop::{Step, answer, step};
use crate::{Session, SessionError};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seas {
    /// Answers are lost and refused.
    Rough,
    /// And receipts are lies.
    False,
}

fn storm(seller: &Seller, seas: Seas, mut dice: Dice) {
    seller.hook(move |visit, till| {
        if visit.action == "none" {
            return Turn::Honest;
        }
        let kinds = if seas == Seas::False { 12 } else { 9 };
        match dice.below(kinds) {
            0 => Turn::Instead(Step::HangUp),
            1 | 2 => Turn::Lose(Step::HangUp),
            3 => Turn::Instead(step(503, &[])),
            4 => {
                till.forget();
                Turn::Honest
            }
            5 if visit.method != "HEAD" => Turn::Instead(step(409, &[])),
            9..12 => {
                let Some(channel) = till.channels.values().next() else {
                    return Turn::Honest;
                };
                let mut said = receipt(channel, "challenge-1");
                for name in ["spent", "acceptedCumulative"] {
                    let lie = u128::from(dice.below(24)) * PRICE;
                    if dice.below(2) == 0 {
                        said[name] = lie.to_string().into();
                    }
                }
                let said = header(&said);
                Turn::Lose(Step::Answer(answer(200, &[("payment-receipt", &said)], "")))
            }
            _ => Turn::Honest,
        }
    });
}

async fn sail(bench: &Bench, session: &mut Session<LocalSigner>, seller: &Seller, dice: &mut Dice) {
    match dice.below(5) {
        0 => bench.clock.advance(Duration::from_secs(dice.below(400))),
        1 => {
            let call = session.get(seller.stream_url()).ahead(3);
            // Streams of this seller that were left take turns at hearing of vouchers.
            let call = call.idle(Duration::from_millis(50));
            let Ok(mut stream) = call.stream().await else {
                return;
            };
            // Also on from where it went wrong.
            for _ in 0..dice.below(6) {
                let _ = stream.next().await;
            }
        }
        2 => {
            let sent = session.get(seller.url()).send().await;
            if let Err(SessionError::OutcomeUnknown { unanswered, .. }) = sent {
                let _ = session.resume(*unanswered).await;
            }
        }
        _ => drop(session.get(seller.url()).send().await),
    }
}

/// What holds of all that the seller was ever sent.
fn check(seller: &Seller, seed: u64) {
    let mut deposits: BTreeMap<String, (String, u128)> = BTreeMap::new();
    let mut promised: BTreeMap<String, u128> = BTreeMap::new();
    let text = |payload: &Value, name: &str| payload[name].as_str().unwrap().to_owned();
    let visits = seller.till(|till| till.visits.clone());
    for (action, payload) in visits.iter().filter(|(action, _)| action != "none") {
        let channel = text(payload, "channelId");
        if matches!(&**action, "open" | "topUp") {
            let pull = &payload["authorization"];
            let known = deposits.insert(
                text(pull, "nonce"),
                (channel.clone(), amount(pull, "value")),
            );
            let same = known.is_none_or(|known| known == (channel.clone(), amount(pull, "value")));
            assert!(same, "seed {seed}");
            continue;
        }
        let cumulative = amount(payload, "cumulativeAmount");
        let held = deposits.values().filter(|(of, _)| *of == channel);
        let held: u128 = held.map(|(_, amount)| amount).sum();
        let highest = promised.entry(channel).or_default();
        assert!(cumulative <= held, "seed {seed}: {cumulative} of {held}");
        assert!(cumulative <= *highest + 100_000, "seed {seed}");
        *highest = cumulative.max(*highest);
    }
    let all: u128 = deposits.values().map(|(_, amount)| amount).sum();
    assert!(all <= 200_000, "seed {seed}: {all}");
}

#[tokio::test]
async fn whatever_is_lost_refused_or_said_the_budget_holds_and_it_goes_on() {
    for seed in 0..12 {
        let seas = match seed % 2 {
            0 => Seas::Rough,
            _ => Seas::False,
        };
        let (bench, seller) = market().await;
        let mut dice = Dice(seed);
        let room = Room::new();
        seller.till(|till| {
            till.stream = (6, PRICE);
            till.request["suggestedDeposit"] = "30000".into();
        });
        storm(&seller, seas, Dice(!seed));
        let mut session = room.start(&bench).unwrap();
        for _ in 0..25 {
            sail(&bench, &mut session, &seller, &mut dice).await;
            if dice.below(4) == 0 {
                drop(session);
                session = room.start(&bench).unwrap();
            }
        }
        check(&seller, seed);
        if seas == Seas::False {
            continue;
        }
        // What was refused for good is given up, and then it goes on as far as the budget does.
        seller.honest();
        let mut last = None;
        for _ in 0..4 {
            match session.get(seller.url()).send().await {
                Ok(reply) => {
                    assert_eq!(reply.status(), 200, "seed {seed}");
                    let spent = reply.usage().unwrap().standing().spent;
                    assert_eq!(spent, seller.channel().spent(), "seed {seed}");
                    last = None;
                    break;
                }
                Err(error @ SessionError::BudgetReached { .. }) => {
                    assert!(seller.channel().spent() > 180_000, "seed {seed}: {error}");
                    last = None;
                    break;
                }
                Err(error) => last = Some(error),
            }
            bench.clock.advance(Duration::from_secs(901));
        }
        assert!(last.is_none(), "seed {seed}: {last:?}");
        check(&seller, seed);
    }
}
