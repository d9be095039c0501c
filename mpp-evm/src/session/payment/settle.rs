use alloy_primitives::B256;
use mpp_core::{Asks, Settled};
use payment_core::{Denied, Fault, Meter, Pending};

use super::{Checked, SessionPayment, Stage};
use crate::session::books;
use crate::session::objection::{self, Objection};
use crate::session::{
    Channel, ChannelError, ChannelId, ChannelStore, CheckedDeposit, CheckedVoucher, Escrow,
    LedgerError, StoreFault,
};

/// What moves money, or takes it from what is authorized.
impl<E: Escrow, S: ChannelStore> SessionPayment<E, S> {
    pub(super) async fn settled(&mut self, stage: Stage) -> Result<Settled, Denied> {
        match stage {
            Stage::Checked(Checked::Held(id, amount)) => self.commit(id, amount).await,
            Stage::Checked(Checked::Open(open)) => {
                let (deposit, voucher) = *open;
                if let Some(voucher) = &voucher {
                    self.is_covered(voucher, &deposit)?;
                }
                let (channel, hash) = self.books.deposit(&deposit, &self.due).await?;
                if channel.is_open().is_err() {
                    return Err(objection::refused(ChannelError::Closing));
                }
                let channel = match voucher {
                    // On chain nobody else can have named the signer: what was recovered stands.
                    Some(voucher) => self.books.accept(&voucher, &self.due).await?,
                    // The deposit is there for all to see and to repeat. What became of the channel
                    // since is told to its signer.
                    None if channel.accepted() != 0 => return Err(Objection::NoSignature.into()),
                    None => channel,
                };
                Ok(managed("open", &channel, hash))
            }
            Stage::Checked(Checked::TopUp(deposit)) => {
                let (channel, hash) = self.books.deposit(&deposit, &self.due).await?;
                Ok(managed("topUp", &channel, hash))
            }
            Stage::Checked(Checked::Close(signed)) => {
                let (_, voucher) = self.proven(&signed).await?;
                let (channel, hash) = self.books.close(voucher, &self.due).await?;
                Ok(managed("close", &channel, hash))
            }
            Stage::Checked(Checked::Voucher(..)) | Stage::Bound(_) | Stage::Taken => {
                let cause = "settled before it was verified";
                Err(Fault::internal("session_unverified", cause).into())
            }
        }
    }

    /// Whether a first voucher is worth its deposit, before gas is spent on that.
    fn is_covered(&self, voucher: &CheckedVoucher, deposit: &CheckedDeposit) -> Result<(), Denied> {
        let first = voucher.signed().cumulative;
        if first != 0 && first < self.due.least_delta {
            let (delta, least) = (first, self.due.least_delta);
            return Err(objection::refused(ChannelError::DeltaTooSmall {
                delta,
                least,
            }));
        }
        // The transaction of a payer may have brought more than we ask at least.
        if first > deposit.amount() && deposit.proof().kind() != crate::CredentialType::Hash {
            let (cumulative, deposit) = (first, deposit.amount());
            return Err(objection::refused(ChannelError::ExceedsDeposit {
                cumulative,
                deposit,
            }));
        }
        Ok(())
    }

    /// Takes what was set aside, or what of it was used; or begins the stream that takes its
    /// units one by one.
    pub(super) async fn commit(&self, id: ChannelId, held: u128) -> Result<Settled, Denied> {
        let (due, hold, now) = (&*self.due, self.hold, self.books.clock.now());
        if self.asks == Asks::Nothing {
            let channel = self.books.channel(id, due, now).await?;
            return Ok(books::receipt(&channel, None));
        }
        if self.meter.as_ref().is_some_and(Meter::is_streaming) {
            let begin = |channel: &Channel| {
                let begun = channel.give_back(hold).begin_stream(now)?;
                let number = begun.stream();
                Ok((begun, number))
            };
            let (channel, number) = self.books.apply(id, begin).await?;
            let _ = self.stream.set(number);
            return Ok(books::receipt(&channel, None));
        }
        let (amount, units) = self.used(held);
        let commit = |channel: &Channel| Ok((channel.commit(hold, amount, units, now)?, ()));
        let (channel, ()) = match self.books.step(id, commit).await {
            Ok(committed) => committed,
            // It may have been taken. The same request, sent again, finds out. (T71)
            Err(LedgerError::Store(fault)) if !self.keys.is_empty() => return Err(unknown(fault)),
            Err(error) => return Err(objection::not_taken(error)),
        };
        Ok(books::receipt(&channel, None))
    }

    /// What the handler has used, never more than was set aside; and how many units that is.
    fn used(&self, held: u128) -> (u128, u64) {
        let reserved = u64::try_from(held / self.due.price.max(1)).unwrap_or(u64::MAX);
        let Some(meter) = &self.meter else {
            // Also where the price has changed since it was set aside.
            return (held, reserved.max(1));
        };
        let reported = meter.reported();
        let units = reported.map_or(reserved, |units| units.min(reserved));
        let amount = self.due.price.saturating_mul(u128::from(units));
        (amount.min(held), units)
    }
}

fn managed(action: &str, channel: &Channel, transaction: Option<B256>) -> Settled {
    books::receipt(channel, transaction).answering(books::answer(action, channel, transaction))
}

fn unknown(fault: StoreFault) -> Denied {
    Denied::Unknown(Pending {
        evidence: bytes::Bytes::new(),
        headers: Vec::new(),
        code: "settlement_pending",
        cause: Box::new(fault),
    })
}
