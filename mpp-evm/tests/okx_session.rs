//! The byte-exact cases of sessions in OKX's form, through one channel from its opening to its
//! end; and what OKX's form leaves out, and must not.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use alloy_primitives::{Address, B256, address};
use mpp_core::{Asks, Challenge, Method, MethodPayment, Presented, RawCredential, Settled, Terms};
use mpp_evm::CredentialType;
use mpp_evm::session::{
    ChainState, Channel, ChannelId, CheckedDeposit, DepositProof, Escrow, Moved, Purpose, Session,
    SignedVoucher,
};
use payment_core::{Denied, Fault, ManualClock, Money, Route, Tariff, Timestamp};
use payment_evm::{EvmSignature, Token};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use vectors::{Tally, load, text};

const ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
const PAYEE: Address = address!("0x48391029173Bdf3637A2958C7442a3Da237A44E9");
const PAYER: Address = address!("0xa9eFc64df94971Fc4f85Be11b40a505C176dC3bA");
const USDT: Address = address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736");
const EXPIRES: Timestamp = Timestamp::from_seconds(1_790_000_000);
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000 - 200);
/// The price of a call, in base units.
const PRICE: u128 = 1_000;

/// A contract that does what it is told, and keeps account of one channel.
#[derive(Clone, Default)]
struct OneChannel(Arc<Mutex<Option<ChainState>>>);

impl OneChannel {
    fn moved(&self, change: impl FnOnce(&mut ChainState)) -> Result<Moved, Denied> {
        let mut kept = self.0.lock().unwrap();
        let chain = kept.as_mut().unwrap();
        change(chain);
        Ok(Moved {
            chain: *chain,
            transaction: Some(B256::repeat_byte(0xab)),
        })
    }
}

impl Escrow for OneChannel {
    fn taken_up(&self, _: ChannelId) {}

    fn chain_id(&self) -> u64 {
        196
    }

    fn contract(&self) -> Address {
        ESCROW
    }

    fn pays(&self, payee: Address) -> bool {
        payee == PAYEE
    }

    fn takes(&self, kind: CredentialType) -> bool {
        kind != CredentialType::Permit2
    }

    async fn state(&self, _: ChannelId) -> Result<Option<ChainState>, Fault> {
        Ok(*self.0.lock().unwrap())
    }

    async fn deposit(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        let Purpose::Open(opening) = *deposit.purpose() else {
            return self.moved(|chain| chain.deposit += deposit.amount());
        };
        self.0.lock().unwrap().get_or_insert(ChainState {
            payer: opening.payer,
            payee: opening.payee,
            token: opening.token,
            authorized_signer: Some(opening.authorized_signer),
            deposit: match deposit.proof() {
                DepositProof::Hash(_) => 1_000_000,
                _ => deposit.amount(),
            },
            settled: 0,
            close_requested_at: 0,
            finalized: false,
        });
        self.moved(|_| {})
    }

    async fn settle(&self, _: ChannelId, voucher: &SignedVoucher) -> Result<Moved, Denied> {
        self.moved(|chain| chain.settled = voucher.cumulative)
    }

    async fn close(&self, _: ChannelId, voucher: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        self.moved(|chain| {
            chain.settled = voucher.map_or(chain.settled, |voucher| voucher.cumulative);
            chain.finalized = true;
        })
    }
}

struct Shop {
    session: Session<OneChannel>,
    terms: Box<dyn Terms>,
    file: Value,
}

impl Shop {
    fn open() -> Self {
        let money = |text: &str| Money::from_decimal(text).unwrap();
        let token = Token::known(196, USDT).unwrap();
        let session = Session::new(token, PAYEE, OneChannel::default())
            .min_voucher_delta(money("0.001"))
            .clock(ManualClock::at(NOW));
        let tariff = Tariff::per("request", money("0.001")).deposit(money("1"));
        let terms = session.terms(&Route::from(tariff)).unwrap();
        let file = load("okx_wire.json");
        Self {
            session,
            terms,
            file,
        }
    }

    fn case(&self, name: &str) -> &Value {
        &self.file["mpp"][name]
    }

    /// The payload of a case, out of the bytes of its header.
    fn payload(&self, name: &str) -> Value {
        let case = self.case(name);
        let header = text(case, "authorization");
        let raw = RawCredential::find([header.as_bytes()]).unwrap().unwrap();
        let read = raw.read().unwrap();
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written, case["credential"]);
        written["payload"].clone()
    }

    /// Presents a payload with what else is in the credential of a case, as far as it comes
    /// without the escrow.
    fn bind(&self, name: &str, payload: &Value) -> Result<Box<dyn MethodPayment>, Denied> {
        let header = text(self.case(name), "authorization");
        let raw = RawCredential::find([header.as_bytes()]).unwrap().unwrap();
        let credential = raw.read().unwrap();
        let payload = to_raw_value(payload).unwrap();
        let mut payment = self.terms.bind(Presented {
            challenge: &credential.challenge,
            issued: NOW,
            expires: EXPIRES,
            source: credential.source.as_deref(),
            payload: &payload,
            now: NOW,
            margin_seconds: 6,
            asks: Asks::Content,
            idempotency_key: None,
        })?;
        payment.in_time()?;
        payment.check()?;
        Ok(payment)
    }

    /// Presents it to the end.
    async fn present(&self, name: &str, payload: &Value) -> Result<Settled, Denied> {
        let mut payment = self.bind(name, payload)?;
        payment.verify().await?;
        payment.settle().await
    }

    /// The case as it is.
    async fn run(&self, name: &str) -> Settled {
        let settled = self.present(name, &self.payload(name)).await;
        Tally::new(format!("okx mpp.{name}")).ran();
        settled.unwrap()
    }

    async fn channel(&self) -> Option<Channel> {
        let id: ChannelId = text(&self.payload("sessionOpen"), "channelId")
            .parse()
            .unwrap();
        self.session.ledger().load(id).await.unwrap()
    }
}

/// The same without these members.
fn without(mut payload: Value, members: &[&str]) -> Value {
    for member in members {
        payload.as_object_mut().unwrap().remove(*member).unwrap();
    }
    payload
}

fn code(outcome: Result<Settled, Denied>) -> String {
    match outcome {
        Err(Denied::Refused(refusal)) => refusal.problem().code.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn our_challenge_asks_what_okxs_asks_and_names_the_deposits_it_takes() {
    let shop = Shop::open();
    let case = shop.case("sessionChallenge");
    let challenge = Challenge::parse(text(case, "wwwAuthenticate")).unwrap();
    assert_eq!(Value::from(challenge.request.decode()), case["request"]);
    let mut ours = Value::from(shop.terms.request().clone());
    let details = ours["methodDetails"].as_object_mut().unwrap();
    // The one member that OKX's challenges don't have; who does not know it passes over it.
    let types = details.remove("credentialTypes").unwrap();
    assert_eq!(types, json!(["authorization", "hash"]));
    assert_eq!(ours, case["request"]);
    Tally::new("okx mpp.sessionChallenge").ran();
}

#[tokio::test]
async fn a_channel_of_the_vectors_lives_from_its_opening_to_its_end() {
    let shop = Shop::open();
    shop.run("sessionOpen").await;
    let opened = shop.channel().await.unwrap();
    assert_eq!((opened.payer(), opened.signer()), (PAYER, PAYER));
    assert_eq!((opened.deposit(), opened.accepted()), (1_000_000, 0));

    shop.run("sessionVoucher").await;
    let paid = shop.channel().await.unwrap();
    assert_eq!((paid.accepted(), paid.spent()), (250_000, PRICE));

    shop.run("sessionTopUp").await;
    assert_eq!(shop.channel().await.unwrap().deposit(), 1_500_000);

    let settled = shop.run("sessionClose").await;
    let answer: Value = serde_json::from_slice(&settled.answer.unwrap().body).unwrap();
    assert_eq!(
        (&answer["action"], &answer["status"]),
        (&json!("close"), &json!("ok"))
    );
    let closed = shop.channel().await.unwrap();
    assert!(closed.finalized());
    assert_eq!((closed.settled(), closed.spent()), (250_000, PRICE));
}

#[tokio::test]
async fn a_channel_opens_without_a_first_voucher_and_owes_nothing_then() {
    for leave in [
        &["voucherSignature", "cumulativeAmount"][..],
        &["voucherSignature"],
    ] {
        let shop = Shop::open();
        let unsigned = without(shop.payload("sessionOpen"), leave);
        shop.present("sessionOpen", &unsigned).await.unwrap();
        let opened = shop.channel().await.unwrap();
        assert_eq!((opened.accepted(), opened.voucher()), (0, None));
        // Its first voucher is that of the first call.
        shop.run("sessionVoucher").await;
        assert_eq!(shop.channel().await.unwrap().accepted(), 250_000);
    }
    let shop = Shop::open();
    let mut empty = shop.payload("sessionOpen");
    empty["voucherSignature"] = json!("");
    shop.present("sessionOpen", &empty).await.unwrap();
    assert_eq!(shop.channel().await.unwrap().accepted(), 0);
}

#[tokio::test]
async fn t60_an_amount_that_nobody_has_signed_opens_nothing() {
    let shop = Shop::open();
    let unsigned = without(shop.payload("sessionOpen"), &["voucherSignature"]);
    for claimed in ["1", "250000", "1000000"] {
        let mut payload = unsigned.clone();
        payload["cumulativeAmount"] = json!(claimed);
        let refused = shop.present("sessionOpen", &payload).await;
        assert_eq!(code(refused), "session_invalid_signature");
    }
    // Nor does the signature over one amount stand for another.
    let mut more = shop.payload("sessionOpen");
    more["cumulativeAmount"] = json!("250000");
    let refused = shop.present("sessionOpen", &more).await;
    assert_eq!(code(refused), "session_signer_mismatch");
    assert!(shop.channel().await.is_none());
}

/// The deposit without a voucher proves who has funded the channel, and it is all that is there.
#[tokio::test]
async fn t65_an_opening_without_a_voucher_is_still_the_payers_deposit() {
    let shop = Shop::open();
    let unsigned = without(shop.payload("sessionOpen"), &["voucherSignature"]);
    let change = |pointer: &str, value: Value| {
        let mut payload = unsigned.clone();
        *payload.pointer_mut(pointer).unwrap() = value;
        payload
    };
    let top_up = shop.payload("sessionTopUp")["signature"].clone();
    for (name, payload) in [
        (
            "somebody else's",
            change("/authorization/from", json!(PAYEE)),
        ),
        (
            "to somebody else",
            change("/authorization/to", json!(PAYEE)),
        ),
        ("of more", change("/authorization/value", json!("1000001"))),
        (
            "another nonce",
            change("/authorization/nonce", json!(B256::ZERO)),
        ),
        ("another salt", change("/salt", json!(B256::ZERO))),
        ("another channel", change("/channelId", json!(B256::ZERO))),
        ("another signature", change("/signature", top_up)),
        ("no signature", without(unsigned.clone(), &["signature"])),
    ] {
        let refused = shop.present("sessionOpen", &payload).await;
        assert!(matches!(refused, Err(Denied::Refused(_))), "{name}");
    }
    assert!(shop.channel().await.is_none());
}

/// Who has sent the transaction is on the chain, so that it needs no signature either.
#[tokio::test]
async fn a_deposit_that_was_sent_opens_without_a_voucher_too() {
    let shop = Shop::open();
    let mut sent = without(
        shop.payload("sessionOpen"),
        &["voucherSignature", "authorization", "signature"],
    );
    sent["type"] = json!("hash");
    sent["hash"] = json!(B256::repeat_byte(0xcd));
    let payment = shop.bind("sessionOpen", &sent).unwrap();
    // But nobody is proven to have asked.
    assert_eq!(payment.payer(), None);
    shop.present("sessionOpen", &sent).await.unwrap();
    let opened = shop.channel().await.unwrap();
    assert_eq!((opened.deposit(), opened.accepted()), (1_000_000, 0));
}

/// A deposit is on the chain for all to see, and to repeat.
#[tokio::test]
async fn an_opening_that_is_repeated_without_a_voucher_tells_nothing_of_the_channel() {
    let shop = Shop::open();
    let unsigned = without(shop.payload("sessionOpen"), &["voucherSignature"]);
    shop.present("sessionOpen", &unsigned).await.unwrap();
    // The buyer who did not get the answer asks again.
    shop.present("sessionOpen", &unsigned).await.unwrap();
    shop.run("sessionVoucher").await;
    let before = shop.channel().await.unwrap();
    let refused = shop.present("sessionOpen", &unsigned).await;
    assert_eq!(code(refused), "session_invalid_signature");
    assert_eq!(shop.channel().await.unwrap(), before);
    // Its signer is told, and nothing is lowered.
    shop.run("sessionOpen").await;
    assert_eq!(shop.channel().await.unwrap().accepted(), 250_000);
}

#[tokio::test]
async fn t65_a_close_is_signed_by_the_signer_of_the_channel() {
    let shop = Shop::open();
    shop.run("sessionOpen").await;
    shop.run("sessionVoucher").await;
    let close = shop.payload("sessionClose");
    let mut empty = close.clone();
    empty["signature"] = json!("");
    for unsigned in [without(close.clone(), &["signature"]), empty] {
        for amount in ["250000", "0", "1000"] {
            let mut payload = unsigned.clone();
            payload["cumulativeAmount"] = json!(amount);
            let refused = shop.present("sessionClose", &payload).await;
            assert_eq!(code(refused), "session_invalid_signature", "{payload}");
        }
    }
    // The payee's own signature over the same amount is not the payer's.
    let file = load("eip712_okx.json");
    let settle = &file["settleAuthorizations"][0];
    let theirs = EvmSignature::from_hex(text(settle, "signature")).unwrap();
    let mut payload = close;
    payload["signature"] = json!(theirs.to_hex());
    let refused = shop.present("sessionClose", &payload).await;
    assert_eq!(code(refused), "session_signer_mismatch");
    assert!(!shop.channel().await.unwrap().finalized());
}
