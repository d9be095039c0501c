//! One credential, one meal (RULES.md, T10 to T12, T17, T54).

use std::sync::Arc;

use mpp_evm::CredentialType;
use payment_core::Limits;

use crate::answer::Answer;
use crate::kitchen::Mood;
use crate::purse::{as_v1, mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Header, Means, Plan, Shop, request};

const USED: &str = "invalid_exact_evm_nonce_already_used";

#[tokio::test]
async fn t10_the_same_credential_twice_buys_one_meal() {
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        let mut sold = 0;
        for (header, receipt, code) in [
            (
                v2_header(&shop.x402("/cheap").await),
                "payment-response",
                USED,
            ),
            (
                v1_header(&shop.x402_v1("/cheap").await),
                "x-payment-response",
                USED,
            ),
            (
                mpp_header(&shop.mpp("/cheap").await),
                "payment-receipt",
                "invalid_challenge",
            ),
            (
                v2_header(&shop.x402("/first").await),
                "payment-response",
                USED,
            ),
            (
                mpp_header(&shop.mpp("/first").await),
                "payment-receipt",
                "invalid_challenge",
            ),
        ] {
            let path = if sold < 3 { "/cheap" } else { "/first" };
            shop.get(path, std::slice::from_ref(&header))
                .await
                .served(receipt);
            sold += 1;
            for _ in 0..3 {
                let answer = shop.get(path, std::slice::from_ref(&header)).await;
                answer.refused(402, code);
            }
            shop.books(sold, CENT * sold as u64);
        }
    }
}

/// Sends one header so many times at once.
async fn at_once(shop: &Shop, times: usize, path: &str, header: &Header) -> Vec<Answer> {
    let tasks: Vec<_> = (0..times)
        .map(|_| {
            let (app, header, path) = (shop.app.clone(), header.clone(), path.to_owned());
            tokio::spawn(async move { Shop::send_to(&app, request("GET", &path, &[header])).await })
        })
        .collect();
    let mut answers = Vec::with_capacity(times);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn one_of(answers: &[Answer], receipt: &str, spent: &str) {
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(good.len(), 1);
    good[0].served(receipt);
    for answer in refused {
        match answer.status.as_u16() {
            409 => answer.refused(409, "payment_in_progress"),
            _ => answer.refused(402, spent),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn t10_a_hundred_at_once_are_one_transfer_and_one_meal() {
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        shop.kitchen.mood(Mood::Steps(20));
        let mut sold = 0;
        for path in ["/cheap", "/first"] {
            let v2 = v2_header(&shop.x402(path).await);
            let mpp = mpp_header(&shop.mpp(path).await);
            let answers = at_once(&shop, 100, path, &v2).await;
            one_of(&answers, "payment-response", USED);
            let answers = at_once(&shop, 100, path, &mpp).await;
            one_of(&answers, "payment-receipt", "invalid_challenge");
            sold += 2;
            shop.books(sold, CENT * sold as u64);
        }
    }
}

#[tokio::test]
async fn t10_a_request_in_flight_answers_the_second_with_409_and_no_offer() {
    let shop = Shop::open().await;
    let until = Arc::new(tokio::sync::Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&until)));
    let header = v2_header(&shop.x402("/cheap").await);
    let first = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.kitchen.started().await;
    for alias in [header.clone(), v1_header(&as_v1(&shop.x402_of(&header)))] {
        let answer = shop.get("/cheap", &[alias]).await;
        answer.refused(409, "payment_in_progress");
        assert!(!answer.headers.contains_key("payment-required"));
        assert!(answer.headers.contains_key("retry-after"));
    }
    shop.books(1, 0);
    until.notify_one();
    first.await.unwrap().served("payment-response");
    shop.get("/cheap", &[header]).await.refused(402, USED);
    shop.books(1, CENT);
}

#[tokio::test]
async fn t11_a_v1_header_is_good_on_one_of_two_routes_of_the_same_price() {
    let shop = Shop::open().await;
    let header = v1_header(&shop.x402_v1("/cheap").await);
    let answer = shop.get("/twin", std::slice::from_ref(&header)).await;
    answer.served("x-payment-response");
    for path in ["/cheap", "/twin", "/first", "/x402"] {
        shop.get(path, std::slice::from_ref(&header))
            .await
            .refused(402, USED);
    }
    shop.books(1, CENT);
}

#[tokio::test]
async fn t11_two_routes_at_once_share_one_authorization() {
    let shop = Shop::open().await;
    let until = Arc::new(tokio::sync::Notify::new());
    shop.kitchen.mood(Mood::Wait(Arc::clone(&until)));
    let header = v1_header(&shop.x402_v1("/cheap").await);
    let first = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &header));
    shop.kitchen.started().await;
    let answer = shop.get("/twin", &[header]).await;
    answer.refused(409, "payment_in_progress");
    until.notify_one();
    first.await.unwrap().served("x-payment-response");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t11_both_envelopes_of_one_authorization_are_one_payment() {
    let shop = Shop::open().await;
    for v2_first in [true, false] {
        let v2 = shop.x402("/cheap").await;
        let mut both = [v2_header(&v2), v1_header(&as_v1(&v2))];
        if !v2_first {
            both.reverse();
        }
        let [first, second] = both;
        assert_eq!(shop.get("/cheap", &[first]).await.status, 200);
        shop.get("/cheap", &[second]).await.refused(402, USED);
    }
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t11_spelling_an_authorization_otherwise_does_not_make_it_another() {
    let shop = Shop::open().await;
    let envelope = shop.x402("/cheap").await;
    let header = v2_header(&envelope);
    shop.get("/cheap", &[header])
        .await
        .served("payment-response");
    let mut respelled = envelope.clone();
    let from = envelope["payload"]["authorization"]["from"]
        .as_str()
        .unwrap();
    respelled["payload"]["authorization"]["from"] = from.to_lowercase().into();
    respelled["payload"]["extra"] = "x".into();
    shop.get("/cheap", &[v2_header(&respelled)])
        .await
        .refused(402, USED);
    let nonce = envelope["payload"]["authorization"]["nonce"]
        .as_str()
        .unwrap();
    let upper = format!("0x{}", nonce[2..].to_uppercase());
    respelled["payload"]["authorization"]["nonce"] = upper.into();
    let answer = shop.get("/cheap", &[v2_header(&respelled)]).await;
    assert!([400, 402].contains(&answer.status.as_u16()));
    shop.books(1, CENT);
}

#[tokio::test]
async fn t11_one_authorization_is_one_payment_whichever_protocol_carries_it() {
    for mpp_first in [true, false] {
        let shop = Shop::open().await;
        let credential = shop.mpp("/cheap").await;
        let offered = shop.x402("/cheap").await;
        // The authorization of the MPP credential, in an x402 envelope.
        let mut envelope = offered.clone();
        let mut authorization = credential["payload"].clone();
        let members = authorization.as_object_mut().unwrap();
        members.remove("type");
        envelope["payload"]["signature"] = members.remove("signature").unwrap();
        envelope["payload"]["authorization"] = authorization;
        let (mpp, x402) = (mpp_header(&credential), v2_header(&envelope));
        if mpp_first {
            shop.get("/cheap", &[mpp]).await.served("payment-receipt");
            shop.get("/cheap", &[x402]).await.refused(402, USED);
        } else {
            shop.get("/cheap", &[x402]).await.served("payment-response");
            shop.get("/cheap", &[mpp])
                .await
                .refused(402, "invalid_challenge");
        }
        shop.books(1, CENT);
    }
}

/// What OKX's buyers sign names no challenge, so that it could be shown to any protocol.
#[tokio::test]
async fn t11_a_transfer_in_okxs_form_and_an_x402_payment_are_one() {
    for okx_first in [true, false] {
        let shop = Shop::planned(Plan {
            types: Some(vec![CredentialType::Transfers]),
            ..Plan::default()
        })
        .await;
        let challenge = shop.get("/cheap", &[]).await.challenge();
        let end = challenge.expires_at().unwrap().seconds() + 60;
        let envelope = shop.resigned(shop.x402("/cheap").await, |signed| {
            signed.valid_before = alloy_primitives::U256::from(end);
        });
        // The authorization of the x402 payment, in OKX's form.
        let mut transfer = envelope["payload"]["authorization"].clone();
        transfer["type"] = "eip-3009".into();
        transfer["signature"] = envelope["payload"]["signature"].clone();
        let payload = serde_json::json!({ "type": "transaction", "authorization": transfer });
        let credential = mpp_core::buyer::answer(&challenge, None, &payload).unwrap();
        let okx = ("authorization", credential.to_str().unwrap().to_owned());
        let x402 = v2_header(&envelope);
        if okx_first {
            shop.get("/cheap", &[okx]).await.served("payment-receipt");
            shop.get("/cheap", &[x402]).await.refused(402, USED);
        } else {
            shop.get("/cheap", &[x402]).await.served("payment-response");
            shop.get("/cheap", &[okx])
                .await
                .refused(402, "invalid_challenge");
        }
        shop.books(1, CENT);
    }
}

#[tokio::test]
async fn t54_one_challenge_is_answered_once_whatever_is_signed_for_it() {
    let shop = Shop::open().await;
    let challenge = shop.get("/cheap", &[]).await.challenge();
    let first = shop.mpp_for(&challenge).await;
    shop.get("/cheap", &[mpp_header(&first)])
        .await
        .served("payment-receipt");
    // Another authorization for the same challenge: same nonce, another end.
    let second = shop.recharged(first, |signed| {
        signed.valid_before -= alloy_primitives::U256::from(1);
    });
    let answer = shop.get("/cheap", &[mpp_header(&second)]).await;
    answer.refused(402, "invalid_challenge");
    shop.books(1, CENT);
}

#[tokio::test]
async fn t12_a_full_replay_store_refuses_new_payments_and_forgets_none() {
    let shop = Shop::planned(Plan {
        capacity: 1,
        ..Plan::default()
    })
    .await;
    let first = v2_header(&shop.x402("/cheap").await);
    let second = v2_header(&shop.x402("/cheap").await);
    let mpp = mpp_header(&shop.mpp("/cheap").await);
    shop.get("/cheap", std::slice::from_ref(&first))
        .await
        .served("payment-response");
    for header in [&second, &mpp] {
        let answer = shop.get("/cheap", std::slice::from_ref(header)).await;
        answer.refused(503, "replay_store_full");
    }
    shop.get("/cheap", &[first]).await.refused(402, USED);
    assert_eq!(
        shop.facilitator.calls().len(),
        2,
        "nothing verified when full"
    );
    shop.books(1, CENT);
    // There is room again once the first can be accepted by nobody.
    shop.advance(400);
    let third = v2_header(&shop.x402("/cheap").await);
    shop.get("/cheap", &[third])
        .await
        .served("payment-response");
    shop.books(2, 2 * CENT);
}

#[tokio::test]
async fn t12_a_used_credential_is_refused_for_as_long_as_it_could_be_accepted() {
    let shop = Shop::open().await;
    let envelope = shop.x402("/cheap").await;
    let credential = shop.mpp("/cheap").await;
    shop.get("/cheap", &[v2_header(&envelope)])
        .await
        .served("payment-response");
    shop.get("/cheap", &[mpp_header(&credential)])
        .await
        .served("payment-receipt");
    for _ in 0..20 {
        shop.advance(37);
        let answer = shop.get("/cheap", &[v2_header(&envelope)]).await;
        assert_eq!(answer.status, 402);
        let answer = shop.get("/cheap", &[mpp_header(&credential)]).await;
        assert_eq!(answer.status, 402);
        // Others come and go meanwhile, which is when old records are dropped.
        let header = v2_header(&shop.x402("/twin").await);
        assert_eq!(shop.get("/twin", &[header]).await.status, 200);
    }
    shop.books(22, 22 * CENT);
}

#[tokio::test]
async fn t17_our_own_record_is_what_refuses_a_replay() {
    // A facilitator that says yes to everything, as an idempotent one does.
    use devnet::facilitator::{Act, Route};
    let shop = Shop::open().await;
    let header = v2_header(&shop.x402("/cheap").await);
    shop.get("/cheap", std::slice::from_ref(&header))
        .await
        .served("payment-response");
    for route in [Route::Verify, Route::Settle] {
        shop.facilitator.order(route, Act::lie("isValid", true));
    }
    shop.get("/cheap", &[header]).await.refused(402, USED);
    assert_eq!(shop.facilitator.calls().len(), 2);
    shop.books(1, CENT);
}

#[tokio::test]
async fn t120_too_many_payments_at_once_are_turned_away_and_cost_nothing() {
    for per_payer in [true, false] {
        let mut limits = Limits::default();
        if per_payer {
            limits.in_flight_per_payer = 1;
        } else {
            limits.in_flight = 1;
        }
        let shop = Shop::planned(Plan {
            limits,
            ..Plan::default()
        })
        .await;
        let until = Arc::new(tokio::sync::Notify::new());
        shop.kitchen.mood(Mood::Wait(Arc::clone(&until)));
        let first = v2_header(&shop.x402("/cheap").await);
        let second = v2_header(&shop.x402("/cheap").await);
        let running = tokio::spawn(Shop::send_owned(&shop.app, "/cheap", &first));
        shop.kitchen.started().await;
        let answer = shop.get("/cheap", std::slice::from_ref(&second)).await;
        answer.refused(503, "too_many_payments");
        // Those who only ask are not turned away.
        shop.get("/cheap", &[])
            .await
            .refused(402, "payment_required");
        shop.kitchen.mood(Mood::Good);
        until.notify_one();
        running.await.unwrap().served("payment-response");
        shop.get("/cheap", &[second])
            .await
            .served("payment-response");
        shop.books(2, 2 * CENT);
    }
}
