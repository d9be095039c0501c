//! The channel file: written before anything is sent, read only when it is whole.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use payment_core::usd;
use payment_evm::LocalSigner;

use super::market;
use super::seller::{PRICE, Turn, amount};
use crate::tests::shop::Step;
use crate::tests::{Bench, signer};
use crate::{Buyer, ChannelFile, ChannelFileError, Session, SessionBudget, SessionError};

/// A directory that goes away with the test.
pub(super) struct Room(PathBuf);

impl Room {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "tollgate-channel-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("shop.json")
    }

    pub(super) fn start(&self, bench: &Bench) -> Result<Session<LocalSigner>, SessionError> {
        self.start_with(&bench.buyer())
    }

    fn start_with(&self, buyer: &Buyer<LocalSigner>) -> Result<Session<LocalSigner>, SessionError> {
        let budget = SessionBudget::deposit(usd!("0.10")).total(usd!("0.20"));
        let session = buyer.session(budget);
        session.keep_in(ChannelFile::new(self.file())).start()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn number(text: &str, name: &str) -> u128 {
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    amount(&file["channel"], name)
}

#[tokio::test]
async fn a_buyer_that_starts_again_goes_on_with_the_same_channel() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    drop(session);
    let mut session = room.start(&bench).unwrap();
    assert_eq!(session.standing().unwrap().spent, PRICE);
    let _ = session.get(seller.url()).send().await.unwrap();
    drop(session);
    assert_eq!(seller.vouchers(), [PRICE, 2 * PRICE]);
    assert_eq!(seller.till(|till| till.channels.len()), 1);
    // It can be closed without a further call.
    let closed = room.start(&bench).unwrap().close().await.unwrap().unwrap();
    assert_eq!(closed.spent(), usd!("0.02"));
    // What is closed is not gone on with.
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    assert_eq!(seller.till(|till| till.channels.len()), 2);
}

#[tokio::test]
async fn deposits_and_vouchers_are_in_the_file_before_they_are_sent() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let path = room.file();
    seller.hook(move |visit, till| {
        let text = fs::read_to_string(&path).unwrap_or_default();
        match &*visit.action {
            "open" => {
                let id = visit.payload["channelId"].as_str().unwrap();
                assert!(text.contains(id), "the opening is in the file");
                assert_eq!(number(&text, "signed"), 100_000);
                till.log.push("checked".into());
            }
            "voucher" => {
                let cumulative = amount(&visit.payload, "cumulativeAmount");
                assert!(number(&text, "promised") >= cumulative);
                till.log.push("checked".into());
            }
            _ => {}
        }
        Turn::Honest
    });
    let mut session = room.start(&bench).unwrap();
    for _ in 0..2 {
        let _ = session.get(seller.url()).send().await.unwrap();
    }
    let checked = seller
        .log()
        .iter()
        .filter(|line| *line == "checked")
        .count();
    assert_eq!(checked, 3);
}

#[tokio::test]
async fn a_buyer_that_dies_at_any_point_neither_deposits_twice_nor_forgets_a_promise() {
    for (action, taken) in [
        ("open", true),
        ("open", false),
        ("voucher", true),
        ("voucher", false),
    ] {
        let (bench, seller) = market().await;
        let room = Room::new();
        let mut session = room.start(&bench).unwrap();
        seller.hook(move |visit, _| {
            let lost = visit.action == action && visit.method == "GET";
            match (lost, taken) {
                (true, true) => Turn::Lose(Step::HangUp),
                (true, false) => Turn::Instead(Step::HangUp),
                _ => Turn::Honest,
            }
        });
        let _ = session.get(seller.url()).send().await.unwrap_err();
        drop(session);
        seller.honest();
        let buyer = bench.buyer();
        let mut session = room.start_with(&buyer).unwrap();
        let reply = session.get(seller.url()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        let opens = seller.payloads("open");
        assert!(opens.iter().all(|open| *open == opens[0]), "{action}");
        assert_eq!(seller.till(|till| till.channels.len()), 1);
        assert_eq!(session.standing().unwrap().spent, seller.channel().spent());
        // A deposit that is sent by this buyer counts as its own.
        let counted = if action == "open" { "0.1" } else { "0" };
        assert_eq!(buyer.spent().to_string(), counted);
    }
}

#[tokio::test]
async fn the_budget_holds_across_starts() {
    let (bench, seller) = market().await;
    let room = Room::new();
    seller.till(|till| till.request["amount"] = "50000".into());
    for call in 0..5 {
        let mut session = room.start(&bench).unwrap();
        let sent = session.get(seller.url()).send().await;
        assert_eq!(sent.is_ok(), call < 4, "{sent:?}");
    }
    assert_eq!(seller.channel().deposit(), 200_000);
}

#[tokio::test]
async fn one_session_at_a_time_has_the_file() {
    let bench = Bench::new();
    let room = Room::new();
    let first = room.start(&bench).unwrap();
    let error = room.start(&bench).unwrap_err();
    let in_use = matches!(error, SessionError::File(ChannelFileError::InUse));
    assert!(in_use, "{error:?}");
    drop(first);
    let _ = room.start(&bench).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn another_name_of_the_file_is_the_same_file() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    let link = room.0.join("link.json");
    std::os::unix::fs::symlink(room.file(), &link).unwrap();
    let by_link = || {
        let session = bench.buyer().session(SessionBudget::deposit(usd!("0.10")));
        session.keep_in(ChannelFile::new(&link)).start()
    };
    let error = by_link().unwrap_err();
    let in_use = matches!(error, SessionError::File(ChannelFileError::InUse));
    assert!(in_use, "{error:?}");
    drop(session);
    let mut session = by_link().unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    drop(session);
    let session = room.start(&bench).unwrap();
    assert_eq!(session.standing().unwrap().promised, 2 * PRICE);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    drop(session);
    let good = fs::read(room.file()).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let mut broken: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"{}".to_vec(),
        good[..good.len() / 2].to_vec(),
        [&good[..], b"x"].concat(),
        text.replace(r#""promised":"10000""#, r#""promised":"0""#)
            .into_bytes(),
        text.replace(r#""format":1"#, r#""format":2"#).into_bytes(),
    ];
    // Every single byte counts.
    let buyer = bench.buyer();
    broken.extend((0..good.len()).step_by(7).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    }));
    for bytes in broken {
        fs::write(room.file(), &bytes).unwrap();
        let error = room.start_with(&buyer).unwrap_err();
        let damaged = matches!(error, SessionError::File(ChannelFileError::Damaged));
        assert!(damaged, "{error:?}");
        assert_eq!(fs::read(room.file()).unwrap(), bytes);
    }
    fs::write(room.file(), good).unwrap();
    assert!(room.start(&bench).is_ok());
}

#[tokio::test]
async fn a_file_whose_numbers_contradict_each_other_is_damaged_though_its_hash_is_right() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    drop(session);
    let good: serde_json::Value = serde_json::from_slice(&fs::read(room.file()).unwrap()).unwrap();
    for (name, value) in [
        ("promised", "9999"),
        ("spent", "9999"),
        ("deposit", "9999"),
        ("signed", "99999"),
        ("payee", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        ("method", "not a method"),
        ("url", "nowhere"),
    ] {
        let mut channel = good["channel"].clone();
        assert!(channel.get(name).is_some(), "{name}");
        channel[name] = value.into();
        let text = channel.to_string();
        let hash = alloy_primitives::keccak256(&text);
        let sealed = format!(r#"{{"format":1,"channel":{text},"keccak256":"{hash}"}}"#);
        fs::write(room.file(), sealed).unwrap();
        let error = room.start(&bench).unwrap_err();
        let damaged = matches!(error, SessionError::File(ChannelFileError::Damaged));
        assert!(damaged, "{name}: {error:?}");
    }
}

#[tokio::test]
async fn the_file_is_private_and_holds_no_key_and_no_signature() {
    let (bench, seller) = market().await;
    let room = Room::new();
    // What was left behind by a write that broke off is open to all.
    fs::write(room.0.join("shop.json.new"), "").unwrap();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    let text = fs::read_to_string(room.file()).unwrap();
    let open = seller.payloads("open")[0].clone();
    let secrets = [
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        open["signature"].as_str().unwrap(),
        open["voucherSignature"].as_str().unwrap(),
        "Oslo",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(room.file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_file_of_another_payer_is_refused() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let _ = room
        .start(&bench)
        .unwrap()
        .get(seller.url())
        .send()
        .await
        .unwrap();
    let other = Buyer::builder(LocalSigner::random().unwrap())
        .spend_limit(crate::SpendLimit::per_payment(usd!("0.10")))
        .network(payment_core::Network::eip155(crate::tests::CHAIN))
        .build()
        .unwrap();
    assert_ne!(other.address(), signer().address());
    let error = room.start_with(&other).unwrap_err();
    let foreign = matches!(error, SessionError::File(ChannelFileError::OtherPayer));
    assert!(foreign, "{error:?}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_signs_nothing() {
    let (bench, seller) = market().await;
    let room = Room::new();
    let mut session = room.start(&bench).unwrap();
    let _ = session.get(seller.url()).send().await.unwrap();
    // Nothing can be put in the place of a directory that is gone.
    fs::remove_dir_all(&room.0).unwrap();
    let error = session.get(seller.url()).send().await.unwrap_err();
    let unwritable = matches!(error, SessionError::File(ChannelFileError::Io(_)));
    assert!(unwritable, "{error:?}");
    assert_eq!(seller.vouchers(), [PRICE]);
}

#[test]
fn sellers_have_files_of_their_own() {
    let name = |url: &str| format!("{:?}", ChannelFile::of_seller("/x", &url.parse().unwrap()));
    let first = name("https://api.example.com/a?b");
    assert!(
        first.contains("/x/https_api.example.com_443.json"),
        "{first}"
    );
    assert_eq!(first, name("https://api.example.com:443/c"));
    assert_ne!(first, name("https://api.example.com:444/c"));
    assert_ne!(first, name("http://api.example.com:443/c"));
}
