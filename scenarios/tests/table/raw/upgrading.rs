use scenarios::{Actix, Axum, Bare, Handler, Shop, Stack};

use crate::raw::{Open, SOLD};
use crate::run::settled_down;
use crate::shops::{PRICE, settled_first, shop};

/// What asks for another protocol on the same connection.
const HANDSHAKES: [&str; 4] = [
    "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "connection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n",
    "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
    "connection: upgrade\r\nupgrade: other/1, websocket\r\n",
];

const SWITCHES: u16 = 101;

/// Hands the connection over where it is asked to, and to any protocol.
fn switches() -> Handler {
    Handler::Answers {
        status: SWITCHES,
        headers: vec![("connection", "upgrade"), ("upgrade", "websocket")],
        body: "",
    }
}

fn settled_after() -> Shop {
    shop().sell("/weather", PRICE, switches())
}

fn by_a_table() -> Shop {
    let shop = shop().give("/weather", switches());
    shop.table([("/weather", PRICE)])
}

fn before() -> Shop {
    shop().sell("/weather", settled_first(), switches())
}

fn before_by_a_table() -> Shop {
    let shop = shop().give("/weather", switches());
    shop.table([("/weather", settled_first())])
}

fn get(handshake: &str, credential: &str) -> String {
    format!("GET /weather HTTP/1.1\r\nhost: a\r\n{handshake}{credential}\r\n")
}

/// What is sent right behind a handshake, as if it had been accepted.
const BEHIND: &str = "GET /weather HTTP/1.1\r\nhost: a\r\n\r\n";

/// Nobody gets a connection who has not paid for it, and what follows is not taken for paid.
async fn it_is_not_given<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    for handshake in HANDSHAKES {
        for behind in ["", BEHIND] {
            let said = open.handshake(&(get(handshake, "") + behind)).await;
            assert_eq!(said.statuses()[0], 402, "{} {said:?}", S::NAME);
            assert!(!said.statuses().contains(&SWITCHES), "{} {said:?}", S::NAME);
            let refused = get(handshake, "x-our-payment: false-1\r\n") + behind;
            let said = open.handshake(&refused).await;
            assert_eq!(said.statuses()[0], 402, "{} {said:?}", S::NAME);
        }
    }
    assert_eq!(open.till.totals().served, 0, "{}", S::NAME);
    assert_eq!(open.till.totals().settles, 0, "{}", S::NAME);
}

#[tokio::test]
async fn t21_a_connection_is_not_handed_over_unpaid() {
    for open in [settled_after, by_a_table, before, before_by_a_table] {
        it_is_not_given::<Axum>(open).await;
        it_is_not_given::<Bare>(open).await;
        it_is_not_given::<Actix>(open).await;
    }
}

/// A connection can't be held back until it is paid: it is not sold, and the payment given back.
async fn it_is_not_sold_after<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    for (at, handshake) in HANDSHAKES.iter().enumerate() {
        for (more, behind) in ["", BEHIND].into_iter().enumerate() {
            let credential = format!("x-our-payment: good-{at}{more}\r\n");
            let said = open
                .handshake(&(get(handshake, &credential) + behind))
                .await;
            assert_eq!(said.statuses()[0], 500, "{} {said:?}", S::NAME);
            assert!(!said.statuses().contains(&SWITCHES), "{} {said:?}", S::NAME);
            let sent = 2 * at + more + 1;
            settled_down(|| open.till.totals().releases == sent).await;
            let totals = open.till.totals();
            assert_eq!((totals.served, totals.settles), (sent, 0), "{}", S::NAME);
            assert_eq!(totals.releases, sent, "{}", S::NAME);
        }
    }
}

#[tokio::test]
async fn t21_a_connection_is_not_sold_after_it_was_handed_over() {
    for open in [settled_after, by_a_table] {
        it_is_not_sold_after::<Axum>(open).await;
        it_is_not_sold_after::<Bare>(open).await;
        it_is_not_sold_after::<Actix>(open).await;
    }
}

/// Paid first, it is handed over, once for each payment.
async fn it_is_sold_before<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    for (at, handshake) in HANDSHAKES.iter().enumerate() {
        let request = get(handshake, &format!("x-our-payment: good-{at}\r\n"));
        let said = open.handshake(&request).await;
        assert_eq!(said.statuses(), [SWITCHES], "{} {said:?}", S::NAME);
        let totals = open.till.totals();
        assert_eq!(
            (totals.served, totals.settles),
            (at + 1, at + 1),
            "{}",
            S::NAME
        );
        let again = open.handshake(&request).await;
        assert_eq!(again.statuses()[0], 402, "{} {again:?}", S::NAME);
        assert_eq!(open.till.totals(), totals, "{}", S::NAME);
    }
}

#[tokio::test]
async fn t23_a_connection_is_handed_over_that_was_paid_first() {
    for open in [before, before_by_a_table] {
        it_is_sold_before::<Axum>(open).await;
        it_is_sold_before::<Bare>(open).await;
        it_is_sold_before::<Actix>(open).await;
    }
}

/// A success of `CONNECT` hands over the connection, whatever is said in it.
async fn a_tunnel_is_not_sold_after<S: Stack>(open: fn() -> Shop) {
    let open = Open::<S>::new(open()).await;
    for (at, target) in ["shop.example:80", "/weather", "http://shop.example/weather"]
        .into_iter()
        .enumerate()
    {
        let head = format!("CONNECT {target} HTTP/1.1\r\nhost: a\r\n");
        let said = open.handshake(&format!("{head}\r\n{BEHIND}")).await;
        let asked = said.statuses();
        assert!(asked[0] >= 400, "{} {said:?}", S::NAME);
        let paid = format!("{head}x-our-payment: good-{at}\r\n\r\n{BEHIND}");
        let said = open.handshake(&paid).await;
        let expected = if asked[0] == 402 { 500 } else { asked[0] };
        assert_eq!(said.statuses()[0], expected, "{} {said:?}", S::NAME);
        assert_eq!(said.sold(), 0, "{} {said:?}", S::NAME);
    }
    let ended = || open.till.totals().releases == open.till.totals().served;
    settled_down(ended).await;
    assert!(ended() && open.till.totals().settles == 0, "{}", S::NAME);
}

#[tokio::test]
async fn t21_a_tunnel_is_not_sold_after_it_was_opened() {
    let everything = || shop().give_rest(Handler::says(SOLD)).front(PRICE);
    let by_a_star = || shop().give_rest(Handler::says(SOLD)).table([("/*", PRICE)]);
    for open in [everything as fn() -> Shop, by_a_star] {
        a_tunnel_is_not_sold_after::<Axum>(open).await;
        a_tunnel_is_not_sold_after::<Bare>(open).await;
        a_tunnel_is_not_sold_after::<Actix>(open).await;
    }
}
