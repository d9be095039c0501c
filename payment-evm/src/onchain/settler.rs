use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use alloy_provider::utils::Eip1559Estimation;
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_client::RpcClient;
use alloy_rpc_types_eth::TransactionRequest;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tracing::Dispatch;
use tracing::instrument::{WithDispatch, WithSubscriber as _};

use super::rejection::Broadcast;
use super::rpc::Rpc;
use super::{CallFault, ChainFault, Mined, SendFault, SettlerOptions};
use crate::{LocalSigner, SignerError};

/// Sends transactions of the seller's own account and follows them up.
///
/// It owns the nonce of its account: no other program should send from the same key while this
/// one runs. Clones share everything.
#[derive(Clone)]
pub struct Settler(Arc<Inner>);

struct Inner {
    provider: RootProvider,
    signer: LocalSigner,
    chain_id: u64,
    options: SettlerOptions,
    /// The nonce of the next transaction; `None` when the node must be asked. Held while one
    /// transaction is signed and handed over, so that nonces go out in their order.
    next_nonce: Mutex<Option<u64>>,
}

/// A transaction ready to leave.
struct Signed {
    raw: Vec<u8>,
    hash: B256,
}

impl Settler {
    /// Connects to a node and asks it which chain it is on.
    ///
    /// # Errors
    ///
    /// `ChainFault::Url` for a URL that is neither https nor loopback; others when the node does
    /// not answer.
    pub async fn connect(
        rpc_url: &str,
        signer: LocalSigner,
        options: SettlerOptions,
    ) -> Result<Self, ChainFault> {
        let rpc = Rpc::new(rpc_url, &options)?;
        let provider = RootProvider::new(RpcClient::new(rpc, false));
        let chain_id = provider.get_chain_id().await?;
        let next_nonce = Mutex::new(None);
        Ok(Self(Arc::new(Inner {
            provider,
            signer,
            chain_id,
            options,
            next_nonce,
        })))
    }

    /// The chain the node is on.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.0.chain_id
    }

    /// The account that sends, pays the fees, and must be the spender of permits.
    #[must_use]
    pub fn address(&self) -> Address {
        self.0.signer.address()
    }

    /// Runs a call from our account without sending it.
    ///
    /// # Errors
    ///
    /// `CallFault::Reverted` when it would fail; `Unavailable` when nothing is known.
    pub async fn simulate(&self, to: Address, data: Bytes) -> Result<Bytes, CallFault> {
        let request = self.request(to, data);
        let outcome = unheard(self.0.provider.call(request)).await;
        outcome.map_err(|error| ChainFault::from(error).into())
    }

    /// Sends a call and waits until it is mined. The gas estimate before it is the last
    /// simulation: what would fail is not sent.
    ///
    /// # Errors
    ///
    /// `SendFault::NotSent` and `Reverted` are a definite no; `Unknown` is not.
    ///
    /// # Cancel safety
    ///
    /// A future dropped after the broadcast leaves a transaction that nobody follows up: run it
    /// to its end.
    pub async fn send(&self, to: Address, data: Bytes) -> Result<Mined, SendFault> {
        let hash = self.dispatch(to, data).await?;
        let outcome = self.follow_up(hash).await;
        if let Err(SendFault::Unknown { .. }) = outcome {
            // The node may have dropped it: counting on from there would leave a gap that no
            // later transaction gets past. The node is asked where to go on.
            *self.0.next_nonce.lock().await = None;
        }
        outcome
    }

    /// Broadcasts a transaction that somebody else signed, and waits until it is mined.
    ///
    /// # Errors
    ///
    /// As for [`Self::send`]; nothing is simulated.
    pub async fn broadcast_raw(&self, raw: &[u8]) -> Result<Mined, SendFault> {
        let hash = keccak256(raw);
        self.broadcast(raw, hash).await?;
        self.follow_up(hash).await
    }

    /// The receipt of a transaction; `None` while it is in no block.
    ///
    /// # Errors
    ///
    /// `ChainFault` when the node does not answer.
    pub async fn mined(&self, hash: B256) -> Result<Option<Mined>, ChainFault> {
        let receipt = self.0.provider.get_transaction_receipt(hash).await?;
        Ok(receipt.and_then(|receipt| Mined::of(hash, &receipt)))
    }

    /// Asks for the receipt of a transaction for so long, whoever sent it. `None` says that it is
    /// not known to be mined, whether the node has answered or not.
    pub async fn wait_for(&self, hash: B256, within: Duration) -> Option<Mined> {
        timeout(within, self.receipt(hash)).await.ok()
    }

    pub(super) fn provider(&self) -> &RootProvider {
        &self.0.provider
    }

    fn request(&self, to: Address, data: Bytes) -> TransactionRequest {
        TransactionRequest::default()
            .from(self.address())
            .to(to)
            .input(data.into())
    }

    /// Estimates, signs and hands over; the hash is of a transaction that a node has taken.
    async fn dispatch(&self, to: Address, data: Bytes) -> Result<B256, SendFault> {
        let not_sent = |fault: ChainFault| SendFault::NotSent(fault);
        let (gas, fees) = tokio::try_join!(self.gas(to, &data), self.fees()).map_err(not_sent)?;
        let mut next_nonce = self.0.next_nonce.lock().await;
        // Taken out: whatever ends this early, the node is asked next time.
        let nonce = match next_nonce.take() {
            Some(nonce) => nonce,
            None => self.next_nonce_of(self.address()).await.map_err(not_sent)?,
        };
        let signed = self
            .sign(nonce, to, data, gas, fees)
            .map_err(|error| not_sent(error.into()))?;
        self.broadcast(&signed.raw, signed.hash).await?;
        *next_nonce = nonce.checked_add(1);
        Ok(signed.hash)
    }

    async fn gas(&self, to: Address, data: &Bytes) -> Result<u64, ChainFault> {
        let request = self.request(to, data.clone());
        let gas = unheard(self.0.provider.estimate_gas(request)).await?;
        Ok(gas.saturating_add(gas / GAS_MARGIN))
    }

    async fn fees(&self) -> Result<Eip1559Estimation, ChainFault> {
        let fees = self.0.provider.estimate_eip1559_fees().await?;
        match self.0.options.fee_limit {
            Some(limit) if fees.max_fee_per_gas > limit => Err(ChainFault::FeeTooHigh {
                wei_per_gas: fees.max_fee_per_gas,
            }),
            _ => Ok(fees),
        }
    }

    fn sign(
        &self,
        nonce: u64,
        to: Address,
        data: Bytes,
        gas: u64,
        fees: Eip1559Estimation,
    ) -> Result<Signed, SignerError> {
        let transaction = TxEip1559 {
            chain_id: self.0.chain_id,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: Default::default(),
            input: data,
        };
        let signature = self.0.signer.sign(&transaction.signature_hash())?;
        let (r, s) = (signature.r().into(), signature.s().into());
        let signed = transaction.into_signed(Signature::new(r, s, signature.v() == 28));
        Ok(Signed {
            raw: signed.encoded_2718(),
            hash: *signed.hash(),
        })
    }

    /// Hands a transaction over. `Ok` when a node has it.
    async fn broadcast(&self, raw: &[u8], hash: B256) -> Result<(), SendFault> {
        let text = hex::encode_prefixed(raw);
        let client = self.0.provider.client();
        let answer = unheard(client.request("eth_sendRawTransaction", (text,))).await;
        let fault = match answer.map(|_: B256| ()).map_err(Broadcast::from) {
            Ok(()) | Err(Broadcast::Known) => return Ok(()),
            Err(Broadcast::Rejected(fault)) => return Err(SendFault::NotSent(fault)),
            Err(Broadcast::NonceUsed(fault)) => match self.mined(hash).await {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => return Err(SendFault::NotSent(fault)),
                Err(fault) => fault,
            },
            Err(Broadcast::Unclear(fault)) => fault,
        };
        tracing::warn!(%hash, fault = &fault as &dyn Error, "no clear answer to a broadcast");
        Err(SendFault::Unknown { hash })
    }

    /// Waits until it is mined, for as long as the options say.
    async fn follow_up(&self, hash: B256) -> Result<Mined, SendFault> {
        match self.wait_for(hash, self.0.options.mined_within).await {
            Some(mined) if mined.success => Ok(mined),
            Some(_) => Err(SendFault::Reverted { hash }),
            None => Err(SendFault::Unknown { hash }),
        }
    }

    /// Asks for the receipt until it is there. What the node fails to say is asked again.
    async fn receipt(&self, hash: B256) -> Mined {
        loop {
            match self.mined(hash).await {
                Ok(Some(mined)) => return mined,
                Ok(None) => {}
                Err(fault) => {
                    tracing::debug!(%hash, fault = &fault as &dyn Error, "no answer about a receipt");
                }
            }
            sleep(self.0.options.poll_every).await;
        }
    }
}

/// A call whose parameters hold a signature that can still be spent. The RPC client traces what it
/// sends, so that nobody listens meanwhile. (RULES.md, T124)
fn unheard<C: IntoFuture>(call: C) -> WithDispatch<C::IntoFuture> {
    call.into_future().with_subscriber(Dispatch::none())
}

/// A fifth more gas than estimated: state may move between the estimate and the block.
const GAS_MARGIN: u64 = 5;

impl fmt::Debug for Settler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settler({} on {})", self.address(), self.chain_id())
    }
}
