use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use payment_core::Fault;
use tokio::time::Instant;

/// Payments in several transfers whose outcome is open, of the last day.
///
/// A payer without money signs as many as it likes, and OKX's refusal leaves each of them open. A
/// replay guard never forgets those, so without a bound a stranger could fill it for nothing, and
/// no payment of any kind would be taken any more.
#[derive(Clone, Debug)]
pub(super) struct Doubts {
    most: usize,
    open: Arc<Mutex<HashMap<Doubt, Instant>>>,
}

/// A payment by its payer and its first nonce.
pub(super) type Doubt = (Address, B256);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, thiserror::Error)]
#[error("too many payments in several transfers are of unknown outcome")]
struct TooMany;

impl Doubts {
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            most,
            open: Arc::default(),
        }
    }

    /// Whether there is room for one more.
    pub(super) fn room(&self) -> Result<(), Fault> {
        let mut open = self.lock();
        if open.len() >= self.most {
            open.retain(|_, since| since.elapsed() < DAY);
        }
        match open.len() < self.most {
            true => Ok(()),
            false => Err(Fault::unavailable("okx_unsettled", TooMany)),
        }
    }

    pub(super) fn begin(&self, doubt: Doubt) {
        self.lock().insert(doubt, Instant::now());
    }

    pub(super) fn end(&self, doubt: &Doubt) {
        self.lock().remove(doubt);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Doubt, Instant>> {
        // Nothing under the lock panics half way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
