use std::sync::Arc;

use payment_core::{Gate, Route};

use crate::{Front, Handler, Till};

/// What is sold, where, and behind which gate.
#[derive(Debug)]
pub struct Shop {
    /// What counts what the handlers and the protocol do.
    pub till: Arc<Till>,
    /// The gate of everything that has a price.
    pub gate: Gate,
    /// The routes.
    pub shelves: Vec<Shelf>,
    /// What no route takes; `None` for 404.
    pub rest: Option<Handler>,
    /// A gate in front of the whole shop.
    pub front: Option<Front>,
}

/// One route of a shop, for every method.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// The path that it is nested under; empty for none.
    pub mount: &'static str,
    /// The path below that.
    pub path: &'static str,
    /// Its price; `None` where it is free.
    pub price: Option<Route>,
    /// What it does.
    pub handler: Handler,
}

impl Shop {
    /// An empty shop.
    #[must_use]
    pub const fn new(till: Arc<Till>, gate: Gate) -> Self {
        Self {
            till,
            gate,
            shelves: Vec::new(),
            rest: None,
            front: None,
        }
    }

    /// Sells what this handler makes.
    #[must_use]
    pub fn sell(self, path: &'static str, price: impl Into<Route>, handler: Handler) -> Self {
        self.shelf("", path, Some(price.into()), handler)
    }

    /// Sells it below another path.
    #[must_use]
    pub fn nest(
        self,
        mount: &'static str,
        path: &'static str,
        price: impl Into<Route>,
        handler: Handler,
    ) -> Self {
        self.shelf(mount, path, Some(price.into()), handler)
    }

    /// Gives it away.
    #[must_use]
    pub fn give(self, path: &'static str, handler: Handler) -> Self {
        self.shelf("", path, None, handler)
    }

    /// Puts a price on everything, known routes or not.
    #[must_use]
    pub fn front(mut self, price: impl Into<Route>) -> Self {
        self.front = Some(Front::Everything(price.into()));
        self
    }

    /// Prices one path from the front of the shop, and nothing else.
    #[must_use]
    pub fn front_only(mut self, path: &'static str, price: impl Into<Route>) -> Self {
        self.front = Some(Front::Only(path, price.into()));
        self
    }

    /// Prices by a table in front of the shop.
    #[must_use]
    pub fn table<R: Into<Route>>(
        mut self,
        keys: impl IntoIterator<Item = (&'static str, R)>,
    ) -> Self {
        let keys = keys.into_iter().map(|(key, price)| (key, price.into()));
        self.front = Some(Front::Table(keys.collect()));
        self
    }

    /// Gives it away below another path.
    #[must_use]
    pub fn give_below(self, mount: &'static str, path: &'static str, handler: Handler) -> Self {
        self.shelf(mount, path, None, handler)
    }

    /// Gives this away for what no route takes.
    #[must_use]
    pub fn give_rest(mut self, handler: Handler) -> Self {
        self.rest = Some(handler);
        self
    }

    fn shelf(
        mut self,
        mount: &'static str,
        path: &'static str,
        price: Option<Route>,
        handler: Handler,
    ) -> Self {
        self.shelves.push(Shelf {
            mount,
            path,
            price,
            handler,
        });
        self
    }
}

impl Shelf {
    /// What has no path of its own, and no price.
    pub(crate) const fn rest(handler: Handler) -> Self {
        Self {
            mount: "",
            path: "",
            price: None,
            handler,
        }
    }
}
