use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// What a server on this machine answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header, whose name is lower case here.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A GET with one more header.
pub(crate) async fn get(url: &str, (name, value): (&str, &str)) -> Result<Answer, Failure> {
    let rest = url.trim_start_matches("http://");
    let (authority, path) = rest.split_once('/').ok_or("a URL without a path")?;
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!(
        "GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n{name}: {value}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.ok_or("no status")?.parse()?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    Ok(Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    })
}

/// The JSON that a GET is answered with.
pub(crate) async fn json(url: &str) -> Result<Value, Failure> {
    let Answer { status, body, .. } = get(url, ("accept", "application/json")).await?;
    serde_json::from_str(&body).map_err(|_| format!("{url} answers {status}: {body}").into())
}
