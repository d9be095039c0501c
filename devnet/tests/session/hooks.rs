//! What a seller's own code can do to a session, and what it can't: to the account of its channel
//! and to the money in the escrow.

use alloy_primitives::B256;
use serde_json::Value;

use crate::answer::{Answer, units};
use crate::kitchen::Mood;
use crate::shop::{CENT, Header, Plan, Shop, settle_down};
use crate::staff::{DENIED, GUEST, KEY, NUISANCE, Say, Staff};

/// A shop with a channel of five cents, and how often the handler must have run.
struct Case {
    shop: Shop,
    staff: Staff,
    id: B256,
    runs: usize,
    spent: u128,
}

impl Case {
    async fn open() -> Self {
        let staff = Staff::default();
        let shop = Shop::staffed(Plan::default(), Some(staff.hooks())).await;
        let id = shop.channel_of(1, 50 * CENT, 0).await;
        settle_down().await;
        // Of the channel that was opened.
        staff.heard_once("after_settle");
        staff.heard("succeeded");
        Self {
            shop,
            staff,
            id,
            runs: 0,
            spent: 0,
        }
    }

    /// A voucher for a cent more than was spent.
    fn voucher(&self) -> Value {
        self.shop.voucher(self.id, self.spent + CENT)
    }

    async fn send(&self, path: &str, payload: &Value, more: &[Header]) -> Answer {
        let answer = self.shop.send_paid("GET", path, payload, more).await;
        settle_down().await;
        answer
    }

    /// The voucher is good: it is served, for a cent.
    async fn sells(&mut self, path: &str, voucher: &Value) {
        let receipt = self.send(path, voucher, &[]).await.served();
        self.runs += 1;
        self.spent += CENT;
        assert_eq!(units(&receipt, "spent"), self.spent);
        for hook in ["after_settle", "succeeded"] {
            let heard = self.staff.heard_once(hook);
            assert_eq!(heard.at.paid.amount().to_string(), CENT.to_string());
        }
        self.books().await;
        self.is_used_up(path, voucher).await;
    }

    async fn is_used_up(&self, path: &str, voucher: &Value) {
        self.send(path, voucher, &[])
            .await
            .refused(402, "session/insufficient-balance");
        self.books().await;
    }

    /// Nothing is spent but what was served, nothing is set aside, and nobody is told of anything.
    async fn books(&self) {
        let channel = self.shop.channel(self.id).await;
        assert_eq!(
            (channel.spent(), channel.holds().len()),
            (self.spent, 0),
            "spent, holds of {channel:?}"
        );
        self.shop.books(self.runs, 0, 50 * CENT);
        for hook in ["after_settle", "succeeded", "compensate", "refund"] {
            assert!(self.staff.heard(hook).is_empty(), "{hook}");
        }
    }
}

fn key(value: &str) -> Header {
    (KEY, value.to_owned())
}

#[tokio::test]
async fn a_guest_is_served_unpaid_and_a_nuisance_is_not_and_both_keep_the_voucher() {
    let mut case = Case::open().await;
    for path in ["/cheap", "/first"] {
        let voucher = case.voucher();
        let guest = case.send(path, &voucher, &[key(GUEST)]).await;
        assert_eq!(guest.status, 200);
        assert!(!guest.headers.contains_key("payment-receipt"));
        assert!(case.shop.kitchen.last().unwrap().is_free());
        case.runs += 1;
        case.books().await;
        let nuisance = case.send(path, &voucher, &[key(NUISANCE)]).await;
        assert_eq!((nuisance.status.as_u16(), &*nuisance.code()), (403, DENIED));
        case.books().await;
        case.sells(path, &voucher).await;
    }
}

#[tokio::test]
async fn what_is_denied_before_the_handler_spends_nothing_and_pays_afterwards() {
    let mut case = Case::open().await;
    for (path, hook) in [
        ("/cheap", "before_verify"),
        ("/cheap", "after_verify"),
        ("/first", "after_verify"),
        ("/first", "before_settle"),
    ] {
        let voucher = case.voucher();
        case.staff.says(hook, Say::Decide);
        let answer = case.send(path, &voucher, &[]).await;
        assert_eq!((answer.status.as_u16(), &*answer.code()), (403, DENIED));
        case.books().await;
        for say in [Say::Panic, Say::Hang] {
            case.staff.says(hook, say);
            let answer = case.send(path, &voucher, &[]).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.code()),
                (503, "hook_failed")
            );
            case.books().await;
        }
        case.staff.hushes();
        case.sells(path, &voucher).await;
    }
}

#[tokio::test]
async fn what_is_denied_after_the_handler_spends_nothing_and_is_compensated_once() {
    let mut case = Case::open().await;
    let voucher = case.voucher();
    case.staff.says("before_settle", Say::Decide);
    let answer = case.send("/cheap", &voucher, &[]).await;
    assert_eq!((answer.status.as_u16(), &*answer.code()), (403, DENIED));
    case.runs += 1;
    let undone = case.staff.heard_once("compensate");
    assert_eq!(undone.at.response.unwrap(), 200);
    case.books().await;
    case.staff.hushes();
    case.sells("/cheap", &voucher).await;
}

#[tokio::test]
async fn a_hook_without_an_answer_after_the_handler_changes_nothing() {
    let mut case = Case::open().await;
    for (path, hook) in [
        ("/cheap", "before_settle"),
        ("/cheap", "after_settle"),
        ("/cheap", "succeeded"),
        ("/first", "after_settle"),
        ("/first", "succeeded"),
    ] {
        for say in [Say::Panic, Say::Hang] {
            case.staff.says(hook, say);
            let voucher = case.voucher();
            case.sells(path, &voucher).await;
            case.staff.hushes();
        }
    }
}

#[tokio::test]
async fn t23_a_voucher_that_was_spent_for_nothing_is_asked_about_once() {
    let mut case = Case::open().await;
    for say in [None, Some(Say::Decide), Some(Say::Panic)] {
        if let Some(say) = say {
            case.staff.says("refund", say);
        }
        let voucher = case.voucher();
        case.shop.kitchen.mood(Mood::Status(500));
        let answer = case.send("/first", &voucher, &[]).await;
        case.shop.kitchen.mood(Mood::Good);
        assert_eq!(answer.status, 500);
        case.runs += 1;
        case.spent += CENT;
        case.staff.heard_once("after_settle");
        let asked = case.staff.heard_once("refund");
        assert_eq!(asked.reference, Some(case.id.to_string()));
        assert_eq!(asked.at.paid.amount().to_string(), CENT.to_string());
        case.is_used_up("/first", &voucher).await;
        case.staff.hushes();
    }
}

#[tokio::test]
async fn a_channel_that_a_hook_denies_is_not_opened_and_its_deposit_stays_good() {
    let case = Case::open().await;
    let opening = case.shop.opening(2, 5 * CENT);
    let payload = case.shop.open_payload(&opening, 0);
    let height = case.shop.stage.net.chain.height();
    for hook in [
        "protected_request",
        "before_verify",
        "after_verify",
        "before_settle",
    ] {
        for (say, status, code) in [
            (Say::Decide, 403, DENIED),
            (Say::Panic, 503, "hook_failed"),
            (Say::Hang, 503, "hook_failed"),
        ] {
            if hook == "protected_request" && say == Say::Decide {
                continue;
            }
            let header = case.shop.header("/cheap", &payload).await;
            case.staff.says(hook, say);
            let answer = case.shop.get("/cheap", &[header]).await;
            assert_eq!(
                (answer.status.as_u16(), &*answer.code()),
                (status, code),
                "{hook}"
            );
            settle_down().await;
            case.books().await;
            assert_eq!(case.shop.stage.net.chain.height(), height);
            case.staff.hushes();
        }
    }
    case.send("/cheap", &payload, &[]).await.managed("open");
    case.shop.books(0, 0, 55 * CENT);
    case.staff.heard_once("after_settle");
}
