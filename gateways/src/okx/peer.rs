//! The other side of a call, for tests: a listener on this machine that acts by a script.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use payment_core::{Clock, Timestamp};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{OkxKeys, OkxOptions, sign};

pub(super) const KEY: &str = "11111111-2222-3333-4444-555555555555";
pub(super) const SECRET: &str = "0123456789ABCDEF0123456789ABCDEF";
pub(super) const PASSPHRASE: &str = "Passw0rd!";

pub(super) fn keys() -> OkxKeys {
    OkxKeys::new(KEY, SECRET, PASSPHRASE).unwrap()
}

/// Options with which nothing is waited for.
pub(super) fn hasty() -> OkxOptions {
    OkxOptions::default()
        .backoff(Duration::from_millis(1))
        .poll_every(Duration::from_millis(1))
        .poll_for(Duration::from_secs(20))
}

/// What is done with one connection, once the request was read.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A status and a body.
    Say(u16, Vec<u8>),
    /// A redirect to there.
    Redirect(String),
    /// Headers and half a body.
    BreakOff,
    Close,
    Hang,
}

impl Act {
    /// Data in its envelope.
    pub(super) fn data(data: &Value) -> Self {
        Self::json(200, &json!({ "code": 0, "msg": "", "data": data }))
    }

    /// A code in place of data.
    pub(super) fn code(code: i64) -> Self {
        Self::json(200, &json!({ "code": code, "msg": "prose", "data": null }))
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::Say(status, body.to_string().into_bytes())
    }
}

pub(super) struct Peer {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// A request as it stood on the wire.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: String,
}

impl Peer {
    /// Acts by the script, one connection a request, and by its last act ever after.
    pub(super) async fn acting(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::listening(TcpListener::bind("127.0.0.1:0").await.unwrap(), acts)
    }

    pub(super) fn listening(listener: TcpListener, acts: impl IntoIterator<Item = Act>) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::default();
        let acts = acts.into_iter().collect();
        tokio::spawn(serve(listener, acts, Arc::clone(&seen)));
        Self { url, seen }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// What was asked for: method and path.
    pub(super) fn asked(&self) -> Vec<String> {
        let requests = self.requests();
        let line = |request: &Request| request.line().join(" ");
        requests.iter().map(line).collect()
    }
}

impl Request {
    /// Method and path.
    pub(super) fn line(&self) -> [&str; 2] {
        let mut words = self.head.split(' ');
        [words.next().unwrap(), words.next().unwrap()]
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// Whether what stands on the wire is what was signed, by these keys.
    pub(super) fn is_signed(&self) -> bool {
        let [method, path] = self.line();
        let timestamp = self.header("ok-access-timestamp").unwrap();
        let body = self.body.as_bytes();
        let signature = sign::signature(SECRET.as_bytes(), timestamp, method, path, body).unwrap();
        self.header("ok-access-sign") == Some(&signature)
            && self.header("ok-access-key") == Some(KEY)
            && self.header("ok-access-passphrase") == Some(PASSPHRASE)
    }
}

async fn serve(listener: TcpListener, mut acts: VecDeque<Act>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut open = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let Some(request) = read(&mut stream).await else {
            continue;
        };
        seen.lock().unwrap().push(request);
        let act = match acts.len() {
            0 => Act::Close,
            1 => acts[0].clone(),
            _ => acts.pop_front().unwrap(),
        };
        let said = match act {
            Act::Say(status, body) => [
                head(status, &[("content-length", &body.len().to_string())]),
                body,
            ]
            .concat(),
            Act::Redirect(to) => head(307, &[("content-length", "0"), ("location", &to)]),
            Act::BreakOff => [
                head(200, &[("content-length", "100")]),
                b"{\"code\":0".to_vec(),
            ]
            .concat(),
            Act::Close => continue,
            Act::Hang => {
                open.push(stream);
                continue;
            }
        };
        // Whoever has read enough hangs up.
        let _ = stream.write_all(&said).await;
    }
}

fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A whole request; nothing of one that is hung up on.
async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        text.extend_from_slice(&piece[..count]);
        let so_far = String::from_utf8_lossy(&text);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
            continue;
        };
        let (head, body) = (head.to_owned(), body.to_owned());
        let request = Request { head, body };
        let length = request.header("content-length");
        if request.body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return Some(request);
        }
    }
}

/// A clock that moves on by a second each time it is looked at.
#[derive(Debug, Default)]
pub(super) struct Ticking(std::sync::atomic::AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let ticks = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Timestamp::from_seconds(1_774_864_800 + ticks)
    }
}
