//! Writes `corpus/<target>/`: one file a case of the vectors, with the first byte that the
//! target reads it by. Run it again when the vectors change; files of other names stay.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tollgate_fuzz::{mpp, quotes, session};
use vectors::{cases, load, text};

fn main() -> io::Result<()> {
    payment_headers()?;
    authorization_payment()?;
    session_payload()?;
    www_authenticate()?;
    replies()?;
    sse_events()?;
    okx_answer()?;
    route_table()?;
    sealed_quote()?;
    accept_header()?;
    actix_head()
}

fn route_table() -> io::Result<()> {
    let target = "route_table";
    let file = load("x402_core.json");
    for (at, case) in cases(&file, "/routes/patterns").iter().enumerate() {
        let key = text(case, "pattern");
        // One of those that are priced, and one of those that are not.
        for member in ["protected", "open"] {
            let Some([method, path]) = case[member][0].as_array().map(Vec::as_slice) else {
                continue;
            };
            let method = method.as_str().unwrap_or_default();
            let path = path.as_str().unwrap_or_default();
            let request = format!("{method}\n{path}\n\n\n{key}\n/other/:id");
            put(target, &format!("{member} {at}"), 'k', request)?;
        }
    }
    for (name, key, spelling) in [
        ("plain", "/api/premium", ""),
        ("encoded", "GET /api/premium", "\0\u{1}\u{2}\u{3}\u{1}"),
        ("cased", "/Mixed/Case", "\0\u{4}\u{4}\u{6}"),
        ("dots", "POST /v1/up/load", "\0\0\0\u{6}\0\0\u{7}"),
        ("slashes", "/a/b/", "\0\0\u{5}\0\u{5}"),
    ] {
        put(target, name, 's', format!("{key}\n{spelling}"))?;
    }
    let mounted = "GET\n/v1/items/7\n/items/7\n/v1/items/{id}\n/v1/items/:id\n/items/*";
    put(target, "mounted", 'k', mounted)
}

fn sealed_quote() -> io::Result<()> {
    for (quoted, to) in [(&*quotes::X402, "x402"), (&*quotes::MPP, "mpp")] {
        let show = |name: &str, kind: char, data: &[u8]| {
            let kind = match to {
                "mpp" => kind.to_ascii_uppercase(),
                _ => kind,
            };
            put("sealed_quote", &format!("{to} {name}"), kind, data)
        };
        show("good", 'q', quoted.seal.as_bytes())?;
        show("none", 'q', b"")?;
        show("one letter", 'e', &[0, b'A'])?;
        show("last letter", 'e', &[255, b'A'])?;
        for (name, said) in [
            ("cheap", "9999999999;0.01"),
            ("quoted", "9999999999;1"),
            (
                "payee",
                "9999999999;0.01@0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            ),
            ("more", "9999999999;0.01;0.01"),
            ("free", "9999999999;0"),
            ("odd", "-1;1e9"),
        ] {
            show(name, 't', said.as_bytes())?;
        }
        show("other path", 'o', b"other")?;
        show("same path", 'o', b"premium-data/")?;
        show("text", 'j', json!({"quote": "a.b"}).to_string().as_bytes())?;
        show("number", 'j', json!({"quote": 1}).to_string().as_bytes())?;
        let letters = "x".repeat(22);
        let opaque = json!({"nonce": letters, "quote": "a.b", "scope": letters});
        show("opaque", 'j', opaque.to_string().as_bytes())?;
    }
    Ok(())
}

fn accept_header() -> io::Result<()> {
    let target = "accept_header";
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let ours = "https://app.example.com";
    // The first byte picks the gate, and the method for each three of them.
    for (name, kind, lines) in [
        ("browser", 'a', format!("a{browser}\nlde-CH, fr;q=0.7")),
        ("program", 'b', "a*/*".to_owned()),
        (
            "either",
            'c',
            "aapplication/json;q=0.5, text/html;q=0.501".to_owned(),
        ),
        ("twice", 'c', format!("atext/html\na{browser}")),
        ("page of ours", 'c', format!("a{browser}\no{ours}")),
        ("pages of ours", 'c', format!("o{ours}\no{ours}")),
        ("no origin", 'c', "onull".to_owned()),
        (
            "other page",
            'i',
            "ohttps://app.example.com.evil.example".to_owned(),
        ),
        (
            "markup",
            'a',
            format!("a{browser}\nu<script>\nq</script>&\"'"),
        ),
        (
            "preflight",
            'l',
            format!("o{ours}\nmPOST\nhx-payment, x-own, *"),
        ),
        (
            "preflight anywhere",
            'k',
            "ohttps://a\nmGET\nhpayment-signature".to_owned(),
        ),
        ("long path", 'a', format!("u{}", "\u{fffd}".repeat(700))),
        ("half a preflight", 'l', format!("o{ours}")),
    ] {
        put(target, name, kind, lines)?;
    }
    Ok(())
}

fn actix_head() -> io::Result<()> {
    let target = "actix_head";
    let requests = [
        "/api/premium",
        "/api/premium/",
        "//api//premium",
        "/api%2fpremium",
        "/api/./premium?x=/free",
        "/API/premium",
        "/files/a.txt",
        "/files/..%2f..%2fapi%2fpremium",
        "/v1/7/detail",
        "/v1//detail",
        "/v1/%252e/detail",
        "/v1/upload\nPOST",
        "/all",
        "/all/a/b/c",
        "/all/../free",
        "/Mixed/Case",
        "/mixed/case",
        "/slash/",
        "/slash",
        "/free",
        "/free/../api/premium",
        "/api/premium;a=b",
        "http://localhost/api/premium",
        "*\nOPTIONS",
        "/api/%70remium",
        "/v1/%37/detai%6c",
        "/all/%2e%2e/free",
        "/api/premium\nHEAD",
        "/api/premium\nget\ne30=\ne30=",
    ];
    for (at, request) in requests.iter().enumerate() {
        put(target, &at.to_string(), 'a', request)?;
        put(target, &at.to_string(), 'n', request)?;
    }
    Ok(())
}

fn sse_events() -> io::Result<()> {
    let file = load("mpp_core.json");
    for (nth, case) in cases(&file, "/sse/parse").iter().enumerate() {
        put("sse_events", &nth.to_string(), 'a', text(case, "raw"))?;
    }
    put("sse_events", "line", 'g', "data: a")?;
    put("sse_events", "lines", 'g', "data: a\n")?;
    put("sse_events", "names", 'g', "event: a\r\n\r")
}

fn okx_answer() -> io::Result<()> {
    let hash = "0xabababababababababababababababababababababababababababababababab";
    let channel = "0xb171abae03933151dbd5e7ba5559ed8f6f502a39893cdbbf79c6d6b439a2503a";
    let payer = "0xa9eFc64df94971Fc4f85Be11b40a505C176dC3bA";
    let charge = json!({"method": "evm", "reference": hash, "status": "success", "chainId": 196,
        "timestamp": "2026-03-30T10:00:01Z"});
    let session = json!({"method": "evm", "intent": "session", "status": "success", "chainId": "196",
        "channelId": channel, "reference": hash, "deposit": "1000000"});
    let status = json!({"channelId": channel, "payer": payer, "payee": payer, "token": payer,
        "deposit": "1000000", "settledOnChain": "0", "sessionStatus": "OPEN", "remainingBalance": "1"});
    for (name, data) in [("charge", charge), ("session", session), ("status", status)] {
        let whole = json!({"code": 0, "msg": "", "data": data});
        put("okx_answer", name, 'x', whole.to_string())?;
        let listed = json!({"code": "0", "msg": "", "data": [data]});
        put(
            "okx_answer",
            &format!("{name}-listed"),
            'x',
            listed.to_string(),
        )?;
        put("okx_answer", &format!("{name}-bare"), 'x', data.to_string())?;
    }
    for (name, kind, code) in [
        ("limited", 'f', json!(50011)),
        ("blocked", 'x', json!("70002")),
        ("odd", 'x', json!(-1)),
    ] {
        let refused = json!({"code": code, "msg": "no", "data": {}});
        put("okx_answer", name, kind, refused.to_string())?;
    }
    Ok(())
}

fn put(target: &str, name: &str, kind: char, data: impl AsRef<[u8]>) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(plain).take(60).collect();
    let mut file = Vec::from([kind as u8]);
    file.extend_from_slice(data.as_ref());
    // A seed is there to be changed; long ones change slowly.
    if file.len() > 4096 {
        return Ok(());
    }
    fs::write(folder.join(format!("{kind}-{name}")), file)
}

/// A value as it came, and the JSON behind it where there is some.
fn put_both(target: &str, name: &str, value: &str, json_kind: char, kind: char) -> io::Result<()> {
    put(target, name, kind, value)?;
    match STANDARD.decode(value) {
        Ok(json) => put(target, name, json_kind, json),
        Err(_) => Ok(()),
    }
}

fn payment_headers() -> io::Result<()> {
    let file = load("x402_core.json");
    for case in cases(&file, "/malformedPaymentSignature/cases") {
        // Some stand for a header that is not there, or is there twice.
        if let Some(value) = case["value"].as_str() {
            put_both("payment_signature", text(case, "id"), value, 'j', 'h')?;
        }
    }
    let base = &file["messages"]["v2"]["PaymentPayload"];
    let signed = cases(&file, "/eip3009/cases")[0].clone();
    let payload =
        json!({ "signature": signed["signature"], "authorization": signed["authorization"] });
    let mut good = base.clone();
    good["payload"] = payload.clone();
    put("payment_signature", "good", 'j', good.to_string())?;
    let mut listed = good.clone();
    listed["resource"] = json!(["https://api.example.com/premium-data"]);
    put(
        "payment_signature",
        "resource list",
        'j',
        listed.to_string(),
    )?;
    let twice = format!("{0}\n{0}", STANDARD.encode(good.to_string()));
    put("payment_signature", "twice", 'h', twice)?;
    put("payment_signature", "long", 'l', "QUFB")?;
    for case in cases(&file, "/matching/cases") {
        let mut payment = good.clone();
        payment["accepted"] = case["accepted"].clone();
        put(
            "payment_signature",
            text(case, "id"),
            'j',
            payment.to_string(),
        )?;
    }

    let v1 = |payload: &Value| json!({ "x402Version": 1, "scheme": "exact", "network": "base-sepolia", "payload": payload });
    put("x_payment", "good", 'j', v1(&payload).to_string())?;
    put_both(
        "x_payment",
        "example",
        text(&file["v1"]["examples"]["xPayment"], "value"),
        'j',
        'h',
    )?;
    put("x_payment", "long", 'l', "QUFB")?;
    for case in cases(&file, "/signatureForms/cases") {
        let Some(signature) = case["signature"].as_str() else {
            continue;
        };
        let mut payload = payload.clone();
        payload["signature"] = json!(signature);
        put("x_payment", text(case, "id"), 'j', v1(&payload).to_string())?;
        let mut payment = good.clone();
        payment["payload"] = payload;
        let name = format!("signature {}", text(case, "id"));
        put("payment_signature", &name, 'j', payment.to_string())?;
    }
    for case in cases(&file, "/eip3009/cases") {
        let payload =
            json!({ "signature": case["signature"], "authorization": case["authorization"] });
        put("x_payment", text(case, "id"), 'j', v1(&payload).to_string())?;
    }
    for case in cases(&file, "/malformedPaymentSignature/cases") {
        let Some(value) = case["value"].as_str() else {
            continue;
        };
        put("x_payment", text(case, "id"), 'h', value)?;
        let json = STANDARD
            .decode(value)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        if let Some(Value::Object(message)) = json {
            let payload = message.get("payload").cloned().unwrap_or_default();
            put("x_payment", text(case, "id"), 'j', v1(&payload).to_string())?;
        }
    }
    Ok(())
}

fn authorization_payment() -> io::Result<()> {
    let target = "authorization_payment";
    let file = load("mpp_core.json");
    for case in cases(&file, "/authorization_parse") {
        // One is known by its length alone.
        if let Some(header) = case["header"].as_str() {
            put(target, text(case, "name"), 'h', header)?;
        }
    }
    let exchange = &file["evm"]["charge_exchange"];
    put(target, "exchange", 'h', text(exchange, "authorization"))?;
    put(
        target,
        "exchange twice",
        'h',
        [text(exchange, "authorization"); 2].join("\n"),
    )?;
    let mut credential = exchange["credential"].clone();
    credential["payload"]["nonce"] = json!("$n");
    put(target, "exchange", 'p', credential["payload"].to_string())?;
    let opaque = json!({
        "id": "$i", "realm": "api.example.com", "method": "evm", "intent": "charge",
        "request": "$q", "expires": "$x", "opaque": "$o",
    });
    credential["challenge"] = opaque;
    put(target, "exchange", 'c', credential.to_string())?;
    put(target, "hash", 'p', r#"{"type":"hash","hash":"$n"}"#)?;
    put(
        target,
        "transaction",
        'p',
        r#"{"type":"transaction","signature":"0x02"}"#,
    )?;
    let transfer = mpp::transfer();
    put(target, "transfer", 'p', transfer.to_string())?;
    let mut split = transfer.clone();
    split["authorization"]["splits"] = json!([transfer["authorization"]]);
    put(target, "transfer split", 'p', split.to_string())?;
    let permit = cases(&file, "/evm/charge_permit2");
    for (at, case) in permit.iter().enumerate() {
        let details = json!([{
            "to": "0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00", "requestedAmount": "1000000",
        }]);
        let payload = json!({
            "type": "permit2",
            "permit": {
                "permitted": case["permitted"], "nonce": case["nonce"], "deadline": "1768478700",
            },
            "transferDetails": details,
            "witness": { "challengeHash": "$n", "externalId": "" },
            "signature": case["signature"],
        });
        put(target, &format!("permit {at}"), 'p', payload.to_string())?;
        let mut listed = payload;
        listed["transferDetails"] =
            json!([["0x742d35Cc6634C0532925a3b844Bc9e7595f8fE00", "1000000"]]);
        put(
            target,
            &format!("permit list {at}"),
            'p',
            listed.to_string(),
        )?;
    }
    let okx = load("okx_wire.json");
    for name in [
        "chargeTransaction",
        "chargeHash",
        "sessionOpen",
        "sessionVoucher",
        "sessionClose",
    ] {
        let credential = &okx["mpp"][name]["credential"];
        put(target, name, 'c', credential.to_string())?;
        put(target, name, 'p', credential["payload"].to_string())?;
    }
    put(target, "untouched", 'e', "")?;
    put(target, "one blank", 'e', [0, 1, b' '])?;
    put(target, "long", 'l', "QUFB")
}

fn session_payload() -> io::Result<()> {
    let target = "session_payload";
    for (at, (name, payload)) in session::good().into_iter().enumerate() {
        put(target, name, 'p', payload.to_string())?;
        put(target, name, 'h', payload.to_string())?;
        let number = u8::try_from(at).unwrap_or_default();
        put(target, name, 'e', [number])?;
        put(target, &format!("{name} blank"), 'e', [number, 0, 1, b' '])?;
    }
    let file = load("mpp_core.json");
    let exchange = &file["evm"]["session_exchange"]["credentials"];
    let okx = load("okx_wire.json");
    for (name, credential) in [
        ("exchange open", &exchange["open_authorization"]),
        ("exchange voucher", &exchange["voucher"]),
        ("exchange close", &exchange["close"]),
        ("okx open", &okx["mpp"]["sessionOpen"]["credential"]),
        ("okx voucher", &okx["mpp"]["sessionVoucher"]["credential"]),
        ("okx close", &okx["mpp"]["sessionClose"]["credential"]),
    ] {
        put(target, name, 'n', credential["payload"].to_string())?;
    }
    let target = "session_answers";
    let exchange = &file["evm"]["session_exchange"];
    put(target, "request", 'q', exchange["request"].to_string())?;
    put(target, "receipt", 'r', exchange["receipt"].to_string())?;
    put(target, "receipt", 'h', text(exchange, "payment_receipt"))?;
    let need = json!({
        "channelId": exchange["receipt"]["channelId"], "requiredCumulative": "250100",
        "acceptedCumulative": "250000", "deposit": "10000000",
    });
    put(target, "need voucher", 'n', need.to_string())?;
    for (name, record) in session::records() {
        // This target has one entrance: the record begins with the mark of every record.
        put("channel_state", name, '{', &record[1..])?;
    }
    Ok(())
}

fn www_authenticate() -> io::Result<()> {
    let target = "www_authenticate";
    let file = load("mpp_core.json");
    for list in ["/www_authenticate_parse", "/www_authenticate_list"] {
        for case in cases(&file, list) {
            if let Some(header) = case["header"].as_str() {
                put(target, text(case, "name"), 'w', header)?;
            }
        }
    }
    let exchange = &file["evm"]["charge_exchange"];
    put(target, "exchange", 'w', text(exchange, "www_authenticate"))?;
    for case in cases(&file, "/receipt_parse") {
        if let Some(header) = case["header"].as_str() {
            put(target, text(case, "name"), 'r', header)?;
        }
    }
    put(target, "exchange", 'r', text(exchange, "payment_receipt"))?;
    put(target, "long", 'l', "Payment id=\"a\", ")?;
    let file = load("x402_core.json");
    for case in cases(&file, "/headers/cases") {
        if text(case, "header") == "PAYMENT-REQUIRED" {
            put_both(target, text(case, "id"), text(case, "value"), 'j', 'v')?;
        }
    }
    let body = &file["v1"]["examples"]["paymentRequiredBody"];
    put(target, "v1", 'b', body.to_string())?;
    put(
        target,
        "v2",
        'b',
        file["messages"]["v2"]["PaymentRequired"].to_string(),
    )
}

fn replies() -> io::Result<()> {
    let file = load("x402_core.json");
    let okx = load("okx_wire.json");
    let mut bodies: Vec<(String, Value)> = Vec::new();
    for version in ["v1", "v2"] {
        for name in ["VerifyResponse", "SettleResponse"] {
            collect(
                &mut bodies,
                &format!("{version} {name}"),
                &file["messages"][version][name],
            );
        }
    }
    collect(&mut bodies, "okx", &okx["x402"]["paymentResponse"]["json"]);
    for reason in [
        "nonce_already_used",
        "unexpected_settle_error",
        "transaction_failed",
    ] {
        let body =
            json!({ "success": false, "errorReason": reason, "transaction": "", "network": "" });
        bodies.push((reason.to_owned(), body));
    }
    for (name, body) in &bodies {
        // The places of 200, 402 and 503.
        for kind in ['0', '4', '7'] {
            put("replies", name, kind, body.to_string())?;
        }
    }
    Ok(())
}

/// The objects in this value that are answers.
fn collect(bodies: &mut Vec<(String, Value)>, name: &str, value: &Value) {
    let Value::Object(members) = value else {
        return;
    };
    if members.contains_key("isValid") || members.contains_key("success") {
        bodies.push((name.to_owned(), value.clone()));
    } else {
        members
            .iter()
            .for_each(|(key, inner)| collect(bodies, &format!("{name} {key}"), inner));
    }
}
