//! A shop that takes x402 `exact` in both versions, with a facilitator that says yes and watches
//! what it is asked.

use std::sync::LazyLock;

use alloy_primitives::{Address, address};
use payment_core::{
    Admission, Ask, Claim, Denied, Gate, GateBuilder, Offering, PaymentProtocol, Refusal, Route,
    RouteGate, Timestamp, usd,
};
use payment_evm::Token;
use serde_json::Value;
use x402_core::wire::{MAX_HEADER_BYTES, SupportedResponse};
use x402_core::{
    Facilitator, FacilitatorFault, PaymentRequest, SettleAnswer, VerifyAnswer, Version, X402,
};
use x402_evm::ExactEvm;

use crate::{Head, Standing, ask, block_on, json, same_hex};

const PATH: &str = "/premium-data";
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_740_672_100);
const SELLER: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
const SELLER_TEXT: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
const TOKEN_TEXT: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const PRICE: u64 = 10_000;

/// What the gate reads by default, in bytes.
const CREDENTIAL: usize = 16 * 1024;

struct Shop {
    offering: Box<dyn Offering>,
    gate: RouteGate,
    ask: Ask,
}

static SHOP: LazyLock<Shop> = LazyLock::new(|| Shop {
    offering: protocol()
        .offer(&route())
        .expect("constants")
        .expect("taken on every route"),
    gate: gate().route(route()).expect("constants"),
    ask: ask(PATH, NOW),
});

/// What stands in front of all that is sold here.
///
/// # Panics
///
/// Never: it is made of constants.
#[must_use]
pub fn gate() -> Gate {
    builder().build().expect("constants")
}

/// The same in the making.
#[must_use]
pub fn builder() -> GateBuilder {
    let gate = Gate::builder(protocol()).clock(Standing(NOW));
    gate.origin(crate::ORIGIN)
}

fn route() -> Route {
    Route::priced(usd!("0.01")).pay_within(std::time::Duration::from_secs(60))
}

pub(crate) fn protocol() -> X402<Watching> {
    let usdc = Token::default_on(84532).expect("a token of the table");
    X402::new(Watching).accept(ExactEvm::new(usdc, SELLER))
}

/// Says yes, after it has seen that it is asked about our own offer, paid in full to us.
pub(crate) struct Watching;

impl Watching {
    fn watch(request: &PaymentRequest) {
        let body = json(request.body().as_bytes());
        let requirements = &body["paymentRequirements"];
        let amount = match request.version() {
            Version::V1 => &requirements["maxAmountRequired"],
            _ => &requirements["amount"],
        };
        assert_eq!(amount, "10000");
        assert_eq!(requirements["payTo"], SELLER_TEXT);
        assert_eq!(requirements["asset"], TOKEN_TEXT);
        let authorization = &body["paymentPayload"]["payload"]["authorization"];
        assert_eq!(authorization["to"], SELLER_TEXT);
        let payer = request.payer().expect("a signature was checked before");
        assert!(same_hex(&authorization["from"], &payer.to_string()));
        assert_eq!(request.offer().amount(), PRICE.into());
        assert!(request.amount() >= PRICE.into());
    }
}

impl Facilitator for Watching {
    async fn verify(&self, request: &PaymentRequest) -> Result<VerifyAnswer, FacilitatorFault> {
        Self::watch(request);
        Ok(VerifyAnswer::Valid { payer: None })
    }

    async fn settle(&self, request: &PaymentRequest) -> Result<SettleAnswer, FacilitatorFault> {
        Self::watch(request);
        Ok(SettleAnswer::Settled {
            transaction: "0x00".into(),
            network: request.offer().network().clone(),
            payer: None,
            amount: None,
        })
    }

    async fn reconcile(
        &self,
        request: &PaymentRequest,
        _: Option<&str>,
    ) -> Result<SettleAnswer, FacilitatorFault> {
        self.settle(request).await
    }

    async fn supported(&self) -> Result<SupportedResponse, FacilitatorFault> {
        Ok(SupportedResponse::default())
    }
}

/// Sends values of a header to the shop, as far as they go: claim, bind, time, signature,
/// verification, settlement.
///
/// # Panics
///
/// When something is accepted that is not one payment in full to us, by the judgement of a
/// second reading.
pub fn present(name: &str, version: Version, values: Vec<&[u8]>) {
    let shop = &*SHOP;
    let count = values.len();
    let claim = match shop.offering.claim(&Head::new(PATH, name, values)) {
        Ok(Some(claim)) => claim,
        Ok(None) => return,
        Err(refusal) => {
            assert!(count > 1, "one value is not ambiguous");
            return check_refusal(&refusal);
        }
    };
    assert_eq!(count, 1, "several values are ambiguous");
    assert_eq!(claim.kind, version.number());
    match shop.offering.bind(&shop.ask, claim.clone()) {
        Ok(payment) => bound(&claim, version, payment),
        Err(Denied::Refused(refusal)) => check_refusal(&refusal),
        Err(denied) => panic!("reading ends in a refusal or not at all: {denied:?}"),
    }
}

fn bound(claim: &Claim, version: Version, mut payment: Box<dyn payment_core::Payment>) {
    assert!(claim.credential.len() <= MAX_HEADER_BYTES);
    let message: Value =
        x402_core::wire::decode(&claim.credential).expect("what is bound is one message");
    assert_eq!(message["x402Version"], version.number());
    let authorization = &message["payload"]["authorization"];
    let mut is_short = false;
    assert!(same_hex(&authorization["to"], SELLER_TEXT));
    let value = authorization["value"]
        .as_str()
        .expect("an amount is a text");
    match version {
        Version::V1 => {
            assert_eq!(message["scheme"], "exact");
            assert_eq!(message["network"], "base-sepolia");
            let enough = value.parse::<u64>().is_ok_and(|value| value >= PRICE);
            is_short = !enough && value.len() <= 19;
        }
        _ => {
            let accepted = &message["accepted"];
            assert_eq!(accepted["scheme"], "exact");
            assert_eq!(accepted["network"], "eip155:84532");
            assert_eq!(accepted["amount"], "10000");
            assert!(same_hex(&accepted["asset"], TOKEN_TEXT));
            assert!(same_hex(&accepted["payTo"], SELLER_TEXT));
            assert_eq!(value, "10000");
            if let Some(resource) = message.get("resource").filter(|said| !said.is_null()) {
                assert_eq!(resource["url"], "https://api.example.com/premium-data");
            }
        }
    }
    assert_eq!(payment.keys().len(), 1);
    assert!(
        payment.payer().is_none(),
        "nobody has paid before the signature is checked"
    );
    let timely = payment.in_time().is_ok();
    let valid_before = authorization["validBefore"]
        .as_str()
        .and_then(|text| text.parse().ok());
    let asked_for = 1_740_672_106..=1_740_672_220_u64;
    assert!(!timely || valid_before.is_some_and(|end| asked_for.contains(&end)));
    if payment.check().is_err() {
        return assert!(payment.payer().is_none());
    }
    let payer = payment.payer().expect("proven").to_string();
    assert!(same_hex(&authorization["from"], &payer));
    if is_short {
        assert!(!timely, "nothing is begun with it");
        let settled = block_on(payment.settle());
        return assert!(matches!(settled, Err(Denied::Refused(_))));
    }
    block_on(payment.verify()).expect("the facilitator says yes");
    block_on(payment.settle()).expect("the facilitator says yes");
    assert!(payment.paid().amount() >= PRICE.into());
}

fn check_refusal(refusal: &Refusal) {
    assert!(refusal.problem().status.is_client_error());
    assert_eq!(refusal.by(), x402_core::NAME);
}

/// Sends a value that is longer than is read anywhere.
///
/// # Panics
///
/// When anything reads it.
pub fn present_too_long(name: &str, value: &[u8]) {
    let shop = &*SHOP;
    assert!(value.len() > MAX_HEADER_BYTES);
    let head = Head::new(PATH, name, vec![value]);
    // Blanks around a value are not part of it.
    let long = value.trim_ascii().len();
    if let Ok(Some(claim)) = shop.offering.claim(&head)
        && long > MAX_HEADER_BYTES
    {
        assert!(shop.offering.bind(&shop.ask, claim).is_err());
    }
    if let Admission::Answer(reply) = shop.gate.admit(&head) {
        assert_eq!(
            reply.status,
            http::StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        );
    } else {
        assert!(long <= CREDENTIAL);
    }
    assert!(x402_core::wire::decode::<Value>(value).is_err());
}
