use payment_core::{Pricing, Quote, Route, usd};
use scenarios::{Actix, Axum, Bare, Handler, Shop, Stack};

use crate::raw::{Open, SOLD};
use crate::shops::{PRICE, settled_first, shop};

const GET: &str = "GET /weather HTTP/1.1\r\nhost: a\r\n";
const LAST: &str = "GET /weather HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

fn paid(credential: &str) -> String {
    format!("{GET}x-our-payment: {credential}\r\n\r\n")
}

fn weather() -> Shop {
    shop().sell("/weather", PRICE, Handler::says(SOLD))
}

fn weather_settled_first() -> Shop {
    shop().sell("/weather", settled_first(), Handler::says(SOLD))
}

fn by_a_table() -> Shop {
    let shop = shop().give("/weather", Handler::says(SOLD));
    shop.table([("/weather", PRICE)])
}

/// Requests in one write are told apart: a payment is for the one it comes with.
async fn a_payment_is_for_its_request<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    let unpaid = &*format!("{GET}\r\n");
    for (requests, taken_up, statuses) in [
        (vec![&*paid("good-1"), LAST], 1, &[200, 402][..]),
        (vec![unpaid, &paid("good-2"), LAST], 1, &[402, 200, 402]),
        // The same payment again is spent, and another is another.
        (
            vec![&*paid("good-1"), &paid("good-2"), LAST],
            0,
            &[402, 402, 402],
        ),
        (
            vec![&*paid("good-3"), &paid("good-3"), LAST],
            1,
            &[200, 402, 402],
        ),
        (
            vec![&*paid("good-4"), &paid("good-5"), LAST],
            2,
            &[200, 200, 402],
        ),
    ] {
        let (said, more) = open.paid(requests.concat(), taken_up).await;
        assert_eq!(said.statuses(), statuses, "{} {said:?}", S::NAME);
        assert_eq!(said.sold(), taken_up, "{} {said:?}", S::NAME);
        assert_eq!(more.served, taken_up, "{} {said:?}", S::NAME);
    }
}

#[tokio::test]
async fn t05_a_payment_is_for_the_pipelined_request_it_comes_with() {
    for open in [weather, weather_settled_first, by_a_table] {
        a_payment_is_for_its_request::<Axum>(open).await;
        a_payment_is_for_its_request::<Bare>(open).await;
        a_payment_is_for_its_request::<Actix>(open).await;
    }
}

/// The body of an unpaid request pays for nothing, though it looks like a request that does.
async fn a_body_pays_for_nothing<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    let hidden = paid("good-1");
    let (length, hex) = (hidden.len(), format!("{:x}", hidden.len()));
    let post = "POST /weather HTTP/1.1\r\nhost: a\r\n";
    for framed in [
        format!("content-length: {length}\r\n\r\n{hidden}"),
        format!("transfer-encoding: chunked\r\n\r\n{hex}\r\n{hidden}\r\n0\r\n\r\n"),
        format!("transfer-encoding: chunked\r\n\r\n{hex};a=\"\r\n{hidden}\r\n0\r\n\r\n"),
        "transfer-encoding: chunked\r\n\r\n0\r\nx-our-payment: good-1\r\n\r\n".to_owned(),
        "transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-our-payment: good-1\r\n\r\n".to_owned(),
        format!("expect: 100-continue\r\ncontent-length: {length}\r\n\r\n{hidden}"),
        format!("content-length: {length}\r\ncontent-length: {length}\r\n\r\n{hidden}"),
    ] {
        let said = open.unpaid([post, &*framed, LAST].concat()).await;
        let statuses = said.statuses();
        let asked = statuses.contains(&402) || statuses == [400];
        assert!(asked, "{} {framed} {said:?}", S::NAME);
    }
}

#[tokio::test]
async fn t95_the_body_of_an_unpaid_request_pays_for_nothing() {
    for open in [
        weather,
        weather_settled_first,
        by_a_table,
        by_length,
        by_length_in_a_table,
    ] {
        a_body_pays_for_nothing::<Axum>(open).await;
        a_body_pays_for_nothing::<Bare>(open).await;
        a_body_pays_for_nothing::<Actix>(open).await;
    }
}

/// A cent, and five for more than three bytes.
fn priced_by_length() -> Route {
    let pricing = Pricing::by(async |ask| {
        Ok(match ask.body.as_deref().unwrap_or_default().len() {
            0..=3 => Quote::Standard,
            _ => Quote::from(usd!("0.05")),
        })
    });
    Route::priced(PRICE).pricing(pricing.reading_body(400))
}

fn by_length() -> Shop {
    shop().sell("/weather", priced_by_length(), Handler::Echoes)
}

fn by_length_in_a_table() -> Shop {
    let shop = shop().give("/weather", Handler::Echoes);
    shop.table([("/weather", priced_by_length())])
}

/// Bodies that are framed twice, or in a way that some read as none.
const FRAMED: &[&str] = &[
    "content-length: 3\r\n\r\nabc",
    "content-length: 4\r\n\r\nabcd",
    "content-length: 04\r\n\r\nabcd",
    "content-length: +4\r\n\r\nabcd",
    "content-length: 0x4\r\n\r\nabcd",
    "content-length: 4, 4\r\n\r\nabcd",
    "content-length: 3, 4\r\n\r\nabcd",
    "content-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    "content-length: 0\r\ncontent-length: 4\r\n\r\nabcd",
    "content-length: -1\r\n\r\nabcd",
    "content-length:\r\n\r\nabcd",
    "content-length : 4\r\n\r\nabcd",
    "content-length: 18446744073709551620\r\n\r\nabcd",
    "transfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: CHUNKED\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "content-length: 4\r\ntransfer-encoding: identity\r\n\r\nabcd",
    "content-length: 4\r\ntransfer-encoding: xchunked\r\n\r\nabcd",
    "content-length: 4\r\ntransfer-encoding: chunked, identity\r\n\r\nabcd",
    "content-length: 4\r\ntransfer-encoding : chunked\r\n\r\nabcd",
    "content-length: 4\r\ntransfer-encoding:\r\n chunked\r\n\r\nabcd",
    "transfer-encoding: gzip, chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n04;a=b\r\nabcd\r\n00\r\nx: y\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n4\nabcd\n0\n\n",
    "transfer-encoding: chunked\r\n\r\n10000000000000004\r\nabcd\r\n0\r\n\r\n",
    "transfer-encoding: chunked\r\n\r\n-4\r\nabcd\r\n0\r\n\r\n",
    "expect: 100-continue\r\ncontent-length: 4\r\n\r\nabcd",
    "expect: 200-ok\r\ncontent-length: 4\r\n\r\nabcd",
    "expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
];

/// However a body is framed, it costs what the bytes cost that the handler reads.
async fn what_is_read_is_priced<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    let mut echoed = 0;
    for (at, framed) in FRAMED.iter().enumerate() {
        // Nothing but these bytes could be read: a length that is too long ends with the request.
        let post = "POST /weather HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        let asked = open.unpaid([post, framed].concat()).await;
        let what = format!("{} {framed:?} {asked:?}", S::NAME);
        let taken_up = usize::from(asked.statuses().contains(&402));
        let paid = format!("{post}x-our-payment: good-{at}\r\n{framed}");
        let (said, more) = open.paid(paid, taken_up).await;
        if more.settles == 0 {
            continue;
        }
        let (_, body) = said.0.rsplit_once("\r\n\r\n").unwrap();
        let price = if body.len() > 3 { "0.05" } else { "0.01" };
        assert!(
            asked.0.contains(&format!("price=\"{price}")),
            "{what} {said:?}"
        );
        let has_body = format!("body=\"{}\"", !body.is_empty());
        assert!(asked.0.contains(&has_body), "{what} {said:?}");
        echoed += 1;
    }
    assert!(echoed >= 5, "{} {echoed}", S::NAME);
}

#[tokio::test]
async fn t07_however_a_body_is_framed_what_is_read_is_what_is_priced() {
    for open in [by_length, by_length_in_a_table] {
        what_is_read_is_priced::<Axum>(open).await;
        what_is_read_is_priced::<Bare>(open).await;
        what_is_read_is_priced::<Actix>(open).await;
    }
}

/// Offers that are read from the head say of every body that comes that it comes.
async fn a_body_is_seen_by_its_head<S: Stack>() {
    let open = Open::<S>::new(shop().sell("/weather", PRICE, Handler::Echoes)).await;
    let mut echoed = 0;
    for (at, framed) in FRAMED.iter().enumerate() {
        let post = "POST /weather HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        let asked = open.unpaid([post, framed].concat()).await;
        let taken_up = usize::from(asked.statuses().contains(&402));
        let paid = format!("{post}x-our-payment: good-{at}\r\n{framed}");
        let (said, _) = open.paid(paid, taken_up).await;
        if said.0.ends_with("abc") || said.0.ends_with("abcd") {
            let seen = asked.0.contains("body=\"true\"");
            assert!(seen, "{} {framed:?} {asked:?} {said:?}", S::NAME);
            echoed += 1;
        }
    }
    assert!(echoed >= 5, "{} {echoed}", S::NAME);
}

#[tokio::test]
async fn t07_no_framing_hides_a_body_from_the_offer() {
    a_body_is_seen_by_its_head::<Axum>().await;
    a_body_is_seen_by_its_head::<Bare>().await;
    a_body_is_seen_by_its_head::<Actix>().await;
}
