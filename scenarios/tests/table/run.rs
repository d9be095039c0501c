use std::sync::Arc;

use scenarios::{Actix, Axum, Bare, Reply, Request, Shop, Stack, Totals};

use crate::rows::rows;

/// A shop, requests in their order, and what comes of them.
pub(crate) struct Row {
    /// The rule that it guards.
    pub(crate) name: &'static str,
    /// Opens the shop; each stack has its own.
    pub(crate) shop: fn() -> Shop,
    /// What is sent, and what is read.
    pub(crate) steps: Vec<(Request, Reply)>,
    /// What the till has counted in the end.
    pub(crate) totals: Totals,
}

#[tokio::test]
async fn every_row_holds_on_axum() {
    all::<Axum>().await;
}

#[tokio::test]
async fn every_row_holds_on_hyper_alone() {
    all::<Bare>().await;
}

#[tokio::test]
async fn every_row_holds_on_actix() {
    all::<Actix>().await;
}

async fn all<S: Stack>() {
    let mut wrong = Vec::new();
    for row in rows() {
        if let Err(how) = check::<S>(&row).await {
            wrong.push(format!("== {} ({})\n{how}", row.name, S::NAME));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

async fn check<S: Stack>(row: &Row) -> Result<(), String> {
    let shop = Arc::new((row.shop)());
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    for (at, (request, expected)) in row.steps.iter().enumerate() {
        let reply = when_free(&stack, request).await;
        if reply.as_ref() != Some(expected) {
            return Err(format!(
                "step {at}, {request:?}\n-- expected\n{expected:?}\n-- read\n{reply:?}"
            ));
        }
    }
    let totals = || till.totals();
    settled_down(|| totals() == row.totals).await;
    if totals() != row.totals {
        return Err(format!("expected {:?}\nread {:?}", row.totals, totals()));
    }
    Ok(())
}

/// Sends until no other request holds the payment: what a request leaves behind is given back by a
/// task of its own.
pub(crate) async fn when_free<S: Stack>(stack: &S, request: &Request) -> Option<Reply> {
    let mut reply = None;
    for _ in 0..1000 {
        reply = stack.send(request).await;
        if reply.as_ref().is_none_or(|reply| reply.status != 409) {
            break;
        }
    }
    reply
}

/// Gives the tasks that requests have left behind their turns, on whatever thread they are.
pub(crate) async fn settled_down(done: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
}
