use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{
    Account, Ask, BoxFuture, Challenge, Claim, ConfigError, Denied, Fault, Meter, Offering, Paid,
    Payment, PaymentProtocol, Pending, Problem, ProtocolName, Purpose, Receipt, Refusal, ReplayKey,
    RequestHead, Route, Short, Soon, Tab, Timestamp, Units,
};
use tokio::task::yield_now;

/// Counts what happens to money in a shop.
#[derive(Debug, Default)]
pub struct Till {
    /// How often a handler ran.
    pub served: AtomicUsize,
    settles: AtomicUsize,
    reconciles: AtomicUsize,
    releases: AtomicUsize,
    /// Units that streams have taken.
    charged: AtomicU64,
    /// Units that whole responses have taken.
    used: AtomicU64,
    /// Responses that were thrown away after the handler had run.
    pub undone: AtomicUsize,
    /// Payments that were given back after they had moved.
    pub refunds: AtomicUsize,
    /// Streams that have ended, however they did.
    pub ended: AtomicUsize,
}

/// What a till has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Handlers that ran.
    pub served: usize,
    /// Settlements that were sent.
    pub settles: usize,
    /// Settlements that were asked about afterwards.
    pub reconciles: usize,
    /// Payments that were given back.
    pub releases: usize,
    /// Units that were paid for by use.
    pub units: u64,
    /// Responses that hooks were told to undo.
    pub undone: usize,
    /// Payments that a hook gave back.
    pub refunds: usize,
}

impl Till {
    /// What it has counted.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            served: self.served.load(Ordering::SeqCst),
            settles: self.settles.load(Ordering::SeqCst),
            reconciles: self.reconciles.load(Ordering::SeqCst),
            releases: self.releases.load(Ordering::SeqCst),
            units: self.charged.load(Ordering::SeqCst) + self.used.load(Ordering::SeqCst),
            undone: self.undone.load(Ordering::SeqCst),
            refunds: self.refunds.load(Ordering::SeqCst),
        }
    }
}

/// A protocol whose credentials say what becomes of them: `<fate>-<anything>`.
///
/// | fate | what happens |
/// |---|---|
/// | `good` | all is well |
/// | `false` | the check says no |
/// | `broke` | the settlement says no, with a receipt |
/// | `lost` | nobody knows what became of the settlement until it is asked for again |
/// | `down` | what verifies can't be reached |
/// | `doubt` | what verifies says no, and the settlement would say yes |
/// | `most` | the handler says how much of it is charged |
///
/// Anything else can't be read; nor can a header that repeats. `stream-<units>` on a route that is
/// sold by the unit pays for so many.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Its name.
    pub name: ProtocolName,
    /// The request header that it reads.
    pub header: &'static str,
    /// The response header of its receipts.
    pub receipt: HeaderName,
    /// What it does where it is asked for its challenge.
    pub manner: Manner,
}

/// How a protocol behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Well.
    Good,
    /// It has no challenge.
    Fails,
    /// It never comes to an end with it.
    Hangs,
    /// It panics, and with every claim.
    Panics,
}

/// The protocol of most routes.
pub const OURS: Protocol = Protocol {
    name: ProtocolName::new("ours"),
    header: "x-our-payment",
    receipt: HeaderName::from_static("payment-response"),
    manner: Manner::Good,
};

/// Another, with a receipt that no gate knows.
pub const RIVAL: Protocol = Protocol {
    name: ProtocolName::new("rival"),
    header: "x-rival-payment",
    receipt: HeaderName::from_static("x-rival-receipt"),
    manner: Manner::Good,
};

impl Protocol {
    /// The protocol, counted by this till.
    pub fn at(self, till: &Arc<Till>) -> impl PaymentProtocol + use<> {
        AtTill {
            protocol: self,
            till: Arc::clone(till),
        }
    }

    /// The same, in this manner.
    #[must_use]
    pub const fn in_manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    fn refusal(&self, status: StatusCode, code: &'static str) -> Refusal {
        Refusal::new(
            self.name,
            Problem::new("urn:test", "Test", status, code, ""),
        )
    }
}

struct AtTill {
    protocol: Protocol,
    till: Arc<Till>,
}

impl PaymentProtocol for AtTill {
    fn name(&self) -> ProtocolName {
        self.protocol.name
    }

    fn offer(&self, route: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(Offer {
            protocol: self.protocol.clone(),
            receipts: [self.protocol.receipt.clone()],
            till: Arc::clone(&self.till),
            price: match route.options.as_slice() {
                [] => route.price.to_string(),
                [option, ..] => option.price.to_string(),
            },
            metered: route.is_metered(),
        })))
    }
}

struct Offer {
    protocol: Protocol,
    receipts: [HeaderName; 1],
    till: Arc<Till>,
    price: String,
    metered: bool,
}

impl Offering for Offer {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        assert!(self.protocol.manner != Manner::Panics, "told to");
        let (mut found, mut count) = (None, 0);
        head.each_value(self.protocol.header, &mut |value| {
            count += 1;
            found = Some(Bytes::copy_from_slice(value));
        });
        if count > 1 {
            return Err(self.protocol.refusal(StatusCode::BAD_REQUEST, "repeated"));
        }
        Ok(found.map(|text| Claim::new(self.protocol.name, 0, text)))
    }

    fn receipt_headers(&self) -> &[HeaderName] {
        &self.receipts
    }

    /// Shows all that the gate has read of the head.
    fn challenge<'a>(
        &'a self,
        ask: &'a Ask,
        why: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        match self.protocol.manner {
            Manner::Good => {}
            Manner::Fails => return Soon::now(Err(Fault::upstream("told_to", "fail"))),
            Manner::Hangs => return Soon::later(std::future::pending()),
            Manner::Panics => panic!("told to"),
        }
        let line = format!(
            "{} method=\"{}\" url=\"{}\" query=\"{}\" body=\"{}\" price=\"{}\"",
            self.protocol.name,
            ask.method,
            ask.resource,
            ask.query.as_deref().unwrap_or("none"),
            ask.has_body,
            self.price,
        );
        let line = HeaderValue::from_str(&line).unwrap();
        let why = why.map_or("unpaid", |why| &why.problem().code).to_owned();
        let members = format!("\"{}\":\"{why}\"", self.protocol.name);
        let challenge = Challenge::new(vec![(WWW_AUTHENTICATE, line)], members.into());
        Soon::now(Ok(challenge))
    }

    fn bind(&self, _: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let text = std::str::from_utf8(&claim.credential).ok();
        let malformed = || {
            self.protocol
                .refusal(StatusCode::PAYMENT_REQUIRED, "malformed")
        };
        let (fate, rest) = text
            .and_then(|text| text.split_once('-'))
            .ok_or_else(malformed)?;
        let (fate, authorized) = match fate {
            "good" => (Fate::Good, 1),
            "false" => (Fate::False, 1),
            "broke" => (Fate::Broke, 1),
            "lost" => (Fate::Lost, 1),
            "down" => (Fate::Down, 1),
            "doubt" => (Fate::Doubted, 1),
            "most" => (Fate::Most, 1),
            "stream" => (Fate::Good, rest.parse().map_err(|_| malformed())?),
            _ => return Err(malformed().into()),
        };
        let tab = || {
            Meter::new(Purse {
                till: Arc::clone(&self.till),
                left: authorized,
                spent: 0,
            })
        };
        Ok(Box::new(Paying {
            protocol: self.protocol.clone(),
            charged: None,
            till: Arc::clone(&self.till),
            fate,
            purpose: match self.metered {
                true => Purpose::Metered(tab()),
                false => Purpose::Content,
            },
            keys: [ReplayKey::new(self.protocol.header, &[&claim.credential])],
            payer: Account::parse("alice"),
        }))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    False,
    Broke,
    Lost,
    Down,
    Doubted,
    Most,
}

struct Paying {
    protocol: Protocol,
    charged: Option<Units>,
    till: Arc<Till>,
    fate: Fate,
    purpose: Purpose,
    keys: [ReplayKey; 1],
    payer: Account,
}

impl Paying {
    fn no(&self, code: &'static str) -> Refusal {
        self.protocol.refusal(StatusCode::PAYMENT_REQUIRED, code)
    }

    fn receipt(&self) -> Receipt {
        Receipt::new("0xabc", &self.protocol.receipt, "settled").with_errors()
    }
}

impl Payment for Paying {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        Timestamp::from_millis(u64::MAX)
    }

    fn spent(&self) -> Refusal {
        self.no("spent")
    }

    fn in_time(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        self.purpose.clone()
    }

    fn check(&mut self) -> Result<(), Refusal> {
        match self.fate {
            Fate::False => Err(self.no("false")),
            _ => Ok(()),
        }
    }

    fn payer(&self) -> Option<&Account> {
        Some(&self.payer)
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async {
            yield_now().await;
            yield_now().await;
            match self.fate {
                Fate::Down => Err(Fault::unavailable("verifier_down", "refused").into()),
                Fate::Doubted => Err(self.no("doubted").into()),
                _ => Ok(()),
            }
        })
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::later(async {
            yield_now().await;
            Ok(())
        })
    }

    fn is_proven_by_settling(&self) -> bool {
        true
    }

    fn paid(&self) -> Paid {
        let paid = Paid::new(self.protocol.name, Units::from(10_000)).by(self.payer.clone());
        match self.fate {
            Fate::Most => paid.up_to(),
            _ => paid,
        }
    }

    fn charge(&mut self, units: Units) {
        self.charged = Some(units);
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        Soon::later(async {
            self.till.settles.fetch_add(1, Ordering::SeqCst);
            yield_now().await;
            yield_now().await;
            match self.fate {
                Fate::Broke => {
                    let receipt = HeaderValue::from_static("failed");
                    let name = self.protocol.receipt.clone();
                    return Err(self.no("no_funds").header(name, receipt).into());
                }
                Fate::Lost => {
                    return Err(Denied::Unknown(Pending {
                        evidence: Bytes::from_static(b"sent"),
                        headers: vec![(
                            self.protocol.receipt.clone(),
                            HeaderValue::from_static("pending"),
                        )],
                        code: "settlement_pending",
                        cause: "no answer".into(),
                    }));
                }
                _ => {}
            }
            if let Purpose::Metered(meter) = &self.purpose
                && !meter.is_streaming()
            {
                let used = meter.reported().unwrap_or(1);
                self.till.used.fetch_add(used, Ordering::SeqCst);
            }
            if let Some(charged) = self.charged {
                let units: u64 = charged.get().to();
                self.till.used.fetch_add(units, Ordering::SeqCst);
            }
            Ok(self.receipt())
        })
    }

    fn reconcile<'a>(&'a mut self, evidence: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        assert!(evidence == b"sent" || evidence.is_empty());
        self.till.reconciles.fetch_add(1, Ordering::SeqCst);
        Soon::later(async {
            yield_now().await;
            Ok(self.receipt())
        })
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        self.till.releases.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(()))
    }
}

/// What one stream may take.
struct Purse {
    till: Arc<Till>,
    left: u64,
    spent: u64,
}

impl Tab for Purse {
    fn covers(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        let covered = units <= self.left;
        Soon::now(if covered { Ok(()) } else { Err(Short::Ended) })
    }

    fn charge(&mut self, units: u64) -> Soon<'_, Result<(), Short>> {
        Soon::later(async move {
            yield_now().await;
            self.left = self.left.checked_sub(units).ok_or(Short::Ended)?;
            self.spent += units;
            self.till.charged.fetch_add(units, Ordering::SeqCst);
            Ok(())
        })
    }

    fn changed(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn finish(&mut self) -> BoxFuture<'_, Option<Bytes>> {
        let json = format!("{{\"spent\":\"{}\"}}", self.spent);
        Box::pin(std::future::ready(Some(json.into())))
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        self.till.ended.fetch_add(1, Ordering::SeqCst);
    }
}
