use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, HOST as HOST_HEADER};
use http::{HeaderValue, Request, StatusCode};
use tokio::runtime::Runtime;
use x402_core::wire::PAYMENT_SIGNATURE;

use crate::shop::{FREE, HOST, PRICED, Taking, app};
use crate::wallet::{self, Credential};
use crate::{Failure, Pace, inside};

/// All cases, and the app without a gate that they are compared with.
pub(crate) struct Cases {
    pub(crate) bare: Case,
    pub(crate) all: Vec<Case>,
}

/// One kind of request, and how it is to be answered.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) app: Router,
    path: &'static str,
    credentials: Credentials,
    pub(crate) expect: StatusCode,
    /// Whether a signature is recovered for it.
    pub(crate) has_curve: bool,
    pub(crate) aims: Aims,
}

enum Credentials {
    None,
    /// One that can be refused over and over.
    Same(Credential),
    /// Those that pay once.
    Once(Vec<Credential>),
}

/// What is aimed at; printed beside what was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Aims {
    /// In process.
    pub(crate) inside: &'static str,
    /// Over loopback.
    pub(crate) loopback: &'static str,
}

impl Cases {
    /// Makes the apps, signs the credentials, and checks that each case is answered as it should.
    pub(crate) fn new(runtime: &Runtime, pace: Pace) -> Result<Self, Failure> {
        let mut cases = runtime.block_on(Self::prepared(pace))?;
        for case in std::iter::once(&mut cases.bare).chain(&mut cases.all) {
            let request = case.request()?;
            let answer = runtime.block_on(inside::answer(case.app.clone(), request));
            case.check(answer)?;
        }
        Ok(cases)
    }

    async fn prepared(pace: Pace) -> Result<Self, Failure> {
        let [both, x402, mpp] = [app(Taking::Both)?, app(Taking::X402)?, app(Taking::Mpp)?];
        let payments = pace.payments();
        let garbage = HeaderValue::from_static("Z2FyYmFnZQ==");
        let payment_garbage = HeaderValue::from_static("Payment Z2FyYmFnZQ==");
        let all = vec![
            Case::new("free route beside priced ones", &both, StatusCode::OK)
                .path(FREE)
                .aims("0 allocations of ours", ">= 0.980 of bare"),
            Case::new("402 of both protocols", &both, StatusCode::PAYMENT_REQUIRED)
                .aims("+ 900 ns, + 4 allocations", ">= 0.800 of bare"),
            Case::new("402 of x402 alone", &x402, StatusCode::PAYMENT_REQUIRED)
                .aims("+ 200 ns, + 2 allocations", ""),
            Case::new("402 of MPP alone", &mpp, StatusCode::PAYMENT_REQUIRED)
                .aims("+ 650 ns, + 1 allocation", ""),
            Case::new("x402 payment, v2", &both, StatusCode::OK)
                .once(wallet::x402(payments).await?)
                .aims("+ 2300 ns without the curve, + 10 allocations", ""),
            Case::new("MPP charge, authorization", &both, StatusCode::OK)
                .once(wallet::mpp(&both, payments).await?)
                .aims("+ 3200 ns without the curve, + 10 allocations", ""),
            Case::new("refused: garbage, x402", &x402, StatusCode::BAD_REQUEST)
                .same((PAYMENT_SIGNATURE, garbage))
                .aims("+ 700 ns", ""),
            Case::new("refused: garbage, MPP", &mpp, StatusCode::PAYMENT_REQUIRED)
                .same((AUTHORIZATION, payment_garbage))
                .aims("+ 700 ns", ""),
            Case::new(
                "refused: forged challenge",
                &mpp,
                StatusCode::PAYMENT_REQUIRED,
            )
            .same(wallet::mpp_forged(&mpp).await?)
            .aims("+ 2500 ns", ""),
            Case::new(
                "refused: signature, x402",
                &x402,
                StatusCode::PAYMENT_REQUIRED,
            )
            .same(wallet::x402_of_another_signer().await?)
            .with_curve()
            .aims("the curve + 10 %", ""),
            Case::new(
                "refused: signature, MPP",
                &mpp,
                StatusCode::PAYMENT_REQUIRED,
            )
            .same(wallet::mpp_of_another_signer(&mpp).await?)
            .with_curve()
            .aims("the curve + 10 %", ""),
        ];
        let bare = Case::new("bare axum handler", &app(Taking::Nothing)?, StatusCode::OK);
        Ok(Self { bare, all })
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
    fn new(name: &'static str, app: &Router, expect: StatusCode) -> Self {
        Self {
            name,
            app: app.clone(),
            path: PRICED,
            credentials: Credentials::None,
            expect,
            has_curve: false,
            aims: Aims::default(),
        }
    }

    const fn path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    const fn aims(mut self, inside: &'static str, loopback: &'static str) -> Self {
        self.aims = Aims { inside, loopback };
        self
    }

    fn same(mut self, credential: Credential) -> Self {
        self.credentials = Credentials::Same(credential);
        self
    }

    fn once(mut self, credentials: Vec<Credential>) -> Self {
        self.credentials = Credentials::Once(credentials);
        self.with_curve()
    }

    const fn with_curve(mut self) -> Self {
        self.has_curve = true;
        self
    }

    fn credential(&mut self) -> Result<Option<Credential>, Failure> {
        match &mut self.credentials {
            Credentials::None => Ok(None),
            Credentials::Same(credential) => Ok(Some(credential.clone())),
            Credentials::Once(left) => match left.pop() {
                Some(credential) => Ok(Some(credential)),
                None => Err(format!("{}: all credentials are used up", self.name).into()),
            },
        }
    }

    /// The next request, for a call in process.
    pub(crate) fn request(&mut self) -> Result<Request<Body>, Failure> {
        let mut request = Request::get(self.path).header(HOST_HEADER, HOST);
        if let Some((name, value)) = self.credential()? {
            request = request.header(name, value);
        }
        Ok(request.body(Body::empty())?)
    }

    /// The next request as it goes over a connection.
    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = format!("GET {} HTTP/1.1\r\nhost: {HOST}\r\n", self.path).into_bytes();
        if let Some((name, value)) = self.credential()? {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        Ok(bytes)
    }

    /// Whether it was answered as it should.
    pub(crate) fn check(&self, status: StatusCode) -> Result<(), Failure> {
        if status == self.expect {
            return Ok(());
        }
        let Self { name, expect, .. } = self;
        Err(format!("{name}: answered {status} instead of {expect}").into())
    }
}
