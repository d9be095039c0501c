use alloy_primitives::{Address, B256};
use mpp_evm::session::ChannelId;
use payment_client::{Session, SessionBuilder};
use payment_evm::LocalSigner;
use serde_json::json;

use crate::Failure;
use crate::report::Report;

/// What a reader says of a stream that it paid word by word.
pub(crate) struct Reading {
    /// Whether seller and buyer agree, and the channel was closed.
    pub(crate) good: bool,
    pub(crate) channel: ChannelId,
    /// Each deposit, in base units.
    pub(crate) deposits: Vec<u128>,
    pub(crate) text: Vec<String>,
    /// Base units.
    pub(crate) spent: u128,
    /// The one that closed the channel.
    pub(crate) transaction: Option<B256>,
}

/// A voucher is for so many words more than were read: fewer signatures, and more to lose.
const AHEAD: u64 = 32;

/// Opens a channel, reads a stream to its end, closes.
pub(crate) async fn read(
    session: SessionBuilder<LocalSigner>,
    payer: Address,
    url: &str,
    report: &mut Report,
) -> Result<Reading, Failure> {
    let mut session = session.start()?;
    let streamed = stream(&mut session, payer, url, report).await;
    // Whatever came of it: nothing is left in the escrow.
    let closed = session.close().await;
    let mut reading = streamed?;
    let closed = closed?.ok_or("there was no channel")?;

    let transaction = closed.receipt().and_then(|receipt| receipt.transaction);
    reading.good &= closed.dispute().is_none() && transaction.is_some();
    reading.spent = closed.standing().spent;
    reading.transaction = transaction;
    let (settled, refunded) = (closed.settled(), closed.refunded());
    let hash = transaction.map(|hash| hash.to_string()).unwrap_or_default();
    report.step(
        "closed",
        json!({"settled": settled.to_string(), "refunded": refunded.to_string(), "transaction": hash}),
        &format!("Closed with a voucher for ${settled}; ${refunded} goes back to the buyer.\n    transaction {hash}"),
    );
    Ok(reading)
}

async fn stream(
    session: &mut Session<LocalSigner>,
    payer: Address,
    url: &str,
    report: &mut Report,
) -> Result<Reading, Failure> {
    let mut stream = session.get(url).ahead(AHEAD).stream().await?;
    let usage = stream.usage();
    let mut last = usage.standing();
    let (channel, amount) = (last.channel, usage.deposited());
    report.step(
        "opened",
        json!({"payer": payer, "channel": channel.to_string(), "deposit": amount.to_string()}),
        &format!("{payer} deposits ${amount} and is answered word by word.\n    channel {channel}"),
    );

    let mut good = usage.dispute().is_none();
    let (mut deposits, mut vouchers, mut text) = (vec![last.deposit], 1, Vec::new());
    while let Some(word) = stream.next().await? {
        let usage = stream.usage();
        let standing = usage.standing();
        good &= usage.dispute().is_none();
        vouchers += usize::from(standing.promised > last.promised);
        if standing.deposit > last.deposit {
            let (at, amount) = (text.len(), usage.deposited());
            report.step(
                "toppedUp",
                json!({"words": at, "deposit": amount.to_string()}),
                &format!("After {at} words the deposit is used up: the stream waits for a top-up to ${amount}."),
            );
            deposits.push(standing.deposit.saturating_sub(last.deposit));
        }
        last = standing;
        text.push(word.data);
    }
    let usage = stream.usage();
    let (words, spent) = (text.len(), usage.spent());
    let counted = usage.receipt().and_then(|receipt| receipt.units);
    good &= usage.dispute().is_none() && counted == u64::try_from(words).ok();
    let first = text.iter().take(7).map(|word| &**word).collect::<Vec<_>>();
    report.step(
        "streamed",
        json!({"words": words, "vouchers": vouchers, "spent": spent.to_string(), "counted": counted}),
        &format!(
            "{words} words for ${spent}, each paid before it left, by {vouchers} voucher{}: \"{} …\"",
            if vouchers == 1 { "" } else { "s" },
            first.join(" ")
        ),
    );
    Ok(Reading {
        good,
        channel,
        deposits,
        text,
        spent: usage.standing().spent,
        transaction: None,
    })
}
