use std::time::Duration;

use payment_evm::{ChainFault, Settler};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::scene::{Scene, quick, signer};

/// Answers every request with this text and closes; says nothing at all when it is empty.
async fn server(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            if answer.is_empty() {
                silent.push(stream);
            } else {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    url
}

async fn connect(url: &str, options: payment_evm::SettlerOptions) -> Result<Settler, ChainFault> {
    Settler::connect(url, signer(&devnet::Wallet::development(2)), options).await
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new().await;
    let location = &scene.net.rpc_url;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
    );
    let connected = connect(&server(answer).await, quick()).await;
    assert!(
        matches!(connected, Err(ChainFault::Unavailable(_))),
        "{connected:?}"
    );
}

#[tokio::test]
async fn an_answer_has_a_largest_size() {
    let scene = Scene::new().await;
    let connected = connect(&scene.net.rpc_url, quick().answer_limit(16)).await;
    assert!(
        matches!(connected, Err(ChainFault::Unavailable(_))),
        "{connected:?}"
    );
    let text = format!("{:?}", connected.unwrap_err());
    assert!(text.contains("TooLong"), "{text}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let url = server(String::new()).await;
    let connected = connect(&url, quick().answer_within(Duration::from_millis(20))).await;
    assert!(
        matches!(connected, Err(ChainFault::Unavailable(_))),
        "{connected:?}"
    );
}

#[tokio::test]
async fn a_success_with_an_error_status_is_no_answer() {
    let body = r#"{"jsonrpc":"2.0","id":0,"result":"0x1"}"#;
    for (status, taken) in [("200 OK", true), ("500 Internal Server Error", false)] {
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let connected = connect(&server(answer).await, quick()).await;
        assert_eq!(connected.is_ok(), taken, "{status}: {connected:?}");
    }
}

#[tokio::test]
async fn faults_do_not_tell_the_url() {
    let url = server("garbage".to_owned()).await;
    let fault = connect(&format!("{url}/v3/access-key"), quick())
        .await
        .unwrap_err();
    assert!(!format!("{fault:?}").contains("access-key"), "{fault:?}");
}

#[tokio::test]
async fn a_settler_shows_its_address_only() {
    let scene = Scene::new().await;
    let text = format!("{:?}", scene.settler);
    assert_eq!(
        text,
        format!("Settler({} on 84532)", scene.net.settler.address)
    );
}
