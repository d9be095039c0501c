//! What can go wrong at a call to OKX, and what is to come of each.

use std::sync::Arc;

use devnet::okx::{Act, Endpoint};
use serde_json::{Value, json};

use crate::answer::UPSTREAM;

pub const PENDING: &str = "503 settlement_pending";
pub const BUSY: &str = "503 okx_unavailable";
pub const ODD: &str = "502 okx_answer";
pub const NO: &str = "502 okx_refused";

/// Whether the service did the work, whatever it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    Done,
    Undone,
}

pub use Work::{Done, Undone};

/// One fault: what the service does with the next calls, and what it leaves on the chain.
#[derive(Clone, Debug)]
pub struct Fault {
    pub name: String,
    pub acts: Vec<Act>,
    pub work: Work,
}

impl Fault {
    pub fn new(name: impl Into<String>, work: Work, acts: impl IntoIterator<Item = Act>) -> Self {
        Self {
            name: name.into(),
            acts: acts.into_iter().collect(),
            work,
        }
    }

    /// Has it happen at this endpoint.
    pub fn order(&self, okx: &devnet::okx::Okx, endpoint: Endpoint) {
        for act in &self.acts {
            okx.order(endpoint, act.clone());
        }
    }
}

/// Refused in OKX's own words, which nobody is to read.
pub fn refuse(code: i64) -> Act {
    Act::refuse(code, UPSTREAM)
}

pub fn refuse_after(code: i64) -> Act {
    Act::RefuseAfter {
        status: 200,
        code,
        text: UPSTREAM.to_owned(),
    }
}

/// No answer that says anything: lost on the way, or of a machine between us.
pub fn lost() -> Vec<Fault> {
    let mut faults = vec![
        Fault::new("reset before", Undone, [Act::CloseBefore]),
        Fault::new("reset after", Done, [Act::CloseAfter]),
    ];
    for status in [500, 502, 503, 504, 302, 204, 400, 402] {
        let name = format!("{status} before");
        faults.push(Fault::new(name, Undone, [Act::Status(status)]));
        let name = format!("{status} after");
        faults.push(Fault::new(name, Done, [Act::StatusAfter(status)]));
    }
    faults
}

/// Answers that are none.
pub fn garbage() -> Vec<Fault> {
    let texts = [
        "",
        "null",
        "[]",
        "true",
        "0",
        "{}",
        "{\"code\":0",
        "<html><script>upstream-text</script></html>",
        "{\"code\":0,\"msg\":\"\"}",
        "{\"code\":0,\"msg\":\"\",\"data\":null}",
        "{\"code\":0,\"msg\":\"\",\"data\":[]}",
        "{\"code\":0,\"msg\":\"\",\"data\":{}}",
        "{\"code\":0,\"msg\":\"\",\"data\":\"success\"}",
        "{\"code\":0,\"data\":{\"status\":true,\"success\":true}}",
        "{\"status\":\"success\",\"chainId\":196}",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(vec![0xff, 0xfe, 0]);
    all.push("[".repeat(50_000).into_bytes());
    let mut large = b"{\"code\":0,\"data\":{\"status\":\"success\",\"pad\":\"".to_vec();
    large.resize(1 << 20, b'x');
    large.extend_from_slice(b"\"}}");
    all.push(large);
    all.into_iter()
        .map(|bytes| {
            let name = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
            Fault::new(format!("garbage {name}"), Undone, [Act::Garbage(bytes)])
        })
        .collect()
}

/// Answers in an envelope that says no yes, though all is done.
pub fn envelopes() -> Vec<Fault> {
    let codes = [
        json!("-1"),
        json!(-1),
        json!(null),
        json!(true),
        json!(""),
        json!("00x"),
        json!(0.5),
        json!([0]),
        json!({}),
    ];
    let codes = codes.into_iter().map(|code| {
        let name = format!("code {code}");
        Fault::new(name, Done, [Act::rewrap("code", code)])
    });
    let list = Arc::new(|data: &mut Value| *data = json!([data.clone(), data.clone()]));
    let within = Arc::new(|data: &mut Value| *data = json!([[data.clone()]]));
    let text = Arc::new(|data: &mut Value| *data = json!(data.to_string()));
    codes
        .chain([
            Fault::new("two of them", Done, [Act::Lie(list)]),
            Fault::new("a list in a list", Done, [Act::Lie(within)]),
            Fault::new("data as a text", Done, [Act::Lie(text)]),
            Fault::new("no data", Done, [Act::rewrap("data", Value::Null)]),
        ])
        .collect()
}

/// Receipts of something else, though all is done.
pub fn other_receipts() -> Vec<Fault> {
    let lies = [
        ("status", json!("failed")),
        ("status", json!("pending")),
        ("status", json!("SUCCESS")),
        ("status", json!(true)),
        ("status", json!(UPSTREAM)),
        ("chainId", json!(1)),
        ("chainId", json!("1952")),
        ("chainId", json!("0xc4")),
        ("chainId", json!(196.5)),
        ("chainId", json!(null)),
        ("method", json!("svm")),
    ];
    let lies = lies.into_iter().map(|(member, value)| {
        let name = format!("{member} {value}");
        Fault::new(name, Done, [Act::lie(member, value)])
    });
    lies.chain(
        ["status", "chainId"]
            .map(|member| Fault::new(format!("no {member}"), Done, [Act::omit(member)])),
    )
    .collect()
}

/// Odd spellings of a good answer.
pub fn spellings() -> Vec<Fault> {
    let list = Arc::new(|data: &mut Value| *data = json!([data.clone()]));
    [
        ("a list of one", Act::Lie(list)),
        ("code as a text", Act::rewrap("code", "0")),
        ("chain as a text", Act::lie("chainId", "196")),
        ("no method", Act::omit("method")),
        ("more than we know", Act::lie("more", UPSTREAM)),
        ("a text beside it", Act::rewrap("msg", UPSTREAM)),
    ]
    .map(|(name, act)| Fault::new(name, Done, [act]))
    .into()
}

/// Codes that say that something went wrong on the way: whether it is done, they don't tell.
pub fn open_codes() -> Vec<Fault> {
    let mut faults = Vec::new();
    for code in [8000, 70007, -1, 50001, 50026, 10002, 424_242, 70016] {
        faults.push(Fault::new(format!("{code}"), Undone, [refuse(code)]));
        let name = format!("{code} after");
        faults.push(Fault::new(name, Done, [refuse_after(code)]));
    }
    faults
}

/// What turns a request away before it is looked at, and what the buyer reads.
pub fn turned_away() -> Vec<(Fault, &'static str)> {
    let mut rows = vec![
        (
            Fault::new("429 twice", Undone, [Act::Status(429), Act::Status(429)]),
            BUSY,
        ),
        (
            Fault::new("50011 twice", Undone, [refuse(50011), refuse(50011)]),
            BUSY,
        ),
    ];
    for status in [401, 403, 404, 405] {
        let name = format!("{status}");
        rows.push((Fault::new(name, Undone, [Act::Status(status)]), ODD));
    }
    let keys = [
        50103, 50104, 50105, 50106, 50107, 50111, 50112, 50113, 50114, 50125, 50404,
    ];
    let parameters = [50014, 50036, 51000, 30001, 50038];
    for code in keys.into_iter().chain(parameters) {
        let name = format!("{code}");
        rows.push((Fault::new(name, Undone, [refuse(code)]), NO));
    }
    rows
}

/// Codes of the SA-API that are a clear no; what the draft says of them, and OKX's kits.
pub const REFUSALS: [(i64, &str, &str); 15] = [
    (70000, "400 bad_request", "400 bad_request"),
    (70001, "500 okx_configuration", "422 unsupported_chain"),
    (70002, "402 malformed_credential", "403 payer_blocked"),
    (
        70003,
        "402 malformed_credential",
        "402 malformed_credential",
    ),
    (
        70004,
        "402 session_invalid_signature",
        "402 session_invalid_signature",
    ),
    (70005, "400 invalid_split", "400 invalid_split"),
    (70006, "400 invalid_split", "400 invalid_split"),
    (
        70008,
        "410 session_channel_finalized",
        "410 session_channel_finalized",
    ),
    (70009, "402 invalid_challenge", "401 payment_expired"),
    (
        70010,
        "410 session_channel_not_found",
        "404 session_channel_not_found",
    ),
    (
        70011,
        "500 okx_configuration",
        "400 session_invalid_escrow_config",
    ),
    (
        70012,
        "402 session_amount_exceeds_deposit",
        "402 session_amount_exceeds_deposit",
    ),
    (
        70013,
        "402 session_delta_too_small",
        "402 session_delta_too_small",
    ),
    (
        70014,
        "410 session_channel_finalized",
        "409 session_channel_closing",
    ),
    (
        70015,
        "402 session_insufficient_balance",
        "402 session_insufficient_balance",
    ),
];
