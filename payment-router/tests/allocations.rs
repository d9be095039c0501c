//! What a 402 of both protocols allocates, behind no framework: a binary of its own, whose
//! allocator counts by thread.
#![allow(clippy::unwrap_used, missing_docs)]

use alloy_primitives::{Address, B256};
use http::{Request, StatusCode};
use mpp_core::Mpp;
use mpp_evm::{Charge, ChargeBackend, CheckedCharge, CredentialType};
use payment_core::{Admission, Denied, Fault, Gate, PaymentProtocol, Secret, usd};
use payment_evm::Token;
use payment_router::PaymentRouter;
use x402_core::wire::SupportedResponse;
use x402_core::{Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, X402};
use x402_evm::ExactEvm;

/// Settles nothing: nobody pays here.
struct Nobody;

impl Facilitator for Nobody {
    async fn verify(&self, _: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn settle(&self, _: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn reconcile(
        &self,
        _: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        Err(FacilitatorFault::TimedOut)
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

impl ChargeBackend for Nobody {
    fn takes(&self, _: u64, kind: CredentialType, _: usize) -> bool {
        kind == CredentialType::Authorization
    }

    fn sender(&self) -> Option<Address> {
        None
    }

    async fn verify(&self, _: &CheckedCharge) -> Result<(), Denied> {
        Err(Fault::internal("never", "nobody pays").into())
    }

    async fn settle(&self, _: &CheckedCharge) -> Result<B256, Denied> {
        Err(Fault::internal("never", "nobody pays").into())
    }

    async fn reconcile(&self, _: &CheckedCharge, _: &[u8]) -> Result<B256, Denied> {
        Err(Fault::internal("never", "nobody pays").into())
    }
}

const SELLER: Address = Address::repeat_byte(0x5e);

fn token() -> Token {
    Token::default_on(84532).unwrap()
}

fn x402() -> X402<Nobody> {
    X402::new(Nobody).accept(ExactEvm::new(token(), SELLER))
}

fn mpp() -> Mpp {
    let charge = Charge::new(token(), SELLER).settle_with(Nobody);
    let mpp = Mpp::builder("api.example.com", Secret::new([7; 32])).method(charge);
    mpp.build().unwrap()
}

/// Allocations of one 402. A median: what is made once is not counted.
fn of_402(protocol: impl PaymentProtocol) -> u64 {
    let gate = Gate::builder(protocol).origin("https://api.example.com");
    let gate = gate.build().unwrap().route(usd!("0.01")).unwrap();
    let request = Request::get("/weather").header("host", "api.example.com");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let mut counts: Vec<_> = (0..33)
        .map(|_| {
            let mut status = StatusCode::OK;
            let info = allocation_counter::measure(|| {
                let Admission::Priced(job) = gate.admit(&head) else {
                    panic!("answered without a job");
                };
                status = job.answer_at_once().unwrap().status;
            });
            assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
            info.count_total
        })
        .collect();
    counts.sort_unstable();
    counts[counts.len() / 2]
}

/// Five are the gate's, with any protocol: path and canonical URL of the request, two of the header
/// map, the body. The others are what a protocol writes for this request and this moment.
const X402_ALONE: u64 = 6;
/// The same.
const MPP_ALONE: u64 = 9;
/// The same.
const BOTH: u64 = 11;

#[test]
fn an_unpaid_402_allocates_so_often_and_no_more() {
    let both = PaymentRouter::new().add(10, mpp()).add(20, x402());
    let counted = [of_402(x402()), of_402(mpp()), of_402(both)];
    let most = [X402_ALONE, MPP_ALONE, BOTH];
    let kept = counted
        .iter()
        .zip(most)
        .all(|(counted, most)| *counted <= most);
    assert!(kept, "{counted:?}, at most {most:?}");
}
