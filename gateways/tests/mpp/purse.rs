use alloy_primitives::{Address, B256, U256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use devnet::IPaymentChannelEscrow::{openCall, topUpCall};
use devnet::ITollToken;
use gateways::okx::{DEFAULT_ESCROW, USDT0, X_LAYER};
use mpp_core::{Challenge, Credential, EchoedChallenge};
use mpp_evm::ChallengeHash;
use mpp_evm::session::{
    ChannelId, ChannelStore, Opening, SignedVoucher, Voucher, escrow_domain, top_up_nonce,
};
use payment_evm::{Authorization, LocalSigner};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::shop::{CENT, Header, Shop, Town, token};

/// In whose words a buyer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    Draft,
    Okx,
}

pub const BOTH: [Words; 2] = [Words::Draft, Words::Okx];

impl Town {
    pub fn source(&self) -> String {
        source(self.payer.address())
    }

    /// A signed transfer of the payer's.
    pub fn transfer(&self, to: Address, value: u128, nonce: B256) -> Value {
        let authorization = self.authorization(to, value, nonce);
        let digest = authorization.digest(&token().domain());
        let mut transfer = json!(authorization);
        transfer["signature"] = json!(self.payer.sign(&digest).unwrap());
        transfer
    }

    pub fn authorization(&self, to: Address, value: u128, nonce: B256) -> Authorization {
        Authorization {
            from: self.payer.address(),
            to,
            value: U256::from(value),
            valid_after: U256::ZERO,
            valid_before: U256::from(self.now().seconds() + 600),
            nonce,
        }
    }

    /// The draft's payload of a charge, which signs the challenge.
    pub fn authorized(&self, challenge: &Challenge, amount: u128) -> Value {
        let nonce = ChallengeHash::Packed.of(&challenge.id, &challenge.realm);
        let mut payload = self.transfer(self.seller(), amount, nonce);
        payload["type"] = "authorization".into();
        payload
    }

    /// OKX's payload of a charge: a transfer for each leg, in order, with nonces from this one on.
    pub fn transfers(&self, legs: &[(Address, u128)], nonce: u8) -> Value {
        let legs = legs.iter().zip(nonce..);
        let mut legs =
            legs.map(|((to, value), nonce)| self.transfer(*to, *value, B256::repeat_byte(nonce)));
        let mut first = legs.next().unwrap();
        first["type"] = "eip-3009".into();
        let splits: Vec<Value> = legs.collect();
        if !splits.is_empty() {
            first["splits"] = splits.into();
        }
        json!({"type": "transaction", "authorization": first})
    }

    /// What opens a channel.
    pub fn opening(&self, salt: u8) -> Opening {
        Opening {
            payer: self.payer.address(),
            payee: self.seller(),
            token: USDT0,
            salt: B256::repeat_byte(salt),
            authorized_signer: Address::ZERO,
            escrow: DEFAULT_ESCROW,
            chain_id: X_LAYER,
        }
    }

    pub fn id(&self, salt: u8) -> ChannelId {
        self.opening(salt).id()
    }

    /// A signed pull by the escrow, with the action it is for left open.
    pub fn pull(&self, words: Words, amount: u128, nonce: B256) -> Value {
        let authorization = self.authorization(DEFAULT_ESCROW, amount, nonce);
        let digest = authorization.receive_digest(&token().domain());
        let mut signed = json!(authorization);
        let kind = match words {
            Words::Draft => "authorization",
            Words::Okx => {
                signed["type"] = "eip-3009".into();
                "transaction"
            }
        };
        json!({
            "type": kind, "authorization": signed,
            "signature": self.payer.sign(&digest).unwrap(),
        })
    }

    /// Opens a channel, with a first voucher or without one.
    pub fn open(&self, words: Words, salt: u8, deposit: u128, first: Option<u128>) -> Value {
        self.open_of(words, &self.opening(salt), deposit, first)
    }

    pub fn open_of(
        &self,
        words: Words,
        opening: &Opening,
        deposit: u128,
        first: Option<u128>,
    ) -> Value {
        let id = opening.id();
        let mut payload = self.pull(words, deposit, opening.nonce());
        payload["action"] = "open".into();
        payload["channelId"] = json!(id);
        payload["salt"] = opening.salt.to_string().into();
        if let Some(first) = first {
            payload["cumulativeAmount"] = first.to_string().into();
            payload["voucherSignature"] = json!(self.signed(id, first).signature);
        }
        payload
    }

    /// Shows a transaction that has opened a channel.
    pub fn open_shown(&self, salt: u8, hash: B256, first: Option<u128>) -> Value {
        let id = self.id(salt);
        let mut payload = json!({
            "action": "open", "type": "hash", "hash": hash.to_string(), "channelId": id,
            "salt": B256::repeat_byte(salt).to_string(),
        });
        if let Some(first) = first {
            payload["cumulativeAmount"] = first.to_string().into();
            payload["signature"] = json!(self.signed(id, first).signature);
        }
        payload
    }

    pub fn top_up(&self, words: Words, id: ChannelId, amount: u128, salt: u8) -> Value {
        let salt = B256::repeat_byte(salt);
        let nonce = top_up_nonce(id, amount, self.payer.address(), salt);
        let mut payload = self.pull(words, amount, nonce);
        payload["action"] = "topUp".into();
        payload["channelId"] = json!(id);
        payload["additionalDeposit"] = amount.to_string().into();
        let name = match words {
            Words::Draft => "salt",
            Words::Okx => "topUpSalt",
        };
        payload[name] = salt.to_string().into();
        payload
    }

    pub fn top_up_shown(&self, id: ChannelId, amount: u128, hash: B256) -> Value {
        json!({
            "action": "topUp", "type": "hash", "hash": hash.to_string(), "channelId": id,
            "additionalDeposit": amount.to_string(),
        })
    }

    pub fn signed(&self, id: ChannelId, cumulative: u128) -> SignedVoucher {
        signed_by(&self.payer, id, cumulative)
    }

    pub fn voucher(&self, id: ChannelId, amount: u128) -> Value {
        promise("voucher", id, &self.signed(id, amount))
    }

    pub fn close(&self, id: ChannelId, amount: u128) -> Value {
        promise("close", id, &self.signed(id, amount))
    }

    // The payer's own transactions

    pub fn opens(&self, salt: u8, deposit: u128) -> B256 {
        self.approves();
        self.run(&openCall {
            payee: self.seller(),
            token: USDT0,
            deposit,
            salt: B256::repeat_byte(salt),
            authorizedSigner: Address::ZERO,
        })
    }

    pub fn tops_up(&self, id: ChannelId, amount: u128) -> B256 {
        self.approves();
        self.run(&topUpCall {
            channelId: id.word(),
            additionalDeposit: amount,
        })
    }

    pub fn transfers_itself(&self, to: Address, amount: u128) -> B256 {
        self.run_at(
            USDT0,
            &ITollToken::transferCall {
                to,
                value: U256::from(amount),
            },
        )
    }

    fn approves(&self) {
        self.run_at(
            USDT0,
            &ITollToken::approveCall {
                spender: DEFAULT_ESCROW,
                value: U256::MAX,
            },
        );
    }
}

impl<S: ChannelStore> Shop<S> {
    pub async fn challenge(&self, intent: &str, path: &str) -> Challenge {
        self.get(path, &[]).await.challenge(intent)
    }

    /// The header of a session's payload on a fresh challenge of the route.
    pub async fn header(&self, path: &str, payload: &Value) -> Header {
        let challenge = self.challenge("session", path).await;
        header(&challenge, Some(&self.source()), payload)
    }

    /// Presents a session's payload on a fresh challenge of the route.
    pub async fn pay(&self, path: &str, payload: &Value) -> Answer {
        let header = self.header(path, payload).await;
        self.get(path, &[header]).await
    }

    /// The header of a charge of the route's whole price, in these words.
    pub async fn charged(&self, words: Words, path: &str, nonce: u8) -> Header {
        let challenge = self.challenge("charge", path).await;
        let payload = match words {
            Words::Draft => self.authorized(&challenge, CENT),
            Words::Okx => self.transfers(&[(self.seller(), CENT)], nonce),
        };
        header(&challenge, Some(&self.source()), &payload)
    }

    /// Opens a channel of so much, with a first voucher for `first`.
    pub async fn channel_of(&self, salt: u8, deposit: u128, first: u128) -> ChannelId {
        let payload = self.town.open(Words::Okx, salt, deposit, Some(first));
        self.pay("/cheap", &payload).await.managed("open");
        self.id(salt)
    }
}

pub fn signed_by(signer: &LocalSigner, channel: ChannelId, cumulative: u128) -> SignedVoucher {
    let voucher = Voucher {
        channel,
        cumulative,
    };
    let domain = escrow_domain(X_LAYER, DEFAULT_ESCROW);
    SignedVoucher {
        cumulative,
        signature: signer.sign(&voucher.digest(&domain)).unwrap(),
    }
}

pub fn promise(action: &str, id: ChannelId, voucher: &SignedVoucher) -> Value {
    json!({
        "action": action, "channelId": id,
        "cumulativeAmount": voucher.cumulative.to_string(), "signature": voucher.signature,
    })
}

pub fn source(account: Address) -> String {
    format!("did:pkh:eip155:196:{account}")
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

/// The header of a credential that was changed.
pub fn header_of(credential: &Value) -> Header {
    let token = URL_SAFE_NO_PAD.encode(credential.to_string());
    ("authorization", format!("Payment {token}"))
}

/// The same with one member changed.
pub fn with(payload: &Value, member: &str, value: impl Into<Value>) -> Value {
    let mut payload = payload.clone();
    payload[member] = value.into();
    payload
}
