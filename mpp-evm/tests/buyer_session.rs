//! What a buyer reads and writes of a session.

#![allow(clippy::unwrap_used)]

mod support;

use alloy_primitives::{Address, B256, address};
use mpp_core::{Challenge, EncodedRequest, RawCredential};
use mpp_evm::CredentialType;
use mpp_evm::buyer::BillError;
use mpp_evm::buyer::session::{Dialect, NeedVoucher, SessionBill, SessionPayload, SessionReceipt};
use mpp_evm::session::{ChannelId, Opening, top_up_nonce};
use payment_core::Timestamp;
use payment_evm::{Token, TransferMethod};
use serde_json::{Value, json};
use support::payer;

const SALT: B256 = B256::repeat_byte(0x11);
/// 2026-04-01T12:05:00Z
const EXPIRES: u64 = 1_775_045_100;

fn vectors() -> Value {
    vectors::load("mpp_core.json")
}

fn recorded() -> Challenge {
    let file = vectors();
    let line = vectors::text(&file["evm"]["session_exchange"], "www_authenticate").to_owned();
    Challenge::parse(&line).unwrap()
}

fn bill() -> SessionBill {
    SessionBill::read(&recorded(), &[]).unwrap()
}

fn written(bill: &SessionBill, payload: &SessionPayload) -> String {
    let header = bill.credential(payload).unwrap();
    assert!(header.is_sensitive());
    header.to_str().unwrap().to_owned()
}

fn payload_of(bill: &SessionBill, payload: &SessionPayload) -> (Option<String>, Value) {
    let header = written(bill, payload);
    let raw = RawCredential::decode(header.strip_prefix("Payment ").unwrap().as_bytes()).unwrap();
    let credential = raw.read().unwrap();
    let source = credential.source.as_deref().map(str::to_owned);
    let payload = serde_json::from_str(credential.payload.get()).unwrap();
    (source, payload)
}

#[test]
fn the_recorded_challenge_is_read() {
    let bill = bill();
    assert_eq!(
        bill.token().symbol,
        Token::known(196, bill.token().address).unwrap().symbol
    );
    assert_eq!(bill.price(), 100);
    assert_eq!(bill.unit(), Some("llm_token"));
    assert_eq!(bill.suggested_deposit(), Some(10_000_000));
    assert_eq!(bill.min_voucher_delta(), 10_000);
    assert!(bill.seller_pays_gas());
    let types = [CredentialType::Authorization, CredentialType::Hash];
    assert_eq!(bill.types(), types);
    let venue = bill.venue();
    assert_eq!(venue.chain_id, 196);
    assert_eq!(
        venue.escrow,
        address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b")
    );
    assert_eq!(
        venue.payee,
        address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
    );
    assert_eq!(
        venue.token,
        address!("0x74b7F16337b8972027F6196A17a631ac6dE26d22")
    );
}

#[tokio::test]
async fn credentials_are_the_recorded_ones_byte_for_byte() {
    let file = vectors();
    let recorded = &file["evm"]["session_exchange"]["credentials"];
    let bill = bill();
    let purse = bill.purse(payer().address(), SALT);
    let signer = payer();
    let cases = [
        (
            "open_authorization",
            purse.open(&signer, 10_000_000, 1_743_523_500, 0).await,
        ),
        ("voucher", purse.voucher(&signer, 250_000).await),
        ("close", purse.close(&signer, 250_000).await),
    ];
    assert_eq!(recorded.as_object().unwrap().len(), cases.len());
    for (name, payload) in cases {
        let expected = vectors::text(&recorded[name], "authorization");
        assert_eq!(written(&bill, &payload.unwrap()), expected, "{name}");
    }
}

#[tokio::test]
async fn deposits_are_named_by_the_nonces_that_contracts_compute() {
    let file = vectors();
    for case in vectors::cases(&file, "/evm/session_eip3009_nonce") {
        let nonce: B256 = vectors::text(case, "nonce").parse().unwrap();
        let of = |name: &str| vectors::text(case, name);
        let account = |name: &str| of(name).parse::<Address>().unwrap();
        let bill = bill();
        if of("action") == "open" {
            let mut opening = *bill
                .purse(account("from"), of("salt").parse().unwrap())
                .opening();
            opening.authorized_signer = account("authorizedSigner");
            assert_eq!(opening.nonce(), nonce);
            let token = bill.token().clone();
            let purse = mpp_evm::buyer::session::Purse::new(opening, token).unwrap();
            let payload = purse.open(&payer(), 5, 6, 0).await.unwrap();
            let (_, payload) = payload_of(&bill, &payload);
            assert_eq!(payload["authorization"]["nonce"], of("nonce"));
            let signer = opening.authorized_signer;
            let named = payload
                .get("authorizedSigner")
                .map(|text| text.as_str().unwrap());
            let expected = (!signer.is_zero()).then(|| format!("{signer:#x}"));
            assert_eq!(named, expected.as_deref());
        } else {
            let channel: ChannelId = of("channelId").parse().unwrap();
            let salt: B256 = of("topUpSalt").parse().unwrap();
            assert_eq!(
                top_up_nonce(channel, 5_000_000, account("from"), salt),
                nonce
            );
            let purse = bill.purse(account("from"), SALT);
            assert_eq!(purse.id(), channel);
            let payload = purse.top_up(&payer(), 5_000_000, 1_743_523_500, salt).await;
            let (source, payload) = payload_of(&bill, &payload.unwrap());
            assert_eq!(source, None);
            assert_eq!(payload["action"], "topUp");
            assert_eq!(payload["authorization"]["nonce"], of("nonce"));
            assert_eq!(payload["authorization"]["value"], "5000000");
            assert_eq!(payload["additionalDeposit"], "5000000");
            assert_eq!(payload["salt"], of("topUpSalt"));
        }
    }
}

#[tokio::test]
async fn transactions_of_the_buyer_are_named_with_their_sender() {
    let (bill, hash) = (bill(), B256::repeat_byte(0xab));
    let purse = bill.purse(payer().address(), SALT);
    let opened = purse.opened(&payer(), hash, 0).await.unwrap();
    let file = vectors();
    let voucher = vectors::text(&file["evm"]["voucher"][0], "signature");
    let expected = json!({
        "action": "open", "type": "hash", "channelId": purse.id(), "hash": hash.to_string(),
        "cumulativeAmount": "0", "signature": voucher, "salt": SALT.to_string(),
    });
    let did = format!("did:pkh:eip155:196:{}", payer().address());
    assert_eq!(payload_of(&bill, &opened), (Some(did.clone()), expected));
    let topped_up = purse.topped_up(hash, 7).unwrap();
    let expected = json!({
        "action": "topUp", "type": "hash", "channelId": purse.id(), "hash": hash.to_string(),
        "additionalDeposit": "7",
    });
    assert_eq!(payload_of(&bill, &topped_up), (Some(did), expected));
}

#[test]
fn a_deposit_ends_with_its_challenge_and_within_a_day() {
    let at = Timestamp::from_seconds;
    let bill = bill();
    assert_eq!(bill.valid_until(at(EXPIRES - 300)).unwrap(), EXPIRES);
    let early = EXPIRES - 1_000_000;
    assert_eq!(bill.valid_until(at(early)).unwrap(), early + 24 * 3600);
    assert!(matches!(
        bill.valid_until(at(EXPIRES)),
        Err(BillError::Expired)
    ));
}

fn edited(edit: impl FnOnce(&mut Value)) -> Result<SessionBill, BillError> {
    let mut request = Value::Object(recorded().request.decode());
    edit(&mut request);
    let request = EncodedRequest::encode(request.as_object().unwrap()).unwrap();
    SessionBill::read(
        &Challenge::new("id", "realm", "evm", "session", request),
        &[],
    )
}

#[test]
fn odd_challenges_are_not_bills() {
    assert!(edited(|_| {}).is_ok());
    let huge = "340282366920938463463374607431768211456";
    let top = |name: &'static str, value: Value| (name, name, value);
    let details = |name: &'static str, value: Value| (name, "", value);
    for (name, place, value) in [
        top("amount", json!("0")),
        top("amount", json!(100)),
        top("amount", json!("0100")),
        top("amount", json!("-1")),
        top("amount", json!(huge)),
        top("suggestedDeposit", json!(huge)),
        top("suggestedDeposit", json!(1)),
        top("unitType", json!(1)),
        top(
            "currency",
            json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ),
        top("recipient", json!("")),
        details("chainId", json!("196")),
        details("chainId", json!(1)),
        details("minVoucherDelta", json!(huge)),
        details("minVoucherDelta", json!(1)),
        details("feePayer", json!("true")),
        details("credentialTypes", json!("authorization")),
        details("escrowContract", Value::Null),
        // The escrow would be a party, the token or Permit2: what is deposited is just paid.
        details("escrowContract", json!(Address::ZERO.to_string())),
        details(
            "escrowContract",
            json!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ),
        details(
            "escrowContract",
            json!("0x74b7F16337b8972027F6196A17a631ac6dE26d22"),
        ),
        details(
            "escrowContract",
            json!("0x000000000022D473030F116dDEE9F6B43aC78BA3"),
        ),
    ] {
        let read = edited(|request| match place {
            "" => request["methodDetails"][name] = value.clone(),
            _ => request[name] = value.clone(),
        });
        assert!(read.is_err(), "{name} {value}");
    }
    let mut other = recorded();
    other.intent = "charge".into();
    assert!(matches!(
        SessionBill::read(&other, &[]),
        Err(BillError::OtherMethod)
    ));
    let mut other = recorded();
    other.method = "tempo".into();
    assert!(matches!(
        SessionBill::read(&other, &[]),
        Err(BillError::OtherMethod)
    ));
    let mut tied = recorded();
    tied.digest = Some("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:".into());
    assert!(matches!(
        SessionBill::read(&tied, &[]),
        Err(BillError::Digest)
    ));
}

#[test]
fn a_seller_who_names_no_types_and_pays_no_gas_is_not_sent_signatures() {
    let bill = edited(|request| {
        let details = request["methodDetails"].as_object_mut().unwrap();
        details.remove("credentialTypes");
        details.remove("feePayer");
    });
    assert_eq!(bill.unwrap().types(), [CredentialType::Hash]);
}

#[tokio::test]
async fn a_token_without_authorizations_is_not_deposited() {
    let known = bill().token().clone();
    let permit2 = known.transfer(TransferMethod::Permit2);
    let bill = SessionBill::read(&recorded(), &[permit2]).unwrap();
    let purse = bill.purse(payer().address(), SALT);
    let open = purse.open(&payer(), 1, 2, 0).await;
    assert!(matches!(
        open,
        Err(BillError::CannotPay(CredentialType::Authorization))
    ));
}

#[test]
fn a_purse_is_of_its_token() {
    let bill = bill();
    let opening = *bill.purse(payer().address(), SALT).opening();
    let other = Opening {
        chain_id: 1,
        ..opening
    };
    let purse = |opening| mpp_evm::buyer::session::Purse::new(opening, bill.token().clone());
    assert!(purse(opening).is_some());
    assert!(purse(other).is_none());
}

fn receipt() -> Value {
    let channel = B256::repeat_byte(0x6d).to_string();
    json!({
        "method": "evm", "intent": "session", "status": "success",
        "timestamp": "2026-04-01T12:08:30Z", "reference": channel, "challengeId": "c1",
        "channelId": channel, "acceptedCumulative": "250000", "spent": "237500", "units": 500,
        "chainId": 196, "txHash": B256::repeat_byte(7).to_string(), "other": {},
    })
}

#[test]
fn receipts_and_demands_are_read_strictly() {
    let read = SessionReceipt::from_event(&receipt().to_string()).unwrap();
    assert_eq!(
        (read.accepted, read.spent, read.units),
        (250_000, 237_500, Some(500))
    );
    assert_eq!(read.transaction, Some(B256::repeat_byte(7)));
    for (name, value) in [
        ("method", json!("tempo")),
        ("intent", json!("charge")),
        ("status", json!("failed")),
        ("reference", json!("0xab")),
        ("channelId", json!(B256::ZERO.to_string())),
        ("spent", json!(5)),
        ("spent", json!("-5")),
        ("spent", json!("340282366920938463463374607431768211456")),
        ("acceptedCumulative", Value::Null),
        ("chainId", json!("196")),
        ("txHash", json!("0xab")),
    ] {
        let mut receipt = receipt();
        receipt[name] = value;
        assert!(
            SessionReceipt::from_event(&receipt.to_string()).is_err(),
            "{name}"
        );
    }
    let file = vectors();
    let demands = vectors::cases(&file, "/sse/parse").iter();
    let demands = demands.filter(|case| case["parsed"]["type"] == "payment-need-voucher");
    for case in demands {
        let data = case["parsed"]["data"].to_string();
        let demand = NeedVoucher::from_event(&data).unwrap();
        assert_eq!(
            (demand.required, demand.accepted, demand.deposit),
            (250_025, 250_000, 500_000)
        );
        assert_eq!(demand.channel, ChannelId::new(B256::repeat_byte(0x6d)));
    }
    assert!(NeedVoucher::from_event(r#"{"channelId":1}"#).is_err());
    let twice = receipt().to_string().replacen('{', r#"{"spent":"1","#, 1);
    assert!(SessionReceipt::from_event(&twice).is_err());
}

/// The vectors of OKX's wire: its challenge of a session, and the payer's key.
fn okx() -> (Value, SessionBill, payment_evm::LocalSigner) {
    let wire = vectors::load("okx_wire.json")["mpp"].clone();
    let line = vectors::text(&wire["sessionChallenge"], "wwwAuthenticate");
    let bill = SessionBill::read(&Challenge::parse(line).unwrap(), &[]).unwrap();
    let keys = vectors::load("eip712_okx.json")["keys"].clone();
    let key = vectors::text(&keys["payer"], "privateKey");
    (wire, bill, payment_evm::LocalSigner::from_hex(key).unwrap())
}

#[tokio::test]
async fn to_okx_sellers_credentials_are_the_recorded_ones_byte_for_byte() {
    let (wire, bill, signer) = okx();
    assert_eq!(bill.dialect(), Dialect::Okx);
    assert_eq!(bill.types()[0], CredentialType::Transfers);
    let open = &wire["sessionOpen"]["credential"]["payload"];
    let salt = vectors::text(open, "salt").parse().unwrap();
    let purse = bill.purse(signer.address(), salt);
    let end = 1_790_000_000;
    let cases = [
        ("sessionOpen", purse.open(&signer, 1_000_000, end, 0).await),
        (
            "sessionTopUp",
            purse.top_up(&signer, 500_000, end, salt).await,
        ),
        ("sessionVoucher", purse.voucher(&signer, 250_000).await),
        ("sessionClose", purse.close(&signer, 250_000).await),
    ];
    for (name, payload) in cases {
        let expected = vectors::text(&wire[name], "authorization");
        assert_eq!(written(&bill, &payload.unwrap()), expected, "{name}");
    }
}

#[test]
fn okx_words_are_for_who_pays_the_gas_and_names_no_types() {
    let (wire, ..) = okx();
    let request = &wire["sessionChallenge"]["request"];
    let read = |change: &dyn Fn(&mut Value)| {
        let mut request = request.clone();
        change(&mut request["methodDetails"]);
        let encoded = EncodedRequest::encode(request.as_object().unwrap()).unwrap();
        let challenge = Challenge::new("id", "realm", "evm", "session", encoded);
        SessionBill::read(&challenge, &[]).unwrap()
    };
    let hash_only = read(&|details| details["feePayer"] = json!(false));
    assert_eq!(hash_only.dialect(), Dialect::Draft);
    assert_eq!(hash_only.types(), [CredentialType::Hash]);
    let named = read(&|details| details["credentialTypes"] = json!(["authorization"]));
    assert_eq!(named.dialect(), Dialect::Draft);
    assert_eq!(named.types(), [CredentialType::Authorization]);
}

#[test]
fn what_okx_sellers_get_outlives_the_challenge_but_not_a_day() {
    let (_, bill, _) = okx();
    let end = 1_790_000_000;
    let at = |seconds| bill.valid_until(Timestamp::from_seconds(seconds));
    assert_eq!(at(end - 300).unwrap(), end + 60);
    assert_eq!(at(end - 90_000).unwrap(), end - 90_000 + 86_400);
    assert!(matches!(at(end), Err(BillError::Expired)));
}
