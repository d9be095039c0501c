//! Where a writing can be stopped. Without the feature `testing` there is nothing here to stop.

/// How far a writing has come.
#[cfg_attr(
    not(feature = "testing"),
    expect(unreachable_pub, reason = "not exported")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Nothing is written.
    Before,
    /// Half of the new file is.
    Half,
    /// All of it is, and on disk.
    Written,
    /// It has its name, or the old one is gone.
    Renamed,
    /// That is on disk as well.
    Durable,
}

#[cfg(feature = "testing")]
mod stop {
    use std::sync::Arc;

    use super::Point;

    #[derive(Clone, Default)]
    pub(in super::super) struct Hook(Option<Arc<dyn Fn(Point) + Send + Sync>>);

    impl Hook {
        pub(in super::super) fn new(at: impl Fn(Point) + Send + Sync + 'static) -> Self {
            Self(Some(Arc::new(at)))
        }

        pub(in super::super) fn reached(&self, point: Point) {
            if let Some(stop) = &self.0 {
                stop(point);
            }
        }
    }
}

#[cfg(not(feature = "testing"))]
mod stop {
    use super::Point;

    #[derive(Clone, Default)]
    pub(in super::super) struct Hook;

    impl Hook {
        pub(in super::super) const fn reached(&self, _: Point) {}
    }
}

pub(super) use stop::Hook;
