//! What the buyer of a session reads of a seller.
//!
//! The first byte says what the rest is: the request of a challenge as JSON, a receipt as the
//! header or as the event of a stream carries it, or the event that asks for a voucher.
#![no_main]

use alloy_primitives::Address;
use libfuzzer_sys::fuzz_target;
use mpp_core::{Challenge, EncodedRequest};
use mpp_evm::buyer::session::{NeedVoucher, SessionBill, SessionReceipt};
use payment_evm::permit2::PERMIT2;
use tollgate_fuzz::{base64url, json, same_hex};

fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let text = std::str::from_utf8(data);
    match (kind, text) {
        (b'h', Ok(text)) => {
            let _ = SessionReceipt::from_header(text);
        }
        (b'r', Ok(text)) => receipt(text),
        (b'n', Ok(text)) => need_voucher(text),
        (b'q', _) => bill(data),
        _ => {}
    }
});

fn bill(request: &[u8]) {
    let request = base64url(request);
    let request = std::str::from_utf8(&request).expect("ASCII");
    let Ok(request) = EncodedRequest::parse(request) else {
        return;
    };
    let said = request.decode();
    let challenge = Challenge::new("id", "api.example.com", "evm", "session", request);
    let Ok(bill) = SessionBill::read(&challenge, &[]) else {
        return;
    };
    let venue = bill.venue();
    let elsewhere = [Address::ZERO, venue.payee, venue.token, PERMIT2];
    assert!(!elsewhere.contains(&venue.escrow));
    assert!(bill.price() > 0);
    assert_eq!(said["amount"], bill.price().to_string());
    assert!(same_hex(&said["recipient"], &venue.payee.to_string()));
    assert!(same_hex(&said["currency"], &venue.token.to_string()));
    let details = &said["methodDetails"];
    assert!(same_hex(
        &details["escrowContract"],
        &venue.escrow.to_string()
    ));
    assert_eq!(details["chainId"], venue.chain_id);
    assert_eq!(bill.token().address, venue.token);
    assert_eq!(bill.token().chain_id, venue.chain_id);
}

fn receipt(text: &str) {
    let Ok(receipt) = SessionReceipt::from_event(text) else {
        return;
    };
    let said = json(text.as_bytes());
    assert_eq!(said["status"], "success");
    assert_eq!(said["acceptedCumulative"], receipt.accepted.to_string());
    assert_eq!(said["spent"], receipt.spent.to_string());
    assert!(same_hex(&said["channelId"], &receipt.channel.to_string()));
    let value = String::from_utf8(base64url(text.as_bytes())).expect("ASCII");
    if let Ok(other) = SessionReceipt::from_header(&value) {
        assert_eq!(other, receipt);
    }
}

fn need_voucher(text: &str) {
    let Ok(need) = NeedVoucher::from_event(text) else {
        return;
    };
    let said = json(text.as_bytes());
    assert_eq!(said["requiredCumulative"], need.required.to_string());
    assert_eq!(said["acceptedCumulative"], need.accepted.to_string());
    assert_eq!(said["deposit"], need.deposit.to_string());
    assert!(same_hex(&said["channelId"], &need.channel.to_string()));
}
