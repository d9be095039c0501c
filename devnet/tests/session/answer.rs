use std::collections::VecDeque;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use mpp_core::Challenge;
use serde_json::Value;

use crate::kitchen::MEAL;

/// What the buyer sees.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The problem type, without where it is described.
    pub fn problem(&self) -> String {
        let kind = self.json()["type"].as_str().unwrap_or_default().to_owned();
        match kind.split_once("/problems/") {
            Some((_, kind)) => kind.to_owned(),
            None => kind,
        }
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn challenges(&self) -> Vec<Challenge> {
        let lines = self.headers.get_all("www-authenticate").iter();
        Challenge::parse_all(lines.map(|line| line.as_bytes()))
    }

    /// What a session on this route is told.
    pub fn challenge(&self) -> Challenge {
        let sessions = self.challenges().into_iter();
        let mut sessions = sessions.filter(|challenge| challenge.intent == "session");
        let only = sessions.next().unwrap();
        assert!(sessions.next().is_none());
        only
    }

    /// The JSON of the receipt, of which there is one.
    #[track_caller]
    pub fn receipt(&self) -> Value {
        assert_eq!(
            self.headers.get_all("payment-receipt").iter().count(),
            1,
            "{self:?}"
        );
        receipt_of(self.header("payment-receipt"))
    }

    /// The gate's own answer: this status and type, kept by no cache, no meal and no receipt.
    #[track_caller]
    pub fn refused(&self, status: u16, problem: &str) {
        // The answer to HEAD has no body to read the problem from.
        let bare = self.body.is_empty();
        let found = if bare {
            problem.to_owned()
        } else {
            self.problem()
        };
        assert_eq!(
            (self.status.as_u16(), &*found),
            (status, problem),
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(bare || self.json()["status"] == self.status.as_u16());
        assert!(!self.headers.contains_key("payment-receipt"));
        assert!(!self.body.windows(MEAL.len()).any(|w| w == MEAL.as_bytes()));
        let invites = !self.challenges().is_empty();
        assert_eq!(invites, status == 402);
        if status == 503 {
            assert!(self.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }

    /// A meal, and its receipt.
    #[track_caller]
    pub fn served(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.body, MEAL);
        assert!(self.header("cache-control").contains("private"));
        self.receipt()
    }

    /// The answer to a management request of this action, and its receipt. No meal.
    #[track_caller]
    pub fn managed(&self, action: &str) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        let json = self.json();
        assert_eq!(
            (&json["action"], &json["status"]),
            (&action.into(), &"ok".into())
        );
        let receipt = self.receipt();
        for member in ["channelId", "acceptedCumulative", "spent"] {
            assert_eq!(json[member], receipt[member], "{member}");
        }
        receipt
    }

    /// A voucher was taken, and nothing delivered.
    #[track_caller]
    pub fn noted(&self) -> Value {
        assert_eq!(self.status, 204, "{}", String::from_utf8_lossy(&self.body));
        assert!(self.body.is_empty());
        self.receipt()
    }
}

pub fn receipt_of(text: &str) -> Value {
    let receipt: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    for (member, value) in [
        ("method", "evm"),
        ("intent", "session"),
        ("status", "success"),
    ] {
        assert_eq!(receipt[member], value);
    }
    assert_eq!(receipt["reference"], receipt["channelId"]);
    receipt
}

/// The decimal text in a member.
#[track_caller]
pub fn units(json: &Value, member: &str) -> u128 {
    json[member].as_str().unwrap().parse().unwrap()
}

/// One event of a stream, as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// A response that is still coming.
pub struct Streaming {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Body,
    text: String,
    read: VecDeque<Event>,
}

impl Streaming {
    pub fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
            text: String::new(),
            read: VecDeque::new(),
        }
    }

    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let frame = crate::shop::soon(self.body.frame()).await?.unwrap();
            self.text
                .push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
            self.parse();
        }
    }

    /// As a client does that knows nothing of payments. (WHATWG HTML, 9.2.6)
    fn parse(&mut self) {
        let text = self.text.replace("\r\n", "\n").replace('\r', "\n");
        let (whole, rest) = text.rsplit_once("\n\n").unwrap_or(("", &text));
        for block in whole.split("\n\n") {
            let mut event = Event {
                name: "message".into(),
                data: String::new(),
            };
            let mut lines = Vec::new();
            for line in block.lines() {
                match line.split_once(':') {
                    Some(("event", name)) => name.trim_start().clone_into(&mut event.name),
                    Some(("data", data)) => lines.push(data.strip_prefix(' ').unwrap_or(data)),
                    _ => {}
                }
            }
            event.data = lines.join("\n");
            if !lines.is_empty() {
                self.read.push_back(event);
            }
        }
        self.text = rest.to_owned();
    }
}
