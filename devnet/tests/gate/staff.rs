use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use alloy_primitives::B256;
use http::HeaderName;
use payment_core::{Access, Denial, On, PaymentContext, Receipt, Refund, Verdict};

/// The header that hooks know a guest or a nuisance by.
pub const KEY: &str = "x-api-key";
pub const GUEST: &str = "guest";
pub const NUISANCE: &str = "nuisance";
/// The code of each denial.
pub const DENIED: &str = "not_today";

/// What a hook does when it is asked or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Say {
    /// Denies, or says that the money was given back.
    Decide,
    Panic,
    /// Never answers.
    Hang,
}

/// What a hook was asked about.
#[derive(Clone, Debug)]
pub struct Heard {
    pub hook: &'static str,
    pub at: PaymentContext,
    /// What names the settlement, where the hook has a receipt.
    pub reference: Option<String>,
}

impl Heard {
    /// The transaction that the payment is said to have moved by.
    pub fn transaction(&self) -> B256 {
        let transaction: B256 = self.at.paid.transaction().unwrap().parse().unwrap();
        if let Some(reference) = &self.reference {
            assert_eq!(reference.parse(), Ok(transaction));
        }
        transaction
    }
}

/// A seller's own code: says what it is told to, and writes down what it hears.
#[derive(Clone, Default)]
pub struct Staff(Arc<Desk>);

#[derive(Default)]
struct Desk {
    script: Mutex<HashMap<&'static str, Say>>,
    heard: Mutex<Vec<Heard>>,
}

impl Staff {
    /// From now on this hook says this.
    pub fn says(&self, hook: &'static str, say: Say) {
        self.script().insert(hook, say);
    }

    /// All say what hooks say that say nothing.
    pub fn hushes(&self) {
        self.script().clear();
    }

    /// What this hook has heard since it was asked last.
    pub fn heard(&self, hook: &str) -> Vec<Heard> {
        let mut heard = self.0.heard.lock().unwrap();
        heard.extract_if(.., |heard| heard.hook == hook).collect()
    }

    /// The only thing that this hook has heard.
    #[track_caller]
    pub fn heard_once(&self, hook: &str) -> Heard {
        let mut heard = self.heard(hook);
        assert_eq!(heard.len(), 1, "{hook}");
        heard.remove(0)
    }

    fn script(&self) -> MutexGuard<'_, HashMap<&'static str, Say>> {
        self.0.script.lock().unwrap()
    }

    /// Whether the hook is to decide anything.
    async fn decides(self, hook: &'static str) -> bool {
        let say = self.script().get(hook).copied();
        match say {
            None => false,
            Some(Say::Decide) => true,
            Some(Say::Panic) => panic!("{hook} panics"),
            Some(Say::Hang) => std::future::pending().await,
        }
    }

    async fn asked(self, hook: &'static str, at: PaymentContext) -> Verdict {
        self.note(hook, at, None);
        match self.decides(hook).await {
            true => Verdict::Deny(Denial::new(DENIED)),
            false => Verdict::GoOn,
        }
    }

    async fn told(self, hook: &'static str, at: PaymentContext, receipt: Option<Receipt>) -> bool {
        self.note(hook, at, receipt);
        self.decides(hook).await
    }

    fn note(&self, hook: &'static str, at: PaymentContext, receipt: Option<Receipt>) {
        let reference = receipt.map(|receipt| receipt.reference);
        let mut heard = self.0.heard.lock().unwrap();
        heard.push(Heard {
            hook,
            at,
            reference,
        });
    }

    pub fn hooks(&self) -> On {
        let key = HeaderName::from_static(KEY);
        let each = || self.clone();
        let (door, verifying, verified) = (each(), each(), each());
        let (settling, settled, thrown) = (each(), each(), each());
        let (till, sold) = (each(), each());
        On::new()
            .reading([key.clone()])
            .deadline(Duration::from_millis(20))
            .protected_request(move |ask| {
                let (staff, key) = (door.clone(), key.clone());
                async move {
                    staff.decides("protected_request").await;
                    match ask.header(&key) {
                        Some(GUEST) => Access::Grant,
                        Some(NUISANCE) => Access::Deny(Denial::new(DENIED)),
                        _ => Access::Pay,
                    }
                }
            })
            .before_verify(move |at| verifying.clone().asked("before_verify", at))
            .after_verify(move |at| verified.clone().asked("after_verify", at))
            .before_settle(move |at| settling.clone().asked("before_settle", at))
            .after_settle(move |at, receipt| {
                let told = settled.clone().told("after_settle", at, Some(receipt));
                async move {
                    told.await;
                }
            })
            .compensate(move |at| {
                let told = thrown.clone().told("compensate", at, None);
                async move {
                    told.await;
                }
            })
            .refund(move |at, receipt| {
                let told = till.clone().told("refund", at, Some(receipt));
                async move {
                    match told.await {
                        true => Refund::Done,
                        false => Refund::Keep,
                    }
                }
            })
            .succeeded(move |at| {
                let told = sold.clone().told("succeeded", at, None);
                async move {
                    told.await;
                }
            })
    }
}
