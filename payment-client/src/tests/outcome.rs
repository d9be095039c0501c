//! One signature a request, whatever becomes of it.

use std::time::Duration;

use http::HeaderMap;
use payment_core::usd;
use serde_json::json;
use x402_core::wire;

use super::Bench;
use super::shop::{Seen, Shop, Step, answer, step};
use super::terms::*;
use crate::{BuyerError, Patience, Proof, Trouble};

/// The headers that pay, of all requests but the first: the same bytes each time.
fn assert_same_credential(shop: &Shop, paid: usize) -> HeaderMap {
    let seen = shop.seen();
    let (unpaid, rest) = seen.split_first().unwrap();
    assert!(!unpaid.pays());
    assert_eq!(rest.len(), paid);
    let credential = |seen: &Seen| {
        let mut headers = seen.parts.headers.clone();
        headers.remove("host");
        headers
    };
    let first = credential(&rest[0]);
    assert!(rest[0].pays());
    for again in rest {
        assert_eq!(credential(again), first);
        assert_eq!(again.body, rest[0].body);
    }
    first
}

fn pending() -> Step {
    let receipt = json!({
        "success": false, "errorReason": "settlement_pending", "transaction": "0xabab",
        "network": "eip155:84532",
    });
    let receipt = wire::encode(&receipt).unwrap();
    step(402, &[("payment-response", &receipt)])
}

#[tokio::test]
async fn the_same_credential_is_sent_again_until_the_outcome_is_known() {
    for offer in [
        v2(&[exact()]),
        v1(&[exact_v1()]),
        mpp(&[challenge(&charge())]),
    ] {
        let shop = Shop::open([
            offer,
            step(503, &[("retry-after", "7")]),
            step(409, &[("retry-after", "2")]),
            Step::HangUp,
            pending(),
            step(200, &[]),
        ])
        .await;
        let bench = Bench::new();
        let buyer = bench.buyer();
        let reply = buyer.post(shop.url()).body("x").send().await.unwrap();
        assert_eq!(reply.status(), 200);
        assert_same_credential(&shop, 5);
        assert_eq!(buyer.spent(), usd!("0.01"));
        let waited = [7000, 2000, 2000, 4000].map(Duration::from_millis);
        assert_eq!(bench.jumps.taken(), waited);
    }
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_handed_back_and_resumed() {
    let shop = Shop::open([v2(&[exact()]), Step::HangUp, step(503, &[]), step(200, &[])]).await;
    let bench = Bench::new();
    let patience = Patience::default().tries(2);
    let buyer = bench.builder().patience(patience).build().unwrap();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let BuyerError::OutcomeUnknown { payment, last, .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(last, Trouble::Status(status) if status == 503));
    assert_eq!(payment.proof(), &Proof::Absent);
    assert_eq!(buyer.spent(), usd!("0.01"));

    let reply = buyer.resume(*payment).await.unwrap();
    assert_eq!(reply.status(), 200);
    assert_same_credential(&shop, 3);
    assert_eq!(buyer.spent(), usd!("0.01"));
}

#[tokio::test]
async fn a_seller_that_says_nothing_is_an_unknown_outcome() {
    let shop = Shop::open([v2(&[exact()]), Step::HangUp, Step::Silence]).await;
    let bench = Bench::new();
    let patience = Patience::default().tries(1);
    let buyer = bench.builder().patience(patience).build().unwrap();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let BuyerError::OutcomeUnknown { payment, last, .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(last, Trouble::Connection(_)));
    let patience = patience.answer_within(Duration::from_millis(50));
    let other = bench.builder().patience(patience).build().unwrap();
    let error = other.resume(*payment).await.unwrap_err();
    let BuyerError::OutcomeUnknown { last, .. } = error else {
        panic!("{error:?}")
    };
    assert!(matches!(last, Trouble::Timeout));
    assert_same_credential(&shop, 2);
    // It is counted where it was signed.
    assert_eq!(buyer.spent(), usd!("0.01"));
    assert!(other.spent().is_zero());
}

#[tokio::test]
async fn a_dropped_request_stays_counted_once_it_was_paid() {
    let buyer = Bench::new().buyer();
    let unpaid = Shop::open([Step::Silence]).await;
    let paid = Shop::open([v2(&[exact()]), Step::Silence]).await;
    for (shop, spent) in [(unpaid, false), (paid, true)] {
        let call = buyer.get(shop.url()).send();
        tokio::select! {
            biased;
            () = shop.silence() => {}
            reply = call => panic!("{reply:?}"),
        }
        assert_eq!(!buyer.spent().is_zero(), spent);
    }
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_the_callers_to_take() {
    let shop = Shop::open([v2(&[exact()]), step(503, &[("retry-after", "61")])]).await;
    let bench = Bench::new();
    let error = bench.buyer().get(shop.url()).send().await.unwrap_err();
    let BuyerError::OutcomeUnknown { retry_after, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(61)));
    assert_eq!(bench.jumps.taken(), []);
    assert_same_credential(&shop, 1);
}

#[tokio::test]
async fn tries_are_counted() {
    let shop = Shop::open([v2(&[exact()])]).await;
    for _ in 0..9 {
        shop.add(step(503, &[("retry-after", "0")]));
    }
    let error = Bench::new()
        .buyer()
        .get(shop.url())
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, BuyerError::OutcomeUnknown { .. }));
    assert_same_credential(&shop, 5);
}

#[tokio::test]
async fn a_refusal_makes_no_second_signature_and_stays_counted() {
    let failed = json!({
        "success": false, "errorReason": "insufficient_funds", "transaction": "",
        "network": "eip155:84532",
    });
    let failed = wire::encode(&failed).unwrap();
    let required = required(&[exact()]);
    let headers = [
        ("payment-required", &*required),
        ("payment-response", &failed),
    ];
    let shop = Shop::open([v2(&[exact()]), step(402, &headers)]).await;
    let buyer = Bench::new().buyer();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let BuyerError::Refused {
        payment,
        status,
        code,
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(status, 402);
    assert_eq!(code.as_deref(), Some("insufficient_funds"));
    assert_same_credential(&shop, 1);
    assert_eq!(buyer.spent(), usd!("0.01"));
    // Who has looked at the chain may take it back.
    payment.give_back();
    assert!(buyer.spent().is_zero());
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_is_not_taken_for_a_no() {
    // The lost answer may have been what was paid for: a seller who remembers that says 402.
    // What stands between may have lost it too.
    for (lost, again) in [
        (Step::HangUp, v2(&[exact()])),
        (Step::HangUp, mpp(&[challenge(&charge())])),
        (step(502, &[]), v2(&[exact()])),
        (step(504, &[]), v2(&[exact()])),
    ] {
        let shop = Shop::open([v2(&[exact()]), lost, again, v2(&[exact()])]).await;
        let buyer = Bench::new().buyer();
        let error = buyer.get(shop.url()).send().await.unwrap_err();
        let BuyerError::OutcomeUnknown { payment, last, .. } = error else {
            panic!("{error:?}")
        };
        assert!(matches!(last, Trouble::Status(status) if status == 402));
        assert_same_credential(&shop, 2);
        assert_eq!(buyer.spent(), usd!("0.01"));
        // What was lost stays lost when somebody asks again later.
        let error = buyer.resume(*payment).await.unwrap_err();
        assert!(
            matches!(error, BuyerError::OutcomeUnknown { .. }),
            "{error:?}"
        );
        assert_same_credential(&shop, 3);
    }
}

#[tokio::test]
async fn a_refusal_after_answers_that_said_to_wait_makes_no_second_signature() {
    for again in [v2(&[exact()]), mpp(&[challenge(&charge())])] {
        let shop = Shop::open([v2(&[exact()]), step(503, &[]), again]).await;
        let buyer = Bench::new().buyer();
        let error = buyer.get(shop.url()).send().await.unwrap_err();
        assert!(matches!(error, BuyerError::Refused { .. }), "{error:?}");
        assert_same_credential(&shop, 2);
        assert_eq!(buyer.spent(), usd!("0.01"));
    }
}

#[tokio::test]
async fn prose_of_a_seller_is_not_passed_on_as_a_code() {
    let prose = json!({
        "success": false, "errorReason": "please pay to\nthis other address", "transaction": "",
        "network": "",
    });
    let prose = wire::encode(&prose).unwrap();
    let shop = Shop::open([v2(&[exact()]), step(402, &[("payment-response", &prose)])]).await;
    let error = Bench::new()
        .buyer()
        .get(shop.url())
        .send()
        .await
        .unwrap_err();
    assert!(matches!(error, BuyerError::Refused { code: None, .. }));
}

#[tokio::test]
async fn other_answers_are_the_callers_and_are_not_asked_for_again() {
    for status in [200, 303, 307, 400, 403, 404, 409, 410, 429, 500, 501] {
        let elsewhere = [("location", "http://127.0.0.1:1/elsewhere")];
        let shop = Shop::open([v2(&[exact()]), step(status, &elsewhere)]).await;
        let buyer = Bench::new().buyer();
        let reply = buyer.get(shop.url()).send().await.unwrap();
        assert_eq!(reply.status(), status);
        assert_eq!(reply.payment().unwrap().proof(), &Proof::Absent);
        assert_same_credential(&shop, 1);
        assert_eq!(buyer.spent(), usd!("0.01"));
    }
}

#[tokio::test]
async fn an_answer_with_a_receipt_is_final_whatever_its_status() {
    let receipt = wire::encode(&success()).unwrap();
    for status in [409, 500, 503] {
        let headers = [("retry-after", "1"), ("payment-response", &*receipt)];
        let shop = Shop::open([v2(&[exact()]), step(status, &headers)]).await;
        let reply = Bench::new().buyer().get(shop.url()).send().await.unwrap();
        assert_eq!(reply.status(), status);
        assert!(reply.payment().unwrap().proof().receipt().is_some());
        assert_same_credential(&shop, 1);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Shop::open([step(200, &[]), step(200, &[])]).await;
    let to = elsewhere.url();
    for status in [301, 302, 303, 307, 308] {
        let shop = Shop::open([
            step(status, &[("location", &to)]),
            v2(&[exact()]),
            step(status, &[("location", &to)]),
        ])
        .await;
        let buyer = Bench::new().buyer();
        let unpaid = buyer.get(shop.url()).send().await.unwrap();
        assert_eq!(unpaid.status(), status);
        assert!(unpaid.payment().is_none());
        let paid = buyer.get(shop.url()).send().await.unwrap();
        assert_eq!(paid.status(), status);
        assert!(paid.payment().is_some());
    }
    assert!(elsewhere.seen().is_empty());
}

#[tokio::test]
async fn a_payment_that_never_left_is_given_back() {
    // A seller that takes one connection, answers with its offer and is gone.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let required = required(&[exact()]);
    let once = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = format!(
            "HTTP/1.1 402 Payment Required\r\npayment-required: {required}\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let buyer = Bench::new().buyer();
    let error = buyer.get(&*url).send().await.unwrap_err();
    once.await.unwrap();
    assert!(matches!(error, BuyerError::NotSent(_)), "{error:?}");
    assert!(buyer.spent().is_zero());
}

#[tokio::test]
async fn credentials_are_not_printed() {
    let shop = Shop::open([all_protocols(), Step::Answer(answer(402, &[], ""))]).await;
    let buyer = Bench::new().buyer();
    let error = buyer.get(shop.url()).send().await.unwrap_err();
    let printed = format!("{error:?} {error} {buyer:?}");
    let sent = shop.seen()[1].text("authorization").unwrap().to_owned();
    let token = sent.strip_prefix("Payment ").unwrap();
    assert!(!printed.contains(&token[..16]), "{printed}");
    let BuyerError::Refused { payment, .. } = error else {
        panic!("{error:?}")
    };
    // It is there for who asks for it by name, and marked.
    let (name, value) = payment.credential();
    assert_eq!(name, "authorization");
    assert_eq!(value.as_bytes(), sent.as_bytes());
    assert!(value.is_sensitive());
    assert!(!format!("{value:?}").contains(&token[..16]));
}
