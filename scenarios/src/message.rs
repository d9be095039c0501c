use std::fmt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

/// A request, as it is written to the socket.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The path and query, in any spelling.
    pub target: String,
    /// The headers, `host` excepted.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: &'static str,
}

impl Request {
    /// A request without headers.
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: "",
        }
    }

    /// A GET.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a credential of the [`Till`](crate::Till).
    #[must_use]
    pub fn pay(self, credential: impl Into<String>) -> Self {
        self.header(crate::OURS.header, credential)
    }

    /// Adds a body, with its length.
    #[must_use]
    pub fn body(self, body: &'static str) -> Self {
        self.header("content-length", body.len().to_string())
            .raw_body(body)
    }

    /// Adds a body, framed by headers of its own.
    #[must_use]
    pub const fn raw_body(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }

    /// Sends it over a connection of its own. `None` when that ends before a whole head has come.
    pub async fn send(&self, to: impl ToSocketAddrs) -> Option<Reply> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(self.body);
        let mut socket = TcpStream::connect(to).await.unwrap();
        let mut bytes = Vec::new();
        // Whatever came before an error is what the buyer has read.
        if socket.write_all(text.as_bytes()).await.is_ok() {
            let _ = socket.read_to_end(&mut bytes).await;
        }
        Reply::read(&bytes)
    }
}

/// The host that requests name.
pub(crate) const HOST: &str = "shop.example";

/// A reply, without what belongs to the connection and not to the message.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, by name and then as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// Whether the reply was sent to its end.
    pub whole: bool,
}

impl Reply {
    /// A reply of these parts.
    pub fn new<'a>(
        status: u16,
        headers: impl IntoIterator<Item = (&'a str, String)>,
        body: impl Into<String>,
    ) -> Self {
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let mut reply = Self {
            status,
            headers: headers.collect(),
            body: body.into(),
            whole: true,
        };
        reply.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        reply
    }

    /// All values of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(had, _)| had == name);
        values.map(|(_, value)| &**value).collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let fields = lines.map(|line| line.split_once(':').unwrap());
        let fields: Vec<_> = fields
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let has = |name| {
            fields
                .iter()
                .find(|(had, _)| had == name)
                .map(|(_, value)| value)
        };
        let chunked = has("transfer-encoding").is_some();
        let declared: Option<usize> = has("content-length").map(|text| text.parse().unwrap());
        let rest = &bytes[end + 4..];
        let (body, whole) = if chunked {
            dechunked(rest)
        } else {
            let whole = rest.is_empty() || declared.is_none_or(|length| length == rest.len());
            (rest.to_vec(), whole)
        };
        let of_the_connection = ["connection", "date", "transfer-encoding"];
        let fields = fields
            .iter()
            .filter(|(name, _)| !of_the_connection.contains(&&**name));
        let mut reply = Self::new(
            status.parse().unwrap(),
            fields.map(|(name, value)| (&**name, value.clone())),
            String::from_utf8(body).unwrap(),
        );
        reply.whole = whole;
        Some(reply)
    }
}

fn dechunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        let from = line + 2;
        if size == 0 {
            return (body, true);
        }
        if rest.len() < from + size + 2 {
            break;
        }
        body.extend_from_slice(&rest[from..from + size]);
        rest = &rest[from + size + 2..];
    }
    (body, false)
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.body)?;
        if !self.whole {
            write!(f, "\n(broken off)")?;
        }
        Ok(())
    }
}
