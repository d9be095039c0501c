use alloy_primitives::{Address, B256, U256, hex};
use alloy_sol_types::SolCall;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devnet::IPaymentChannelEscrow::{
    openCall, openWithAuthorizationCall, openWithPermit2Call, topUpWithAuthorizationCall,
};
use devnet::{ESCROW, ITollToken, Wallet};
use mpp_core::{Challenge, Credential, EchoedChallenge};
use mpp_evm::session::SignedVoucher;
use payment_evm::EvmSignature;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::shop::{Header, Shop};

impl Shop {
    /// What a session on this route is told.
    pub async fn challenge(&self, path: &str) -> Challenge {
        self.get(path, &[]).await.challenge()
    }

    /// Presents a payload on a fresh challenge of the route.
    pub async fn pay(&self, path: &str, payload: &Value) -> Answer {
        self.send_paid("GET", path, payload, &[]).await
    }

    /// The same without asking for anything.
    pub async fn note(&self, path: &str, payload: &Value) -> Answer {
        self.send_paid("HEAD", path, payload, &[]).await
    }

    /// The same with an `Idempotency-Key`.
    pub async fn pay_once(&self, path: &str, payload: &Value, key: &str) -> Answer {
        let key = ("idempotency-key", key.to_owned());
        self.send_paid("GET", path, payload, &[key]).await
    }

    pub async fn send_paid(
        &self,
        method: &str,
        path: &str,
        payload: &Value,
        more: &[Header],
    ) -> Answer {
        let ask = if method == "HEAD" { "GET" } else { method };
        let unpaid = self.send(crate::shop::request(ask, path, &[])).await;
        let mut headers = vec![header(&unpaid.challenge(), None, payload)];
        headers.extend_from_slice(more);
        self.send(crate::shop::request(method, path, &headers))
            .await
    }

    /// The header of a payload on a fresh challenge of the route.
    pub async fn header(&self, path: &str, payload: &Value) -> Header {
        header(&self.challenge(path).await, None, payload)
    }

    /// The same with the buyer's account as its source.
    pub async fn pay_as(&self, payer: Address, path: &str, payload: &Value) -> Answer {
        let source = self.source(payer);
        let header = header(&self.challenge(path).await, Some(&source), payload);
        self.get(path, &[header]).await
    }

    pub fn source(&self, account: Address) -> String {
        format!(
            "did:pkh:eip155:{}:{account}",
            self.stage.net.chain.chain_id()
        )
    }

    /// A voucher of the buyer's.
    pub fn voucher(&self, id: B256, amount: u128) -> Value {
        self.act("voucher", id, amount)
    }

    pub fn close(&self, id: B256, amount: u128) -> Value {
        self.act("close", id, amount)
    }

    fn act(&self, action: &str, id: B256, amount: u128) -> Value {
        signed(action, id, amount, &self.stage.voucher(id, amount))
    }

    pub fn voucher_by(&self, signer: &Wallet, id: B256, amount: u128) -> Value {
        signed(
            "voucher",
            id,
            amount,
            &self.stage.voucher_by(signer, id, amount),
        )
    }

    /// The same voucher as the escrow takes it.
    pub fn signed_voucher(&self, id: B256, amount: u128) -> SignedVoucher {
        SignedVoucher {
            cumulative: amount,
            signature: EvmSignature::from_bytes(&self.stage.voucher(id, amount)).unwrap(),
        }
    }

    /// What opens a channel of so much, with a first voucher for `first`.
    pub fn opening(&self, salt: u8, deposit: u128) -> openCall {
        openCall {
            deposit,
            ..self.stage.opening(salt)
        }
    }

    pub fn open_payload(&self, opening: &openCall, first: u128) -> Value {
        let call = self.stage.authorized_opening(opening);
        let id = self.stage.id(opening);
        let mut payload = deposit_of(&call);
        payload["action"] = json!("open");
        payload["channelId"] = json!(id.to_string());
        payload["cumulativeAmount"] = json!(first.to_string());
        payload["voucherSignature"] = json!(hex::encode_prefixed(self.stage.voucher(id, first)));
        payload
    }

    /// The `deposit` member of a voucher that opens its channel.
    pub fn open_member(&self, opening: &openCall) -> Value {
        let mut payload = deposit_of(&self.stage.authorized_opening(opening));
        payload["action"] = json!("open");
        payload
    }

    pub fn open_permit2(&self, opening: &openCall, nonce: u64, first: u128) -> Value {
        let call: openWithPermit2Call = self.stage.permitted_opening(opening, nonce);
        let id = self.stage.id(opening);
        json!({
            "action": "open",
            "type": "permit2",
            "channelId": id.to_string(),
            "authorization": {
                "from": call.from.to_string(),
                "permitted": {"token": call.token.to_string(), "amount": call.deposit.to_string()},
                "nonce": call.nonce.to_string(),
                "deadline": call.deadline.to_string(),
                "witness": {
                    "payee": call.payee.to_string(),
                    "salt": call.salt.to_string(),
                    "authorizedSigner": call.authorizedSigner.to_string(),
                },
            },
            "signature": call.signature.to_string(),
            "cumulativeAmount": first.to_string(),
            "voucherSignature": hex::encode_prefixed(self.stage.voucher(id, first)),
            "salt": call.salt.to_string(),
        })
    }

    pub fn open_hash(&self, opening: &openCall, hash: B256, first: u128) -> Value {
        let id = self.stage.id(opening);
        json!({
            "action": "open",
            "type": "hash",
            "channelId": id.to_string(),
            "hash": hash.to_string(),
            "cumulativeAmount": first.to_string(),
            "signature": hex::encode_prefixed(self.stage.voucher(id, first)),
            "salt": opening.salt.to_string(),
        })
    }

    pub fn top_up(&self, id: B256, amount: u128, salt: u8) -> Value {
        let call = self.stage.authorized_top_up(id, amount, salt);
        self.top_up_of(&call)
    }

    pub fn top_up_of(&self, call: &topUpWithAuthorizationCall) -> Value {
        json!({
            "action": "topUp",
            "type": "authorization",
            "channelId": call.channelId.to_string(),
            "additionalDeposit": call.additionalDeposit.to_string(),
            "authorization": {
                "from": call.from.to_string(),
                "to": ESCROW.to_string(),
                "value": call.additionalDeposit.to_string(),
                "validAfter": call.validAfter.to_string(),
                "validBefore": call.validBefore.to_string(),
                "nonce": call.nonce.to_string(),
            },
            "signature": call.signature.to_string(),
            "salt": call.topUpSalt.to_string(),
        })
    }

    pub fn top_up_permit2(&self, id: B256, amount: u128, nonce: u64) -> Value {
        let call = self.stage.permitted_top_up(id, amount, nonce);
        json!({
            "action": "topUp",
            "type": "permit2",
            "channelId": id.to_string(),
            "additionalDeposit": amount.to_string(),
            "authorization": {
                "from": call.from.to_string(),
                "permitted": {
                    "token": self.stage.token().to_string(),
                    "amount": amount.to_string(),
                },
                "nonce": call.nonce.to_string(),
                "deadline": call.deadline.to_string(),
                "witness": {"channelId": id.to_string()},
            },
            "signature": call.signature.to_string(),
        })
    }

    pub fn top_up_hash(&self, id: B256, amount: u128, hash: B256) -> Value {
        json!({
            "action": "topUp",
            "type": "hash",
            "channelId": id.to_string(),
            "additionalDeposit": amount.to_string(),
            "hash": hash.to_string(),
        })
    }

    /// Opens a channel of so much, and accepts a first voucher.
    pub async fn channel_of(&self, salt: u8, deposit: u128, first: u128) -> B256 {
        let opening = self.opening(salt, deposit);
        let payload = self.open_payload(&opening, first);
        self.pay("/cheap", &payload).await.managed("open");
        self.stage.id(&opening)
    }

    /// A transaction of a wallet's that need not succeed.
    pub fn transact(&self, by: &Wallet, call: &impl SolCall) -> B256 {
        let receipt = self.stage.net.chain.send(by, ESCROW, call.abi_encode());
        receipt.unwrap().transaction_hash
    }

    /// A transfer of the token past the escrow.
    pub fn transfer(&self, from: &Wallet, to: Address, value: u128) -> B256 {
        let call = ITollToken::transferCall {
            to,
            value: U256::from(value),
        };
        let token = self.stage.token();
        let receipt = self.stage.net.chain.send(from, token, call.abi_encode());
        receipt.unwrap().transaction_hash
    }
}

/// A payload that says an amount, and a signature.
pub fn signed(action: &str, id: B256, amount: u128, signature: &[u8]) -> Value {
    json!({
        "action": action,
        "channelId": id.to_string(),
        "cumulativeAmount": amount.to_string(),
        "signature": hex::encode_prefixed(signature),
    })
}

fn deposit_of(call: &openWithAuthorizationCall) -> Value {
    json!({
        "type": "authorization",
        "authorization": {
            "from": call.from.to_string(),
            "to": ESCROW.to_string(),
            "value": call.deposit.to_string(),
            "validAfter": call.validAfter.to_string(),
            "validBefore": call.validBefore.to_string(),
            "nonce": call.nonce.to_string(),
        },
        "signature": call.signature.to_string(),
        "salt": call.salt.to_string(),
        "authorizedSigner": call.authorizedSigner.to_string(),
    })
}

/// The header of a credential.
pub fn header(challenge: &Challenge, source: Option<&str>, payload: &Value) -> Header {
    let payload = RawValue::from_string(payload.to_string()).unwrap();
    let mut credential = Credential::new(EchoedChallenge::from(challenge), &payload).unwrap();
    credential.source = source.map(Into::into);
    ("authorization", credential.format().unwrap())
}

/// The JSON of a credential.
pub fn credential_of(header: &Header) -> Value {
    let token = header.1.strip_prefix("Payment ").unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

/// The header of a text that need not be a credential.
pub fn header_of(text: &str) -> Header {
    let token = URL_SAFE_NO_PAD.encode(text);
    ("authorization", format!("Payment {token}"))
}

/// Other 65 bytes over the same voucher: `v` is the other one.
pub fn flipped(payload: &Value) -> Value {
    with_signature(payload, |bytes| bytes[64] = 55 - bytes[64])
}

/// The same signature with the high one of both `s`.
pub fn high_s(payload: &Value) -> Value {
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let order = U256::from_str_radix(order, 16).unwrap();
    with_signature(payload, |bytes| {
        let s = order - U256::from_be_slice(&bytes[32..64]);
        bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        bytes[64] = 55 - bytes[64];
    })
}

/// A signature of the right form that no key has made: there is no point whose x is 5.
pub fn spoilt(payload: &Value) -> Value {
    with_signature(payload, |bytes| {
        bytes[..32].fill(0);
        bytes[31] = 5;
    })
}

pub fn with_signature(payload: &Value, change: impl FnOnce(&mut [u8])) -> Value {
    let mut bytes = hex::decode(payload["signature"].as_str().unwrap()).unwrap();
    change(&mut bytes);
    with(payload, "signature", json!(hex::encode_prefixed(bytes)))
}

/// The same with one member changed.
pub fn with(payload: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload.clone();
    payload[member] = value.into();
    payload
}
