use std::task::{Context, Poll};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_provider::transport::{TransportError, TransportErrorKind, TransportFut};
use reqwest::Client;
use tower_service::Service;
use url::Url;

use super::{ChainFault, SettlerOptions};

/// JSON-RPC over HTTP that keeps to the rules for calls to others: https unless on loopback, no
/// redirects, deadlines, and no more of an answer than we care to hold.
#[derive(Clone, Debug)]
pub(super) struct Rpc {
    client: Client,
    url: Url,
    answer_limit: usize,
}

/// An answer that was not read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer has more than {limit} bytes")]
struct TooLong {
    limit: usize,
}

/// An answer that is no JSON-RPC.
#[derive(Debug, thiserror::Error)]
#[error("the answer with status {status} is no JSON-RPC")]
struct Garbage {
    status: u16,
    source: Option<serde_json::Error>,
}

impl Rpc {
    pub(super) fn new(url: &str, options: &SettlerOptions) -> Result<Self, ChainFault> {
        let url = Url::parse(url).map_err(|_| ChainFault::Url)?;
        if !payment_http::is_private(&url) {
            return Err(ChainFault::Url);
        }
        let mut builder = payment_http::client()
            .map_err(|error| ChainFault::Client(error.into()))?
            .connect_timeout(options.connect_within)
            .timeout(options.answer_within);
        if payment_http::is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| ChainFault::Client(error.into()))?;
        Ok(Self {
            client,
            url,
            answer_limit: options.answer_limit,
        })
    }

    async fn ask(self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        // The URL may hold an access key: errors go into logs without it.
        let custom = |error: reqwest::Error| TransportErrorKind::custom(error.without_url());
        let body = request.serialize().map_err(TransportError::ser_err)?;
        let mut answer = self
            .client
            .post(self.url.clone())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.get().to_owned())
            .send()
            .await
            .map_err(custom)?;
        let status = answer.status();
        let body = match payment_http::read_body(&mut answer, self.answer_limit).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                return Err(TransportErrorKind::custom(TooLong {
                    limit: self.answer_limit,
                }));
            }
            Err(error) => return Err(custom(error)),
        };
        // Some nodes send their refusals with an error status; a success with one is none.
        let garbage = |source| {
            TransportErrorKind::custom(Garbage {
                status: status.as_u16(),
                source,
            })
        };
        let packet: ResponsePacket =
            serde_json::from_slice(&body).map_err(|error| garbage(Some(error)))?;
        if status.is_success() || packet.is_error() {
            Ok(packet)
        } else {
            Err(garbage(None))
        }
    }
}

impl Service<RequestPacket> for Rpc {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        Box::pin(self.clone().ask(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_or_loopback() {
        let options = SettlerOptions::default();
        for good in [
            "https://node.example/key",
            "http://127.0.0.1:8545",
            "http://localhost:1",
            "http://[::1]:8545",
        ] {
            assert!(Rpc::new(good, &options).is_ok(), "{good}");
        }
        for bad in [
            "http://node.example",
            "http://10.0.0.1:8545",
            "http://localhost.node.example",
            "http://0.0.0.0:8545",
            "ws://127.0.0.1:8545",
            "file:///tmp/node",
            "node.example",
            "",
        ] {
            assert!(
                matches!(Rpc::new(bad, &options), Err(ChainFault::Url)),
                "{bad}"
            );
        }
    }
}
