//! A seller with an account, a buyer with a purse, and the service between them.

use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, hex, keccak256};
use alloy_sol_types::SolValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devnet::okx::{Endpoint, Okx, OkxBuilder};
use devnet::{Devnet, DevnetBuilder, Wallet, X_LAYER_ESCROW};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{ReceiveWithAuthorization, TransferWithAuthorization, in_domain, sign};

/// 2026-03-30T10:00:00Z, when the published examples were signed.
pub const NOW: u64 = 1_774_864_800;
pub const PRICE: u64 = 10_000;
pub const DEPOSIT: u64 = 1_000_000;

pub struct Stage {
    pub net: Devnet,
    pub okx: Okx,
    pub payer: Wallet,
    pub payee: Wallet,
    pub other: Wallet,
    http: reqwest::Client,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    pub fn code(&self) -> i64 {
        self.body["code"].as_i64().unwrap()
    }

    #[track_caller]
    pub fn data(&self) -> &Value {
        assert_eq!((self.status, self.code()), (200, 0), "{}", self.body);
        &self.body["data"]
    }

    /// The reason of a facilitator that refuses.
    #[track_caller]
    pub fn reason(&self) -> &str {
        let data = self.data();
        let (no, reason) = match data.get("isValid") {
            Some(valid) => (valid, "invalidReason"),
            None => (&data["success"], "errorReason"),
        };
        assert_eq!(no, &json!(false), "{data}");
        data[reason].as_str().unwrap()
    }
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Okx::builder()).await
    }

    pub async fn with(okx: OkxBuilder) -> Self {
        Self::on(Devnet::x_layer(), okx).await
    }

    pub async fn on(net: DevnetBuilder, okx: OkxBuilder) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let net = net.clock(Arc::new(|| NOW)).build().unwrap();
        let okx = okx.clock(Arc::new(|| NOW)).start(&net).await.unwrap();
        let [payer, payee, other] = ["payer", "payee", "split-recipient"].map(vector_wallet);
        net.chain
            .mint(net.token.address, payer.address, U256::from(10 * DEPOSIT))
            .unwrap();
        for wallet in [&payer, &payee, &other] {
            let coins = U256::from(10).pow(U256::from(20));
            net.chain.set_native_balance(wallet.address, coins);
        }
        Self {
            net,
            okx,
            payer,
            payee,
            other,
            http: reqwest::Client::new(),
        }
    }

    pub fn token(&self) -> Address {
        self.net.token.address
    }

    pub fn balance(&self, account: Address) -> u64 {
        let held = self.net.chain.balance_of(self.token(), account);
        held.try_into().unwrap()
    }

    // Asking

    pub async fn get(&self, endpoint: Endpoint, query: &str) -> Reply {
        let path = format!("{}{query}", endpoint.path());
        self.try_send("GET", &path, "").await.unwrap()
    }

    pub async fn post(&self, endpoint: Endpoint, body: &Value) -> Reply {
        self.try_post(endpoint, body).await.unwrap()
    }

    pub async fn try_post(&self, endpoint: Endpoint, body: &Value) -> reqwest::Result<Reply> {
        self.try_send("POST", endpoint.path(), &body.to_string())
            .await
    }

    pub async fn try_send(&self, method: &str, path: &str, body: &str) -> reqwest::Result<Reply> {
        self.signed(method, path, body).send_as_is().await
    }

    /// A request with all that the service wants of its head.
    pub fn signed(&self, method: &str, path: &str, body: &str) -> Draft<'_> {
        let account = self.okx.account();
        let time = "2026-03-30T10:00:00.000Z";
        let mut headers = vec![
            ("OK-ACCESS-KEY", account.key.clone()),
            (
                "OK-ACCESS-SIGN",
                account.sign(time, method, path, body.as_bytes()),
            ),
            ("OK-ACCESS-TIMESTAMP", time.to_owned()),
            ("OK-ACCESS-PASSPHRASE", account.passphrase.clone()),
        ];
        if method == "POST" {
            headers.push(("Content-Type", "application/json".to_owned()));
        }
        Draft {
            stage: self,
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    // What sellers and buyers write

    pub fn requirements(&self, scheme: &str) -> Value {
        json!({
            "scheme": scheme, "network": "eip155:196", "asset": self.token(),
            "amount": PRICE.to_string(), "payTo": self.payee.address, "maxTimeoutSeconds": 300,
            "extra": {"name": "USD₮0", "version": "1"},
        })
    }

    pub fn transfer(&self, to: Address, value: u64, nonce: u8) -> TransferWithAuthorization {
        TransferWithAuthorization {
            from: self.payer.address,
            to,
            value: U256::from(value),
            validAfter: U256::ZERO,
            validBefore: U256::from(NOW + 60),
            nonce: B256::repeat_byte(nonce),
        }
    }

    /// An exact payment, signed.
    pub fn exact(&self, nonce: u8) -> Value {
        self.exact_by(&self.transfer(self.payee.address, PRICE, nonce))
    }

    pub fn exact_by(&self, message: &TransferWithAuthorization) -> Value {
        let required = self.requirements("exact");
        json!({
            "x402Version": 2,
            "paymentPayload": {
                "x402Version": 2,
                "accepted": required,
                "payload": {
                    "signature": hex::encode_prefixed(sign(&self.net, &self.payer, message)),
                    "authorization": wire(message),
                },
            },
            "paymentRequirements": required,
        })
    }

    pub fn challenge(&self, intent: &str, request: &Value) -> Value {
        json!({
            "id": "My98gSjCSGj68kfWkpIroHeSiZNmmxEFQG0BoOzHVkw", "realm": "api.example.com",
            "method": "evm", "intent": intent,
            "request": URL_SAFE_NO_PAD.encode(request.to_string()),
            "expires": Timestamp::from_second(NOW as i64 + 300).unwrap().to_string(),
        })
    }

    pub fn did(&self) -> String {
        format!(
            "did:pkh:eip155:196:{}",
            self.payer.address.to_checksum(None)
        )
    }

    /// 100 units, of which 30 go to another.
    pub fn charge_request(&self) -> Value {
        json!({
            "amount": "100", "currency": self.token(), "recipient": self.payee.address,
            "methodDetails": {
                "chainId": 196, "feePayer": true,
                "splits": [{"amount": "30", "recipient": self.other.address}],
            },
        })
    }

    pub fn charge(&self, request: &Value, legs: &[(Address, u64)]) -> Value {
        let mut legs = legs.iter().enumerate().map(|(at, (to, value))| {
            let message = self.transfer(*to, *value, 0x40 + at as u8);
            let mut leg = wire(&message);
            leg["signature"] = hex::encode_prefixed(sign(&self.net, &self.payer, &message)).into();
            leg
        });
        let mut first = legs.next().unwrap();
        first["type"] = "eip-3009".into();
        let splits: Vec<Value> = legs.collect();
        if !splits.is_empty() {
            first["splits"] = splits.into();
        }
        json!({
            "challenge": self.challenge("charge", request), "source": self.did(),
            "payload": {"type": "transaction", "authorization": first},
        })
    }

    pub fn session_request(&self) -> Value {
        json!({
            "amount": "1000", "currency": self.token(), "recipient": self.payee.address,
            "unitType": "request", "suggestedDeposit": DEPOSIT.to_string(),
            "methodDetails": {
                "chainId": 196, "escrowContract": X_LAYER_ESCROW, "feePayer": true,
                "minVoucherDelta": "1000",
            },
        })
    }

    pub fn channel(&self, salt: u8) -> B256 {
        let (payer, payee) = (self.payer.address, self.payee.address);
        let (salt, chain) = (B256::repeat_byte(salt), U256::from(196));
        keccak256(
            (
                payer,
                payee,
                self.token(),
                salt,
                Address::ZERO,
                X_LAYER_ESCROW,
                chain,
            )
                .abi_encode(),
        )
    }

    pub fn opening(&self, salt: u8) -> Value {
        let word = B256::repeat_byte(salt);
        let (payer, payee) = (self.payer.address, self.payee.address);
        let nonce = keccak256((payer, payee, self.token(), word, Address::ZERO).abi_encode());
        let mut payload = self.deposit(DEPOSIT, nonce);
        payload["action"] = "open".into();
        payload["channelId"] = self.channel(salt).to_string().into();
        payload["salt"] = word.to_string().into();
        json!({
            "challenge": self.challenge("session", &self.session_request()),
            "source": self.did(), "payload": payload,
        })
    }

    pub fn raise(&self, channel: B256, amount: u64) -> Value {
        let salt = B256::repeat_byte(0x77);
        let parts = (channel, U256::from(amount), self.payer.address, salt);
        let mut payload = self.deposit(amount, keccak256(parts.abi_encode()));
        payload["action"] = "topUp".into();
        payload["channelId"] = channel.to_string().into();
        payload["additionalDeposit"] = amount.to_string().into();
        payload["topUpSalt"] = salt.to_string().into();
        json!({"source": self.did(), "payload": payload})
    }

    fn deposit(&self, value: u64, nonce: B256) -> Value {
        let message = ReceiveWithAuthorization {
            from: self.payer.address,
            to: X_LAYER_ESCROW,
            value: U256::from(value),
            validAfter: U256::ZERO,
            validBefore: U256::from(NOW + 60),
            nonce,
        };
        json!({
            "type": "transaction",
            "authorization": {
                "type": "eip-3009", "from": message.from, "to": message.to,
                "value": value.to_string(), "validAfter": "0",
                "validBefore": message.validBefore.to_string(), "nonce": nonce,
            },
            "signature": hex::encode_prefixed(sign(&self.net, &self.payer, &message)),
        })
    }

    /// What the payee posts to have a voucher paid; `None` gives it up.
    pub fn redemption(&self, action: &str, channel: B256, amount: Option<u64>) -> Value {
        let kind = match action {
            "settle" => "SettleAuthorization",
            _ => "CloseAuthorization",
        };
        let kind = format!(
            "{kind}(bytes32 channelId,uint128 cumulativeAmount,uint256 nonce,uint256 deadline)"
        );
        let total = U256::from(amount.unwrap_or(0));
        let (nonce, deadline) = (U256::from(total + U256::from(1)), U256::from(NOW + 60));
        let order = (keccak256(kind), channel, total, nonce, deadline).abi_encode();
        let voucher = match amount {
            None => String::new(),
            Some(_) => {
                let kind = keccak256("Voucher(bytes32 channelId,uint128 cumulativeAmount)");
                self.in_escrow(&self.payer, &(kind, channel, total).abi_encode())
            }
        };
        json!({"payload": {
            "action": action, "channelId": channel, "cumulativeAmount": total.to_string(),
            "voucherSignature": voucher, "payeeSignature": self.in_escrow(&self.payee, &order),
            "nonce": nonce.to_string(), "deadline": deadline.to_string(),
        }})
    }

    fn in_escrow(&self, wallet: &Wallet, message: &[u8]) -> String {
        let kind = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        );
        let (name, version) = (keccak256("EVM Payment Channel"), keccak256("1"));
        let domain = keccak256((kind, name, version, U256::from(196), X_LAYER_ESCROW).abi_encode());
        let digest = keccak256(
            [
                &[0x19, 0x01][..],
                domain.as_slice(),
                keccak256(message).as_slice(),
            ]
            .concat(),
        );
        hex::encode_prefixed(wallet.sign_digest(digest))
    }

    /// A channel that is open.
    pub async fn open(&self, salt: u8) -> B256 {
        let reply = self.post(Endpoint::SessionOpen, &self.opening(salt)).await;
        reply.data();
        self.channel(salt)
    }
}

/// A request that can still be spoilt.
pub struct Draft<'a> {
    stage: &'a Stage,
    pub method: String,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Draft<'_> {
    pub fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    pub fn replace(self, header: &'static str, value: &str) -> Self {
        let mut draft = self.without(header);
        draft.headers.push((header, value.to_owned()));
        draft
    }

    pub async fn send_as_is(self) -> reqwest::Result<Reply> {
        let url = format!("{}{}", self.stage.okx.url(), self.path);
        let method = self.method.parse().unwrap();
        let mut request = self.stage.http.request(method, url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = request.body(self.body).send().await?;
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Reply { status, body })
    }
}

/// One of the keys of the vectors.
pub fn vector_wallet(name: &str) -> Wallet {
    let file = vectors::load("eip712_okx.json");
    let key = vectors::text(&file["keys"][name], "privateKey");
    Wallet::from_key(key.parse().unwrap()).unwrap()
}

pub fn wire(message: &TransferWithAuthorization) -> Value {
    json!({
        "from": message.from, "to": message.to, "value": message.value.to_string(),
        "validAfter": message.validAfter.to_string(),
        "validBefore": message.validBefore.to_string(), "nonce": message.nonce,
    })
}

/// The digest of a transfer under the token's domain.
pub fn transfer_digest(net: &Devnet, message: &TransferWithAuthorization) -> B256 {
    in_domain(net.token.domain_separator(), message)
}

/// The body with the member at a pointer replaced.
pub fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    body
}

/// The body without the member at a pointer.
pub fn without(body: &Value, pointer: &str) -> Value {
    let mut body = body.clone();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    parent.remove(member).unwrap();
    body
}
