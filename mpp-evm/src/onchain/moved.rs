//! What a receipt proves: the token's own word that the money went where it was due.

use alloy_primitives::B256;
use mpp_core::refuse;
use payment_core::{Denied, Fault, Refusal, Timestamp};
use payment_evm::{Mined, Transfer};

use crate::{CheckedCharge, Leg, Proof};

/// Whether every part of a payment has moved, by a transfer of its own.
///
/// A transaction that succeeded and moved nothing is a definite no, and a fault of the token.
pub(super) fn check_moved(mined: &Mined, charge: &CheckedCharge) -> Result<B256, Denied> {
    let due = charge.due();
    let mut transfers: Vec<Transfer> = mined.transfers(due.token.address).collect();
    for leg in &due.legs {
        let Some(at) = transfers
            .iter()
            .position(|transfer| pays(transfer, leg, charge))
        else {
            return Err(Fault::upstream("transfer_missing", "no such transfer in the logs").into());
        };
        transfers.swap_remove(at);
    }
    Ok(mined.hash)
}

/// Whether a transaction that the buyer points to is one transfer to us, by the buyer, made
/// since the challenge was issued.
///
/// The buyer must have sent it: a transfer that somebody else sent on the buyer's signature may
/// be the settlement of another payment.
pub(super) fn check_hash(
    mined: &Mined,
    mined_at: Timestamp,
    charge: &CheckedCharge,
) -> Result<B256, Denied> {
    Ok(transfer_pays(mined, mined_at, charge)?)
}

fn transfer_pays(
    mined: &Mined,
    mined_at: Timestamp,
    charge: &CheckedCharge,
) -> Result<B256, Refusal> {
    let due = charge.due();
    let Proof::Hash { not_before, .. } = *charge.proof() else {
        return Err(refuse::invalid_payload(
            "not a transfer that was made before",
        ));
    };
    let [leg] = due.legs.as_slice() else {
        return Err(refuse::invalid_payload("a hash can't pay a split"));
    };
    if !mined.success {
        return Err(refuse::verification_failed("the transaction failed"));
    }
    if mined.sender != charge.payer() {
        return Err(refuse::verification_failed(
            "the transaction was sent by somebody else",
        ));
    }
    if mined_at < not_before {
        return Err(refuse::verification_failed(
            "the transfer is older than the challenge",
        ));
    }
    let transfers = mined.transfers(due.token.address);
    match transfers
        .filter(|transfer| pays(transfer, leg, charge))
        .count()
    {
        1 => Ok(mined.hash),
        0 => Err(refuse::verification_failed(
            "the transaction does not pay this",
        )),
        _ => Err(refuse::verification_failed(
            "the transaction pays this more than once",
        )),
    }
}

fn pays(transfer: &Transfer, leg: &Leg, charge: &CheckedCharge) -> bool {
    transfer.from == charge.payer() && transfer.to == leg.to && transfer.value == leg.amount.get()
}
