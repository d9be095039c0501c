use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::gate::is_preflight;
use crate::{
    Admission, Admit, ConfigError, Gate, MemoryReplayGuard, Problem, ReplayGuard, Reply,
    RequestHead, Route, RouteGate, Unread,
};

mod entries;
mod find;
mod glob;
mod key;
mod readings;

pub use key::KeyError;

use entries::Entries;
use find::Found;
use key::Key;

/// Prices by verb and path, for a whole application behind one layer. Cheap to clone.
///
/// The first choice is a layer on the route itself: there no text decides what is paid, and what
/// is not on the list can't be forgotten. A table is for sellers who keep their prices in one
/// place, such as a file.
///
/// ```
/// # fn app<P: payment_core::PaymentProtocol>(protocol: P) -> Result<(), payment_core::ConfigError> {
/// use payment_core::{Gate, Route, usd};
///
/// let gate = Gate::new(protocol);
/// let table = gate
///     .table()
///     .route("GET /reports/{id}", usd!("0.10"))?
///     .route("POST /upload", Route::priced(usd!("1")).description("keeps a file"))?
///     .route("/api/*", usd!("0.01"))?
///     .build()?;
/// // `PaymentLayer::new(table)` then goes on the outermost router.
/// # let _ = table;
/// # Ok(())
/// # }
/// ```
///
/// # Keys
///
/// | in a key | what it takes |
/// |---|---|
/// | `GET /x` | this verb; `HEAD` too, where it is `GET` |
/// | `* /x`, `/x` | every verb |
/// | `:name`, `{name}`, `[name]` | one segment; an empty one too, where a slash follows, as some routers do |
/// | `*` | anything, also nothing, slashes included |
/// | `/*` at the end | the path before it, and all below |
/// | `{*rest}` at the end | all below, and not the path before it |
/// | `{name:expression}` | a segment, or anything where the expression may take a slash |
///
/// Keys are tried in the order they were declared in; the first that takes a request prices it.
/// Paths are those that clients ask for, with the prefix of each mount.
///
/// A key with a verb says nothing of other verbs: they are free. On a handler that answers any
/// verb, write a key without one. A CORS preflight of a path that any key takes is answered by the
/// gate, free and without the handler.
///
/// # What is priced
///
/// The table does not know what will be made of a path behind it. So it looks up the path as it
/// stands there, and everything that decoding (once or often, all or part of it), collapsing
/// slashes, resolving dots, turning backslashes, cutting parameters, dropping control bytes and
/// folding case can make of it, in any order; the path that is left behind a mount; and the
/// pattern by which the framework has dispatched, where the adapter knows it.
///
/// - No key takes any of these: the request is free, and nothing was allocated if its path was
///   plain.
/// - One and the same key does: the request is priced by it. The offer is for the path as it was
///   asked for, as it would be on a route of its own, and a payment for one spelling is none for
///   another.
/// - They lead to several keys, or the path has more readings than are looked up (128, and fewer
///   where more than 64 keys have stars or parameters): the request is refused with 400,
///   `ambiguous_path`. Neither is the handler called nor anything charged.
///
/// So `/api/` or `/API` are paid for like `/api` where no other key takes them, and refused in a
/// table with `/*` below. Two keys that differ only by case or a slash at the end are one key twice.
pub struct RouteTable<G = MemoryReplayGuard> {
    shared: Arc<Shared<G>>,
}

struct Shared<G> {
    entries: Entries,
    gates: Vec<RouteGate<G>>,
    /// Whether any of them reads bodies: where none does, no path is looked up for it.
    reads_bodies: bool,
}

impl<G: ReplayGuard> Gate<G> {
    /// Starts a table of routes that this gate prices.
    pub fn table(&self) -> RouteTableBuilder<G> {
        RouteTableBuilder {
            gate: self.clone(),
            entries: Entries::default(),
            gates: Vec::new(),
        }
    }
}

impl<G: ReplayGuard> Admit for RouteTable<G> {
    type Guard = G;

    fn admit(&self, head: &dyn RequestHead) -> Option<Admission<G>> {
        // A preflight is sent for another verb, and answered by the gate of whatever it is for.
        let preflight = is_preflight(head);
        match self.shared.entries.find(head, preflight) {
            Found::Nothing => None,
            Found::Key(at) => match self.shared.gates.get(at) {
                Some(gate) => Some(gate.admit(head)),
                None => Some(self.refused(head)),
            },
            Found::Unsure => Some(self.refused(head)),
        }
    }

    fn reads_body(&self, head: &dyn RequestHead) -> Option<usize> {
        if !self.shared.reads_bodies {
            return None;
        }
        match self.shared.entries.find(head, is_preflight(head)) {
            Found::Key(at) => self.shared.gates.get(at)?.reads_body(head),
            Found::Nothing | Found::Unsure => None,
        }
    }

    fn unread(&self, head: &dyn RequestHead, why: Unread) -> Reply {
        match self.shared.entries.find(head, is_preflight(head)) {
            Found::Key(at) => self.shared.gates.get(at).map(|gate| gate.unread(head, why)),
            Found::Nothing | Found::Unsure => None,
        }
        .unwrap_or_else(|| self.readable(why.reply(), head))
    }
}

impl<G> RouteTable<G> {
    fn refused(&self, head: &dyn RequestHead) -> Admission<G> {
        tracing::debug!("a path that leads to several priced routes was refused");
        Admission::Answer(self.readable(Reply::problem(&AMBIGUOUS_PATH), head))
    }

    /// An answer of none of its routes. All of them are of one gate.
    fn readable(&self, reply: Reply, head: &dyn RequestHead) -> Reply {
        match self.shared.gates.first() {
            Some(gate) => gate.priced.shared.readable(reply, head),
            None => reply,
        }
    }
}

const AMBIGUOUS_PATH: Problem = Problem::new(
    "urn:tollgate:problem:ambiguous-path",
    "Ambiguous Path",
    StatusCode::BAD_REQUEST,
    "ambiguous_path",
    "this path can be read in several ways that cost differently; ask in its plain spelling",
);

impl<G> Clone for RouteTable<G> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<G> fmt::Debug for RouteTable<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.shared.entries.keys().iter();
        f.debug_set().entries(keys.map(|key| &key.text)).finish()
    }
}

/// A table in the making.
#[must_use]
pub struct RouteTableBuilder<G = MemoryReplayGuard> {
    gate: Gate<G>,
    entries: Entries,
    gates: Vec<RouteGate<G>>,
}

impl<G: ReplayGuard> RouteTableBuilder<G> {
    /// Prices what this key takes and no key before it does.
    ///
    /// # Errors
    ///
    /// `ConfigError::RouteKey` for a key that can't be read, that stands there twice, that an
    /// earlier key leaves nothing for, or whose route can't be charged.
    pub fn route(mut self, key: &str, route: impl Into<Route>) -> Result<Self, ConfigError> {
        match self.push(key, route.into()) {
            Ok(()) => Ok(self),
            Err(reason) => Err(ConfigError::RouteKey {
                key: key.into(),
                reason,
            }),
        }
    }

    fn push(&mut self, key: &str, route: Route) -> Result<(), KeyError> {
        self.entries.push(Key::parse(key)?)?;
        let gate = self.gate.route(route);
        self.gates
            .push(gate.map_err(|error| KeyError::Route(Box::new(error)))?);
        Ok(())
    }

    /// Prices what each of these keys takes, in their order.
    ///
    /// # Errors
    ///
    /// As [`Self::route`], for the first key that is wrong.
    pub fn routes<K: AsRef<str>, R: Into<Route>>(
        self,
        routes: impl IntoIterator<Item = (K, R)>,
    ) -> Result<Self, ConfigError> {
        let mut routes = routes.into_iter();
        routes.try_fold(self, |table, (key, route)| table.route(key.as_ref(), route))
    }

    /// Makes the table.
    ///
    /// # Errors
    ///
    /// `ConfigError::NoRoutes` for a table that would price nothing.
    pub fn build(self) -> Result<RouteTable<G>, ConfigError> {
        let Self { entries, gates, .. } = self;
        if gates.is_empty() {
            return Err(ConfigError::NoRoutes);
        }
        let shared = Shared {
            reads_bodies: gates.iter().any(|gate| gate.body_limit().is_some()),
            entries,
            gates,
        };
        Ok(RouteTable {
            shared: Arc::new(shared),
        })
    }
}

impl<G> fmt::Debug for RouteTableBuilder<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.entries.keys().iter();
        f.debug_set().entries(keys.map(|key| &key.text)).finish()
    }
}

#[cfg(test)]
mod tests;
