//! Nothing secret is logged, at any level (RULES.md, T124).

use devnet::ears;
use devnet::okx::{Act, Endpoint};
use mpp_evm::session::Keeper;
use serde_json::Value;

use crate::answer::UPSTREAM;
use crate::faults::{refuse, refuse_after};
use crate::purse::{BOTH, Words, credential_of};
use crate::shop::{CENT, Header, KEY, Shop};

/// Every signature in a document, in halves.
fn signatures(json: &Value, secrets: &mut Vec<String>) {
    match json {
        Value::String(text) if text.len() == 132 && text.starts_with("0x") => {
            secrets.push(text[2..66].to_owned());
            secrets.push(text[66..130].to_owned());
        }
        Value::Array(list) => list.iter().for_each(|it| signatures(it, secrets)),
        Value::Object(map) => map.values().for_each(|it| signatures(it, secrets)),
        _ => {}
    }
}

async fn shown(shop: &Shop, header: &Header, secrets: &mut Vec<String>) {
    secrets.push(header.1.clone());
    secrets.push(header.1.trim_start_matches("Payment ")[..60].to_owned());
    signatures(&credential_of(header), secrets);
    for _ in 0..2 {
        shop.get("/cheap", std::slice::from_ref(header)).await;
    }
    shop.okx.heal();
    shop.get("/cheap", std::slice::from_ref(header)).await;
}

#[tokio::test]
async fn t124_no_log_line_holds_a_key_a_header_a_signature_or_a_text_of_okx() {
    ears::listen().unwrap();
    let shop = Shop::open().await;
    let account = shop.okx.account();
    let mut secrets = vec![
        KEY.to_owned(),
        account.key.clone(),
        account.secret.clone(),
        account.passphrase.clone(),
        UPSTREAM.to_owned(),
        "upstream-text".to_owned(),
    ];
    for wallet in [&shop.net.buyers[0], &shop.net.seller, &shop.net.settler] {
        secrets.push(wallet.key.to_string()[2..].to_owned());
    }
    let faults = || {
        [
            Act::Honest,
            refuse(70003),
            refuse(50113),
            refuse_after(8000),
            Act::CloseAfter,
            Act::Garbage(UPSTREAM.as_bytes().to_vec()),
            Act::lie("status", UPSTREAM),
            Act::lie("reference", UPSTREAM),
            Act::rewrap("msg", UPSTREAM),
        ]
    };
    let mut nonce = 1;
    for fault in faults() {
        for words in BOTH {
            shop.okx.order(Endpoint::ChargeSettle, fault.clone());
            let header = shop.charged(words, "/cheap", nonce).await;
            nonce += 1;
            shown(&shop, &header, &mut secrets).await;
        }
    }
    for (salt, fault) in (1..).zip(faults()) {
        let id = shop.id(salt);
        let steps = [
            (
                Endpoint::SessionOpen,
                shop.town.open(Words::Okx, salt, 9 * CENT, Some(CENT)),
            ),
            (
                Endpoint::SessionTopUp,
                shop.top_up(Words::Okx, id, CENT, salt),
            ),
            (Endpoint::SessionStatus, shop.voucher(id, 2 * CENT)),
            (Endpoint::SessionSettle, shop.voucher(id, 3 * CENT)),
            (Endpoint::SessionClose, shop.close(id, 3 * CENT)),
        ];
        for (endpoint, payload) in steps {
            if endpoint == Endpoint::SessionStatus {
                shop.advance(60);
            }
            let header = shop.header("/cheap", &payload).await;
            shop.okx.order(endpoint, fault.clone());
            if endpoint == Endpoint::SessionSettle {
                let _ = shop.desk.settle_channel(id).await;
            }
            shown(&shop, &header, &mut secrets).await;
        }
        shop.advance(121);
        Keeper::new(shop.desk.clone()).tick().await;
    }
    for call in shop.okx.calls() {
        signatures(&call.body, &mut secrets);
        secrets.push(call.header("ok-access-sign").to_owned());
    }
    assert!(secrets.len() > 300, "{}", secrets.len());
    let debug = format!("{:?} {:?} {:?}", shop.escrow, shop.desk, shop.okx);
    let heard = ears::heard();
    assert!(heard.contains("refused by okx") && heard.contains("payment refused"));
    let heard = heard + &debug.to_lowercase();
    assert_eq!(ears::telling_line(&heard, &secrets), None);
}
