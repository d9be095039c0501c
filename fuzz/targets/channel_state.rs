//! The record of a channel, as this and other SDKs keep it on disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mpp_evm::session::ChannelState;
use payment_core::Timestamp;

fuzz_target!(|data: &[u8]| {
    let Ok(state) = ChannelState::from_json(data) else {
        return;
    };
    let Ok(channel) = state.channel() else {
        return;
    };
    assert!(channel.settled() <= channel.accepted());
    assert!(channel.accepted() <= channel.deposit());
    let held = channel.holds().iter().map(|hold| hold.amount);
    let owed = held.fold(Some(channel.spent()), |sum, amount| {
        sum?.checked_add(amount)
    });
    assert!(owed.is_some_and(|owed| owed <= channel.accepted()));
    // What is authorized is what somebody has signed, or what the chain has paid out.
    let signed = channel.voucher().map_or(0, |voucher| voucher.cumulative);
    assert!(channel.accepted() <= signed.max(channel.settled()));
    let _ = channel.available(Timestamp::default());
    let written = ChannelState::from(&channel)
        .to_json()
        .expect("what is a channel is written");
    let again = ChannelState::from_json(&written).expect("ours is read");
    assert_eq!(again.channel().expect("ours is a channel"), channel);
});
