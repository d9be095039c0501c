use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use mpp_core::Challenge;
use serde_json::Value;

use crate::kitchen::MEAL;

/// What a service of OKX's says in its texts here, and what nobody may read.
pub const UPSTREAM: &str = "<script>upstream-text</script> 0123456789ABCDEF0123456789ABCDEF";

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
        let answer = Self {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes(),
        };
        answer.tells_nothing();
        answer
    }

    /// None of the words of the service behind us, and none of the keys we have with it.
    #[track_caller]
    fn tells_nothing(&self) {
        let said = format!("{:?} {}", self.headers, String::from_utf8_lossy(&self.body));
        let secrets = [
            "script",
            "upstream-text",
            "0123456789ABCDEF",
            "Passw0rd",
            "11111111-2222",
        ];
        for secret in secrets {
            assert!(!said.contains(secret), "{said}");
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code in one line; only the status of a good answer.
    pub fn word(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.code())
            .trim()
            .to_owned()
    }

    pub fn challenges(&self) -> Vec<Challenge> {
        let lines = self.headers.get_all("www-authenticate").iter();
        Challenge::parse_all(lines.map(|line| line.as_bytes()))
    }

    /// What is asked of this intent.
    pub fn challenge(&self, intent: &str) -> Challenge {
        let all = self.challenges().into_iter();
        let mut all = all.filter(|challenge| challenge.intent == intent);
        let only = all.next().unwrap();
        assert!(all.next().is_none());
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
        let json = URL_SAFE_NO_PAD.decode(self.header("payment-receipt"));
        serde_json::from_slice(&json.unwrap()).unwrap()
    }

    /// The gate's own answer with this status and code: kept by no cache, no meal and no receipt.
    #[track_caller]
    pub fn refused(&self, word: &str) {
        assert_eq!(self.word(), word, "{}", String::from_utf8_lossy(&self.body));
        self.is_a_no();
    }

    #[track_caller]
    pub fn is_a_no(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(self.header("cache-control"), "no-store");
        assert!(self.json()["status"] == self.status.as_u16());
        assert!(!self.headers.contains_key("payment-receipt"));
        assert!(!self.body.windows(MEAL.len()).any(|w| w == MEAL.as_bytes()));
        // Only who is asked to pay is told how.
        assert_eq!(!self.challenges().is_empty(), self.status == 402);
        if self.status == 503 {
            assert!(self.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
    }

    /// A meal, and its receipt.
    #[track_caller]
    pub fn served(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.body, MEAL);
        assert!(self.header("cache-control").contains("private"));
        let receipt = self.receipt();
        assert_eq!(receipt["method"], "evm");
        assert_eq!(receipt["status"], "success");
        receipt
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
        self.receipt()
    }
}

/// The decimal text in a member.
#[track_caller]
pub fn units(json: &Value, member: &str) -> u128 {
    json[member].as_str().unwrap().parse().unwrap()
}
