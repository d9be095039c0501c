//! The app behind the server of its framework, asked over kept-alive connections.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http::StatusCode;
use tollgate_benches::Failure;
use tollgate_benches::number::{each, median, thousandths};

use crate::Pace;
use crate::asked::Asked;
use crate::cases::{Case, Cases};

/// Connections, each with one request under way.
const CONNECTIONS: usize = 4;
/// After this an answer is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// One case beside the bare handler. Times in picoseconds, of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loopback {
    pub(crate) bare: u64,
    pub(crate) time: u64,
    /// Requests a second in thousandths of the bare handler's.
    pub(crate) ratio: u64,
}

/// Measures every case, in turns with the bare handler.
pub(crate) fn measure(cases: &mut Cases, pace: Pace) -> Result<Vec<Loopback>, Failure> {
    let Cases {
        framework,
        bare,
        all,
    } = cases;
    let mut client = Client::new(framework.serve_somewhere(&bare.shop)?)?;
    let mut measured = Vec::with_capacity(all.len());
    for case in all.iter_mut().filter(|case| case.kind.goes_over_loopback()) {
        let mut of_case = Client::new(framework.serve_somewhere(&case.shop)?)?;
        measured.push(beside(&mut client, bare, &mut of_case, case, pace)?);
    }
    Ok(measured)
}

fn beside(
    bare_client: &mut Client,
    bare: &mut Case,
    client: &mut Client,
    case: &mut Case,
    pace: Pace,
) -> Result<Loopback, Failure> {
    let batch = if case.kind.has_curve() {
        pace.loopback_curve_batch
    } else {
        pace.loopback_batch
    };
    turn(bare_client, bare, pace.loopback_batch)?;
    turn(client, case, batch)?;
    let mut turns = Vec::with_capacity(pace.loopback_turns);
    for _ in 0..pace.loopback_turns {
        let of_bare = turn(bare_client, bare, pace.loopback_batch)?;
        turns.push((of_bare, turn(client, case, batch)?));
    }
    Ok(Loopback {
        bare: median(turns.iter().map(|(bare, _)| *bare)),
        time: median(turns.iter().map(|(_, time)| *time)),
        ratio: median(turns.iter().map(|(bare, time)| thousandths(*bare, *time))),
    })
}

/// Time of one request, of so many.
fn turn(client: &mut Client, case: &mut Case, batch: usize) -> Result<u64, Failure> {
    let asked = case.batch(batch)?;
    let requests: Vec<_> = asked.iter().map(Asked::bytes).collect();
    let mut answers = Vec::with_capacity(batch);
    let start = Instant::now();
    client.ask(&requests, &mut answers)?;
    let took = start.elapsed();
    for status in answers {
        case.check(status)?;
    }
    Ok(each(took, batch))
}

/// A few connections to one server.
struct Client(Vec<Connection>);

impl Client {
    fn new(address: SocketAddr) -> Result<Self, Failure> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(address));
        connections.collect::<Result<_, _>>().map(Self)
    }

    /// Sends all requests, one under way on each connection.
    fn ask(&mut self, requests: &[Vec<u8>], answers: &mut Vec<StatusCode>) -> Result<(), Failure> {
        let connections = self.0.len();
        for (at, request) in requests.iter().enumerate() {
            let connection = &mut self.0[at % connections];
            if at >= connections {
                answers.push(connection.receive()?);
            }
            connection.stream.write_all(request)?;
        }
        for at in answers.len()..requests.len() {
            answers.push(self.0[at % connections].receive()?);
        }
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// How long the last head and body were: the next ones mostly are the same.
    last: (usize, usize),
}

const HEAD_END: &[u8] = b"\r\n\r\n";

impl Connection {
    fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 64 * 1024],
            filled: 0,
            last: (0, 0),
        })
    }

    /// Reads one response, as long as it says it is.
    fn receive(&mut self) -> Result<StatusCode, Failure> {
        loop {
            if let Some((head, body)) = self.lengths()? {
                self.last = (head, body);
                if self.filled == head + body {
                    self.filled = 0;
                    let status = self.buffer.get(9..12).ok_or("a head without a status")?;
                    return Ok(StatusCode::from_bytes(status)?);
                }
            }
            match self.stream.read(&mut self.buffer[self.filled..])? {
                0 => return Err("the connection was closed".into()),
                read => self.filled += read,
            }
        }
    }

    /// Bytes of the head and of the body, once the head is there.
    fn lengths(&self) -> Result<Option<(usize, usize)>, Failure> {
        let text = &self.buffer[..self.filled];
        let (head, body) = self.last;
        if head > 4 && text.len() == head + body && &text[head - 4..head] == HEAD_END {
            return Ok(Some(self.last));
        }
        let Some(end) = text.windows(4).position(|window| window == HEAD_END) else {
            return Ok(None);
        };
        let lines = std::str::from_utf8(&text[..end])?.split("\r\n");
        let length = lines
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let (_, length) = length.ok_or("an answer without a length")?;
        Ok(Some((end + HEAD_END.len(), length.parse()?)))
    }
}
