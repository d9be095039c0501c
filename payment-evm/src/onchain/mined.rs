use alloy_primitives::{Address, B256, U256};
use alloy_rpc_types_eth::{Log, TransactionReceipt};
use alloy_sol_types::{SolEvent, sol};

/// A transaction that is in a block, whether it succeeded or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mined {
    /// The transaction.
    pub hash: B256,
    /// Whether it did what it was to do. If not, nothing moved.
    pub success: bool,
    /// Who sent it and paid for it.
    pub sender: Address,
    /// The block it is in.
    pub block_number: u64,
    /// What the contracts said.
    pub logs: Vec<Log>,
}

/// Tokens that changed hands, by the word of the token contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// Whose they were.
    pub from: Address,
    /// Whose they are.
    pub to: Address,
    /// How many base units.
    pub value: U256,
    /// The place of the log in its block, which tells it from every other.
    pub log_index: u64,
}

#[allow(missing_docs)]
mod events {
    use super::sol;

    sol! {
        event Transfer(address indexed from, address indexed to, uint256 value);
    }
}

impl Mined {
    /// Reads a receipt; `None` when it is of another transaction or of none in a block.
    pub(super) fn of(hash: B256, receipt: &TransactionReceipt) -> Option<Self> {
        let block_number = receipt.block_number?;
        if receipt.transaction_hash != hash {
            return None;
        }
        Some(Self {
            hash,
            success: receipt.status(),
            sender: receipt.from,
            block_number,
            logs: receipt.logs().to_vec(),
        })
    }

    /// The index of the log by which this token says that this much went from one to the other.
    /// `None` for a failed transaction.
    #[must_use]
    pub fn transfer(&self, token: Address, from: Address, to: Address, value: U256) -> Option<u64> {
        self.transfers(token)
            .find(|transfer| transfer.from == from && transfer.to == to && transfer.value == value)
            .map(|transfer| transfer.log_index)
    }

    /// All transfers of this token; none for a failed transaction. Logs of other contracts are
    /// not looked at, whatever they claim.
    pub fn transfers(&self, token: Address) -> impl Iterator<Item = Transfer> + '_ {
        self.logs
            .iter()
            .filter(move |log| self.success && log.address() == token)
            .filter_map(|log| {
                let event = events::Transfer::decode_log(&log.inner).ok()?;
                let log_index = log.log_index?;
                Some(Transfer {
                    from: event.from,
                    to: event.to,
                    value: event.value,
                    log_index,
                })
            })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use alloy_primitives::{LogData, address};

    use super::*;

    const TOKEN: Address = address!("0x036CbD53842c5426634e7929541eC2318f3dCF7e");
    const FROM: Address = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    const TO: Address = address!("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");

    fn log(token: Address, data: LogData, index: u64) -> Log {
        let inner = alloy_primitives::Log {
            address: token,
            data,
        };
        Log {
            inner,
            log_index: Some(index),
            ..Log::default()
        }
    }

    fn transfer(value: u64) -> LogData {
        events::Transfer {
            from: FROM,
            to: TO,
            value: U256::from(value),
        }
        .encode_log_data()
    }

    fn mined(success: bool, logs: Vec<Log>) -> Mined {
        Mined {
            hash: B256::repeat_byte(1),
            success,
            sender: FROM,
            block_number: 1,
            logs,
        }
    }

    #[test]
    fn a_transfer_counts_only_as_asked() {
        let mined = mined(
            true,
            vec![log(TOKEN, transfer(7), 3), log(TOKEN, transfer(10), 4)],
        );
        let ten = U256::from(10);
        assert_eq!(mined.transfer(TOKEN, FROM, TO, ten), Some(4));
        assert_eq!(mined.transfer(TOKEN, FROM, TO, U256::from(17)), None);
        assert_eq!(mined.transfer(TOKEN, TO, FROM, ten), None);
        assert_eq!(mined.transfer(TOKEN, FROM, FROM, ten), None);
        assert_eq!(mined.transfer(TO, FROM, TO, ten), None);
        assert_eq!(mined.transfers(TOKEN).count(), 2);
    }

    #[test]
    fn other_contracts_and_other_events_are_not_heard() {
        let mut other = transfer(10);
        other.topics_mut_unchecked()[0] = B256::repeat_byte(9);
        let logs = vec![log(TO, transfer(10), 0), log(TOKEN, other, 1)];
        assert_eq!(mined(true, logs).transfers(TOKEN).count(), 0);
    }

    #[test]
    fn a_failed_transaction_moved_nothing() {
        let mined = mined(false, vec![log(TOKEN, transfer(10), 0)]);
        assert_eq!(mined.transfer(TOKEN, FROM, TO, U256::from(10)), None);
    }
}
