//! Nothing secret is logged, at any level (RULES.md, T124).

use devnet::ears;
use devnet::facilitator::{Act, Route};

use crate::kitchen::Mood;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{Header, KEY, Means, Shop};

/// What must not be said about a payment: the header, and the signature in any spelling.
fn secrets_of(header: &Header, envelope: &serde_json::Value, secrets: &mut Vec<String>) {
    secrets.push(header.1.clone());
    secrets.push(header.1.trim_start_matches("Payment ")[..60].to_owned());
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    secrets.push(signature[2..66].to_owned());
    secrets.push(signature[66..130].to_owned());
}

#[tokio::test]
async fn t124_no_log_line_holds_a_key_a_header_or_a_signature() {
    ears::listen().unwrap();
    let mut secrets = vec![KEY.to_owned()];
    for means in [Means::Facilitator, Means::Onchain] {
        let shop = Shop::settling(means).await;
        for wallet in [&shop.net.buyers[0], &shop.net.seller, &shop.net.settler] {
            secrets.push(wallet.key.to_string()[2..].to_owned());
        }
        for round in 0..6 {
            let path = if round % 2 == 0 { "/cheap" } else { "/first" };
            let (v2, v1) = (shop.x402(path).await, shop.x402_v1(path).await);
            let mpp = shop.mpp(path).await;
            let mut bad = shop.x402(path).await;
            bad["accepted"]["amount"] = "1".into();
            let payments = [
                (v2_header(&v2), v2),
                (v1_header(&v1), v1),
                (mpp_header(&mpp), mpp),
                (v2_header(&bad), bad),
            ];
            for (header, envelope) in payments {
                secrets_of(&header, &envelope, &mut secrets);
                match round {
                    1 => shop.facilitator.order(Route::Settle, Act::CloseAfter),
                    2 => shop
                        .facilitator
                        .order(Route::Verify, Act::Garbage(b"{".to_vec())),
                    3 => shop.kitchen.mood(Mood::Status(500)),
                    4 => shop.net.rpc.fail_next(2, devnet::Fault::CloseAfter),
                    _ => {}
                }
                shop.get(path, std::slice::from_ref(&header)).await;
                shop.get(path, std::slice::from_ref(&header)).await;
                shop.facilitator.heal();
                shop.net.rpc.heal();
                shop.kitchen.mood(Mood::Good);
                shop.get(path, &[header]).await;
            }
        }
    }
    let heard = ears::heard();
    assert!(heard.contains("payment refused"), "nothing was heard");
    assert_eq!(ears::telling_line(&heard, &secrets), None);
}

#[tokio::test]
async fn t124_debug_of_what_users_hold_shows_no_secret() {
    let shop = Shop::open().await;
    let secret = payment_core::Secret::new(KEY);
    let builder = mpp_core::Mpp::builder("api.example.com", payment_core::Secret::new(KEY));
    let envelope = shop.x402("/cheap").await;
    let payload: x402_core::wire::v2::PaymentPayload =
        serde_json::from_value(envelope.clone()).unwrap();
    let text = format!("{secret:?} {builder:?} {payload:?} {:?}", shop.buyer);
    let key = shop.net.buyers[0].key.to_string();
    let signature = envelope["payload"]["signature"].as_str().unwrap();
    for secret in [KEY, &key[2..], &signature[2..]] {
        assert!(!text.contains(secret));
    }
}
