//! What OKX says by script, and what it must not make us say.

use std::sync::Arc;

use devnet::okx::{Act, OkxAccount};
use serde_json::{Value, json};

/// A text of OKX's, with all in it that a text can do harm by.
pub const LOOSE_TALK: &str = "<script>alert('loose talk')</script> key \
    11111111-2222-3333-4444-555555555555 secret 0123456789ABCDEF0123456789ABCDEF Passw0rd!";

/// Whether bytes hold anything that is OKX's or the seller's alone.
pub fn is_telling(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let OkxAccount {
        key,
        secret,
        passphrase,
        ..
    } = OkxAccount::default();
    let ours = [key, secret, passphrase].map(|text| text.to_lowercase());
    let theirs = ["<script>", "loose talk", "errormessage", "ok-access"];
    let theirs = theirs.map(str::to_owned);
    ours.iter().chain(&theirs).any(|word| text.contains(word))
}

/// Says this in place of the data, and does nothing.
pub fn say(data: &Value) -> Act {
    let envelope = json!({"code": 0, "msg": LOOSE_TALK, "data": data});
    Act::Garbage(envelope.to_string().into_bytes())
}

/// Does the work, and says this about it beside.
pub fn beside(members: &Value) -> Act {
    let members = members.as_object().unwrap().clone();
    Act::Lie(Arc::new(move |data: &mut Value| {
        for (name, value) in &members {
            data[name.as_str()] = value.clone();
        }
        data["errorMessage"] = LOOSE_TALK.into();
    }))
}

/// Does the work, and puts the data into this place of a text.
pub fn data_as(shape: fn(Value) -> Value) -> Act {
    Act::Rewrap(Arc::new(move |envelope: &mut Value| {
        envelope["data"] = shape(envelope["data"].take());
    }))
}

/// Says no with a code, and does nothing.
pub fn refuse((status, code): (u16, i64)) -> Act {
    let text = LOOSE_TALK.to_owned();
    Act::Refuse { status, code, text }
}

/// Says no with a code, and has done it.
pub fn refuse_after((status, code): (u16, i64)) -> Act {
    let text = LOOSE_TALK.to_owned();
    Act::RefuseAfter { status, code, text }
}

/// Codes that say that nothing has looked at the payment, with their statuses.
pub const AT_THE_DOOR: [(u16, i64); 13] = [
    (429, 50011),
    (200, 50011),
    (401, 50103),
    (401, 50104),
    (401, 50106),
    (401, 50107),
    (401, 50105),
    (401, 50111),
    (401, 50112),
    (401, 50113),
    (401, 50114),
    (401, 50125),
    (404, 50404),
];

/// Codes that don't say how far the payment has come.
pub const INSIDE: [(u16, i64); 13] = [
    (503, 50001),
    (200, 50001),
    (500, 50026),
    (400, 50014),
    (400, 51000),
    (400, 50036),
    (200, 50038),
    (200, 8000),
    (200, 10002),
    (200, 30001),
    (200, -1),
    (200, 70002),
    (200, 999_999),
];

/// Reasons that are a no, with our word for each.
pub const REASONS: [(&str, &str); 15] = [
    ("invalid payment header", "invalid_payload"),
    ("param_mismatch", "invalid_payload"),
    ("toAddr mismatch", "invalid_exact_evm_recipient_mismatch"),
    (
        "amount mismatch",
        "invalid_exact_evm_payload_authorization_value_mismatch",
    ),
    ("unsupported_chain", "invalid_payment_requirements"),
    ("no matching payment option", "invalid_payment_requirements"),
    ("payer_blocked", "payment_refused"),
    ("risk_address", "payment_refused"),
    ("resource mismatch", "resource_mismatch"),
    ("invalid_signature", "invalid_exact_evm_signature"),
    (
        "not_yet_valid",
        "invalid_exact_evm_payload_authorization_valid_after",
    ),
    (
        "expired",
        "invalid_exact_evm_payload_authorization_valid_before",
    ),
    (
        "insufficient_balance",
        "invalid_exact_evm_insufficient_balance",
    ),
    (LOOSE_TALK, "payment_refused"),
    ("some_new_reason", "payment_refused"),
];

/// Reasons that are neither yes nor no.
pub const OPEN: [&str; 2] = ["onchain_error", "payment processing"];

/// Bodies with status 200 that are no answers.
pub fn garbage() -> Vec<Vec<u8>> {
    let texts = [
        "",
        "null",
        "[]",
        "true",
        "{}",
        "{\"code\":0",
        "<script>loose talk</script>",
        "{\"code\":0}",
        "{\"code\":0,\"data\":null}",
        "{\"code\":0,\"data\":\"yes\"}",
        "{\"code\":0,\"data\":[]}",
        "{\"code\":0,\"data\":{}}",
        "{\"code\":0,\"code\":0,\"data\":{\"isValid\":true,\"success\":true}}",
        "{\"code\":0,\"data\":{\"isValid\":1,\"success\":1}}",
        "{\"code\":0,\"data\":{\"success\":false,\"success\":true,\"transaction\":\"0x1\"}}",
        "{\"code\":0,\"data\":{\"valid\":true,\"ok\":true}}",
        "{\"data\":{\"isValid\":1,\"success\":1}}",
    ];
    let mut all: Vec<_> = texts.map(|text| text.as_bytes().to_vec()).into();
    all.push(vec![0xff, 0xfe, 0x00]);
    all.push("[".repeat(50_000).into_bytes());
    let mut large = b"{\"code\":0,\"data\":{\"isValid\":true,\"pad\":\"".to_vec();
    large.resize(1 << 20, b'x');
    large.extend_from_slice(b"\"}}");
    all.push(large);
    all
}

/// Codes in the envelope that are no yes, whatever the data beside them says.
pub fn odd_codes() -> Vec<Value> {
    vec![
        "-1".into(),
        (-1).into(),
        "00".into(),
        "".into(),
        "zero".into(),
        " 0".into(),
        true.into(),
        Value::Null,
        json!([0]),
        json!({}),
        "99999999999999999999999".into(),
    ]
}
