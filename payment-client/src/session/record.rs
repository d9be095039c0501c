use alloy_primitives::{Address, B256};
use http::Method;
use mpp_evm::buyer::session::SessionReceipt;
use mpp_evm::session::{ChannelId, Opening, Venue};
use payment_evm::wire;
use serde::{Deserialize, Serialize};
use url::Url;

use super::dispute::Dispute;

/// What the buyer knows of its channel. A value: every change is a function that gives another.
///
/// What holds for each: `seen ≤ spent ≤ promised ≤ deposit ≤ signed`; `seen`, `promised`,
/// `deposit` and `signed` only grow. There is no key and no signature in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) channel_id: ChannelId,
    chain_id: u64,
    #[serde(with = "wire::address")]
    escrow: Address,
    #[serde(with = "wire::address")]
    pub(crate) payer: Address,
    #[serde(with = "wire::address")]
    payee: Address,
    #[serde(with = "wire::address")]
    token: Address,
    #[serde(with = "wire::word")]
    salt: B256,
    /// Where it is spent: a URL without its query, and how it was asked.
    url: String,
    method: String,
    /// What is in the escrow, as far as the seller has confirmed it.
    #[serde(with = "amount")]
    pub(crate) deposit: u128,
    /// Every deposit that was ever signed, taken or not.
    #[serde(with = "amount")]
    pub(crate) signed: u128,
    /// A deposit that was signed, and has no answer yet.
    pub(crate) pending: Option<Pending>,
    /// The highest voucher that was ever signed.
    #[serde(with = "amount")]
    pub(crate) promised: u128,
    /// What the seller has last said to have charged.
    #[serde(with = "amount")]
    seen: u128,
    /// What it has charged, as far as we must assume.
    #[serde(with = "amount")]
    pub(crate) spent: u128,
    pub(crate) count: Count,
    pub(crate) phase: Phase,
}

/// A deposit that may have been taken. The same arguments sign the same deposit again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Pending {
    #[serde(with = "amount")]
    pub(crate) amount: u128,
    /// Seconds since the epoch.
    pub(crate) valid_before: u64,
    pub(crate) purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Purpose {
    Open,
    TopUp(#[serde(with = "wire::word")] B256),
}

/// Whether `spent` is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Count {
    Known,
    /// A voucher went out and no receipt came: up to `promised` may be spent.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
    Open,
    /// It never came to be, for its deposit can't be taken any more; or it was given up.
    Void,
    /// The seller was asked to close it, and nothing more is promised.
    Closing,
    Closed,
}

/// A sum that no escrow holds, or a promise that the deposit does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uncovered;

impl Record {
    /// A channel that is to be opened. `signed` is what was signed away before on its budget.
    pub(crate) fn begin(
        opening: &Opening,
        place: (&Url, &Method),
        signed: u128,
        first: Pending,
    ) -> Result<Self, Uncovered> {
        let mut url = place.0.clone();
        url.set_query(None);
        url.set_fragment(None);
        // A login in it is not for the disk.
        let _ = (url.set_username(""), url.set_password(None));
        Ok(Self {
            channel_id: opening.id(),
            chain_id: opening.chain_id,
            escrow: opening.escrow,
            payer: opening.payer,
            payee: opening.payee,
            token: opening.token,
            salt: opening.salt,
            url: url.into(),
            method: place.1.to_string(),
            deposit: 0,
            signed: signed.checked_add(first.amount).ok_or(Uncovered)?,
            pending: Some(first),
            promised: 0,
            seen: 0,
            spent: 0,
            count: Count::Known,
            phase: Phase::Open,
        })
    }

    pub(crate) const fn venue(&self) -> Venue {
        Venue {
            chain_id: self.chain_id,
            escrow: self.escrow,
            payee: self.payee,
            token: self.token,
        }
    }

    pub(crate) const fn opening(&self) -> Opening {
        Opening {
            payer: self.payer,
            payee: self.payee,
            token: self.token,
            salt: self.salt,
            authorized_signer: Address::ZERO,
            escrow: self.escrow,
            chain_id: self.chain_id,
        }
    }

    /// Where the seller can be reached.
    pub(crate) fn place(&self) -> Option<(Url, Method)> {
        Some((self.url.parse().ok()?, self.method.parse().ok()?))
    }

    /// A further deposit is about to be signed away; not before the one before has its answer.
    pub(crate) fn top_up(&self, more: Pending) -> Result<Self, Uncovered> {
        if self.pending.is_some() {
            return Err(Uncovered);
        }
        Ok(Self {
            signed: self.signed.checked_add(more.amount).ok_or(Uncovered)?,
            pending: Some(more),
            ..self.clone()
        })
    }

    /// The seller has confirmed the deposit that was pending.
    pub(crate) fn deposited(&self) -> Result<Self, Uncovered> {
        let amount = self.pending.map_or(0, |pending| pending.amount);
        Ok(Self {
            deposit: self.deposit.checked_add(amount).ok_or(Uncovered)?,
            pending: None,
            ..self.clone()
        })
    }

    /// The deposit that was pending was refused, and can't be taken any more.
    pub(crate) fn lapsed(&self) -> Self {
        let phase = match self.pending.map(|pending| pending.purpose) {
            Some(Purpose::Open) => Phase::Void,
            _ => self.phase,
        };
        Self {
            pending: None,
            phase,
            ..self.clone()
        }
    }

    /// Promises so much in all; no less than before, and no more than is there.
    pub(crate) fn promise(&self, cumulative: u128) -> Result<Self, Uncovered> {
        if cumulative > self.deposit {
            return Err(Uncovered);
        }
        Ok(Self {
            promised: self.promised.max(cumulative),
            ..self.clone()
        })
    }

    /// A voucher is about to go out that may be charged.
    pub(crate) fn uncertain(&self) -> Self {
        self.counted(Count::Open)
    }

    /// It did not go out.
    pub(crate) fn certain(&self) -> Self {
        self.counted(Count::Known)
    }

    fn counted(&self, count: Count) -> Self {
        Self {
            count,
            ..self.clone()
        }
    }

    /// Assumes that all was charged that could be.
    pub(crate) fn assume_all(&self) -> Self {
        Self {
            spent: self.promised,
            count: Count::Known,
            ..self.clone()
        }
    }

    /// Counts so much as charged, where the seller does not count; no more than was promised can be.
    pub(crate) fn count_up_to(&self, due: u128) -> Self {
        Self {
            spent: self.spent.max(due.min(self.promised)),
            count: Count::Known,
            ..self.clone()
        }
    }

    /// Hears what the seller says to have charged: believed between what it has said before and
    /// what it was promised. Otherwise the worst is assumed.
    pub(crate) fn hear(&self, receipt: &SessionReceipt) -> (Self, Option<Dispute>) {
        match self.dispute(receipt) {
            Some(dispute) => (self.assume_all(), Some(dispute)),
            None => {
                let heard = Self {
                    seen: receipt.spent,
                    spent: receipt.spent,
                    count: Count::Known,
                    ..self.clone()
                };
                (heard, None)
            }
        }
    }

    fn dispute(&self, receipt: &SessionReceipt) -> Option<Dispute> {
        let (said, promised, seen) = (receipt.spent, self.promised, self.seen);
        if receipt.channel != self.channel_id {
            return Some(Dispute::Channel);
        }
        if receipt.chain_id != self.chain_id {
            return Some(Dispute::Network);
        }
        if receipt.accepted > promised {
            let said = receipt.accepted;
            return Some(Dispute::BeyondPromise { said, promised });
        }
        if said > promised {
            return Some(Dispute::BeyondPromise { said, promised });
        }
        (said < seen).then_some(Dispute::Backwards { said, seen })
    }

    pub(crate) fn phase(&self, phase: Phase) -> Self {
        Self {
            phase,
            ..self.clone()
        }
    }

    /// Whether the parts fit together. What does not was altered.
    pub(crate) fn is_sound(&self) -> bool {
        let opening = self.pending.is_some_and(|p| p.purpose == Purpose::Open);
        self.channel_id == self.opening().id()
            && self.seen <= self.spent
            && self.spent <= self.promised
            && self.promised <= self.deposit
            && self.deposit <= self.signed
            && (!opening || self.deposit == 0)
            && self.place().is_some()
    }
}

/// Base units as a decimal text.
mod amount {
    use payment_core::Units;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(units: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(units)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u128, D::Error> {
        let units = Units::deserialize(input)?.get();
        units.try_into().map_err(|_| D::Error::custom("too much"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn pending(amount: u128, purpose: Purpose) -> Pending {
        Pending {
            amount,
            valid_before: 1,
            purpose,
        }
    }

    fn opening() -> Opening {
        Opening {
            payer: Address::repeat_byte(1),
            payee: Address::repeat_byte(2),
            token: Address::repeat_byte(3),
            salt: B256::repeat_byte(4),
            authorized_signer: Address::ZERO,
            escrow: Address::repeat_byte(5),
            chain_id: 1,
        }
    }

    fn opened() -> Record {
        let url = "https://user:word@shop.example/a?key=1#b".parse().unwrap();
        let first = pending(100, Purpose::Open);
        let record = Record::begin(&opening(), (&url, &Method::GET), 50, first).unwrap();
        assert_eq!(record.url, "https://shop.example/a");
        record.deposited().unwrap()
    }

    fn receipt(spent: u128) -> SessionReceipt {
        let id = opening().id();
        let text = serde_json::json!({
            "method": "evm", "intent": "session", "status": "success", "reference": id,
            "challengeId": "c", "channelId": id, "chainId": 1,
            "acceptedCumulative": spent.to_string(), "spent": spent.to_string(),
        });
        SessionReceipt::from_event(&text.to_string()).unwrap()
    }

    #[test]
    fn no_more_is_promised_than_was_deposited_and_never_less_than_before() {
        let record = opened();
        assert_eq!((record.deposit, record.signed), (100, 150));
        assert_eq!(record.promise(101), Err(Uncovered));
        let promised = record.promise(100).unwrap();
        assert_eq!(promised.promise(40).unwrap().promised, 100);
        assert!(promised.is_sound());
    }

    #[test]
    fn sums_do_not_wrap() {
        let record = opened();
        let salt = Purpose::TopUp(B256::ZERO);
        assert_eq!(record.top_up(pending(u128::MAX, salt)), Err(Uncovered));
        let mut full = record;
        full.deposit = u128::MAX;
        full.pending = Some(pending(1, salt));
        assert_eq!(full.deposited(), Err(Uncovered));
    }

    #[test]
    fn what_lapsed_stays_signed_away_and_ends_only_an_opening() {
        let record = opened();
        let more = pending(10, Purpose::TopUp(B256::ZERO));
        let lapsed = record.top_up(more).unwrap().lapsed();
        assert_eq!((lapsed.deposit, lapsed.signed), (100, 160));
        assert_eq!((lapsed.phase, lapsed.pending), (Phase::Open, None));
        let mut never = record;
        never.deposit = 0;
        never.pending = Some(pending(100, Purpose::Open));
        assert_eq!(never.lapsed().phase, Phase::Void);
    }

    #[test]
    fn whatever_a_seller_says_the_parts_fit_together() {
        let mut record = opened();
        for (promise, said) in [
            (10, 5),
            (10, 10),
            (20, 9),
            (30, 31),
            (40, 0),
            (50, u128::MAX),
            (60, 55),
            (100, 100),
        ] {
            let promised = record.promise(promise).unwrap().uncertain();
            let (heard, dispute) = promised.hear(&receipt(said));
            assert!(heard.is_sound(), "{heard:?}");
            assert!(heard.seen >= record.seen && heard.promised >= record.promised);
            let believed = said >= record.seen && said <= promise;
            assert_eq!(dispute.is_none(), believed, "{said}");
            assert_eq!(heard.spent, if believed { said } else { promise });
            record = heard;
        }
    }
}
