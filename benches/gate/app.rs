//! An app in process, of whatever framework.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::{Duration, Instant};

use allocation_counter::opt_out;
use http::StatusCode;
use tokio::runtime::Runtime;
use tollgate_benches::Failure;

use crate::asked::Asked;
use crate::shop::Shop;

/// A framework, and how a shop is opened on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framework {
    pub(crate) name: &'static str,
    /// In process.
    pub(crate) open: fn(&Rc<Runtime>, &Shop) -> Opened,
    /// On a thread of its own, for as long as the program runs.
    pub(crate) serve: fn(TcpListener, &Shop) -> Result<(), Failure>,
}

/// A shop that is open in process.
pub(crate) type Opened = Result<Box<dyn App>, Failure>;

impl Framework {
    /// Serves a shop somewhere on this machine.
    pub(crate) fn serve_somewhere(&self, shop: &Shop) -> Result<SocketAddr, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        (self.serve)(listener, shop)?;
        Ok(address)
    }
}

/// An app that can be asked in process. Requests are made outside of what is measured; answers are
/// read to their end inside of it.
pub(crate) trait App {
    /// Asks one after the other: what was answered, and how long all took.
    fn timed(&mut self, asked: &[Asked]) -> Result<(Vec<StatusCode>, Duration), Failure>;

    /// Asks once: what was answered, and how many allocations it took.
    fn counted(&mut self, asked: &Asked) -> Result<(StatusCode, u64), Failure>;
}

/// Times these calls. Counting is off, because it takes time itself.
pub(crate) fn timed<R>(
    runtime: &Runtime,
    requests: Vec<R>,
    mut call: impl AsyncFnMut(R) -> StatusCode,
) -> (Vec<StatusCode>, Duration) {
    let mut answers = Vec::with_capacity(requests.len());
    let mut took = Duration::ZERO;
    opt_out(|| {
        took = runtime.block_on(async {
            let start = Instant::now();
            for request in requests {
                answers.push(call(request).await);
            }
            start.elapsed()
        });
    });
    (answers, took)
}

/// Counts the allocations of this call.
pub(crate) fn counted(
    runtime: &Runtime,
    call: impl Future<Output = StatusCode>,
) -> (StatusCode, u64) {
    let mut status = StatusCode::default();
    let info = allocation_counter::measure(|| status = runtime.block_on(call));
    (status, info.count_total)
}
