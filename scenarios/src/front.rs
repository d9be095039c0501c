use payment_core::{
    Admission, Admit, Gate, MemoryReplayGuard, Reply, RequestHead, Route, RouteGate, RouteTable,
    Unread,
};

/// A gate in front of the whole shop, known routes or not.
#[derive(Clone, Debug)]
pub enum Front {
    /// Everything has this price.
    Everything(Route),
    /// This path has it, and nothing else.
    Only(&'static str, Route),
    /// Prices by keys, as sellers write them.
    Table(Vec<(&'static str, Route)>),
}

impl Front {
    /// The gate.
    #[must_use]
    pub fn gate(&self, gate: &Gate) -> FrontGate {
        match self {
            Self::Everything(route) => FrontGate::Everything(gate.route(route.clone()).unwrap()),
            Self::Only(path, route) => FrontGate::Only(path, gate.route(route.clone()).unwrap()),
            Self::Table(keys) => {
                let table = gate.table().routes(keys.clone()).unwrap();
                FrontGate::Table(table.build().unwrap())
            }
        }
    }
}

/// Admits by what the framework says of the request.
#[derive(Clone, Debug)]
pub enum FrontGate {
    /// All of it.
    Everything(RouteGate),
    /// One path.
    Only(&'static str, RouteGate),
    /// What a table finds.
    Table(RouteTable),
}

impl FrontGate {
    fn of(&self, head: &dyn RequestHead) -> Option<&RouteGate> {
        match self {
            Self::Everything(gate) => Some(gate),
            Self::Only(path, gate) => (*path == head.path()).then_some(gate),
            Self::Table(_) => None,
        }
    }
}

impl Admit for FrontGate {
    type Guard = MemoryReplayGuard;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission> {
        match self {
            Self::Table(table) => table.admit(head),
            _ => Some(self.of(head)?.admit(head)),
        }
    }

    fn reads_body(&self, head: &dyn RequestHead) -> Option<usize> {
        match self {
            Self::Table(table) => table.reads_body(head),
            _ => Admit::reads_body(self.of(head)?, head),
        }
    }

    fn unread(&self, head: &dyn RequestHead, why: Unread) -> Reply {
        match (self, self.of(head)) {
            (Self::Table(table), _) => table.unread(head, why),
            (_, Some(gate)) => gate.unread(head, why),
            (_, None) => unreachable!("nothing was read"),
        }
    }
}
