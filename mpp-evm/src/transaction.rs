//! Type `transaction`: a signed transfer that the seller broadcasts. Nothing of it is sent before
//! the charge is settled.

use alloy_consensus::{Signed, TxEip1559};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, sol};
use mpp_core::Presented;
use payment_core::{ReplayKey, Timestamp};
use payment_evm::EvmSignature;

use crate::candidate::{Candidate, TRANSACTION_KEPT, transaction_key};
use crate::mismatch::Mismatch;
use crate::source::Source;
use crate::{Due, Proof};

sol! {
    function transfer(address to, uint256 value) external returns (bool);
}

/// The longest text that is decoded. A plain transfer takes less than 200 bytes.
const LONGEST: usize = 2 + 2 * 512;
/// Selector and two words.
const CALLDATA: usize = 68;
/// What a token transfer can need: above the bare cost of a transaction, and below what only
/// something else would take.
const GAS_LIMIT: std::ops::RangeInclusive<u64> = 22_000..=1_000_000;
/// 100,000 gwei. A fee beyond is a slip of the buyer's that should not be sent.
const MOST_PER_GAS: u128 = 100_000_000_000_000;

pub(crate) struct BoundTransaction {
    raw: Bytes,
    hash: B256,
    nonce: u64,
    signed: B256,
    signature: EvmSignature,
    source: Option<Source>,
    expires: Timestamp,
}

impl BoundTransaction {
    /// evm/charge, Transaction Payload. The calldata has exactly the bytes of the call: tokens
    /// ignore what follows it, and so might hide what a transfer is for.
    pub(crate) fn bind(raw: &str, due: &Due, presented: &Presented<'_>) -> Result<Self, Mismatch> {
        let source = presented
            .source
            .map(|text| Source::parse(text).ok_or(Mismatch::OddSource));
        let source = source.transpose()?;
        if let Some(source) = source {
            source.is(due, source.address)?;
        }
        let [leg] = due.legs.as_slice() else {
            return Err(Mismatch::Splits);
        };
        let raw = decode_hex(raw).ok_or(Mismatch::Shape)?;
        let transaction = decode(&raw).ok_or(Mismatch::Transaction)?;
        let tx = transaction.tx();
        let plain = tx.chain_id == due.token.chain_id
            && tx.value.is_zero()
            && tx.access_list.is_empty()
            && tx.input.len() == CALLDATA;
        if !plain {
            return Err(Mismatch::Transaction);
        }
        if tx.to != TxKind::Call(due.token.address) {
            return Err(Mismatch::Token);
        }
        let call = transferCall::abi_decode_validate(&tx.input);
        let call = call.map_err(|_| Mismatch::Transaction)?;
        if call.to != leg.to {
            return Err(Mismatch::Recipient);
        }
        if call.value != leg.amount.get() {
            return Err(Mismatch::Amount);
        }
        if !gas_is_sane(tx) {
            return Err(Mismatch::Gas);
        }
        let signature = signature_of(&transaction).ok_or(Mismatch::SignatureForm)?;
        let (hash, signed) = (keccak256(&raw), transaction.signature_hash());
        let nonce = tx.nonce;
        Ok(Self {
            raw: raw.into(),
            hash,
            nonce,
            signed,
            signature,
            source,
            expires: presented.expires,
        })
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST {
        return None;
    }
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| !digits.starts_with("0x"))?;
    hex::decode(digits).ok()
}

/// The one transaction of type 2 that these bytes encode, in the one encoding it has.
fn decode(raw: &[u8]) -> Option<Signed<TxEip1559>> {
    if raw.first() != Some(&0x02) {
        return None;
    }
    let mut rest = raw;
    let transaction = Signed::<TxEip1559>::decode_2718(&mut rest).ok()?;
    let mut again = Vec::with_capacity(raw.len());
    transaction.eip2718_encode(&mut again);
    // What is left undecoded is missing here too.
    (again == raw).then_some(transaction)
}

fn gas_is_sane(tx: &TxEip1559) -> bool {
    GAS_LIMIT.contains(&tx.gas_limit)
        && (1..=MOST_PER_GAS).contains(&tx.max_fee_per_gas)
        && tx.max_priority_fee_per_gas <= tx.max_fee_per_gas
}

/// The signature in the form that every signature must have here: chains refuse high `s` too.
fn signature_of(transaction: &Signed<TxEip1559>) -> Option<EvmSignature> {
    let signature = transaction.signature();
    let mut bytes = [0; 65];
    bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    bytes[32..64].copy_from_slice(&signature.s().to_be_bytes::<32>());
    bytes[64] = 27 + u8::from(signature.v());
    EvmSignature::from_bytes(&bytes).ok()
}

impl Candidate for BoundTransaction {
    fn keys(&self, due: &Due) -> Vec<ReplayKey> {
        vec![transaction_key(due.token.chain_id, self.hash)]
    }

    fn keep_until(&self) -> Timestamp {
        self.expires
            .plus(std::time::Duration::from_secs(TRANSACTION_KEPT))
    }

    fn in_time(&self, _now: Timestamp, _margin_seconds: u64) -> Result<(), Mismatch> {
        // A transaction has no window of its own; the challenge's expiry holds.
        Ok(())
    }

    fn prove(&self, due: &Due) -> Result<(Address, Proof), Mismatch> {
        let payer = self
            .signature
            .recover(&self.signed)
            .map_err(|_| Mismatch::Signer)?;
        if let Some(source) = self.source {
            source.is(due, payer)?;
        }
        let (raw, hash, nonce) = (self.raw.clone(), self.hash, self.nonce);
        Ok((payer, Proof::Transaction { raw, hash, nonce }))
    }
}

/// The calldata of a plain transfer.
pub(crate) fn transfer_calldata(to: Address, value: U256) -> Bytes {
    transferCall { to, value }.abi_encode().into()
}
