use payment_core::{Admission, Admit, Gate, MemoryReplayGuard, RequestHead, Route, RouteGate};

/// A gate in front of the whole shop, known routes or not.
#[derive(Clone, Debug)]
pub struct Front {
    /// What it asks for.
    pub price: Route,
    /// The only path that it asks it for; every path without one.
    pub only: Option<&'static str>,
}

impl Front {
    /// The gate.
    #[must_use]
    pub fn gate(&self, gate: &Gate) -> FrontGate {
        FrontGate {
            gate: gate.route(self.price.clone()).unwrap(),
            only: self.only,
        }
    }
}

/// Admits by the path that the framework says it looks for its handler with.
#[derive(Clone, Debug)]
pub struct FrontGate {
    gate: RouteGate,
    only: Option<&'static str>,
}

impl Admit for FrontGate {
    type Guard = MemoryReplayGuard;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission> {
        match self.only {
            Some(only) if only != head.path() => None,
            _ => Some(self.gate.admit(head)),
        }
    }
}
