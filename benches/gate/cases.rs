use std::collections::VecDeque;
use std::rc::Rc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use tokio::runtime::Runtime;
use tollgate_benches::Failure;
use tollgate_benches::curve::Operation;
use x402_core::wire::PAYMENT_SIGNATURE;

use crate::app::{App, Framework};
use crate::asked::{Asked, Credential};
use crate::shop::{FREE, PRICED, Shop, Shops};
use crate::{Pace, inside, wallet};

/// All cases on one framework, and the app without a gate that they are compared with.
pub(crate) struct Cases {
    pub(crate) framework: Framework,
    pub(crate) bare: Case,
    pub(crate) all: Vec<Case>,
}

/// One kind of request, and how it is to be answered.
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) shop: Shop,
    pub(crate) app: Box<dyn App>,
    credentials: Credentials,
}

/// What is asked, of whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    of: fn(&Shops) -> Shop,
    path: &'static str,
    brings: Brings,
    pub(crate) expect: StatusCode,
    /// The curve operation that it can't do without.
    pub(crate) curve: Operation,
    pub(crate) aims: Aims,
    reach: Reach,
}

/// Where a kind is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// On each framework, and over loopback.
    Everywhere,
    /// On the first one, in process: what differs is in the gate.
    OnceInProcess,
}

/// What a request brings.
#[derive(Clone, Copy, Debug)]
enum Brings {
    Nothing,
    X402,
    Mpp,
    Voucher,
    GarbageX402,
    GarbageMpp,
    Forged,
    SignedByAnotherX402,
    SignedByAnotherMpp,
}

enum Credentials {
    None,
    /// One that can be refused over and over.
    Same(Credential),
    /// Those that pay once.
    Once(VecDeque<Credential>),
}

/// What is aimed at; printed beside what was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aims {
    /// In process.
    pub(crate) inside: &'static str,
    /// Over loopback.
    pub(crate) loopback: &'static str,
}

const BARE: Kind = Kind::new("bare handler", |_| Shop::Bare);

fn kinds() -> Vec<Kind> {
    let both = |shops: &Shops| shops.both.clone();
    let x402 = |shops: &Shops| shops.x402.clone();
    let mpp = |shops: &Shops| shops.mpp.clone();
    let unpaid = StatusCode::PAYMENT_REQUIRED;
    vec![
        Kind::new("free route beside priced ones", both)
            .path(FREE)
            .aims("0 allocations of ours", ">= 0.980 of bare"),
        Kind::new("free route in a table", |shops| shops.table.clone())
            .path(FREE)
            .aims("0 allocations of ours", ">= 0.950 of bare"),
        Kind::new("402 of both protocols", both)
            .answered(unpaid)
            .aims("+ 900 ns, + 4 allocations", ">= 0.800 of bare"),
        Kind::new("402 of both, in a table", |shops| shops.table.clone()).answered(unpaid),
        Kind::new("402 of x402 alone", x402)
            .answered(unpaid)
            .aims("+ 200 ns, + 2 allocations", ""),
        Kind::new("402 of MPP alone", mpp)
            .answered(unpaid)
            .aims("+ 650 ns, + 1 allocation", ""),
        Kind::new("x402 payment, v2", both)
            .brings(Brings::X402, Operation::Recover)
            .aims("+ 2300 ns without the curve, + 10 allocations", ""),
        Kind::new("MPP charge, authorization", both)
            .brings(Brings::Mpp, Operation::Recover)
            .aims("+ 3200 ns without the curve, + 10 allocations", ""),
        Kind::new("voucher of a session", |shops| shops.session.clone())
            .brings(Brings::Voucher, Operation::Verify),
        Kind::new("refused: garbage, x402", x402)
            .brings(Brings::GarbageX402, Operation::Nothing)
            .answered(StatusCode::BAD_REQUEST)
            .aims("+ 700 ns", "")
            .once_in_process(),
        Kind::new("refused: garbage, MPP", mpp)
            .brings(Brings::GarbageMpp, Operation::Nothing)
            .answered(unpaid)
            .aims("+ 700 ns", "")
            .once_in_process(),
        Kind::new("refused: forged challenge", mpp)
            .brings(Brings::Forged, Operation::Nothing)
            .answered(unpaid)
            .aims("+ 2500 ns", "")
            .once_in_process(),
        Kind::new("refused: signature, x402", x402)
            .brings(Brings::SignedByAnotherX402, Operation::Recover)
            .answered(unpaid)
            .aims("the curve + 10 %", "")
            .once_in_process(),
        Kind::new("refused: signature, MPP", mpp)
            .brings(Brings::SignedByAnotherMpp, Operation::Recover)
            .answered(unpaid)
            .aims("the curve + 10 %", "")
            .once_in_process(),
    ]
}

impl Kind {
    const fn new(name: &'static str, of: fn(&Shops) -> Shop) -> Self {
        Self {
            name,
            of,
            path: PRICED,
            brings: Brings::Nothing,
            expect: StatusCode::OK,
            curve: Operation::Nothing,
            aims: Aims {
                inside: "",
                loopback: "",
            },
            reach: Reach::Everywhere,
        }
    }

    const fn path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    const fn brings(mut self, brings: Brings, curve: Operation) -> Self {
        (self.brings, self.curve) = (brings, curve);
        self
    }

    const fn answered(mut self, expect: StatusCode) -> Self {
        self.expect = expect;
        self
    }

    const fn aims(mut self, inside: &'static str, loopback: &'static str) -> Self {
        self.aims = Aims { inside, loopback };
        self
    }

    const fn once_in_process(mut self) -> Self {
        self.reach = Reach::OnceInProcess;
        self
    }

    /// Whether it is measured over loopback.
    pub(crate) fn goes_over_loopback(&self) -> bool {
        self.reach == Reach::Everywhere
    }

    pub(crate) fn has_curve(&self) -> bool {
        self.curve != Operation::Nothing
    }
}

impl Brings {
    async fn credentials(
        self,
        shops: &Shops,
        shop: &Shop,
        count: usize,
    ) -> Result<Credentials, Failure> {
        let garbage = HeaderValue::from_static("Z2FyYmFnZQ==");
        let payment_garbage = HeaderValue::from_static("Payment Z2FyYmFnZQ==");
        let once = |list: Vec<Credential>| Credentials::Once(list.into());
        Ok(match self {
            Self::Nothing => Credentials::None,
            Self::X402 => once(wallet::x402(shop, count).await?),
            Self::Mpp => once(wallet::mpp(shop, count).await?),
            Self::Voucher => once(wallet::vouchers(shops, count).await?),
            Self::GarbageX402 => Credentials::Same((PAYMENT_SIGNATURE, garbage)),
            Self::GarbageMpp => Credentials::Same((AUTHORIZATION, payment_garbage)),
            Self::Forged => Credentials::Same(wallet::mpp_forged(shop).await?),
            Self::SignedByAnotherX402 => {
                Credentials::Same(wallet::x402_of_another_signer(shop).await?)
            }
            Self::SignedByAnotherMpp => {
                Credentials::Same(wallet::mpp_of_another_signer(shop).await?)
            }
        })
    }
}

impl Cases {
    /// Makes the apps of the cases whose name has this part, signs the credentials, and checks that
    /// each case is answered as it should.
    pub(crate) fn new(
        runtime: &Rc<Runtime>,
        shops: &Shops,
        framework: Framework,
        is_first: bool,
        only: Option<&str>,
        pace: Pace,
    ) -> Result<Self, Failure> {
        let make = |kind: Kind| -> Result<Case, Failure> {
            let shop = (kind.of)(shops);
            let credentials = kind.brings.credentials(shops, &shop, pace.payments());
            let mut case = Case {
                app: (framework.open)(runtime, &shop)?,
                credentials: runtime.block_on(credentials)?,
                kind,
                shop,
            };
            let asked = case.next()?;
            let (status, _) = case.app.counted(&asked)?;
            case.check(status)?;
            Ok(case)
        };
        let wanted = |kind: &Kind| {
            only.is_none_or(|part| kind.name.contains(part))
                && (is_first || kind.reach == Reach::Everywhere)
        };
        let all = kinds().into_iter().filter(wanted).map(make);
        Ok(Self {
            framework,
            all: all.collect::<Result<_, _>>()?,
            bare: make(BARE)?,
        })
    }
}

impl Pace {
    /// Credentials that one case uses up.
    const fn payments(self) -> usize {
        let inside = self.turns * self.curve_batch + inside::COUNTED + inside::WARM;
        let loopback = (1 + self.loopback_turns) * self.loopback_curve_batch;
        1 + inside + loopback
    }
}

impl Case {
    /// The next request.
    pub(crate) fn next(&mut self) -> Result<Asked, Failure> {
        let credential = match &mut self.credentials {
            Credentials::None => None,
            Credentials::Same(credential) => Some(credential.clone()),
            Credentials::Once(left) => match left.pop_front() {
                Some(credential) => Some(credential),
                None => {
                    return Err(format!("{}: all credentials are used up", self.kind.name).into());
                }
            },
        };
        let path = self.kind.path;
        Ok(Asked { path, credential })
    }

    /// So many of them.
    pub(crate) fn batch(&mut self, count: usize) -> Result<Vec<Asked>, Failure> {
        (0..count).map(|_| self.next()).collect()
    }

    /// Whether it was answered as it should.
    pub(crate) fn check(&self, status: StatusCode) -> Result<(), Failure> {
        let Kind { name, expect, .. } = &self.kind;
        if status == *expect {
            return Ok(());
        }
        Err(format!("{name}: answered {status} instead of {expect}").into())
    }
}
