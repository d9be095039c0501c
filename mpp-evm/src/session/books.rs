use std::sync::Arc;

use alloy_primitives::{Address, B256};
use mpp_core::Settled;
use payment_core::{Clock, Denied, Reply, Timestamp};
use serde_json::json;

use super::bell::Bells;
use super::due::SessionDue;
use super::objection::{self, Objection};
use super::{
    Booked, ChainState, Channel, ChannelError, ChannelId, ChannelStore, CheckedDeposit,
    CheckedVoucher, Desk, DeskError, Escrow, Ledger, LedgerError, Purpose,
};

/// What all routes and requests of one session method share.
pub(crate) struct Books<E, S> {
    pub(crate) ledger: Arc<Ledger<S>>,
    pub(crate) escrow: Arc<E>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bells: Arc<Bells>,
}

impl<E, S> Clone for Books<E, S> {
    fn clone(&self) -> Self {
        Self {
            ledger: Arc::clone(&self.ledger),
            escrow: Arc::clone(&self.escrow),
            clock: Arc::clone(&self.clock),
            bells: Arc::clone(&self.bells),
        }
    }
}

impl<E: Escrow, S: ChannelStore> Books<E, S> {
    /// Loads a channel of this route, with what the chain says of it now where what is known is
    /// too old. (T66, T67)
    pub(crate) async fn channel(
        &self,
        id: ChannelId,
        due: &SessionDue,
        now: Timestamp,
    ) -> Result<Channel, Denied> {
        let channel = self.known(id, due).await?;
        self.refreshed(channel, due, now).await
    }

    /// Loads a channel of this route as it was seen last. Asks the chain nothing, so it is for
    /// those who have proven nothing yet.
    pub(crate) async fn known(&self, id: ChannelId, due: &SessionDue) -> Result<Channel, Denied> {
        let channel = self.ledger.load(id).await.map_err(objection::store)?;
        let channel = channel.ok_or(Objection::UnknownChannel)?;
        // What was opened for another payee, token or escrow pays for nothing here.
        if *channel.venue() != due.venue {
            return Err(Objection::UnknownChannel.into());
        }
        Ok(channel)
    }

    /// With what the chain says now, where what is known is too old. (T67)
    pub(crate) async fn refreshed(
        &self,
        channel: Channel,
        due: &SessionDue,
        now: Timestamp,
    ) -> Result<Channel, Denied> {
        if channel.is_fresh(now, due.fresh_for) {
            return Ok(channel);
        }
        let chain = self.escrow.state(channel.id()).await?;
        let chain = chain.ok_or(Objection::UnknownChannel)?;
        self.observe(channel.id(), &chain).await
    }

    /// Takes over what the chain says.
    pub(crate) async fn observe(
        &self,
        id: ChannelId,
        chain: &ChainState,
    ) -> Result<Channel, Denied> {
        let now = self.clock.now();
        let (channel, ()) = self
            .apply(id, |channel| Ok((channel.observe(chain, now)?, ())))
            .await?;
        Ok(channel)
    }

    /// Applies a step, and tells the streams that wait for one.
    pub(crate) async fn apply<T: Send>(
        &self,
        id: ChannelId,
        step: impl Fn(&Channel) -> Result<(Channel, T), ChannelError> + Send + Sync,
    ) -> Result<(Channel, T), Denied> {
        self.step(id, step).await.map_err(objection::not_taken)
    }

    /// As `apply`, for steps whose refusal is not an answer to the buyer.
    pub(crate) async fn step<T: Send>(
        &self,
        id: ChannelId,
        step: impl Fn(&Channel) -> Result<(Channel, T), ChannelError> + Send + Sync,
    ) -> Result<(Channel, T), LedgerError> {
        let stepped = self.ledger.apply(id, step).await?;
        self.bells.ring(id);
        Ok(stepped)
    }

    /// Brings a deposit to the escrow and takes over what the chain says then, whatever the buyer
    /// has claimed. (T61)
    pub(crate) async fn deposit(
        &self,
        deposit: &CheckedDeposit,
        due: &SessionDue,
    ) -> Result<(Channel, Option<B256>), Denied> {
        let id = deposit.channel();
        if let Purpose::TopUp { .. } = deposit.purpose() {
            let channel = self.known(id, due).await?;
            deposit.is_for(&channel)?;
            let channel = self.refreshed(channel, due, self.clock.now()).await?;
            if channel.finalized() {
                return Err(objection::refused(ChannelError::Finalized));
            }
            let moved = self.escrow.deposit(deposit).await?;
            return Ok((self.observe(id, &moved.chain).await?, moved.transaction));
        }
        let moved = self.escrow.deposit(deposit).await?;
        let channel = self.take_up(deposit, &moved.chain, due).await?;
        Ok((channel, moved.transaction))
    }

    /// Takes a channel into the books; one that is there already stays as it is.
    async fn take_up(
        &self,
        deposit: &CheckedDeposit,
        chain: &ChainState,
        due: &SessionDue,
    ) -> Result<Channel, Denied> {
        let (id, now) = (deposit.channel(), self.clock.now());
        let mut chain = *chain;
        if let Purpose::Open(opening) = deposit.purpose() {
            // The id is the hash of the opening: no channel of this name has another signer.
            let signer = *chain
                .authorized_signer
                .get_or_insert(opening.authorized_signer);
            let same = chain.payer == opening.payer && signer == opening.authorized_signer;
            same.then_some(()).ok_or(Objection::ChannelId)?;
        }
        let adopted = Channel::adopt(id, due.venue, &chain, now).map_err(objection::refused)?;
        if adopted.deposit().saturating_sub(adopted.settled()) < due.price {
            return Err(Objection::DepositTooSmall.into());
        }
        let channel = self.ledger.open(adopted).await;
        let channel = channel.map_err(objection::not_taken)?;
        if *channel.venue() != due.venue {
            return Err(Objection::UnknownChannel.into());
        }
        self.observe(id, &chain).await
    }

    /// Accepts a voucher and nothing else.
    pub(crate) async fn accept(
        &self,
        voucher: &CheckedVoucher,
        due: &SessionDue,
    ) -> Result<Channel, Denied> {
        let accepted = self
            .apply(voucher.channel(), |channel| {
                Ok((channel.accept(voucher, due.least_delta)?, ()))
            })
            .await?;
        Ok(accepted.0)
    }

    /// The seller's desk for channels of this venue.
    pub(crate) fn desk(&self, payee: Address, token: Address) -> Desk<E, S> {
        Desk::new(
            Arc::clone(&self.escrow),
            Arc::clone(&self.ledger),
            payee,
            token,
        )
        .clock(Arc::clone(&self.clock))
    }

    /// Closes a channel by the payer's voucher, if that covers what is owed. Streams on it end.
    pub(crate) async fn close(
        &self,
        voucher: CheckedVoucher,
        due: &SessionDue,
    ) -> Result<(Channel, Option<B256>), Denied> {
        let id = voucher.channel();
        let desk = self.desk(due.venue.payee, due.venue.token);
        let closed = desk.close_with(id, Some(voucher)).await;
        self.bells.ring(id);
        let Booked {
            channel,
            transaction,
        } = closed.map_err(|error| match error {
            DeskError::Ledger(error) => objection::not_taken(error),
            DeskError::Escrow(denied) => denied,
        })?;
        Ok((channel, transaction))
    }
}

/// The receipt of a channel (evm-session, Receipt).
pub(crate) fn receipt(channel: &Channel, transaction: Option<B256>) -> Settled {
    let id = channel.id().to_string();
    let settled = Settled::new(id.as_str())
        .member("intent", "session")
        .member("channelId", id)
        .member("acceptedCumulative", channel.accepted().to_string())
        .member("spent", channel.spent().to_string())
        .member("chainId", channel.venue().chain_id)
        .member("units", channel.units());
    match transaction {
        Some(hash) => settled.member("txHash", hash.to_string()),
        None => settled,
    }
}

/// The answer to a management request.
pub(crate) fn answer(action: &str, channel: &Channel, transaction: Option<B256>) -> Reply {
    let id = channel.id().to_string();
    let reference = transaction.map_or_else(|| id.clone(), |hash| hash.to_string());
    let document = json!({
        "action": action,
        "status": "ok",
        "channelId": id,
        "reference": reference,
        "deposit": channel.deposit().to_string(),
        "acceptedCumulative": channel.accepted().to_string(),
        "spent": channel.spent().to_string(),
        "settled": channel.settled().to_string(),
    });
    Reply::json(http::StatusCode::OK, document.to_string())
}

/// The data of the event `payment-need-voucher`: what the buyer must authorize for the next
/// units. (mpp, 13.1)
pub(crate) fn need_voucher(
    channel: &Channel,
    cost: u128,
    least_delta: u128,
    now: Timestamp,
) -> Result<String, ChannelError> {
    let required = channel.required(cost, least_delta, now)?;
    let need = json!({
        "channelId": channel.id(),
        "requiredCumulative": required.to_string(),
        "acceptedCumulative": channel.accepted().to_string(),
        "deposit": channel.deposit().to_string(),
    });
    Ok(need.to_string())
}
