//! Nothing a stranger sends is more than an unpaid request (RULES.md, T20, T93, T97, T100,
//! T101, T120).

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderValue, Request};
use payment_evm::LocalSigner;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Shop};

async fn send(shop: &Shop, path: &str, name: &str, values: &[Vec<u8>]) -> Option<Answer> {
    let mut request = Request::get(path);
    for value in values {
        // What can't stand in a header never gets here.
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(shop.send(request.body(Body::empty()).unwrap()).await)
}

/// No meal, nobody else's fault, no trace.
#[track_caller]
fn turned_away(shop: &Shop, answer: &Answer, what: &dyn std::fmt::Debug) {
    let status = answer.status;
    assert!(
        status.is_client_error(),
        "{what:?}: {status} {}",
        answer.code()
    );
    answer.is_the_gates();
    assert!(shop.guard.is_empty(), "{what:?} left a record");
}

fn json_texts() -> Vec<String> {
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let mut texts: Vec<String> = [
        "",
        " ",
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "\"\"",
        "[]",
        "{}",
        "{",
        "}",
        "[{}]",
        "{}{}",
        "{\"x402Version\":2}",
        "{\"x402Version\":1}",
        "{\"x402Version\":3,\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":-2,\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":2.0,\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":\"2\",\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":99999999999999999999999999,\"payload\":{}}",
        "{\"x402Version\":2,\"accepted\":[],\"payload\":[]}",
        "{\"x402Version\":2,\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":2,\"x402Version\":2,\"accepted\":{},\"payload\":{}}",
        "{\"x402Version\":1,\"scheme\":\"exact\",\"network\":\"base-sepolia\",\"payload\":{}}",
        "{\"challenge\":{},\"payload\":{}}",
        "{\"challenge\":[],\"payload\":[]}",
        "{\"challenge\":null,\"payload\":null}",
        "{\"challenge\":{\"id\":\"\"},\"payload\":{}}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u0000\"}",
        "\u{feff}{}",
        "{\"\u{202e}\":1}",
        "{\"a\":1,\"a\":2}",
    ]
    .map(String::from)
    .to_vec();
    texts.push(deep("[", "]", 17));
    texts.push(deep("[", "]", 3_000));
    texts.push(deep("{\"a\":", "}", 900) + "x");
    texts.push(format!("[{}1]", "1,".repeat(2_000)));
    texts.push(format!("{{\"a\":\"{}\"}}", "x".repeat(10_000)));
    texts.push(format!("{{\"a\":{}}}", "9".repeat(5_000)));
    texts
}

fn values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = [
        "",
        " ",
        ",",
        "!",
        "=",
        "====",
        "e30",
        "e30=",
        "a b",
        "\"",
        "\\",
        "%00",
        "é",
        "\t",
        "Payment",
        "payment",
        "Bearer x",
        "Payment ",
        "Payment =",
        "Payment a=\"b\"",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    values.push(vec![0xff, 0xfe, 0x80]);
    values.push(b"A".repeat(16 * 1024));
    values.push(b"A".repeat(16 * 1024 + 1));
    values.push(b"A".repeat(70_000));
    values.push(vec![0xc3; 300]);
    for json in json_texts() {
        values.push(STANDARD.encode(&json).into_bytes());
        values.push(URL_SAFE_NO_PAD.encode(&json).into_bytes());
        values.push(json.into_bytes());
    }
    values.push(STANDARD.encode([0xff, 0xfe, 0xfd]).into_bytes());
    values.push(STANDARD.encode([0; 64]).into_bytes());
    let prefixed = values
        .iter()
        .map(|value| [b"Payment ", value.as_slice()].concat());
    let prefixed: Vec<_> = prefixed.collect();
    values.extend(prefixed);
    values
}

#[tokio::test]
async fn t100_garbage_in_any_payment_header_is_the_senders_fault() {
    let shop = Shop::open().await;
    for name in [
        "payment-signature",
        "x-payment",
        "authorization",
        "payment-authorization",
        "accept-payment",
    ] {
        for (at, value) in values().into_iter().enumerate() {
            for path in [["/cheap", "/x402", "/mpp", "/first"][at % 4], "/cheap"] {
                let one = std::slice::from_ref(&value);
                let Some(answer) = send(&shop, path, name, one).await else {
                    continue;
                };
                let text = String::from_utf8_lossy(&value[..value.len().min(60)]).into_owned();
                turned_away(&shop, &answer, &(name, path, text));
                if name == "accept-payment" {
                    answer.refused(402, "payment_required");
                }
            }
            let twice = [value.clone(), value.clone()];
            if let Some(answer) = send(&shop, "/cheap", name, &twice).await {
                turned_away(&shop, &answer, &(name, "twice"));
            }
        }
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t100_a_credential_larger_than_is_read_is_431() {
    let shop = Shop::open().await;
    for name in ["payment-signature", "x-payment"] {
        let answer = send(&shop, "/cheap", name, &[b"A".repeat(20_000)])
            .await
            .unwrap();
        answer.refused(431, "credential_too_large");
    }
    let large = [b"Payment ".as_slice(), &b"A".repeat(20_000)].concat();
    let answer = send(&shop, "/cheap", "authorization", &[large])
        .await
        .unwrap();
    answer.refused(431, "credential_too_large");
    // Four kilobytes must be read.
    let mut envelope = shop.x402("/cheap").await;
    envelope["extensions"] = json!({"pad": "x".repeat(4096)});
    shop.get("/cheap", &[v2_header(&envelope)])
        .await
        .served("payment-response");
    shop.books(1, CENT);
}

/// The paths of all members and elements.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(n, v)| (n.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in below {
        let at = format!("{at}/{key}");
        all.push(at.clone());
        pointers(value, &at, all);
    }
}

fn strange() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("0x"),
        json!("é\u{0}\r\n"),
        json!([]),
        json!({}),
        json!([[[[[[[[]]]]]]]]),
        json!("9".repeat(200)),
        json!("0x".to_owned() + &"ff".repeat(500)),
    ]
}

/// Envelopes with each member strange or missing; none of them has a good signature.
fn mutants(envelope: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    pointers(envelope, "", &mut all);
    let mut mutants = Vec::new();
    for at in all {
        for value in strange() {
            let mut mutant = envelope.clone();
            *mutant.pointer_mut(&at).unwrap() = value.clone();
            mutants.push((format!("{at} = {value}"), mutant));
        }
        let mut mutant = envelope.clone();
        let (parent, key) = at.rsplit_once('/').unwrap();
        if let Some(map) = mutant.pointer_mut(parent).unwrap().as_object_mut() {
            map.remove(key);
        }
        mutants.push((format!("without {at}"), mutant));
    }
    mutants
}

#[tokio::test]
async fn t101_no_member_of_a_payment_can_break_the_gate() {
    let shop = Shop::open().await;
    let (stranger, domain) = (LocalSigner::random().unwrap(), shop.domain());
    let v2 = shop.resigned_by(&stranger, &domain, shop.x402("/cheap").await, |_| ());
    let v1 = shop.resigned_by(&stranger, &domain, shop.x402_v1("/cheap").await, |_| ());
    let mpp = shop.recharged_by(&stranger, &domain, shop.mpp("/cheap").await, |_| ());
    for (what, mutant) in mutants(&v2) {
        let answer = shop.get("/cheap", &[v2_header(&mutant)]).await;
        turned_away(&shop, &answer, &what);
    }
    for (what, mutant) in mutants(&v1) {
        let answer = shop.get("/cheap", &[v1_header(&mutant)]).await;
        turned_away(&shop, &answer, &what);
    }
    for (what, mutant) in mutants(&mpp) {
        let answer = shop.get("/cheap", &[mpp_header(&mutant)]).await;
        turned_away(&shop, &answer, &what);
    }
    assert!(shop.facilitator.calls().is_empty());
    shop.books(0, 0);
}

#[tokio::test]
async fn t101_a_credential_cut_or_bent_anywhere_is_refused() {
    let shop = Shop::open().await;
    let (stranger, domain) = (LocalSigner::random().unwrap(), shop.domain());
    let v2 = shop.resigned_by(&stranger, &domain, shop.x402("/cheap").await, |_| ());
    let mpp = shop.recharged_by(&stranger, &domain, shop.mpp("/cheap").await, |_| ());
    for (name, text) in [v2_header(&v2), mpp_header(&mpp)] {
        let bytes = text.into_bytes();
        for at in 0..bytes.len() {
            let cut = bytes[..at].to_vec();
            let mut bent = bytes.clone();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let mut other = bytes.clone();
            other[at] = b'-';
            let value = vec![cut, bent, other].swap_remove(at % 3);
            let answer = send(&shop, "/cheap", name, &[value]).await.unwrap();
            turned_away(&shop, &answer, &(name, at));
        }
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t100_a_member_named_twice_is_refused_at_any_depth() {
    let shop = Shop::open().await;
    let v2 = shop.x402("/cheap").await.to_string();
    let mpp = shop.mpp("/cheap").await.to_string();
    for (member, cut) in [
        ("\"value\":", "\"value\":\"1\",\"value\":"),
        ("\"payload\":", "\"payload\":{},\"payload\":"),
        ("\"amount\":", "\"amount\":\"1\",\"amount\":"),
    ] {
        let twice = v2.replacen(member, cut, 1);
        assert_ne!(twice, v2);
        let header = ("payment-signature", STANDARD.encode(twice));
        shop.get("/cheap", &[header])
            .await
            .refused(400, "invalid_payload");
    }
    for (member, cut) in [
        ("\"id\":", "\"id\":\"x\",\"id\":"),
        ("\"value\":", "\"value\":\"1\",\"value\":"),
        ("\"payload\":", "\"payload\":{},\"payload\":"),
    ] {
        let twice = mpp.replacen(member, cut, 1);
        assert_ne!(twice, mpp);
        let header = (
            "authorization",
            format!("Payment {}", URL_SAFE_NO_PAD.encode(twice)),
        );
        shop.get("/cheap", &[header])
            .await
            .refused(402, "malformed_credential");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t93_what_the_client_says_cannot_break_the_lines_of_an_answer() {
    let shop = Shop::open().await;
    let paths = [
        "/files/%0d%0aset-cookie:a=b",
        "/files/%22,id=%22x",
        "/files/a|b",
        "/files/%F0%9F%92%A9",
        "/files/a%20b",
        "/files/%",
        "/files/..%2f..",
        "/files/a?b=%0d%0a",
    ];
    for path in paths {
        let answer = shop.get(path, &[]).await;
        assert_eq!(answer.status, 402, "{path}");
        answer.is_the_gates();
        assert!(!answer.headers.contains_key("set-cookie"));
        assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1);
        answer.challenge();
    }
    for host in [
        "a\"b",
        "a b",
        "@",
        "[::1",
        "x".repeat(4000).as_str(),
        "évil",
    ] {
        let request = Request::get("/cheap").header("host", host.as_bytes());
        let answer = shop.send(request.body(Body::empty()).unwrap()).await;
        answer.refused(402, "payment_required");
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t20_an_address_too_long_for_an_offer_is_no_fault_of_ours() {
    let shop = Shop::open().await;
    for length in [1_000, 4_000, 8_000, 16_000, 60_000] {
        let path = format!("/files/{}", "a".repeat(length));
        let answer = shop.get(&path, &[]).await;
        assert!(
            answer.status.is_client_error(),
            "{length}: {}",
            answer.status
        );
        for value in answer.headers.values() {
            assert!(
                value.len() <= 8192,
                "{length}: a header of {} bytes",
                value.len()
            );
        }
    }
    shop.books(0, 0);
}

#[tokio::test]
async fn t97_answers_say_nothing_of_what_is_behind_them() {
    use devnet::facilitator::{Act, Route};
    let shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    let inside = [
        "127.0.0.1",
        "reqwest",
        "hyper",
        "src/",
        "panicked",
        "verify",
        "Garbage",
        "http://",
    ];
    for (route, act) in [
        (Route::Verify, Act::CloseBefore),
        (
            Route::Verify,
            Act::Garbage(b"secret words of another service".to_vec()),
        ),
        (
            Route::Settle,
            Act::Garbage(b"secret words of another service".to_vec()),
        ),
    ] {
        shop.facilitator.order(route, act);
        let answer = shop.get("/cheap", std::slice::from_ref(&header)).await;
        assert!(answer.status.is_server_error());
        let text = format!(
            "{:?} {}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        );
        for word in inside.iter().chain(&["secret words"]) {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}
