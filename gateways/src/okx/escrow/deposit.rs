use alloy_primitives::B256;
use mpp_core::refuse;
use mpp_evm::session::{ChainState, CheckedDeposit, DepositProof, Moved, Opening, Purpose};
use payment_core::{Denied, Fault};
use payment_evm::Signer;

use super::super::compat::{is_definite, ours, unknown};
use super::super::wire::{Deposit, DepositPayload, DepositRequest, Source};
use super::{Effect, Errand, OkxEscrow, Unseen, finalized, unmoved};

impl<S: Signer> OkxEscrow<S> {
    pub(super) async fn take_in(&self, deposit: &CheckedDeposit) -> Result<Moved, Denied> {
        let (kind, key) = match deposit.proof() {
            DepositProof::Authorization {
                authorization,
                signature,
            } => {
                let kind = Deposit::Transaction {
                    authorization: Box::new((*authorization).into()),
                    signature: *signature,
                };
                (kind, authorization.nonce)
            }
            DepositProof::Hash(hash) => (Deposit::Hash { hash: *hash }, *hash),
            _ => return Err(Fault::internal("escrow_proof", "not a deposit to bring").into()),
        };
        match deposit.purpose() {
            Purpose::Open(opening) => self.open(deposit, opening, kind, key).await,
            Purpose::TopUp { salt } => self.top_up(deposit, *salt, kind, key).await,
            _ => Err(Fault::internal("escrow_purpose", "not a deposit to bring").into()),
        }
    }

    async fn open(
        &self,
        deposit: &CheckedDeposit,
        opening: &Opening,
        kind: Deposit,
        key: B256,
    ) -> Result<Moved, Denied> {
        let id = deposit.channel();
        let here = opening.escrow == self.contract && opening.chain_id == self.chain_id;
        if !here || opening.id() != id {
            return Err(Fault::internal("escrow_foreign", "a deposit for elsewhere").into());
        }
        match self.look(id).await {
            Ok(Some(chain)) => return there(deposit, unmoved(chain)),
            // It says no, in whichever words. An opening that is refused then says why.
            Err(fault) if fault.is_passing() => return Err(ours(fault).into()),
            Ok(None) | Err(_) => {}
        }
        let payload = DepositPayload::Open {
            channel_id: id,
            salt: opening.salt,
            authorized_signer: Some(opening.authorized_signer).filter(|it| !it.is_zero()),
            deposit: kind,
        };
        let errand = self.bringing(deposit, key, 0);
        let request = self.request(deposit, payload);
        let receipt = match self.proven(self.sa.session_open(&request).await, id) {
            Ok(receipt) => receipt,
            Err(unseen) => {
                let moved = self.concluded(&errand, unseen).await?;
                return there(deposit, moved);
            }
        };
        let held = match (receipt.deposit, deposit.proof()) {
            // Of a new channel nothing can be in it but what was signed.
            (said, DepositProof::Authorization { .. }) => {
                let signed = deposit.amount();
                Some(said.unwrap_or(signed).min(signed))
            }
            (said, _) => said,
        };
        let chain = match held {
            Some(held) => opened(opening, held),
            None => self.shown(id, Effect::Opened).await.map_err(unknown)?,
        };
        errand.ended();
        let transaction = receipt.reference;
        there(deposit, Moved { chain, transaction })
    }

    /// Whether it arrived is told by the receipt, and without one by the deposit that the status
    /// shows: at least what the channel held before the first attempt and this deposit. What is
    /// answered is never more than was shown, or than was there and is added.
    async fn top_up(
        &self,
        deposit: &CheckedDeposit,
        salt: B256,
        kind: Deposit,
        key: B256,
    ) -> Result<Moved, Denied> {
        let id = deposit.channel();
        let before = self.ours(id).await?;
        if before.finalized {
            return Err(finalized());
        }
        is_payer(deposit, &before)?;
        // Its signature, or its transaction, is used up. Asked again, OKX may refuse it, and its
        // payer would take that for a no.
        if self.arrived.has(key, self.clock.now()) {
            return Ok(unmoved(before));
        }
        let is_sent = matches!(kind, Deposit::Hash { .. });
        let payload = DepositPayload::TopUp {
            channel_id: id,
            additional_deposit: deposit.amount(),
            top_up_salt: (!is_sent).then_some(salt),
            deposit: kind,
        };
        let errand = self.bringing(deposit, key, before.deposit);
        let with = |held: u128| held.saturating_add(deposit.amount());
        // What the payer has sent may be there before we look: then no sum tells.
        let effect = match is_sent {
            true => Effect::Opened,
            false => Effect::Deposited(with(errand.earlier().unwrap_or(before.deposit))),
        };
        let errand = errand.showing(effect);
        let request = self.request(deposit, payload);
        let receipt = match self.proven(self.sa.session_top_up(&request).await, id) {
            Ok(receipt) => receipt,
            Err(unseen) if is_sent => return Err(self.not_found(unseen)),
            Err(unseen) => {
                let moved = self.concluded(&errand, unseen).await?;
                self.has_arrived(key);
                return Ok(moved);
            }
        };
        let chain = match receipt.deposit {
            // A pending close ends by a deposit; that it has, the status says.
            Some(held) if before.close_requested_at == 0 && !is_sent => ChainState {
                deposit: held.min(with(before.deposit)),
                ..before
            },
            _ => self.shown(id, effect).await.map_err(unknown)?,
        };
        errand.ended();
        self.has_arrived(key);
        let transaction = receipt.reference;
        Ok(Moved { chain, transaction })
    }

    /// A deposit has come into its channel.
    fn has_arrived(&self, key: B256) {
        self.arrived.note(key, self.clock.now(), self.open_until());
    }

    /// Looking for what the payer has sent moves nothing, so each refusal stands for itself. Where
    /// none is clear, the payer has perhaps paid, and is not told to pay again.
    fn not_found(&self, unseen: Unseen) -> Denied {
        match unseen {
            Unseen::Called(fault) if is_definite(&fault) => self.compat.denied(fault),
            open => unknown(open),
        }
    }

    /// Remembers a deposit that is about to be brought. Whoever names a transaction has it looked
    /// up, which does nothing and costs a stranger nothing: no place is taken for that.
    fn bringing(&self, deposit: &CheckedDeposit, key: B256, held: u128) -> Errand {
        match deposit.proof() {
            DepositProof::Hash(_) => Errand::looking(deposit.channel()),
            _ => self.errand(&self.deposits, deposit.channel(), key, held),
        }
    }

    fn request<'a>(
        &self,
        deposit: &'a CheckedDeposit,
        payload: DepositPayload,
    ) -> DepositRequest<'a> {
        let source = Source {
            chain_id: self.chain_id,
            account: deposit.payer(),
        };
        DepositRequest::new(deposit.challenge(), source, payload)
    }
}

/// A channel that was opened just now: what its name is the hash of, and the deposit.
const fn opened(opening: &Opening, deposit: u128) -> ChainState {
    ChainState {
        payer: opening.payer,
        payee: opening.payee,
        token: opening.token,
        authorized_signer: Some(opening.authorized_signer),
        deposit,
        settled: 0,
        close_requested_at: 0,
        finalized: false,
    }
}

/// A channel that is there, if the payer has put enough in it: what is only said to be paid may be
/// anything.
fn there(deposit: &CheckedDeposit, moved: Moved) -> Result<Moved, Denied> {
    let is_sent = matches!(deposit.proof(), DepositProof::Hash(_));
    if is_sent && moved.chain.deposit < deposit.amount() {
        return Err(refuse::payment_insufficient("the deposit is too low").into());
    }
    Ok(moved)
}

fn is_payer(deposit: &CheckedDeposit, chain: &ChainState) -> Result<(), Denied> {
    match deposit.payer() == chain.payer {
        true => Ok(()),
        false => Err(refuse::verification_failed("the channel is another payer's").into()),
    }
}
