//! The published signatures, each taken or refused by a service that settles.

use alloy_primitives::{Address, B256, U256};
use devnet::okx::{Endpoint, Okx};
use devnet::{Devnet, ITollToken, TokenSpec, X_LAYER_ESCROW};
use serde_json::json;

use crate::stage::{Stage, with};

#[test]
fn the_world_has_the_published_domains() {
    let net = Devnet::x_layer().build().unwrap();
    let file = vectors::load("eip712_okx.json");
    let published = |label: &str| {
        let mut domains = vectors::cases(&file, "/domains").iter();
        let domain = domains.find(|domain| domain["label"] == label).unwrap();
        vectors::text(domain, "domainSeparator")
            .parse::<B256>()
            .unwrap()
    };
    assert_eq!((net.chain.chain_id(), net.escrow), (196, X_LAYER_ESCROW));
    let escrow = devnet::IPaymentChannelEscrow::domainSeparatorCall {};
    let escrow = net.chain.read(net.escrow, &escrow).unwrap();
    assert_eq!(escrow, published("escrow, X Layer mainnet"));
    let token = ITollToken::DOMAIN_SEPARATORCall {};
    let token = net.chain.read(net.token.address, &token).unwrap();
    assert_eq!(token, published("USDT0, X Layer"));
    assert_eq!(net.token.domain_separator(), token);
}

#[tokio::test]
async fn published_transfers_on_this_chain_settle() {
    let file = vectors::load("eip712_okx.json");
    let dollar: Address = "0x4ae46a509F6b1D9056937BA4500cb143933D2dc8"
        .parse()
        .unwrap();
    let net = Devnet::x_layer().token(TokenSpec::new("Global Dollar", "1").at(dollar));
    let stage = Stage::on(net, Okx::builder()).await;
    let (chain, payer) = (&stage.net.chain, stage.payer.address);
    chain.mint(dollar, payer, U256::from(1)).unwrap();
    let mut tally = vectors::Tally::new("okx transfers");
    for case in vectors::cases(&file, "/transferWithAuthorization") {
        if case["domain"]["chainId"] != 196 {
            tally.left_out(1, "another chain");
            continue;
        }
        let (domain, terms) = (&case["domain"], &case["message"]);
        let required = json!({
            "scheme": "exact", "network": "eip155:196", "asset": domain["verifyingContract"],
            "amount": terms["value"], "payTo": terms["to"], "maxTimeoutSeconds": 300,
            "extra": {"name": domain["name"], "version": domain["version"]},
        });
        let body = json!({
            "x402Version": 2, "syncSettle": true, "paymentRequirements": required,
            "paymentPayload": {
                "x402Version": 2, "accepted": required,
                "payload": {"signature": case["signature"], "authorization": terms},
            },
        });
        let reply = stage.post(Endpoint::Settle, &body).await;
        assert_eq!(reply.data()["status"], "success", "{}", case["name"]);
        tally.ran();
    }
    assert_eq!(chain.balance_of(dollar, stage.payee.address), U256::from(1));
}

#[tokio::test]
async fn published_bad_signatures_move_nothing() {
    let (file, wire) = (
        vectors::load("eip712_okx.json"),
        vectors::load("okx_wire.json"),
    );
    let stage = Stage::new().await;
    let mpp = &wire["mpp"];
    stage
        .post(Endpoint::SessionOpen, &mpp["sessionOpenAsSentToSa"])
        .await
        .data();
    let voucher = &file["vouchers"][0]["digest"];
    let mut tally = vectors::Tally::new("okx signature rejects");
    for case in vectors::cases(&file, "/signatureRejects") {
        let (endpoint, body, member) = if case["digest"] == *voucher {
            (
                Endpoint::SessionSettle,
                &mpp["saSettleBody"],
                "voucherSignature",
            )
        } else if case["name"]
            .as_str()
            .unwrap()
            .starts_with("settle signature")
        {
            (
                Endpoint::SessionClose,
                &mpp["saCloseBody"],
                "payeeSignature",
            )
        } else {
            tally.left_out(1, "a channel or chain that is not here");
            continue;
        };
        let body = with(
            body,
            &format!("/payload/{member}"),
            case["signature"].clone(),
        );
        let reply = stage.post(endpoint, &body).await;
        assert_eq!(reply.code(), 70004, "{}", case["name"]);
        tally.ran();
    }
    assert_eq!(stage.balance(stage.payee.address), 0);
    let reply = stage
        .post(Endpoint::SessionSettle, &mpp["saSettleBody"])
        .await;
    reply.data();
}
