//! A server that answers by a script, over a socket.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request that it has read.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Answers.
    Says(u16, String),
    /// Never answers.
    Hangs,
    /// Goes away.
    Drops,
}

pub fn data(data: Value) -> Reply {
    let mut body = json!({ "code": 0, "msg": "" });
    body["data"] = data;
    Reply::Says(200, body.to_string())
}

/// Words that nobody but OKX says.
pub const UPSTREAM: &str = "upstream-words-of-okx";

pub fn code(code: i64) -> Reply {
    let body = json!({ "code": code, "msg": UPSTREAM, "data": {}, "error_message": UPSTREAM });
    Reply::Says(200, body.to_string())
}

/// What came in.
#[derive(Clone, Debug)]
pub struct Asked {
    pub line: String,
    pub body: Value,
}

#[derive(Clone)]
pub struct Server {
    pub url: String,
    script: Arc<Mutex<HashMap<String, VecDeque<Reply>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            url,
            script: Arc::default(),
            asked: Arc::default(),
        };
        let shared = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        server
    }

    /// Answers calls of this name one after the other; the last answer stays.
    pub fn on<const N: usize>(&self, call: &str, replies: [Reply; N]) {
        let mut script = self.script.lock().unwrap();
        script.insert(call.to_owned(), replies.into());
    }

    /// Calls of this name, in their order.
    pub fn asked(&self, call: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        let of = |asked: &&Asked| name(&asked.line) == call;
        asked.iter().filter(of).cloned().collect()
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut bytes = Vec::new();
        let head = loop {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
            if let Some(end) = bytes.windows(4).position(|at| at == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().unwrap())
        });
        while bytes.len() < head + length.unwrap_or_default() {
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        }
        let line = text.lines().next().unwrap().to_owned();
        let body = serde_json::from_slice(&bytes[head..]).unwrap_or_default();
        let reply = self.reply(&line);
        self.asked.lock().unwrap().push(Asked { line, body });
        match reply {
            Reply::Says(status, body) => {
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            }
            Reply::Hangs => std::future::pending().await,
            Reply::Drops => None,
        }
    }

    fn reply(&self, line: &str) -> Reply {
        let mut script = self.script.lock().unwrap();
        let name = name(line);
        let replies = script.get_mut(name);
        let replies = replies.unwrap_or_else(|| panic!("no script for {line}"));
        match replies.len() {
            1 => replies[0].clone(),
            _ => replies.pop_front().unwrap(),
        }
    }
}

/// The name of a call, such as `session/open`.
fn name(line: &str) -> &str {
    let path = line.split(' ').nth(1).unwrap();
    let path = path.strip_prefix("/api/v6/pay/mpp/").unwrap();
    path.split('?').next().unwrap()
}
