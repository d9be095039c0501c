use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// HTTP status 500, nothing executed.
    Http500,
    /// The connection closes, nothing executed.
    CloseBefore,
    /// The connection closes after the request was executed: the caller can't know that.
    CloseAfter,
}

/// Faults that wait for a request they fit.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<VecDeque<Order>>);

#[derive(Debug)]
struct Order {
    left: usize,
    method: Option<String>,
    fault: Fault,
}

impl Faults {
    pub(crate) fn order(&self, left: usize, method: Option<&str>, fault: Fault) {
        self.orders().push_back(Order {
            left,
            method: method.map(str::to_owned),
            fault,
        });
    }

    pub(crate) fn clear(&self) {
        self.orders().clear();
    }

    /// The fault for a request that calls these methods, used up by asking.
    pub(crate) fn take(&self, methods: &[&str]) -> Option<Fault> {
        let mut orders = self.orders();
        orders.retain(|order| order.left > 0);
        let fits = |order: &&mut Order| {
            order
                .method
                .as_deref()
                .is_none_or(|wanted| methods.contains(&wanted))
        };
        let order = orders.iter_mut().find(fits)?;
        order.left -= 1;
        Some(order.fault)
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, VecDeque<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
