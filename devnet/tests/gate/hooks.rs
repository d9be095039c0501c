//! What a seller's own code can do to a payment on a real chain, and what it can't (T23, I1, I4).

use alloy_primitives::B256;
use alloy_rpc_types_eth::BlockTransactionsKind;

use crate::answer::Answer;
use crate::kitchen::Mood;
use crate::purse::{mpp_header, v1_header, v2_header};
use crate::shop::{CENT, Header, Means, Plan, Shop, settle_down};
use crate::staff::{DENIED, GUEST, KEY, NUISANCE, Say, Staff};

const RECEIPTS: [&str; 3] = ["payment-response", "x-payment-response", "payment-receipt"];
/// The chain, or somebody who asks it for us.
const MEANS: [Means; 2] = [Means::Facilitator, Means::Onchain];

/// A shop whose books are kept beside it: how often the handler must have run, and how much the
/// seller must have got.
struct Case {
    shop: Shop,
    staff: Staff,
    runs: usize,
    sold: u64,
}

impl Case {
    async fn open(means: Means) -> Self {
        let staff = Staff::default();
        let shop = Shop::planned(Plan {
            means,
            hooks: Some(staff.hooks()),
            ..Plan::default()
        });
        Self {
            shop: shop.await,
            staff,
            runs: 0,
            sold: 0,
        }
    }

    /// One payment of every kind for a route, with the header its receipt stands in.
    async fn each(&self, path: &str) -> [(Header, &'static str); 3] {
        let shop = &self.shop;
        let [v2, v1, mpp] = RECEIPTS;
        [
            (v2_header(&shop.x402(path).await), v2),
            (v1_header(&shop.x402_v1(path).await), v1),
            (mpp_header(&shop.mpp(path).await), mpp),
        ]
    }

    /// Pays, once nobody is asked about this payment any more, and lets all be told that are told
    /// of it.
    async fn pay(&self, path: &str, headers: &[Header]) -> Answer {
        loop {
            let answer = self.shop.get(path, headers).await;
            settle_down().await;
            if answer.status != 409 {
                return answer;
            }
        }
    }

    /// The transaction of the last block.
    fn last_transaction(&self) -> B256 {
        let chain = &self.shop.net.chain;
        let block = chain.block(chain.height(), BlockTransactionsKind::Hashes);
        let hashes: Vec<_> = block.unwrap().transactions.hashes().collect();
        assert_eq!(hashes.len(), 1);
        hashes[0]
    }

    /// The payment is good: it is served, once, for a cent, and whoever is told of it is told the
    /// transaction that moved the money.
    async fn sells(&mut self, path: &str, header: &Header, receipt: &str) {
        let answer = self.pay(path, std::slice::from_ref(header)).await;
        let transaction = answer.served(receipt);
        assert_eq!(transaction, self.last_transaction());
        self.runs += 1;
        self.sold += CENT;
        for hook in ["after_settle", "succeeded"] {
            let heard = self.staff.heard_once(hook);
            assert_eq!(heard.transaction(), transaction, "{hook}");
            assert_eq!(heard.at.paid.amount().to_string(), CENT.to_string());
        }
        assert!(self.staff.heard("compensate").is_empty());
        assert!(self.staff.heard("refund").is_empty());
        self.is_used_up(path, header).await;
    }

    /// The payment buys nothing more, and moves nothing more.
    async fn is_used_up(&self, path: &str, header: &Header) {
        let answer = self.pay(path, std::slice::from_ref(header)).await;
        assert_eq!(answer.status, 402);
        answer.is_the_gates();
        self.books();
    }

    #[track_caller]
    fn books(&self) {
        self.shop.books(self.runs, self.sold);
        assert!(self.staff.heard("succeeded").is_empty(), "told of no sale");
        assert!(self.staff.heard("after_settle").is_empty());
    }
}

fn has_no_receipt(answer: &Answer) {
    for name in RECEIPTS {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

fn key(value: &str) -> Header {
    (KEY, value.to_owned())
}

#[tokio::test]
async fn a_guest_is_served_unpaid_and_keeps_the_payment() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for path in ["/cheap", "/first"] {
            for (header, receipt) in case.each(path).await {
                for headers in [vec![key(GUEST)], vec![header.clone(), key(GUEST)]] {
                    let answer = case.pay(path, &headers).await;
                    assert_eq!(answer.status, 200);
                    has_no_receipt(&answer);
                    assert!(case.shop.kitchen.last().unwrap().is_free());
                    case.runs += 1;
                    case.books();
                    assert_eq!(case.shop.guard.len() as u64, case.sold / CENT);
                }
                case.sells(path, &header, receipt).await;
            }
        }
    }
}

#[tokio::test]
async fn a_nuisance_is_kept_out_and_keeps_the_payment() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for path in ["/cheap", "/first"] {
            for (header, receipt) in case.each(path).await {
                for headers in [vec![key(NUISANCE)], vec![header.clone(), key(NUISANCE)]] {
                    case.pay(path, &headers).await.refused(403, DENIED);
                    case.books();
                }
                case.sells(path, &header, receipt).await;
            }
        }
    }
}

#[tokio::test]
async fn what_is_denied_before_the_handler_moves_nothing_and_pays_afterwards() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for (path, hook) in [
            ("/cheap", "before_verify"),
            ("/cheap", "after_verify"),
            ("/first", "before_verify"),
            ("/first", "after_verify"),
            ("/first", "before_settle"),
        ] {
            for (header, receipt) in case.each(path).await {
                case.staff.says(hook, Say::Decide);
                let answer = case.pay(path, std::slice::from_ref(&header)).await;
                answer.refused(403, DENIED);
                has_no_receipt(&answer);
                case.books();
                assert!(case.staff.heard("compensate").is_empty(), "{path} {hook}");
                case.staff.hushes();
                case.sells(path, &header, receipt).await;
            }
        }
    }
}

#[tokio::test]
async fn what_is_denied_after_the_handler_moves_nothing_and_is_compensated_once() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for (header, receipt) in case.each("/cheap").await {
            case.staff.says("before_settle", Say::Decide);
            let answer = case.pay("/cheap", std::slice::from_ref(&header)).await;
            answer.refused(403, DENIED);
            has_no_receipt(&answer);
            case.runs += 1;
            case.books();
            let undone = case.staff.heard_once("compensate");
            assert_eq!(undone.at.response.unwrap(), 200);
            assert_eq!(undone.at.paid.transaction(), None);
            case.staff.hushes();
            case.sells("/cheap", &header, receipt).await;
        }
    }
}

/// Fails after the money has moved; the transaction that moved it.
async fn pays_for_nothing(case: &mut Case, header: &Header) -> B256 {
    case.shop.kitchen.mood(Mood::Status(500));
    let answer = case.pay("/first", std::slice::from_ref(header)).await;
    assert_eq!(
        (answer.status.as_u16(), &*answer.body),
        (500, &b"no meal"[..])
    );
    case.runs += 1;
    case.sold += CENT;
    let transaction = case.last_transaction();
    assert_eq!(
        case.staff.heard_once("after_settle").transaction(),
        transaction
    );
    let asked = case.staff.heard_once("refund");
    assert_eq!(asked.transaction(), transaction);
    assert_eq!(asked.reference.unwrap().parse(), Ok(transaction));
    assert_eq!(asked.at.response.unwrap(), 500);
    case.shop.kitchen.mood(Mood::Good);
    case.books();
    transaction
}

#[tokio::test]
async fn t23_what_was_refunded_is_used_up() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        case.staff.says("refund", Say::Decide);
        for (header, _) in case.each("/first").await {
            pays_for_nothing(&mut case, &header).await;
            for _ in 0..2 {
                case.is_used_up("/first", &header).await;
            }
            assert!(case.staff.heard("refund").is_empty(), "asked once");
        }
    }
}

#[tokio::test]
async fn t23_what_was_not_refunded_is_served_once_without_a_second_transfer() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for say in [None, Some(Say::Panic), Some(Say::Hang)] {
            for (header, receipt) in case.each("/first").await {
                if let Some(say) = say {
                    case.staff.says("refund", say);
                }
                let transaction = pays_for_nothing(&mut case, &header).await;
                let height = case.shop.net.chain.height();
                let answer = case.pay("/first", std::slice::from_ref(&header)).await;
                assert_eq!(answer.served(receipt), transaction, "{say:?}");
                case.runs += 1;
                let sale = case.staff.heard_once("succeeded");
                assert_eq!(sale.transaction(), transaction);
                case.is_used_up("/first", &header).await;
                assert_eq!(case.shop.net.chain.height(), height);
                case.staff.hushes();
            }
        }
    }
}

#[tokio::test]
async fn a_hook_without_an_answer_before_the_handler_closes_the_gate_and_moves_nothing() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for (path, hook) in [
            ("/cheap", "protected_request"),
            ("/cheap", "before_verify"),
            ("/cheap", "after_verify"),
            ("/first", "before_settle"),
        ] {
            for (header, receipt) in case.each(path).await {
                for say in [Say::Panic, Say::Hang] {
                    case.staff.says(hook, say);
                    let answer = case.pay(path, std::slice::from_ref(&header)).await;
                    answer.refused(503, "hook_failed");
                    has_no_receipt(&answer);
                    case.books();
                }
                case.staff.hushes();
                case.sells(path, &header, receipt).await;
            }
        }
    }
}

#[tokio::test]
async fn a_hook_without_an_answer_after_the_handler_changes_nothing() {
    for means in MEANS {
        let mut case = Case::open(means).await;
        for (path, hook) in [
            ("/cheap", "before_settle"),
            ("/cheap", "after_settle"),
            ("/cheap", "succeeded"),
            ("/first", "after_settle"),
            ("/first", "succeeded"),
        ] {
            for say in [Say::Panic, Say::Hang] {
                case.staff.says(hook, say);
                for (header, receipt) in case.each(path).await {
                    case.sells(path, &header, receipt).await;
                }
                case.staff.hushes();
            }
        }
    }
}
