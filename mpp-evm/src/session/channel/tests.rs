use payment_evm::{EvmSignature, LocalSigner, SignatureError, wire};
use serde_json::Value;
use vectors::{Tally, cases, load, text};

use super::*;
use crate::session::testing::{Buyer, OPENED};
use crate::session::{Ledger, LedgerError, MemoryChannelStore, top_up_nonce};

fn later(millis: u64) -> Timestamp {
    Timestamp::from_millis(OPENED.millis() + millis)
}

fn hold(id: u64, amount: u128) -> Hold {
    Hold {
        id,
        amount,
        until: later(120_000),
    }
}

/// Deposited 1000, authorized 500, spent nothing.
fn funded() -> (Buyer, Channel) {
    let buyer = Buyer::new(1);
    let channel = buyer.accept(&buyer.channel(1000), 500);
    (buyer, channel)
}

fn checked(buyer: &Buyer, channel: &Channel, cumulative: u128) -> CheckedVoucher {
    channel
        .check(buyer.voucher(cumulative), &buyer.domain())
        .unwrap()
}

/// What the gate answers to what the ledger says (mpp, 12.7).
fn wire(refused: ChannelError) -> &'static str {
    match refused {
        ChannelError::Finalized | ChannelError::Closing => "410 session/channel-finalized",
        ChannelError::DeltaTooSmall { .. } => "402 session/delta-too-small",
        ChannelError::ExceedsDeposit { .. } => "402 session/amount-exceeds-deposit",
        ChannelError::Insufficient { .. } => "402 session/insufficient-balance",
        other => panic!("{other:?}"),
    }
}

/// The channel of the decision table: deposit 500000, settled 100000, accepted 250000, spent
/// 200000.
fn of_the_table(buyer: &Buyer, state: &Value, change: &Value) -> Channel {
    let number = |name: &str| {
        let text = change[name].as_str().or_else(|| state[name].as_str());
        text.unwrap().parse::<u128>().unwrap()
    };
    let mut chain = buyer.chain(number("deposit"));
    chain.settled = number("settledOnChain");
    let channel = Channel::adopt(buyer.id(), buyer.venue(), &chain, OPENED).unwrap();
    let mut channel = buyer.accept(&channel, number("acceptedCumulative"));
    let cost = number("spent") - channel.spent();
    channel = channel.hold(hold(1, cost), OPENED).unwrap();
    channel = channel.commit(1, cost, 1, OPENED).unwrap();
    chain.close_requested_at = change["closeRequestedAt"].as_u64().unwrap_or(0);
    chain.finalized = change["finalized"].as_bool().unwrap_or(false);
    channel.observe(&chain, OPENED).unwrap()
}

/// What becomes of a voucher, in the words of the table.
fn voucher_row(buyer: &Buyer, channel: &Channel, case: &Value, least: u128) -> String {
    let amount = wire::decimal::parse(text(case, "voucher"));
    let Some(cumulative) = amount.ok().and_then(|amount| u128::try_from(amount).ok()) else {
        return "reject".to_owned();
    };
    let mut signed = buyer.voucher(cumulative);
    match text(case, "signature") {
        "valid" => {}
        "valid by another key" => {
            let voucher = Voucher {
                channel: buyer.id(),
                cumulative,
            };
            let other = LocalSigner::random().unwrap();
            signed.signature = other.sign(&voucher.digest(&buyer.domain())).unwrap();
        }
        "invalid" => {
            // 5 is not the x of any point of the curve.
            let mut bytes = [0; 65];
            (bytes[31], bytes[63], bytes[64]) = (5, 1, 27);
            signed.signature = EvmSignature::from_bytes(&bytes).unwrap();
        }
        "high-s" => {
            let mut bytes = signed.signature.to_bytes();
            bytes[32..64].fill(0x80);
            assert_eq!(EvmSignature::from_bytes(&bytes), Err(SignatureError::HighS));
            return "402 session/invalid-signature".to_owned();
        }
        other => panic!("{other}"),
    }
    if let Err(refused) = channel.is_open() {
        return wire(refused).to_owned();
    }
    let voucher = match channel.check(signed, &buyer.domain()) {
        Ok(voucher) => voucher,
        Err(SignatureError::OtherSigner { .. }) => return "402 session/signer-mismatch".to_owned(),
        Err(_) => return "402 session/invalid-signature".to_owned(),
    };
    match channel.accept(&voucher, least) {
        Ok(mut next) => {
            // Learning the key is no change of the books.
            next.key = channel.key;
            if next == *channel {
                return "200 unchanged".to_owned();
            }
            assert_eq!(next.accepted(), cumulative);
            if let Some(accepted) = case["acceptedCumulative"].as_str() {
                assert_eq!(next.accepted().to_string(), accepted);
            }
            "200".to_owned()
        }
        Err(refused) => wire(refused).to_owned(),
    }
}

#[tokio::test]
async fn the_decision_table() {
    let file = load("mpp_core.json");
    let buyer = Buyer::new(1);
    let state = &file["session_decisions"]["state"];
    let least = text(state, "minVoucherDelta").parse::<u128>().unwrap();
    let mut tally = Tally::new("mpp session_decisions");
    for case in cases(&file, "/session_decisions/cases") {
        let (name, result) = (text(case, "name"), text(case, "result"));
        let channel = of_the_table(&buyer, state, &case["state_override"]);
        let cost = case["cost"]
            .as_str()
            .map(|cost| cost.parse::<u128>().unwrap());
        match name {
            "unknown_channel" => {
                let ledger = Ledger::new(MemoryChannelStore::new(1));
                let refused = ledger.apply(buyer.id(), |it| Ok((it.clone(), ()))).await;
                assert!(matches!(refused, Err(LedgerError::Unknown)));
            }
            "charge_within_available" => {
                let paid = channel.charge(0, cost.unwrap(), 1, OPENED).unwrap();
                assert_eq!((paid.spent(), paid.available(OPENED)), (250_000, 0));
                assert_eq!(result, "spent=250000, available 0");
            }
            "charge_above_available" => {
                let cost = cost.unwrap();
                let refused = channel.charge(0, cost, 1, OPENED).unwrap_err();
                assert!(result.starts_with(wire(refused)), "{result}");
                let required = channel.required(cost, least, OPENED).unwrap();
                assert!(result.ends_with(&required.to_string()), "{result}");
            }
            "need_voucher_larger_cost" => {
                let required = channel.required(cost.unwrap(), least, OPENED).unwrap();
                assert!(result.ends_with(&required.to_string()), "{result}");
            }
            "need_voucher_above_deposit" => {
                let required = channel.required(cost.unwrap(), least, OPENED).unwrap();
                let said = format!(
                    "requiredCumulative {required} > deposit {}",
                    channel.deposit()
                );
                assert!(result.starts_with(&said), "{result}");
            }
            "close_covers_spent" | "close_below_spent" => {
                let amount = text(case, "close_cumulative").parse().unwrap();
                let last = checked(&buyer, &channel, amount);
                let (_, closing) = channel.begin_close(Some(&last), later(1), OPENED).unwrap();
                let claimed = if amount < 200_000 { 250_000 } else { amount };
                assert_eq!(closing, Closing::Claim(buyer.voucher(claimed)));
            }
            // The nonce that was signed is that of the amount that was signed.
            "topup_amount_mismatch" => {
                let nonce = |member: &str| {
                    let amount = text(case, member).parse().unwrap();
                    top_up_nonce(buyer.id(), amount, channel.payer(), buyer.opening().salt)
                };
                assert_ne!(nonce("additionalDeposit"), nonce("authorization_value"));
            }
            _ => {
                for key in [channel.key, None] {
                    let mut channel = channel.clone();
                    channel.key = key;
                    let row = voucher_row(&buyer, &channel, case, least);
                    assert!(result.contains(&row), "{name}: {row} for {result}");
                    assert!(row != "200" || !result.contains("unchanged"), "{name}");
                }
            }
        }
        tally.ran();
    }
    assert_eq!(tally.count(), 23);
}

#[test]
fn only_our_open_channels_are_taken_up() {
    let buyer = Buyer::new(1);
    let adopt = |change: fn(&mut ChainState)| {
        let mut chain = buyer.chain(1000);
        chain.settled = 300;
        change(&mut chain);
        Channel::adopt(buyer.id(), buyer.venue(), &chain, OPENED)
    };
    assert_eq!(
        adopt(|it| it.payee = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    assert_eq!(
        adopt(|it| it.token = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    assert_eq!(
        adopt(|it| it.payer = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    assert_eq!(
        adopt(|it| it.finalized = true),
        Err(ChannelError::Finalized)
    );
    assert_eq!(
        adopt(|it| it.close_requested_at = 1),
        Err(ChannelError::Closing)
    );
    assert_eq!(adopt(|it| it.settled = 1001), Err(ChannelError::Overflow));
    let taken = adopt(|_| ()).unwrap();
    // What was settled before counts as used up.
    assert_eq!((taken.accepted(), taken.spent()), (300, 300));
    assert_eq!(taken.available(OPENED), 0);
    assert!(taken.is_sound());
}

#[test]
fn another_channel_is_not_observed() {
    let (buyer, channel) = funded();
    let observe = |change: fn(&mut ChainState)| {
        let mut chain = buyer.chain(1000);
        change(&mut chain);
        channel.observe(&chain, OPENED)
    };
    assert_eq!(observe(|_| ()).as_ref(), Ok(&channel));
    assert_eq!(
        observe(|it| it.payer = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    assert_eq!(
        observe(|it| it.payee = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    assert_eq!(
        observe(|it| it.token = Address::ZERO),
        Err(ChannelError::Foreign)
    );
    let signed_by_another =
        |it: &mut ChainState| it.authorized_signer = Some(Address::repeat_byte(9));
    assert_eq!(observe(signed_by_another), Err(ChannelError::Foreign));
    assert_eq!(observe(|it| it.settled = 1001), Err(ChannelError::Overflow));
}

#[test]
fn an_escrow_that_names_no_signer_changes_none_and_gives_up_no_channel() {
    let (buyer, channel) = funded();
    let mut chain = buyer.chain(1000);
    chain.authorized_signer = None;
    assert_eq!(channel.observe(&chain, OPENED).as_ref(), Ok(&channel));
    chain.payer = Address::ZERO;
    assert_eq!(channel.observe(&chain, OPENED), Err(ChannelError::Foreign));
    chain.payer = buyer.opening().payer;
    let adopted = Channel::adopt(buyer.id(), buyer.venue(), &chain, OPENED);
    assert_eq!(adopted, Err(ChannelError::NoSigner));
}

#[test]
fn a_voucher_goes_to_the_escrow_with_the_v_that_the_contract_recovers() {
    let (buyer, channel) = funded();
    let voucher = buyer.voucher(10);
    let mut bytes = voucher.signature.to_bytes();
    bytes[64] = 27 + 28 - bytes[64];
    let twin = SignedVoucher {
        signature: payment_evm::EvmSignature::from_bytes(&bytes).unwrap(),
        ..voucher
    };
    assert_ne!(twin, voucher);
    assert_eq!(channel.spelled(twin), voucher);
    assert_eq!(channel.spelled(voucher), voucher);
}

#[test]
fn the_payer_written_out_is_the_same_signer() {
    let (buyer, channel) = funded();
    let mut chain = buyer.chain(1000);
    chain.authorized_signer = Some(chain.payer);
    assert_eq!(channel.observe(&chain, OPENED).as_ref(), Ok(&channel));
    let taken = Channel::adopt(buyer.id(), buyer.venue(), &chain, OPENED).unwrap();
    assert_eq!(taken, buyer.channel(1000));
}

#[test]
fn a_young_request_counts_even_if_the_answer_is_older() {
    let (buyer, channel) = funded();
    let known = channel.observe(&buyer.chain(2000), later(0)).unwrap();
    let mut undone = buyer.chain(1000);
    let young = OPENED.seconds() - LEAST_GRACE + 1;
    undone.close_requested_at = young;
    let closing = known.observe(&undone, later(1)).unwrap();
    assert_eq!(
        (closing.close_requested_at(), closing.deposit()),
        (young, 2000)
    );
    undone.close_requested_at = young - 1;
    assert_eq!(known.observe(&undone, OPENED).as_ref(), Ok(&known));
}

#[test]
fn an_older_answer_lowers_nothing_and_closes_nothing() {
    let (buyer, channel) = funded();
    let mut chain = buyer.chain(2000);
    chain.settled = 400;
    let known = channel.observe(&chain, later(5)).unwrap();
    for (deposit, settled) in [(1000, 400), (2000, 399), (1000, 0)] {
        let mut old = buyer.chain(deposit);
        old.settled = settled;
        old.close_requested_at = 77;
        assert_eq!(known.observe(&old, later(3)).as_ref(), Ok(&known));
    }
    chain.finalized = true;
    let closed = known.observe(&chain, later(6)).unwrap();
    chain.finalized = false;
    chain.close_requested_at = 77;
    assert_eq!(closed.observe(&chain, later(6)), Ok(closed));
}

#[test]
fn a_pending_close_ends_by_a_grown_deposit_only() {
    let (buyer, channel) = funded();
    let mut chain = buyer.chain(1000);
    chain.close_requested_at = 77;
    let closing = channel.observe(&chain, OPENED).unwrap();
    assert_eq!(closing.is_open(), Err(ChannelError::Closing));
    assert_eq!(closing.close_requested_at(), 77);
    chain.close_requested_at = 76;
    assert_eq!(closing.observe(&chain, OPENED).as_ref(), Ok(&closing));
    chain.close_requested_at = 0;
    let still = closing.observe(&chain, OPENED).unwrap();
    assert_eq!(still.is_open(), Err(ChannelError::Closing));
    chain.deposit = 1001;
    let open = still.observe(&chain, OPENED).unwrap();
    assert_eq!((open.is_open(), open.deposit()), (Ok(()), 1001));
    // Topped up, and asked to close again before we looked.
    (chain.deposit, chain.close_requested_at) = (1002, 88);
    let closing = open.observe(&chain, OPENED).unwrap();
    assert_eq!(closing.close_requested_at(), 88);
}

#[test]
fn what_was_settled_beyond_what_we_know_is_used_up() {
    let (buyer, channel) = funded();
    let held = channel.hold(hold(1, 100), OPENED).unwrap();
    let mut chain = buyer.chain(1000);
    chain.settled = 700;
    let next = held.observe(&chain, OPENED).unwrap();
    assert_eq!((next.accepted(), next.spent()), (700, 200));
    assert_eq!(next.available(OPENED), held.available(OPENED));
    assert!(next.is_sound());
    chain.settled = 450;
    let below = held.observe(&chain, OPENED).unwrap();
    assert_eq!(
        (below.accepted(), below.spent(), below.settled()),
        (500, 0, 450)
    );
}

#[test]
fn no_voucher_is_accepted_on_a_channel_that_closes_or_is_another() {
    let (buyer, channel) = funded();
    let voucher = checked(&buyer, &channel, 600);
    let mut chain = buyer.chain(1000);
    chain.close_requested_at = 1;
    let requested = channel.observe(&chain, OPENED).unwrap();
    assert_eq!(requested.accept(&voucher, 0), Err(ChannelError::Closing));
    chain.finalized = true;
    let finalized = channel.observe(&chain, OPENED).unwrap();
    assert_eq!(finalized.accept(&voucher, 0), Err(ChannelError::Finalized));
    let (closing, _) = channel.begin_close(None, later(1), OPENED).unwrap();
    assert_eq!(closing.accept(&voucher, 0), Err(ChannelError::Closing));
    let other = Buyer::new(2).channel(1000);
    assert_eq!(other.accept(&voucher, 0), Err(ChannelError::Foreign));
    // Nor begins anything else there.
    for (shut, why) in [
        (&requested, ChannelError::Closing),
        (&finalized, ChannelError::Finalized),
        (&closing, ChannelError::Closing),
    ] {
        assert_eq!(shut.hold(hold(1, 0), OPENED), Err(why));
        assert_eq!(shut.charge(0, 0, 0, OPENED), Err(why));
        assert_eq!(shut.begin_stream(OPENED), Err(why));
        assert_eq!(shut.commit(1, 0, 0, OPENED), Err(why));
    }
}

#[test]
fn numbers_at_the_end_of_their_range_do_not_wrap() {
    let buyer = Buyer::new(1);
    let channel = buyer.accept(&buyer.channel(u128::MAX), u128::MAX);
    let held = channel.hold(hold(1, u128::MAX), OPENED).unwrap();
    assert_eq!(held.available(OPENED), 0);
    let refused = held.hold(hold(2, u128::MAX), OPENED);
    let why = ChannelError::Insufficient {
        available: 0,
        cost: u128::MAX,
    };
    assert_eq!(refused, Err(why));
    let paid = held.commit(1, u128::MAX, u64::MAX, OPENED).unwrap();
    assert_eq!((paid.spent(), paid.units()), (u128::MAX, u64::MAX));
    assert_eq!(paid.charge(0, 0, 1, OPENED).unwrap().units(), u64::MAX);
    assert_eq!(paid.required(1, 0, OPENED), Err(ChannelError::Overflow));
    assert_eq!(paid.required(0, 1, OPENED), Err(ChannelError::Overflow));
    let mut last = paid;
    last.stream = u64::MAX;
    assert_eq!(last.begin_stream(OPENED), Err(ChannelError::Overflow));
}

#[test]
fn a_lower_voucher_changes_nothing_whatever_the_least_step() {
    let (buyer, channel) = funded();
    for cumulative in [0, 1, 499, 500] {
        let voucher = checked(&buyer, &channel, cumulative);
        assert_eq!(channel.accept(&voucher, u128::MAX).as_ref(), Ok(&channel));
    }
}

#[test]
fn what_is_set_aside_is_not_there_for_others() {
    let (_, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    assert_eq!(held.available(OPENED), 200);
    let short = ChannelError::Insufficient {
        available: 200,
        cost: 201,
    };
    assert_eq!(held.hold(hold(2, 201), OPENED), Err(short));
    assert_eq!(held.charge(0, 201, 1, OPENED), Err(short));
    assert_eq!(held.commit(9, 201, 1, OPENED), Err(short));
    let both = held.hold(hold(2, 200), OPENED).unwrap();
    assert_eq!(both.give_back(3), both);
    assert_eq!(both.give_back(2), held);
    assert_eq!(both.give_back(2).give_back(1).available(OPENED), 500);
    // Asked for once more, it is the same; under the same number, nothing else is.
    assert_eq!(both.hold(hold(2, 200), OPENED).as_ref(), Ok(&both));
    assert_eq!(both.hold(hold(2, 0), OPENED), Err(ChannelError::Busy));
}

#[test]
fn requests_in_work_are_bounded() {
    let (_, mut channel) = funded();
    for id in 0..64 {
        channel = channel.hold(hold(id, 1), OPENED).unwrap();
    }
    assert_eq!(channel.hold(hold(64, 1), OPENED), Err(ChannelError::Busy));
    // Those that ran out make room.
    let next = Hold {
        until: later(200_000),
        ..hold(64, 500)
    };
    let next = channel.hold(next, later(120_000)).unwrap();
    assert_eq!((next.holds().len(), next.available(later(120_000))), (1, 0));
    assert!(channel.hold(hold(64, 1), later(119_999)).is_err());
}

#[test]
fn what_was_set_aside_is_taken_once_and_not_more_of_it() {
    let (_, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    let more = ChannelError::Insufficient {
        available: 300,
        cost: 301,
    };
    assert_eq!(held.commit(1, 301, 1, OPENED), Err(more));
    let paid = held.commit(1, 120, 3, later(9)).unwrap();
    assert_eq!(
        (paid.spent(), paid.units(), paid.holds().len()),
        (120, 3, 0)
    );
    assert_eq!(paid.available(OPENED), 380);
    assert_eq!(paid.used_at(), later(9));
}

#[test]
fn what_ran_out_is_taken_afresh_if_it_is_there() {
    let (_, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    // Nobody came between: it is still there.
    assert!(held.commit(1, 300, 1, later(120_000)).is_ok());
    let other = Hold {
        until: later(300_000),
        ..hold(2, 400)
    };
    let taken = held.hold(other, later(120_000)).unwrap();
    let short = ChannelError::Insufficient {
        available: 100,
        cost: 300,
    };
    assert_eq!(taken.commit(1, 300, 1, later(120_001)), Err(short));
    assert_eq!(
        taken
            .give_back(2)
            .commit(1, 300, 1, later(120_001))
            .unwrap()
            .spent(),
        300
    );
}

#[test]
fn work_begun_before_a_closing_is_paid_and_none_after() {
    let (buyer, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    let (closing, how) = held.begin_close(None, later(10), OPENED).unwrap();
    assert_eq!(how, Closing::Claim(buyer.voucher(500)));
    let paid = closing.commit(1, 300, 1, OPENED).unwrap();
    assert_eq!(paid.spent(), 300);
    assert_eq!(paid.commit(1, 1, 1, OPENED), Err(ChannelError::Closing));
    // Also when our closing has reached the chain meanwhile.
    let mut chain = buyer.chain(1000);
    (chain.settled, chain.finalized) = (300, true);
    let closed = closing.observe(&chain, OPENED).unwrap();
    assert_eq!(closed.commit(1, 300, 1, OPENED).unwrap().spent(), 300);
}

#[test]
fn nothing_is_taken_from_what_the_payer_withdrew() {
    let (buyer, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    let mut chain = buyer.chain(1000);
    (chain.settled, chain.finalized) = (299, true);
    let withdrawn = held.observe(&chain, OPENED).unwrap();
    assert_eq!(
        withdrawn.commit(1, 300, 1, OPENED),
        Err(ChannelError::Finalized)
    );
    assert_eq!(withdrawn.commit(1, 299, 1, OPENED).unwrap().spent(), 299);
}

#[test]
fn a_later_stream_ends_the_earlier() {
    let (_, channel) = funded();
    let first = channel.begin_stream(OPENED).unwrap();
    assert_eq!(first.stream(), 1);
    assert_eq!(first.charge(1, 5, 2, OPENED).unwrap().spent(), 5);
    let second = first.begin_stream(OPENED).unwrap();
    assert_eq!(
        second.charge(1, 5, 2, OPENED),
        Err(ChannelError::Superseded)
    );
    assert_eq!(second.charge(2, 5, 2, OPENED).unwrap().units(), 2);
}

#[test]
fn closing_takes_the_lowest_voucher_that_covers_what_is_owed() {
    let (buyer, channel) = funded();
    let close = |channel: &Channel| channel.begin_close(None, later(1), OPENED).unwrap().1;
    let raised = buyer.accept(&buyer.accept(&channel, 700), 900);
    // Authorized is not earned.
    assert_eq!(close(&raised), Closing::Waive);
    let at = raised.charge(0, 1, 1, OPENED).unwrap();
    assert_eq!(close(&at), Closing::Claim(buyer.voucher(500)));
    let at = at.charge(0, 499, 1, OPENED).unwrap();
    assert_eq!(close(&at), Closing::Claim(buyer.voucher(500)));
    let beyond = at.charge(0, 1, 1, OPENED).unwrap();
    assert_eq!(close(&beyond), Closing::Claim(buyer.voucher(900)));
    // What will never do again is not kept.
    assert_eq!((at.cover, beyond.cover), (Some(buyer.voucher(500)), None));
    // What is held counts until it runs out or is given back.
    let held = at.hold(hold(1, 1), OPENED).unwrap();
    assert_eq!(close(&held), Closing::Claim(buyer.voucher(900)));
    assert_eq!(
        close(&held.give_back(1)),
        Closing::Claim(buyer.voucher(500))
    );
    let (_, late) = held
        .begin_close(None, later(120_001), later(120_000))
        .unwrap();
    assert_eq!(late, Closing::Claim(buyer.voucher(500)));
    // The highest before the last, when the lowest does not cover.
    let next = buyer.accept(&buyer.accept(&beyond, 901), 902);
    assert_eq!(close(&next), Closing::Claim(buyer.voucher(900)));
}

#[test]
fn a_cover_that_is_short_of_what_is_held_makes_room_for_one_that_is_not() {
    let (buyer, channel) = funded();
    let raised = buyer.accept(&channel, 900);
    let held = raised.hold(hold(1, 501), OPENED).unwrap();
    let next = buyer.accept(&held, 1000);
    let (_, how) = next.begin_close(None, later(1), OPENED).unwrap();
    assert_eq!(how, Closing::Claim(buyer.voucher(900)));
}

#[test]
fn nothing_is_claimed_that_was_settled() {
    let (buyer, channel) = funded();
    let mut chain = buyer.chain(1000);
    chain.settled = 500;
    let settled = channel.observe(&chain, OPENED).unwrap();
    assert_eq!(settled.unsettled(), None);
    assert_eq!(
        settled.begin_close(None, later(1), OPENED).unwrap().1,
        Closing::Waive
    );
    let raised = buyer.accept(&settled, 600);
    assert_eq!(raised.unsettled(), Some(buyer.voucher(600)));
    // Nothing more is owed than was settled, so nothing more is taken.
    assert_eq!(
        raised.begin_close(None, later(1), OPENED).unwrap().1,
        Closing::Waive
    );
    let low = checked(&buyer, &raised, 500);
    let (_, how) = raised.begin_close(Some(&low), later(1), OPENED).unwrap();
    assert_eq!(how, Closing::Waive);
    chain.finalized = true;
    assert_eq!(raised.observe(&chain, OPENED).unwrap().unsettled(), None);
    let none = Buyer::new(2).channel(10);
    assert_eq!(
        none.begin_close(None, later(1), OPENED).unwrap().1,
        Closing::Waive
    );
}

#[test]
fn the_payers_closing_voucher_goes_first_where_it_covers() {
    let (buyer, channel) = funded();
    let spent = channel.charge(0, 200, 1, OPENED).unwrap();
    let close = |cumulative| {
        let last = checked(&buyer, &spent, cumulative);
        spent.begin_close(Some(&last), later(1), OPENED)
    };
    for cumulative in [200, 201, 500, 600] {
        let (next, how) = close(cumulative).unwrap();
        assert_eq!(how, Closing::Claim(buyer.voucher(cumulative)));
        assert_eq!(next.accepted(), cumulative.max(500));
        assert!(next.is_sound());
    }
    assert_eq!(close(199).unwrap().1, Closing::Claim(buyer.voucher(500)));
    let beyond = ChannelError::ExceedsDeposit {
        cumulative: 1001,
        deposit: 1000,
    };
    assert_eq!(close(1001), Err(beyond));
    let other = Buyer::new(2);
    let foreign = checked(&other, &other.channel(1000), 300);
    let refused = spent.begin_close(Some(&foreign), later(1), OPENED);
    assert_eq!(refused, Err(ChannelError::Foreign));
}

#[test]
fn who_closes_at_what_was_spent_does_not_lose_what_was_authorized_to_a_request_in_work() {
    let (buyer, channel) = funded();
    let spent = channel.charge(0, 200, 1, OPENED).unwrap();
    let held = spent.hold(hold(1, 10), OPENED).unwrap();
    let close = |channel: &Channel, cumulative, now| {
        let last = checked(&buyer, channel, cumulative);
        let (_, how) = channel.begin_close(Some(&last), later(200_000), now)?;
        Ok(how)
    };
    assert_eq!(close(&held, 200, OPENED), Err(ChannelError::Busy));
    assert_eq!(close(&held, 209, OPENED), Err(ChannelError::Busy));
    let claim = |cumulative| Ok(Closing::Claim(buyer.voucher(cumulative)));
    assert_eq!(close(&held, 210, OPENED), claim(210));
    // Less than was spent was never enough.
    assert_eq!(close(&held, 199, OPENED), claim(500));
    // It ends with the request: paid, given back or run out.
    let paid = held.commit(1, 10, 1, OPENED).unwrap();
    assert_eq!(close(&paid, 210, OPENED), claim(210));
    assert_eq!(close(&held.give_back(1), 200, OPENED), claim(200));
    assert_eq!(close(&held, 200, later(120_000)), claim(200));
    // A voucher for exactly what is owed takes nothing that was not earned or begun.
    let next = buyer
        .accept(&channel, 510)
        .charge(0, 490, 1, OPENED)
        .unwrap();
    let held = next.hold(hold(1, 10), OPENED).unwrap();
    assert_eq!(close(&held, 490, OPENED), claim(500));
}

#[test]
fn what_the_payer_closed_with_is_kept_for_the_next_attempt() {
    let (buyer, channel) = funded();
    let spent = channel.charge(0, 200, 1, OPENED).unwrap();
    let last = checked(&buyer, &spent, 200);
    let (first, _) = spent.begin_close(Some(&last), later(10), OPENED).unwrap();
    let (_, again) = first.begin_close(None, later(30), later(20)).unwrap();
    assert_eq!(again, Closing::Claim(buyer.voucher(200)));
    // A higher one does not push it out.
    let high = checked(&buyer, &spent, 300);
    let (second, _) = first
        .begin_close(Some(&high), later(30), later(20))
        .unwrap();
    let (_, third) = second.begin_close(None, later(50), later(40)).unwrap();
    assert_eq!(third, Closing::Claim(buyer.voucher(200)));
}

#[test]
fn one_closing_at_a_time_and_none_of_what_is_closed() {
    let (buyer, channel) = funded();
    let (closing, _) = channel.begin_close(None, later(10), OPENED).unwrap();
    let again = closing.begin_close(None, later(20), later(9));
    assert_eq!(again, Err(ChannelError::Closing));
    assert!(closing.begin_close(None, later(20), later(10)).is_ok());
    let mut chain = buyer.chain(1000);
    chain.finalized = true;
    let closed = channel.observe(&chain, OPENED).unwrap();
    assert_eq!(
        closed.begin_close(None, later(1), OPENED),
        Err(ChannelError::Finalized)
    );
    // The payer's own request does not keep us from it.
    (chain.finalized, chain.close_requested_at) = (false, 1);
    let requested = channel.observe(&chain, OPENED).unwrap();
    assert!(requested.begin_close(None, later(1), OPENED).is_ok());
}

#[test]
fn a_closing_that_was_taken_over_reopens_nothing() {
    let (_, channel) = funded();
    let (first, _) = channel.begin_close(None, later(10), OPENED).unwrap();
    let (second, _) = first.begin_close(None, later(30), later(20)).unwrap();
    assert_eq!(second.abort_close(later(10)), second);
    assert_eq!(second.abort_close(later(30)).is_open(), Ok(()));
    assert_eq!(first.abort_close(later(10)), channel);
}

#[test]
fn what_must_be_promised_counts_what_is_held() {
    let (_, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    assert_eq!(held.required(201, 0, OPENED), Ok(501));
    assert_eq!(held.required(201, 0, later(120_000)), Ok(500));
    assert_eq!(held.required(201, 10, OPENED), Ok(510));
}

#[test]
fn each_broken_rule_is_unsound() {
    let (buyer, channel) = funded();
    let held = channel.hold(hold(1, 300), OPENED).unwrap();
    assert!(held.is_sound());
    let breaks: [fn(&mut Channel); 9] = [
        |it| it.deposit = 499,
        |it| it.settled = 501,
        |it| it.accepted = 501,
        |it| it.accepted = 499,
        |it| it.spent = 201,
        |it| it.key = None,
        |it| it.cover = it.voucher,
        |it| it.holds.push(hold(1, 0)),
        |it| it.holds.push(hold(2, u128::MAX)),
    ];
    for (at, one) in breaks.into_iter().enumerate() {
        let mut broken = held.clone();
        one(&mut broken);
        assert!(!broken.is_sound(), "{at}");
    }
    let mut many = channel.clone();
    many.holds = (0..65).map(|id| hold(id, 0)).collect();
    assert!(!many.is_sound());
    let mut settled = buyer.channel(1000);
    settled.settled = 1;
    assert!(!settled.is_sound());
}

#[test]
fn t71_what_ran_out_is_told_from_what_was_taken() {
    let (_, channel) = funded();
    let mut held = channel;
    for id in 1..=4 {
        held = held.hold(hold(id, 10), OPENED).unwrap();
    }
    let late = later(120_000);
    let lapsed = |channel: &Channel| (1..=5).filter(|id| channel.has_lapsed(*id)).collect();
    let known: Vec<u64> = lapsed(&held.commit(1, 10, 1, OPENED).unwrap().give_back(2));
    assert!(known.is_empty());
    let left = held.commit(1, 10, 1, OPENED).unwrap().give_back(2);
    // Whatever comes by and sweeps.
    let new = Hold {
        until: later(300_000),
        ..hold(5, 1)
    };
    let swept = [
        left.hold(new, late).unwrap(),
        left.charge(0, 1, 1, late).unwrap(),
        left.commit(5, 1, 1, late).unwrap(),
        left.begin_close(None, later(300_000), late).unwrap().0,
    ];
    for swept in &swept {
        let known: Vec<u64> = lapsed(swept);
        assert_eq!(known, [3, 4]);
        assert!(swept.is_sound());
    }
    // Taken afresh, given back, or set aside again: settled one way or another.
    let [swept, ..] = &swept;
    for after in [
        swept.commit(3, 10, 1, late).unwrap(),
        swept.give_back(3),
        swept.hold(Hold { id: 3, ..new }, late).unwrap(),
    ] {
        let known: Vec<u64> = lapsed(&after);
        assert_eq!(known, [4]);
    }
    // The latest are remembered, no more than can be held at once.
    let mut many = swept.clone();
    for round in 0..3 {
        let at = later(300_000 * (round + 1));
        for id in 0..60 {
            let hold = Hold {
                id: 100 * round + 100 + id,
                amount: 0,
                until: at.plus(std::time::Duration::from_secs(1)),
            };
            many = many.hold(hold, at).unwrap();
        }
    }
    assert_eq!(many.lapsed.len(), MOST_HOLDS);
    assert!(many.is_sound() && many.has_lapsed(259) && !many.has_lapsed(4));
}

#[test]
fn t67_a_clock_that_was_set_back_does_not_make_old_news_new() {
    use std::time::Duration;

    let minute = Duration::from_secs(60);
    let (buyer, channel) = funded();
    assert!(channel.is_fresh(OPENED, minute) && channel.is_fresh(later(59_999), minute));
    assert!(!channel.is_fresh(later(60_000), minute));
    // Clocks differ by a little.
    let ahead = |millis| channel.observe(&buyer.chain(1000), later(millis)).unwrap();
    assert!(ahead(60_000).is_fresh(OPENED, minute));
    assert_eq!(
        ahead(60_000)
            .observe(&buyer.chain(1000), OPENED)
            .unwrap()
            .seen_at(),
        later(60_000)
    );
    let ahead = ahead(7_200_000);
    assert!(!ahead.is_fresh(OPENED, minute));
    let seen = ahead.observe(&buyer.chain(1000), OPENED).unwrap();
    assert_eq!(seen.seen_at(), OPENED);
    assert!(seen.is_fresh(OPENED, minute));
}
