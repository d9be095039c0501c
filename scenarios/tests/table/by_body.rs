use std::sync::Arc;

use payment_core::{Pricing, Quote, Route, usd};
use scenarios::{Actix, Axum, Bare, Handler, Reply, Request, Stack, Totals};

use crate::shops::{PRICE, shop};

/// A cent, and five for more than three bytes; eight are read.
fn by_length() -> Route {
    let pricing = Pricing::by(async |ask| {
        Ok(match ask.body.as_deref().unwrap_or_default().len() {
            0..=3 => Quote::Standard,
            _ => Quote::from(usd!("0.05")),
        })
    });
    Route::priced(PRICE).pricing(pricing.reading_body(8))
}

async fn read<S: Stack>() -> (Vec<Reply>, Totals) {
    let shop = Arc::new(shop().sell("/weather", by_length(), Handler::Echoes));
    let till = Arc::clone(&shop.till);
    let stack = S::open(shop).await;
    let post = || Request::new("POST", "/weather");
    let chunked = |body| {
        let framed = post().header("transfer-encoding", "chunked");
        framed.raw_body(body)
    };
    let mut replies = Vec::new();
    for request in [
        post(),
        post().body("abc"),
        post().body("abcd"),
        chunked("4\r\nabcd\r\n0\r\n\r\n"),
        post().body("abc").pay("good-1"),
        post().body("abcd").pay("good-2"),
        chunked("4\r\nabcd\r\n0\r\n\r\n").pay("good-3"),
        post().body("123456789").pay("good-4"),
        chunked("9\r\n123456789\r\n0\r\n\r\n").pay("good-5"),
        Request::get("/weather").pay("good-6"),
    ] {
        replies.push(stack.send(&request).await.unwrap());
    }
    (replies, till.totals())
}

#[tokio::test]
async fn a_price_is_read_from_the_body_in_the_same_way() {
    let (replies, totals) = read::<Axum>().await;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [402, 402, 402, 402, 200, 200, 200, 413, 413, 200]);
    let bodies: Vec<_> = replies[4..7].iter().map(|reply| &*reply.body).collect();
    assert_eq!(bodies, ["abc", "abcd", "abcd"]);
    assert_eq!((totals.served, totals.settles), (4, 4));
    assert_eq!(read::<Bare>().await, (replies.clone(), totals));
    assert_eq!(read::<Actix>().await, (replies, totals));
}
