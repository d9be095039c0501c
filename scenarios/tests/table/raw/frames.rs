//! Heads of HTTP/2, written by hand: no client library sends these.

use scenarios::{Actix, Axum, Bare, Handler, OURS, Shop, Stack};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::raw::{DEADLINE, Open, SOLD};
use crate::run::settled_down;
use crate::shops::{PRICE, shop};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

const HEADERS: u8 = 1;
const RESET: u8 = 3;
const GO_AWAY: u8 = 7;

/// `:status: 200`, 204 and 206 in the static table (RFC 7541, appendix A).
const SUCCESSES: [u8; 3] = [0x88, 0x89, 0x8a];

const PATHS: [&str; 20] = [
    "/weather",
    "weather",
    "./weather",
    "//weather",
    "\\weather",
    "/weather#f",
    "/weather?q#f",
    "/weather;x",
    "/weather\0",
    "/weather ",
    " /weather",
    "/weather HTTP/1.1",
    "?/weather",
    "#/weather",
    "*",
    "*@elsewhere.example/weather",
    "@elsewhere.example/weather",
    ".elsewhere.example",
    "http://shop.example/weather",
    "",
];

/// What comes back for one head.
enum Came {
    /// A reply; whether it is a success.
    Reply(bool),
    Nothing,
}

/// A frame of these fields, none of them compressed, which is a whole request.
fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend_from_slice(text.as_bytes());
        }
    }
    let length = u8::try_from(block.len()).unwrap();
    // Both the head and the request end with it.
    let mut frame = vec![0, 0, length, HEADERS, 0x5, 0, 0, 0, 1];
    frame.extend(block);
    frame
}

async fn send<S: Stack>(to: &S, fields: &[(&str, &str)]) -> Came {
    let mut socket = TcpStream::connect(to.address()).await.unwrap();
    let request = [PREFACE, SETTINGS, &head(fields)].concat();
    socket.write_all(&request).await.unwrap();
    let answer = async {
        loop {
            let mut start = [0; 9];
            if socket.read_exact(&mut start).await.is_err() {
                return Came::Nothing;
            }
            let length = u32::from_be_bytes([0, start[0], start[1], start[2]]);
            let mut frame = vec![0; usize::try_from(length).unwrap()];
            if socket.read_exact(&mut frame).await.is_err() {
                return Came::Nothing;
            }
            match start[3] {
                HEADERS => return Came::Reply(SUCCESSES.contains(&frame[0])),
                RESET | GO_AWAY => return Came::Nothing,
                _ => {}
            }
        }
    };
    timeout(DEADLINE, answer).await.expect("an end")
}

/// No path and no method of HTTP/2 runs a handler unpaid.
async fn no_frame_is_a_way_around<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    let (mut sold, mut settled) = (0, 0);
    for path in PATHS {
        for method in ["GET", "get", "PAID", "OPTIONS", "CONNECT"] {
            let what = format!("{} {method} {path:?}", S::NAME);
            let credential = format!("good-{method}{path:?}");
            let fields = [
                (":method", method),
                (":scheme", "http"),
                (":path", path),
                (":authority", "shop.example"),
                (OURS.header, &*credential),
            ];
            for unpaid in [&fields[..4], &fields[..3]] {
                let came = send(&open.stack, unpaid).await;
                assert!(!matches!(came, Came::Reply(true)), "{what}");
                let totals = open.till.totals();
                assert_eq!((totals.served, totals.settles), (sold, settled), "{what}");
            }
            let came = send(&open.stack, &fields).await;
            let done = || {
                let totals = open.till.totals();
                totals.served <= totals.settles + totals.releases
            };
            settled_down(done).await;
            assert!(done(), "{what}");
            let totals = open.till.totals();
            if matches!(came, Came::Reply(true)) {
                assert_eq!(totals.settles, settled + 1, "{what}");
            }
            (sold, settled) = (totals.served, totals.settles);
        }
    }
    assert!(settled >= 4, "{} {settled}", S::NAME);
}

#[tokio::test]
async fn t90_no_frame_is_a_way_around() {
    let on_the_route = || shop().sell("/weather", PRICE, Handler::says(SOLD));
    let by_a_table = || {
        let shop = shop().give("/weather", Handler::says(SOLD));
        shop.table([("/weather", PRICE)])
    };
    let by_a_star = || {
        let shop = shop().give("/weather", Handler::says(SOLD));
        shop.give_rest(Handler::says(SOLD)).table([("/*", PRICE)])
    };
    for open in [on_the_route as fn() -> Shop, by_a_table, by_a_star] {
        no_frame_is_a_way_around::<Axum>(open).await;
        no_frame_is_a_way_around::<Bare>(open).await;
        no_frame_is_a_way_around::<Actix>(open).await;
    }
}
