//! OKX's form of an authorization: one EIP-3009 authorization for each leg of the payment, under
//! the word `transaction`. Nothing binds them to the challenge: they pay once because each of their
//! nonces is used once.

use alloy_primitives::{Address, U256};
use mpp_core::Presented;
use payment_core::{ReplayKey, Timestamp};
use payment_evm::EvmSignature;

use crate::candidate::{Candidate, LATEST_AFTER_EXPIRY};
use crate::mismatch::Mismatch;
use crate::payload::WireAuthorization;
use crate::source::Source;
use crate::{Due, Proof, SignedTransfer};

/// How long after the challenge the transfers must stay valid, in seconds. OKX's service settles
/// none that end sooner. (okx, 7.6)
const EARLIEST_AFTER_EXPIRY: u64 = 60;

pub(crate) struct BoundTransfers {
    payer: Address,
    transfers: Vec<SignedTransfer>,
    expires: Timestamp,
}

impl BoundTransfers {
    /// The transfers are those that are due, one for one and in order, of one payer. (okx, 7.6)
    pub(crate) fn bind(
        payload: &[WireAuthorization<'_>],
        due: &Due,
        presented: &Presented<'_>,
    ) -> Result<Self, Mismatch> {
        legs_are_due(payload, due)?;
        let payer = payer(payload, due, presented)?;
        nonces_differ(payload)?;
        windows_fit(payload, presented.expires)?;
        let transfers: Result<_, _> = payload.iter().map(signed).collect();
        Ok(Self {
            payer,
            transfers: transfers?,
            expires: presented.expires,
        })
    }
}

fn legs_are_due(payload: &[WireAuthorization<'_>], due: &Due) -> Result<(), Mismatch> {
    if payload.len() != due.legs.len() {
        return Err(Mismatch::Splits);
    }
    for (transfer, leg) in payload.iter().zip(&due.legs) {
        if transfer.to != leg.to {
            return Err(Mismatch::Recipient);
        }
        if transfer.value != leg.amount {
            return Err(Mismatch::Amount);
        }
    }
    Ok(())
}

/// The one whose money all of them move; whom the source names, if it is there.
fn payer(
    payload: &[WireAuthorization<'_>],
    due: &Due,
    presented: &Presented<'_>,
) -> Result<Address, Mismatch> {
    let payer = payload.first().ok_or(Mismatch::Splits)?.from;
    if payload.iter().any(|transfer| transfer.from != payer) {
        return Err(Mismatch::Payers);
    }
    if let Some(source) = presented.source {
        Source::parse(source)
            .ok_or(Mismatch::OddSource)?
            .is(due, payer)?;
    }
    Ok(payer)
}

/// The token takes each nonce of a payer once, so that of two the same only one would be paid.
fn nonces_differ(payload: &[WireAuthorization<'_>]) -> Result<(), Mismatch> {
    let twice = |(at, transfer): (usize, &WireAuthorization<'_>)| {
        payload[..at]
            .iter()
            .any(|earlier| earlier.nonce == transfer.nonce)
    };
    if payload.iter().enumerate().any(twice) {
        return Err(Mismatch::SameNonce);
    }
    Ok(())
}

fn windows_fit(payload: &[WireAuthorization<'_>], expires: Timestamp) -> Result<(), Mismatch> {
    let after = |seconds| U256::from(expires.seconds().saturating_add(seconds));
    let (earliest, latest) = (after(EARLIEST_AFTER_EXPIRY), after(LATEST_AFTER_EXPIRY));
    for transfer in payload {
        let end = transfer.valid_before.get();
        if end < earliest {
            return Err(Mismatch::TooShort);
        }
        if end > latest {
            return Err(Mismatch::FarFuture);
        }
    }
    Ok(())
}

/// The form of the signature, before any curve work.
fn signed(transfer: &WireAuthorization<'_>) -> Result<SignedTransfer, Mismatch> {
    let signature =
        EvmSignature::from_hex(&transfer.signature).map_err(|_| Mismatch::SignatureForm)?;
    Ok(SignedTransfer {
        authorization: transfer.authorization(),
        signature,
    })
}

impl Candidate for BoundTransfers {
    fn keys(&self, due: &Due) -> Vec<ReplayKey> {
        let (chain_id, token) = (due.token.chain_id, due.token.address);
        self.transfers
            .iter()
            .map(|transfer| transfer.authorization.replay_key(chain_id, token))
            .collect()
    }

    fn keep_until(&self) -> Timestamp {
        let ends = self.transfers.iter();
        ends.map(|transfer| transfer.authorization.valid_until())
            .fold(self.expires, Timestamp::max)
    }

    fn in_time(&self, now: Timestamp, margin_seconds: u64) -> Result<(), Mismatch> {
        for transfer in &self.transfers {
            transfer.authorization.in_time(now, margin_seconds)?;
        }
        Ok(())
    }

    fn prove(&self, due: &Due) -> Result<(Address, Proof), Mismatch> {
        for transfer in &self.transfers {
            transfer
                .authorization
                .check_signature(&due.token_domain, &transfer.signature)
                .map_err(|_| Mismatch::Signer)?;
        }
        Ok((self.payer, Proof::Transfers(self.transfers.clone())))
    }
}
