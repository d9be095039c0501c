//! What a browser sends: what it would rather read, where its page is from, and what the page
//! would send.
//!
//! The first byte picks the gate, and the method for each three of them; lines follow, and the first byte of each says of
//! which header it is. `u` is the path, `q` the query.
#![no_main]

use std::sync::LazyLock;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE,
    VARY,
};
use libfuzzer_sys::fuzz_target;
use payment_core::{Cors, Reply, RouteGate, usd};
use payment_paywall::PaywallPage;
use tollgate_fuzz::{Head, answer, lines, x402};

const OURS: [&str; 2] = ["https://app.example.com", "http://localhost:5173"];

/// No path up to this many bytes is too long to be offered, however it is encoded.
const LONG: usize = 1024;

const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "OPTIONS", "get"];

struct Shop {
    gate: RouteGate,
    cors: Rules,
}

#[derive(PartialEq)]
enum Rules {
    Without,
    Any,
    Listed,
}

static SHOPS: LazyLock<[Shop; 3]> = LazyLock::new(|| {
    let listed = Cors::origins(OURS).credentials();
    [
        (None, Rules::Without),
        (Some(Cors::any()), Rules::Any),
        (Some(listed), Rules::Listed),
    ]
    .map(|(allowed, cors)| {
        let page = PaywallPage::builder().app_name("Data").build();
        let mut gate = x402::builder().paywall(page.expect("constants"));
        if let Some(allowed) = allowed {
            gate = gate.cors(allowed);
        }
        let gate = gate.build().and_then(|gate| gate.route(usd!("0.01")));
        Shop {
            gate: gate.expect("constants"),
            cors,
        }
    })
});

/// The opening signs in the page for a request that says nothing odd.
static SIGNS: LazyLock<usize> = LazyLock::new(|| {
    let plain = Head::new("/premium-data", "accept", vec![b"text/html"]);
    let page = answer(SHOPS[0].gate.admit(&plain)).expect("nothing was paid");
    assert_eq!(page.headers[CONTENT_TYPE], "text/html; charset=utf-8");
    signs(&page)
});

fuzz_target!(|data: &[u8]| {
    let Some((pick, data)) = data.split_first() else {
        return;
    };
    let pick = usize::from(pick.wrapping_sub(b'a'));
    let shop = &SHOPS[pick % SHOPS.len()];
    let method = METHODS[pick / SHOPS.len() % METHODS.len()];
    let (mut path, mut query) = (String::from("/premium-data"), None);
    let mut headers = Vec::new();
    for line in lines(data) {
        let Some((kind, value)) = line.split_first() else {
            continue;
        };
        let name = match kind {
            b'a' => "accept",
            b'o' => "origin",
            b'm' => "access-control-request-method",
            b'h' => "access-control-request-headers",
            b'l' => "accept-language",
            b'i' => "idempotency-key",
            b'p' => "accept-payment",
            b'u' => {
                path = format!("/{}", String::from_utf8_lossy(value));
                continue;
            }
            _ => {
                query = Some(String::from_utf8_lossy(value).into_owned());
                continue;
            }
        };
        headers.push((name, value));
    }
    let head = Head {
        query: query.as_deref(),
        headers,
        ..Head::of(method, &path)
    };
    let reply = answer(shop.gate.admit(&head)).expect("nothing was paid");
    let values = |name: &'static str| {
        let named = head.headers.iter().filter(move |(named, _)| *named == name);
        named.map(|(_, value)| *value)
    };
    let count = |name| values(name).count();
    let preflight =
        method == "OPTIONS" && count("origin") > 0 && count("access-control-request-method") > 0;
    // A preflight is all that is free, and it is an answer without anything in it.
    if preflight {
        assert_eq!(reply.status, http::StatusCode::NO_CONTENT);
        assert!(reply.body.is_empty());
    } else if reply.status == http::StatusCode::URI_TOO_LONG {
        // The offer names the URL, and has to go into a header.
        assert!(path.len() > LONG);
    } else {
        assert_eq!(reply.status, http::StatusCode::PAYMENT_REQUIRED);
        body(&reply, method, count("accept"));
    }
    assert_eq!(reply.headers[CACHE_CONTROL], "no-store");
    for (name, value) in &reply.headers {
        let text = value.as_bytes();
        let plain = text.iter().all(|byte| (b' '..=b'~').contains(byte));
        assert!(plain, "{name}: {value:?}");
    }
    let named: Vec<&[u8]> = values("origin").collect();
    allowed(&shop.cors, &reply, &named);
});

fn body(reply: &Reply, method: &str, accepts: usize) {
    if reply.headers[CONTENT_TYPE] == "text/html; charset=utf-8" {
        assert!(accepts > 0 && matches!(method, "GET" | "HEAD"));
        assert_eq!(signs(reply), *SIGNS, "what a request says is markup");
        assert!(reply.headers.contains_key("content-security-policy"));
    } else {
        assert_eq!(reply.headers[CONTENT_TYPE], "application/problem+json");
        let problem = tollgate_fuzz::json(&reply.body);
        assert_eq!(problem["status"], 402);
        assert!(problem["accepts"].is_array());
    }
    // Whatever is read, how to pay stands beside it.
    assert!(reply.headers.contains_key("payment-required"));
}

fn signs(reply: &Reply) -> usize {
    let html = std::str::from_utf8(&reply.body).expect("a page is UTF-8");
    html.matches('<').count()
}

/// Only pages that were listed are told so, and in our spelling.
fn allowed(rules: &Rules, reply: &Reply, named: &[&[u8]]) {
    let allowed: Vec<_> = reply
        .headers
        .get_all(ACCESS_CONTROL_ALLOW_ORIGIN)
        .iter()
        .collect();
    let credentials = reply.headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS);
    match rules {
        Rules::Without => assert!(allowed.is_empty() && !credentials),
        Rules::Any => assert!(allowed == ["*"] && !credentials),
        Rules::Listed => {
            let listed = match named {
                [sole] => OURS.iter().find(|ours| ours.as_bytes() == *sole),
                _ => None,
            };
            assert_eq!(allowed, Vec::from_iter(listed));
            assert_eq!(credentials, listed.is_some());
            let varies = reply.headers[VARY].to_str().expect("ASCII");
            assert!(varies.contains("rigin"));
        }
    }
}
