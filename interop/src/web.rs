use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// The JSON that a server of ours, or of a script, answers a GET with.
pub(crate) async fn json(url: &str) -> Result<Value, Failure> {
    let rest = url.trim_start_matches("http://");
    let (authority, path) = rest.split_once('/').ok_or("a URL without a path")?;
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
    serde_json::from_str(body).map_err(|_| format!("{url} answers {answer}").into())
}
