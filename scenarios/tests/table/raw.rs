//! Requests that no honest client writes, as bytes: odd targets and lines, framing that can be read
//! in two ways, connections that are to become something else. Servers differ in what they take of
//! it. Whatever they take: no handler runs that was not paid for.

mod frames;
mod framing;
mod targets;
mod upgrading;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scenarios::{Shop, Stack, Till, Totals};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::run::settled_down;

/// What every handler with a price says, and no one else.
pub(crate) const SOLD: &str = "sunny";

/// A test that waits for so long has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// An open shop, and what its till has counted.
struct Open<S> {
    stack: S,
    till: Arc<Till>,
}

impl<S: Stack> Open<S> {
    async fn new(shop: Shop) -> Self {
        let shop = Arc::new(shop);
        let till = Arc::clone(&shop.till);
        let stack = S::open(shop).await;
        Self { stack, till }
    }

    /// Sends these bytes at once, and reads all that is answered.
    async fn talk(&self, bytes: impl AsRef<[u8]>) -> Said {
        talk(self.stack.address(), bytes.as_ref()).await
    }

    /// Sends these bytes at once, and hangs up when the head of an answer was read: what was handed
    /// over is not ended by the other side.
    async fn handshake(&self, bytes: &str) -> Said {
        let mut socket = TcpStream::connect(self.stack.address()).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.windows(4).any(|four| four == b"\r\n\r\n") {
            let more = timeout(DEADLINE, socket.read_buf(&mut read)).await;
            if more.expect(bytes).is_ok_and(|length| length == 0) {
                break;
            }
        }
        Said(String::from_utf8_lossy(&read).into_owned())
    }

    /// [`Self::talk`] for what brings no payment. It runs nothing, moves nothing, and reads no success.
    async fn unpaid(&self, bytes: impl AsRef<[u8]>) -> Said {
        let before = self.till.totals();
        let said = self.talk(bytes.as_ref()).await;
        let what = shown::<S>(bytes.as_ref(), &said);
        assert_eq!(self.till.totals(), before, "{what}");
        assert_eq!(said.sold(), 0, "{what}");
        let closed = |status: &u16| *status == 100 || *status >= 400;
        assert!(said.statuses().iter().all(closed), "{what}");
        said
    }

    /// [`Self::talk`] for what brings payments, of which so many are taken up. Each of them is settled or
    /// given back; nothing is run but for one of them, nothing delivered but what was settled.
    async fn paid(&self, bytes: impl AsRef<[u8]>, taken_up: usize) -> (Said, Totals) {
        let before = self.till.totals();
        let said = self.talk(bytes.as_ref()).await;
        let more = || since(self.till.totals(), before);
        settled_down(|| more().settles + more().releases == taken_up).await;
        let (what, more) = (shown::<S>(bytes.as_ref(), &said), more());
        assert_eq!(more.settles + more.releases, taken_up, "{what} {more:?}");
        assert!(more.served <= taken_up, "{what} {more:?}");
        assert!(said.sold() <= more.settles, "{what} {more:?}");
        (said, more)
    }
}

fn shown<S: Stack>(bytes: &[u8], said: &Said) -> String {
    let start = &bytes[..bytes.len().min(300)];
    format!(
        "{}\n{}\n{}",
        S::NAME,
        String::from_utf8_lossy(start),
        said.0
    )
}

fn since(now: Totals, before: Totals) -> Totals {
    Totals {
        served: now.served - before.served,
        settles: now.settles - before.settles,
        reconciles: now.reconciles - before.reconciles,
        releases: now.releases - before.releases,
        units: now.units - before.units,
        undone: now.undone - before.undone,
        refunds: now.refunds - before.refunds,
    }
}

/// All that came back over one connection, or what was read of it.
#[derive(Debug)]
struct Said(String);

impl Said {
    /// The statuses of the replies, in their order.
    fn statuses(&self) -> Vec<u16> {
        let lines = self.0.split("HTTP/1.").skip(1);
        lines
            .filter_map(|line| line.get(2..5)?.parse().ok())
            .collect()
    }

    /// How often something with a price was delivered.
    fn sold(&self) -> usize {
        self.0.matches(SOLD).count()
    }
}

async fn talk(address: SocketAddr, bytes: &[u8]) -> Said {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let mut read = Vec::new();
    let (mut from, mut to) = socket.split();
    // The other side may hang up before it has read all.
    let exchange = async { tokio::join!(to.write_all(bytes), from.read_to_end(&mut read)) };
    let ended = timeout(DEADLINE, exchange).await;
    let said = Said(String::from_utf8_lossy(&read).into_owned());
    assert!(
        ended.is_ok(),
        "no end to {:?}\n{said:?}",
        String::from_utf8_lossy(bytes)
    );
    said
}
