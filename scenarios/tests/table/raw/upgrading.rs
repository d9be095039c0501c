use scenarios::{Actix, Axum, Bare, Handler, Shop, Stack};

use crate::raw::{Open, SOLD};
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
