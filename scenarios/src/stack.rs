use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::{Reply, Request, Shop};

/// Answers requests within the task that polls it, so that a request can be dropped at any await.
pub type Here = Box<dyn Fn(&Request) -> Pin<Box<dyn Future<Output = u16>>>>;

/// A framework with a shop on it.
pub trait Stack: Sized {
    /// What it is called.
    const NAME: &'static str;

    /// Opens the shop on a free port.
    fn open(shop: Arc<Shop>) -> impl Future<Output = Self>;

    /// Where it listens.
    fn address(&self) -> SocketAddr;

    /// Opens the shop without a socket; a request is answered by the status, once its whole body
    /// was read.
    fn here(shop: Arc<Shop>) -> impl Future<Output = Here>;

    /// Sends a request. `None` when the connection ends without a reply.
    fn send(&self, request: &Request) -> impl Future<Output = Option<Reply>> {
        request.send(self.address())
    }
}
