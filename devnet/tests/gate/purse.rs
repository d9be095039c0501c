use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mpp_core::Challenge;
use mpp_evm::buyer::{Bill, Consent};
use payment_core::Units;
use payment_evm::{Authorization, Domain, LocalSigner};
use serde_json::{Value, json};
use x402_core::wire::{PaymentRequiredAnswer, read_payment_required, v1, v2};
use x402_evm::buyer;

use crate::answer::Answer;
use crate::shop::{Header, Shop};

/// What an unpaid request is told, as each kind of buyer reads it.
pub struct Offers {
    pub v2: v2::PaymentRequired,
    pub v1: v1::PaymentRequired,
}

impl Answer {
    pub fn x402_offers(&self) -> Offers {
        let read = |headers| read_payment_required(headers, &self.body).unwrap();
        let PaymentRequiredAnswer::V2(v2) = read(&self.headers) else {
            panic!("no v2 offer");
        };
        let PaymentRequiredAnswer::V1(v1) = read(&http::HeaderMap::new()) else {
            panic!("no v1 offer");
        };
        Offers { v2, v1 }
    }

    pub fn challenge(&self) -> Challenge {
        let lines = self.headers.get_all("www-authenticate").iter();
        let mut challenges = Challenge::parse_all(lines.map(|line| line.as_bytes()));
        assert_eq!(challenges.len(), 1);
        challenges.remove(0)
    }
}

impl Shop {
    /// A signed v2 envelope for this route.
    pub async fn x402(&self, path: &str) -> Value {
        let offers = self.get(path, &[]).await.x402_offers().v2;
        let paid = buyer::pay_v2(
            &offers.resource,
            &offers.accepts[0],
            &self.buyer,
            self.now(),
        );
        serde_json::to_value(paid.await.unwrap()).unwrap()
    }

    /// A signed v1 envelope for this route.
    pub async fn x402_v1(&self, path: &str) -> Value {
        let offers = self.get(path, &[]).await.x402_offers().v1;
        let paid = buyer::pay_v1(&offers.accepts[0], &self.buyer, self.now());
        serde_json::to_value(paid.await.unwrap()).unwrap()
    }

    /// A signed MPP credential for this route, as its JSON.
    pub async fn mpp(&self, path: &str) -> Value {
        let challenge = self.get(path, &[]).await.challenge();
        self.mpp_for(&challenge).await
    }

    pub async fn mpp_for(&self, challenge: &Challenge) -> Value {
        let bill = Bill::read(challenge, &[]).unwrap();
        let consent = Consent::up_to(Units::from(10_000_000), self.now());
        let header = bill.authorize(&self.buyer, consent).await.unwrap();
        let token = header.to_str().unwrap().strip_prefix("Payment ").unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
    }

    /// The envelope in a v2 header.
    pub fn x402_of(&self, header: &Header) -> Value {
        serde_json::from_slice(&STANDARD.decode(&header.1).unwrap()).unwrap()
    }

    pub fn domain(&self) -> Domain {
        self.token().domain()
    }

    /// Signs an x402 payload again after a change, under the token's domain.
    pub fn resigned(&self, envelope: Value, change: impl FnOnce(&mut Authorization)) -> Value {
        self.resigned_by(&self.buyer, &self.domain(), envelope, change)
    }

    pub fn resigned_by(
        &self,
        signer: &LocalSigner,
        domain: &Domain,
        mut envelope: Value,
        change: impl FnOnce(&mut Authorization),
    ) -> Value {
        let payload = &mut envelope["payload"];
        let mut authorization: Authorization =
            serde_json::from_value(payload["authorization"].clone()).unwrap();
        change(&mut authorization);
        let signature = signer.sign(&authorization.digest(domain)).unwrap();
        payload["authorization"] = serde_json::to_value(authorization).unwrap();
        payload["signature"] = signature.to_hex().into();
        envelope
    }

    /// Signs an MPP payload again after a change.
    pub fn recharged(&self, credential: Value, change: impl FnOnce(&mut Authorization)) -> Value {
        self.recharged_by(&self.buyer, &self.domain(), credential, change)
    }

    pub fn recharged_by(
        &self,
        signer: &LocalSigner,
        domain: &Domain,
        mut credential: Value,
        change: impl FnOnce(&mut Authorization),
    ) -> Value {
        let payload = &mut credential["payload"];
        let mut authorization: Authorization = serde_json::from_value(payload.clone()).unwrap();
        change(&mut authorization);
        let signature = signer.sign(&authorization.digest(domain)).unwrap();
        let text = |text: String| Value::String(text);
        payload["from"] = text(authorization.from.to_checksum(None));
        payload["to"] = text(authorization.to.to_checksum(None));
        payload["value"] = text(authorization.value.to_string());
        payload["validAfter"] = text(authorization.valid_after.to_string());
        payload["validBefore"] = text(authorization.valid_before.to_string());
        payload["nonce"] = text(authorization.nonce.to_string());
        payload["signature"] = text(signature.to_hex());
        credential
    }
}

/// The v2 header of an envelope.
pub fn v2_header(envelope: &Value) -> Header {
    ("payment-signature", STANDARD.encode(envelope.to_string()))
}

/// The v1 header of an envelope.
pub fn v1_header(envelope: &Value) -> Header {
    ("x-payment", STANDARD.encode(envelope.to_string()))
}

/// The MPP header of a credential.
pub fn mpp_header(credential: &Value) -> Header {
    let token = URL_SAFE_NO_PAD.encode(credential.to_string());
    ("authorization", format!("Payment {token}"))
}

/// The v1 envelope around the payload of a v2 one.
pub fn as_v1(v2: &Value) -> Value {
    json!({
        "x402Version": 1,
        "scheme": "exact",
        "network": "base-sepolia",
        "payload": v2["payload"],
    })
}
