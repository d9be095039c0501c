use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, StatusCode};
use payment_core::{
    Account, Ask, BoxFuture, Challenge, Claim, ConfigError, Denied, Fault, Offering, Paid, Payment,
    PaymentProtocol, Problem, ProtocolName, Purpose, Receipt, Refusal, ReplayKey, RequestHead,
    Route, Soon, Timestamp, Units,
};

/// A protocol that is always paid, at once, and allocates no more than its traits ask for: what is
/// counted beside it is the gate's and the framework's. Any value of [`Frugal::HEADER`] pays once.
///
/// | of its own | allocations |
/// |---|---|
/// | to challenge | 1: the list of header lines |
/// | to pay | 7: the credential, the boxed payment, what the handler may know, a receipt (4) |
#[derive(Clone, Copy, Debug)]
pub struct Frugal;

impl Frugal {
    /// The request header that it reads.
    pub const HEADER: &str = "x-frugal-payment";

    const NAME: ProtocolName = ProtocolName::new("frugal");
}

impl PaymentProtocol for Frugal {
    fn name(&self) -> ProtocolName {
        Self::NAME
    }

    fn offer(&self, _: &Route) -> Result<Option<Box<dyn Offering>>, ConfigError> {
        Ok(Some(Box::new(*self)))
    }
}

impl Offering for Frugal {
    fn claim(&self, head: &dyn RequestHead) -> Result<Option<Claim>, Refusal> {
        let mut found = None;
        head.each_value(Self::HEADER, &mut |value| {
            found = Some(Bytes::copy_from_slice(value));
        });
        Ok(found.map(|credential| Claim::new(Self::NAME, 0, credential)))
    }

    fn challenge<'a>(
        &'a self,
        _: &'a Ask,
        _: Option<&'a Refusal>,
    ) -> Soon<'a, Result<Challenge, Fault>> {
        let line = HeaderValue::from_static("Frugal");
        let members = Bytes::from_static(b"\"frugal\":true");
        let challenge = Challenge::new(vec![(WWW_AUTHENTICATE, line)], members);
        Soon::now(Ok(challenge))
    }

    fn bind(&self, _: &Ask, claim: Claim) -> Result<Box<dyn Payment>, Denied> {
        let keys = [ReplayKey::new(Self::HEADER, &[&claim.credential])];
        Ok(Box::new(Paying { keys }))
    }
}

struct Paying {
    keys: [ReplayKey; 1],
}

impl Payment for Paying {
    fn keys(&self) -> &[ReplayKey] {
        &self.keys
    }

    fn keep_until(&self) -> Timestamp {
        Timestamp::from_millis(u64::MAX)
    }

    fn spent(&self) -> Refusal {
        let status = StatusCode::PAYMENT_REQUIRED;
        Refusal::new(
            Frugal::NAME,
            Problem::new("urn:test", "Test", status, "spent", ""),
        )
    }

    fn in_time(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn purpose(&self) -> Purpose {
        Purpose::Content
    }

    fn check(&mut self) -> Result<(), Refusal> {
        Ok(())
    }

    fn payer(&self) -> Option<&Account> {
        None
    }

    fn verify<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn resume<'a>(&'a mut self) -> Soon<'a, Result<(), Denied>> {
        Soon::now(Ok(()))
    }

    fn paid(&self) -> Paid {
        Paid::new(Frugal::NAME, Units::from(10_000))
    }

    fn settle<'a>(&'a mut self) -> Soon<'a, Result<Receipt, Denied>> {
        const RECEIPT: HeaderName = HeaderName::from_static("payment-response");
        Soon::now(Ok(Receipt::new("0xabc", &RECEIPT, "settled")))
    }

    fn reconcile<'a>(&'a mut self, _: &'a [u8]) -> Soon<'a, Result<Receipt, Denied>> {
        self.settle()
    }

    fn release(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
