//! A shop that sells by sessions, with one channel in its books, and what its payer has signed.

use std::sync::{Arc, LazyLock};

use alloy_primitives::{Address, B256, U256, address};
use mpp_core::{Challenge, EchoedChallenge, Mpp};
use mpp_evm::CredentialType;
use mpp_evm::session::{
    ChainState, Channel, ChannelId, ChannelState, ChannelStore, CheckedDeposit, DepositPermit,
    DepositProof, Escrow, Ledger, MemoryChannelStore, Moved, Opening, Purpose, Session,
    SignedVoucher, Swap, Venue, Voucher, escrow_domain, top_up_nonce,
};
use payment_core::{
    Ask, Claim, Denied, Fault, Offering, PaymentProtocol, Purpose as PaidFor, Route, Secret,
    Tariff, Timestamp, usd,
};
use payment_evm::permit2::{self, PERMIT2};
use payment_evm::{Authorization, LocalSigner, Token};
use serde_json::{Value, json};

use crate::{Standing, ask, base64url, block_on, json};

const PATH: &str = "/chat";
const CHAIN: u64 = 196;
const ESCROW: Address = address!("0x5E550002e64FaF79B41D89fE8439eEb1be66CE3b");
const TOKEN: Address = address!("0x74b7F16337b8972027F6196A17a631ac6dE26d22");
const PAYEE: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
const PAYER: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
const SOURCE: &str = "did:pkh:eip155:196:0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const SALT: B256 = B256::repeat_byte(0x11);
const NOW: Timestamp = Timestamp::from_seconds(1_743_523_000);
/// A key that everybody knows.
const PAYER_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OPENED_WITH: u128 = 10_000_000;
const TOPPED_UP_BY: u128 = 500_000;
/// The amounts that the payer has signed vouchers for, those of the vectors among them.
const SIGNED: [u128; 4] = [0, 100, 700, 250_000];
/// Base units of one unit.
const PRICE: u128 = 100;

/// What a request asks for beside its payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// `GET`.
    Content,
    /// `HEAD`.
    Nothing,
}

struct Shop {
    offering: Box<dyn Offering>,
    ledger: Arc<Ledger<MemoryChannelStore>>,
    challenge: Challenge,
    content: Ask,
    nothing: Ask,
}

static SHOP: LazyLock<Shop> = LazyLock::new(|| {
    let token = Token::known(CHAIN, TOKEN).expect("a token of the table");
    let session = Session::new(token, PAYEE, Chain).clock(Standing(NOW));
    let ledger = Arc::clone(session.ledger());
    let mpp = Mpp::builder("api.example.com", Secret::new([7; 32])).method(session);
    let route: Route = Tariff::per("llm_token", usd!("0.0001")).up_to(5).into();
    let offering = mpp.build().expect("constants").offer(&route);
    let offering = offering.expect("constants").expect("taken on every route");
    let content = ask(PATH, NOW);
    let mut nothing = content.clone();
    nothing.method = "HEAD".into();
    let issued = block_on(offering.challenge(&content, None)).expect("randomness");
    let line = issued.headers[0].1.to_str().expect("ASCII");
    Shop {
        challenge: Challenge::parse(line).expect("ours is read"),
        offering,
        ledger,
        content,
        nothing,
    }
});

fn opening() -> Opening {
    Opening {
        payer: PAYER,
        payee: PAYEE,
        token: TOKEN,
        salt: SALT,
        authorized_signer: Address::ZERO,
        escrow: ESCROW,
        chain_id: CHAIN,
    }
}

fn on_chain(deposit: u128) -> ChainState {
    ChainState {
        payer: PAYER,
        payee: PAYEE,
        token: TOKEN,
        authorized_signer: Some(Address::ZERO),
        deposit,
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    }
}

/// The contract. Says yes to what it would say yes to, and sees to it that nothing else is asked.
struct Chain;

impl Escrow for Chain {
    fn taken_up(&self, _: ChannelId) {}

    fn chain_id(&self) -> u64 {
        CHAIN
    }

    fn contract(&self) -> Address {
        ESCROW
    }

    fn pays(&self, payee: Address) -> bool {
        payee == PAYEE
    }

    fn takes(&self, _: CredentialType) -> bool {
        true
    }

    async fn state(&self, _: ChannelId) -> Result<Option<ChainState>, Fault> {
        panic!("what is known of the chain is fresh")
    }

    async fn deposit(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        assert_eq!(deposit.channel(), opening().id());
        assert_eq!(deposit.payer(), PAYER);
        let by_hash = matches!(deposit.proof(), DepositProof::Hash(_));
        let total = match deposit.purpose() {
            Purpose::Open(opened) => {
                assert_eq!(*opened, opening());
                assert!(by_hash || deposit.amount() == OPENED_WITH);
                OPENED_WITH
            }
            _ => {
                assert!(by_hash || deposit.amount() == TOPPED_UP_BY);
                OPENED_WITH + TOPPED_UP_BY
            }
        };
        Ok(Moved {
            chain: on_chain(total),
            transaction: None,
        })
    }

    async fn settle(&self, _: ChannelId, _: &SignedVoucher) -> Result<Moved, Denied> {
        panic!("no credential settles")
    }

    async fn close(&self, id: ChannelId, by: Option<&SignedVoucher>) -> Result<Moved, Denied> {
        assert_eq!(id, opening().id());
        let settled = by.map_or(0, |voucher| voucher.cumulative);
        assert!(SIGNED.contains(&settled), "closed by {settled}");
        let mut chain = on_chain(OPENED_WITH);
        (chain.settled, chain.finalized) = (settled, true);
        Ok(Moved {
            chain,
            transaction: None,
        })
    }
}

/// Puts the books back to one channel, just opened.
fn reset(shop: &Shop) {
    let id = opening().id();
    let store = shop.ledger.store();
    let venue = Venue {
        chain_id: CHAIN,
        escrow: ESCROW,
        payee: PAYEE,
        token: TOKEN,
    };
    let channel = Channel::adopt(id, venue, &on_chain(OPENED_WITH), NOW).expect("it is open");
    let known = block_on(store.load(id))
        .expect("memory")
        .map(|known| known.version);
    let swapped = block_on(store.swap(id, known, Some(&channel))).expect("memory");
    assert_eq!(swapped, Swap::Done);
}

/// Sends a credential of this payload, as far as it goes.
///
/// # Panics
///
/// When something is taken that the payer has not signed, or content is given for nothing.
pub fn present(payload: &[u8], source: bool, asking: Asking) {
    let shop = &*SHOP;
    let echo = EchoedChallenge::from(&shop.challenge);
    let echo = serde_json::to_string(&echo).expect("JSON");
    let source = match source {
        true => format!(r#""source":"{SOURCE}","#),
        false => String::new(),
    };
    let start = format!(r#"{{"challenge":{echo},{source}"payload":"#);
    let credential = base64url(&[start.as_bytes(), payload, b"}"].concat());
    let claim = Claim::new(mpp_core::MPP, 0, credential.into());
    let ask = match asking {
        Asking::Content => &shop.content,
        Asking::Nothing => &shop.nothing,
    };
    let mut payment = match shop.offering.bind(ask, claim) {
        Ok(payment) => payment,
        Err(Denied::Refused(refusal)) => {
            assert!(refusal.problem().status.is_client_error());
            return;
        }
        Err(denied) => panic!("reading ends in a refusal or not at all: {denied:?}"),
    };
    let said = json(payload);
    let content = matches!(payment.purpose(), PaidFor::Content | PaidFor::Metered(_));
    assert_eq!(
        content,
        said["action"] == "voucher" && asking == Asking::Content
    );
    assert!(payment.keys().is_empty(), "vouchers keep their own account");
    assert!(
        payment.payer().is_none(),
        "nobody has paid before it is proven"
    );
    if payment.in_time().is_err() || payment.check().is_err() {
        return;
    }
    reset(shop);
    if block_on(payment.verify()).is_ok() {
        match said["hash"].is_string() || said["deposit"]["hash"].is_string() {
            false if content => assert_eq!(payment.payer(), Some(&PAYER.into())),
            _ => {}
        }
        let _ = block_on(payment.settle());
    }
    judge(shop, content);
}

/// What must hold of the books, whatever was sent.
fn judge(shop: &Shop, content: bool) {
    let channel = block_on(shop.ledger.load(opening().id())).expect("memory");
    let channel = channel.expect("it was there");
    let accepted = channel.accepted();
    assert!(SIGNED.contains(&accepted), "nobody has signed {accepted}");
    assert!(accepted <= channel.deposit() && channel.spent() <= accepted);
    assert!(channel.settled() <= accepted);
    assert!(channel.spent() <= if content { 5 * PRICE } else { 0 });
    assert!(channel.holds().is_empty() || channel.spent() == 0);
}

/// The good payload of this number with some bytes overwritten: three bytes of the input each, a
/// place and what to put there.
#[must_use]
pub fn edited(edits: &[u8]) -> Vec<u8> {
    static GOOD: LazyLock<Vec<String>> = LazyLock::new(|| {
        let good = good().into_iter();
        good.map(|(_, payload)| payload.to_string()).collect()
    });
    let Some((number, edits)) = edits.split_first() else {
        return Vec::new();
    };
    let mut json = GOOD[usize::from(*number) % GOOD.len()].clone().into_bytes();
    for edit in edits.chunks_exact(3).take(16) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % json.len();
        json[at] = edit[2];
    }
    json
}

/// The record of the channel after a voucher, as we write it and as other SDKs do.
///
/// # Panics
///
/// Never: it is made of constants.
#[must_use]
pub fn records() -> Vec<(&'static str, String)> {
    let payer = LocalSigner::from_hex(PAYER_KEY).expect("a key");
    let voucher = Voucher {
        channel: opening().id(),
        cumulative: 700,
    };
    let signature = payer.sign(&voucher.digest(&escrow_domain(CHAIN, ESCROW)));
    let signature = crate::base64(&signature.expect("signed").to_bytes());
    let foreign = json!({
        "channelId": opening().id(), "chainId": CHAIN, "escrowContract": ESCROW.to_string(),
        "payer": PAYER.to_string(), "payee": PAYEE.to_string(), "token": TOKEN.to_string(),
        "authorizedSigner": PAYER.to_string(), "deposit": 1000, "highestVoucherAmount": 700,
        "highestVoucherSignature": String::from_utf8(signature).expect("ASCII"),
        "minVoucherDelta": 10, "spent": 200, "units": 2, "finalized": false,
        "closeRequestedAt": 0, "createdAt": "2026-01-15T12:05:00Z",
    });
    let foreign = foreign.to_string();
    let read = ChannelState::from_json(foreign.as_bytes()).expect("a record");
    let channel = read.channel().expect("a channel");
    let ours = ChannelState::from(&channel).to_json().expect("JSON");
    let ours = String::from_utf8(ours).expect("UTF-8");
    vec![("another sdk", foreign), ("ours", ours)]
}

/// Payloads that are taken, by what they are.
#[must_use]
pub fn good() -> Vec<(&'static str, Value)> {
    let payer = LocalSigner::from_hex(PAYER_KEY).expect("a key");
    let sign = |digest: &B256| json!(payer.sign(digest).expect("signed"));
    let token = Token::known(CHAIN, TOKEN).expect("a token of the table");
    let (id, salt) = (opening().id(), SALT.to_string());
    let voucher = |cumulative: u128| {
        let voucher = Voucher {
            channel: id,
            cumulative,
        };
        sign(&voucher.digest(&escrow_domain(CHAIN, ESCROW)))
    };
    let authorized = |value: u128, nonce: B256| {
        let authorization = Authorization {
            from: PAYER,
            to: ESCROW,
            value: U256::from(value),
            valid_after: U256::ZERO,
            valid_before: U256::from(NOW.seconds() + 500),
            nonce,
        };
        let signature = sign(&authorization.receive_digest(&token.domain()));
        (json!(authorization), signature)
    };
    let permit = |amount: u128| DepositPermit {
        token: TOKEN,
        amount,
        spender: ESCROW,
        nonce: U256::from(7),
        deadline: U256::from(NOW.seconds() + 500),
    };
    let permitted = |permit: DepositPermit, witness: Value| {
        json!({
            "from": PAYER.to_string(),
            "permitted": { "token": permit.token.to_string(), "amount": permit.amount.to_string() },
            "nonce": permit.nonce.to_string(), "deadline": permit.deadline.to_string(),
            "witness": witness,
        })
    };
    let domain = permit2::domain(CHAIN, PERMIT2);

    let (authorization, signature) = authorized(OPENED_WITH, opening().nonce());
    let open = json!({
        "action": "open", "type": "authorization", "channelId": id, "salt": salt,
        "authorization": authorization, "signature": signature,
        "cumulativeAmount": "0", "voucherSignature": voucher(0),
    });
    let opened = permit(OPENED_WITH);
    let witness = json!({ "payee": PAYEE.to_string(), "salt": salt, "authorizedSigner": Address::ZERO.to_string() });
    let open_by_permit = json!({
        "action": "open", "type": "permit2", "channelId": id, "salt": salt,
        "authorization": permitted(opened, witness),
        "signature": sign(&opened.open_digest(&domain, &opening())),
        "cumulativeAmount": "700", "voucherSignature": voucher(700),
    });
    let open_by_hash = json!({
        "action": "open", "type": "hash", "channelId": id, "salt": salt,
        "hash": B256::repeat_byte(0xab).to_string(), "cumulativeAmount": "100", "signature": voucher(100),
    });
    let nonce = top_up_nonce(id, TOPPED_UP_BY, PAYER, SALT);
    let (authorization, signature) = authorized(TOPPED_UP_BY, nonce);
    let top_up = json!({
        "action": "topUp", "type": "authorization", "channelId": id, "salt": salt,
        "authorization": authorization, "signature": signature,
        "additionalDeposit": TOPPED_UP_BY.to_string(),
    });
    let more = permit(TOPPED_UP_BY);
    let top_up_by_permit = json!({
        "action": "topUp", "type": "permit2", "channelId": id,
        "authorization": permitted(more, json!({ "channelId": id })),
        "signature": sign(&more.top_up_digest(&domain, id)),
        "additionalDeposit": TOPPED_UP_BY.to_string(),
    });
    let top_up_by_hash = json!({
        "action": "topUp", "type": "hash", "channelId": id,
        "hash": B256::repeat_byte(0xcd).to_string(), "additionalDeposit": TOPPED_UP_BY.to_string(),
    });
    let signed = |action: &str, cumulative: u128| {
        json!({
            "action": action, "channelId": id, "cumulativeAmount": cumulative.to_string(),
            "signature": voucher(cumulative),
        })
    };
    let bringing = |deposit: &Value| {
        let mut payload = signed("voucher", 700);
        payload["deposit"] = deposit.clone();
        let members = payload["deposit"].as_object_mut().expect("an object");
        for name in ["channelId", "cumulativeAmount", "voucherSignature"] {
            members.remove(name);
        }
        payload
    };
    vec![
        ("voucher", signed("voucher", 700)),
        ("close", signed("close", 700)),
        ("voucher with open", bringing(&open)),
        ("voucher with permit", bringing(&open_by_permit)),
        ("voucher with top up", bringing(&top_up)),
        ("open", open),
        ("open by permit", open_by_permit),
        ("open by hash", open_by_hash),
        ("top up", top_up),
        ("top up by permit", top_up_by_permit),
        ("top up by hash", top_up_by_hash),
    ]
}
