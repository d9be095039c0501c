//! Many at once, and payments that are not what they say.

use std::sync::Arc;

use alloy_primitives::{B256, U256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devnet::okx::{Act, Endpoint, Okx};
use payment_evm::Authorization;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::purse::{By, header};
use crate::row::Start;
use crate::shop::{CENT, Header, Plan, Shop};
use crate::words::beside;

const CROWD: usize = 20;

fn crowd(shop: &Shop, path: &str, header: &Header) -> JoinSet<Answer> {
    let one = || Shop::get_of(&shop.app, path, std::slice::from_ref(header));
    (0..CROWD).map(|_| one()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_equal_requests_while_okx_settles_one_is_served() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        for path in ["/cheap", "/first"] {
            let until = Arc::new(Notify::new());
            let acts: [fn(Arc<Notify>) -> Act; 2] = [Act::SlowBefore, Act::SlowAfter];
            for act in acts {
                let header = shop.payment(by, path).await;
                let start = Start::of(&shop, by);
                shop.okx.order(Endpoint::Settle, act(until.clone()));
                let mut requests = crowd(&shop, path, &header);
                // All but one are turned away, and that one is still at it.
                for _ in 1..CROWD {
                    let answer = requests.join_next().await.unwrap().unwrap();
                    answer.refused(409, "payment_in_progress");
                }
                shop.okx.arrived(Endpoint::Settle, start.settled + 1).await;
                until.notify_one();
                requests.join_next().await.unwrap().unwrap().served();
                start.check(&shop, by, 1, CENT);
                for answer in crowd(&shop, path, &header).join_all().await {
                    answer.spent();
                }
                start.check(&shop, by, 1, CENT);
                assert_eq!(shop.asked(Endpoint::Settle), start.settled + 1);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_equal_requests_for_an_open_payment_one_is_served() {
    let shop = Shop::open().await;
    for (by, late) in [
        (By::Exact, json!({"status": "timeout"})),
        (By::Exact, json!({"status": "timeout", "transaction": ""})),
        (By::Deferred, json!({"status": "pending"})),
    ] {
        let header = shop.payment(by, "/first").await;
        let start = Start::of(&shop, by);
        shop.okx.order(Endpoint::Settle, beside(&late));
        shop.pay("/first", &header).await.pending();
        let answers = crowd(&shop, "/first", &header).join_all().await;
        let served = answers.iter().filter(|answer| answer.status == 200);
        assert_eq!(served.count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert!(matches!(answer.status.as_u16(), 402 | 409), "{answer:?}");
        }
        start.check(&shop, by, 1, CENT);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn different_payments_of_one_payer_at_once_are_each_served_once() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let start = Start::of(&shop, by);
        let mut requests = JoinSet::new();
        for _ in 0..5 {
            let header = shop.payment(by, "/cheap").await;
            for _ in 0..3 {
                let headers = std::slice::from_ref(&header);
                requests.spawn(Shop::get_of(&shop.app, "/cheap", headers));
            }
        }
        let answers = requests.join_all().await;
        let served = answers.iter().filter(|answer| answer.status == 200);
        assert_eq!(served.count(), 5);
        start.check(&shop, by, 5, 5 * CENT);
    }
}

/// The same authorization under the other scheme's name, with a signature of that scheme's form.
async fn renamed(shop: &Shop, by: By, envelope: &Value) -> Value {
    let mut other = envelope.clone();
    other["accepted"] = shop.get("/cheap", &[]).await.requirements(by);
    if by == By::Deferred {
        other["accepted"]["extra"]["sessionCert"] = shop.session.certificate().into();
        other["payload"]["signature"] = shop.session.sign(B256::ZERO).into();
        return other;
    }
    // The owner of the wallet signs it, for as long as exact payments are good.
    let authorization = &mut other["payload"]["authorization"];
    let until = shop.now().seconds() + 300;
    authorization["validBefore"] = until.to_string().into();
    let read: Authorization = serde_json::from_value(authorization.clone()).unwrap();
    let key = shop.net.buyers[1].key.to_string();
    let owner = payment_evm::LocalSigner::from_hex(&key).unwrap();
    let signature = owner.sign(&read.digest(&shop.token().domain())).unwrap();
    other["payload"]["signature"] = signature.to_hex().into();
    other
}

const fn other(by: By) -> By {
    match by {
        By::Exact => By::Deferred,
        By::Deferred => By::Exact,
    }
}

#[tokio::test]
async fn a_payment_that_was_used_pays_no_more_under_the_other_schemes_name() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let envelope = shop.envelope(by, "/cheap").await;
        let start = Start::of(&shop, by);
        shop.pay("/cheap", &header(&envelope)).await.served();
        let asked = shop.okx.calls().len();
        let replay = renamed(&shop, other(by), &envelope).await;
        for path in ["/cheap", "/first", "/twin"] {
            let mut replay = replay.clone();
            replay.as_object_mut().unwrap().remove("resource");
            shop.pay(path, &header(&replay)).await.spent();
        }
        assert_eq!(shop.okx.calls().len(), asked, "OKX is not asked");
        start.check(&shop, by, 1, CENT);
    }
}

#[tokio::test]
async fn a_payment_that_is_open_is_not_taken_up_under_the_other_schemes_name() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let envelope = shop.envelope(by, "/cheap").await;
        let start = Start::of(&shop, by);
        shop.okx.order(Endpoint::Settle, Act::CloseAfter);
        shop.pay("/cheap", &header(&envelope)).await.pending();
        let asked = shop.okx.calls().len();
        let replay = header(&renamed(&shop, other(by), &envelope).await);
        shop.pay("/cheap", &replay).await.spent();
        assert_eq!(shop.okx.calls().len(), asked, "OKX is not asked");
        start.check(&shop, by, 1, CENT);
        shop.pay("/cheap", &header(&envelope)).await.served();
        shop.pay("/cheap", &replay).await.spent();
        start.check(&shop, by, 2, CENT);
    }
}

/// What somebody can make of a batched payment who has seen it but can't sign: of the same nonce.
fn forgeries(shop: &Shop, envelope: &Value) -> Vec<Value> {
    let change = |pointer: &str, value: Value| {
        let mut forged = envelope.clone();
        *forged.pointer_mut(pointer).unwrap() = value;
        forged
    };
    let end = U256::MAX - U256::from(1);
    vec![
        change("/payload/signature", shop.session.sign(B256::ZERO).into()),
        change("/payload/signature", STANDARD.encode([7; 64]).into()),
        change("/accepted/extra/sessionCert", STANDARD.encode("{}").into()),
        change("/payload/authorization/validBefore", end.to_string().into()),
        change("/payload/authorization/validAfter", "1".into()),
    ]
}

#[tokio::test]
async fn a_forged_payment_gets_nothing_before_the_true_one_while_it_is_open_or_after() {
    let shop = Shop::open().await;
    let envelope = shop.envelope(By::Deferred, "/cheap").await;
    let start = Start::of(&shop, By::Deferred);
    let forged = forgeries(&shop, &envelope);
    for forgery in &forged {
        // `validBefore` is OKX's to mind, and it minds with another reason.
        let answer = shop.pay("/cheap", &header(forgery)).await;
        assert!(
            matches!(
                &*answer.code(),
                "invalid_exact_evm_signature" | "invalid_payload"
            ),
            "{forgery} {answer:?}"
        );
        answer.refused(402, &answer.code());
        assert!(shop.guard.is_empty(), "it is in nobody's way");
    }
    start.check(&shop, By::Deferred, 0, 0);
    shop.okx.order(Endpoint::Settle, Act::CloseAfter);
    shop.pay("/cheap", &header(&envelope)).await.pending();
    let asked = shop.okx.calls().len();
    for forgery in &forged {
        shop.pay("/cheap", &header(forgery)).await.spent();
    }
    start.check(&shop, By::Deferred, 1, CENT);
    shop.pay("/cheap", &header(&envelope)).await.served();
    assert_eq!(shop.okx.calls().len(), asked + 1, "only for the true one");
    for forgery in &forged {
        shop.pay("/cheap", &header(forgery)).await.spent();
    }
    // The batch has landed here.
    start.check(&shop, By::Deferred, 2, CENT);
    for forgery in &forged {
        shop.pay("/cheap", &header(forgery)).await.spent();
    }
    start.check(&shop, By::Deferred, 2, CENT);
}

#[tokio::test]
async fn a_forged_payment_that_is_being_verified_holds_up_the_true_one_no_longer_than_that() {
    let shop = Shop::open().await;
    let envelope = shop.envelope(By::Deferred, "/cheap").await;
    let start = Start::of(&shop, By::Deferred);
    let forged = header(&forgeries(&shop, &envelope)[0]);
    let until = Arc::new(Notify::new());
    shop.okx
        .order(Endpoint::Verify, Act::SlowBefore(until.clone()));
    let headers = std::slice::from_ref(&forged);
    let forging = tokio::spawn(Shop::get_of(&shop.app, "/cheap", headers));
    shop.okx.arrived(Endpoint::Verify, 1).await;
    let answer = shop.pay("/cheap", &header(&envelope)).await;
    answer.refused(409, "payment_in_progress");
    until.notify_one();
    let answer = forging.await.unwrap();
    answer.refused(402, "invalid_exact_evm_signature");
    shop.pay("/cheap", &header(&envelope)).await.served();
    start.check(&shop, By::Deferred, 1, CENT);
}

/// Nothing of a batched payment is proven here, so anybody can have OKX asked about one.
#[tokio::test]
async fn t120_forged_payments_are_bounded_and_cost_the_true_ones_nothing_but_time() {
    let mut plan = Plan::default();
    plan.limits.in_flight = 3;
    let shop = Shop::planned(plan, Okx::builder()).await;
    let until = Arc::new(Notify::new());
    let mut forging = JoinSet::new();
    for _ in 0..3 {
        let mut forged = shop.envelope(By::Deferred, "/cheap").await;
        forged["payload"]["signature"] = shop.session.sign(B256::ZERO).into();
        shop.okx
            .order(Endpoint::Verify, Act::SlowBefore(until.clone()));
        let headers = [header(&forged)];
        forging.spawn(Shop::get_of(&shop.app, "/cheap", &headers));
    }
    shop.okx.arrived(Endpoint::Verify, 3).await;
    let mut paid = Vec::new();
    for by in By::BOTH {
        let header = shop.payment(by, "/cheap").await;
        let answer = shop.pay("/cheap", &header).await;
        answer.refused(503, "too_many_payments");
        paid.push(header);
    }
    for _ in 0..3 {
        until.notify_one();
        let answer = forging.join_next().await.unwrap().unwrap();
        answer.refused(402, "invalid_exact_evm_signature");
    }
    assert!(shop.guard.is_empty());
    for header in &paid {
        shop.pay("/cheap", header).await.served();
    }
    assert_eq!(
        (shop.kitchen.runs(), shop.earned(By::Deferred)),
        (2, 2 * CENT)
    );
}

#[tokio::test]
async fn a_payment_that_is_open_is_good_for_its_own_request_alone() {
    let shop = Shop::open().await;
    for by in By::BOTH {
        let paid = shop.vague_payment(by).await;
        let start = Start::of(&shop, by);
        shop.okx.order(Endpoint::Settle, Act::CloseAfter);
        shop.pay("/cheap", &paid).await.pending();
        for path in ["/twin", "/first", "/cheap?other=1"] {
            shop.pay(path, &paid).await.spent();
        }
        start.check(&shop, by, 1, CENT);
        shop.pay("/cheap", &paid).await.served();
        start.check(&shop, by, 2, CENT);
    }
}
