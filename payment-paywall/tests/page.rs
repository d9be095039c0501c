//! The page as the gate would send it: what it may do, what it says, and what it does with texts
//! that are meant to be more than that.
#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode};
use payment_core::{Ask, Asset, Network, Page, Paywall, Reply, Timestamp};
use payment_paywall::{CustomPaywall, PaywallError, PaywallPage};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const NOW: u64 = 1_800_000_000;

fn paywall() -> PaywallPage {
    PaywallPage::builder()
        .app_name("Weather & <Co>")
        .token(Network::eip155(84532), Asset::parse(USDC), "USDC", 6)
        .build()
        .unwrap()
}

fn offer() -> Value {
    json!({
        "scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": USDC,
        "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", "maxTimeoutSeconds": 60,
        "extra": {"name": "USDC", "version": "2"},
    })
}

fn ask(path: &str) -> Ask {
    Ask::new(Timestamp::from_seconds(NOW), "GET", path)
}

fn x402(required: &Value) -> Reply {
    let mut reply = Reply::empty(StatusCode::PAYMENT_REQUIRED);
    let value = STANDARD.encode(required.to_string());
    let value = HeaderValue::try_from(value).unwrap();
    reply.headers.insert("payment-required", value);
    reply
}

fn offering(offers: &[Value]) -> Reply {
    let resource = json!({"url": "http://localhost/weather", "description": "Hourly"});
    x402(&json!({"x402Version": 2, "resource": resource, "accepts": offers}))
}

fn mpp(mut reply: Reply) -> Reply {
    let request = json!({"amount": "20000", "currency": USDC, "methodDetails": {"chainId": 84532}});
    let request = URL_SAFE_NO_PAD.encode(request.to_string());
    let line = format!(
        "Payment id=\"a\", realm=\"r\", method=\"evm\", intent=\"charge\", \
         request=\"{request}\", expires=\"2027-01-15T08:00:00Z\""
    );
    let line = HeaderValue::try_from(line).unwrap();
    reply.headers.append("www-authenticate", line);
    reply
}

fn html(page: &Page) -> &str {
    std::str::from_utf8(&page.html).unwrap()
}

fn shown(ask: &Ask, reply: &Reply) -> String {
    html(&paywall().page(ask, reply).unwrap()).to_owned()
}

fn policy(page: &Page) -> String {
    let named = |name: &str| page.headers.iter().find(|(is, _)| is == name).unwrap();
    named("content-security-policy")
        .1
        .to_str()
        .unwrap()
        .to_owned()
}

/// What stands between the first such tags.
fn inside<'a>(html: &'a str, open: &str, close: &str) -> &'a str {
    let (_, after) = html.split_once(open).unwrap();
    after.split_once(close).unwrap().0
}

fn data(html: &str) -> Value {
    let open = "<script type=\"application/json\" id=\"offer\">";
    serde_json::from_str(inside(html, open, "</script>")).unwrap()
}

/// Everything between `<` and `>` outside scripts and styles, names of tags and attributes alike.
fn markup(html: &str) -> Vec<String> {
    let mut rest = html;
    let mut tags = Vec::new();
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').unwrap();
        tags.push(tag.to_owned());
        rest = match tag.split(' ').next().unwrap() {
            "script" => &after[after.find("</script").unwrap()..],
            "style" => &after[after.find("</style").unwrap()..],
            _ => after,
        };
    }
    tags
}

#[test]
fn policy_allows_the_script_and_the_style_of_the_page_and_nothing_else() {
    for accent in ["#1d5bd6", "#ffffff"] {
        let paywall = PaywallPage::builder().accent(accent).build().unwrap();
        let page = paywall.page(&ask("/"), &offering(&[offer()])).unwrap();
        let html = html(&page);
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        let style = hash(inside(html, "<style>", "</style>"));
        let script = hash(inside(html, "<script>", "</script>"));
        assert_eq!(
            policy(&page),
            format!(
                "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
                 connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                 frame-ancestors 'none'"
            )
        );
        assert_eq!(html.matches("<script>").count(), 1);
        assert_eq!(html.matches("<style>").count(), 1);
    }
    let page = paywall().page(&ask("/"), &offering(&[offer()])).unwrap();
    let names: Vec<_> = page.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy"
        ]
    );
}

#[test]
fn page_is_small_whole_and_loads_nothing() {
    let page = shown(&ask("/weather"), &mpp(offering(&[offer(), offer()])));
    assert!(page.len() < 40 * 1024, "{} bytes", page.len());
    assert!(!page.contains("{{"), "a slot without a value");
    for tag in markup(&page) {
        assert!(
            !tag.starts_with("link") || tag.contains("href=\"data:,\""),
            "{tag}"
        );
        for loads in [
            "src=",
            "srcset=",
            "style=",
            "onclick",
            "onload",
            "http-equiv",
            "url(",
        ] {
            assert!(!tag.contains(loads), "{tag}");
        }
    }
    let (style, script) = (
        inside(&page, "<style>", "</style>"),
        inside(&page, "<script>", "</script>"),
    );
    for remote in ["http:", "https:", "//", "@import", "url("] {
        assert!(!style.contains(remote), "{remote}");
    }
    for loads in [
        "http:",
        "https:",
        "import(",
        "import ",
        "eval(",
        "innerHTML",
        "<!--",
    ] {
        assert!(!script.contains(loads), "{loads}");
    }
}

#[test]
fn every_word_of_the_script_is_there() {
    let page = shown(&ask("/"), &offering(&[offer()]));
    let open = "<script type=\"application/json\" id=\"words\">";
    let words: Value = serde_json::from_str(inside(&page, open, "</script>")).unwrap();
    let script = inside(&page, "<script>", "</script>");
    let said: Vec<_> = script.split("say(\"").skip(1).collect();
    assert!(said.len() > 20);
    for said in said {
        let name = said.split('"').next().unwrap();
        assert!(words[name].is_string(), "{name}");
    }
}

#[test]
fn price_is_said_in_tokens_where_they_are_known() {
    let page = shown(&ask("/weather"), &offering(&[offer()]));
    assert!(page.contains("<strong>0.01 USDC</strong> on <bdi>Base Sepolia (eip155:84532)</bdi>"));
    assert!(page.contains("--max 0.01"));
    assert!(page.contains("<time datetime=\"PT60S\">60 seconds</time>"));
    assert!(
        page.contains("class=\"badge\""),
        "a test network is called one"
    );
    let mut unknown = offer();
    unknown["asset"] = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".into();
    unknown["network"] = "eip155:8453".into();
    let page = shown(&ask("/weather"), &offering(&[unknown]));
    assert!(page.contains("<strong>10000 base units</strong> of <code>0x209693Bc6afc0C5328bA36FaF03C514EF312287C</code> on <bdi>Base (eip155:8453)</bdi>"));
    assert!(!page.contains("--max"), "no number is guessed");
    assert!(!page.contains("class=\"badge\""));
}

#[test]
fn nothing_is_signed_for_longer_than_an_hour() {
    let mut long = offer();
    long["maxTimeoutSeconds"] = u64::MAX.into();
    let page = shown(&ask("/"), &offering(&[long]));
    assert_eq!(data(&page)["ways"][0]["seconds"], 3600);
    assert!(page.contains("PT3600S"));
}

#[test]
fn script_learns_what_it_signs() {
    let data = data(&shown(&ask("/weather"), &offering(&[offer()])));
    assert_eq!(data["now"], NOW);
    assert_eq!(data["method"], "GET");
    assert_eq!(data["canonical"], false);
    let way = &data["ways"][0];
    assert_eq!(
        way["signing"],
        json!({"chain": 84532, "name": "USDC", "version": "2"})
    );
    assert_eq!(way["amount"], "10000", "a text: scripts round numbers");
    let accepted: Value = serde_json::from_str(way["accepted"].as_str().unwrap()).unwrap();
    assert_eq!(accepted, offer());
    let mut canonical = ask("/weather");
    canonical.canonical = true;
    let page = shown(&canonical, &offering(&[offer()]));
    assert_eq!(self::data(&page)["canonical"], true);
}

#[test]
fn each_protocol_is_shown_as_it_can_be_paid() {
    let cannot = "A wallet in a browser can&#39;t pay this";
    let x402_only = shown(&ask("/"), &offering(&[offer()]));
    assert!(!x402_only.contains(cannot) && !x402_only.contains("MPP"));
    let none = mpp(Reply::empty(StatusCode::PAYMENT_REQUIRED));
    let mpp_only = shown(&ask("/"), &none);
    assert!(mpp_only.contains(cannot));
    assert!(
        mpp_only.contains("pay GET <span data-url>&#39;http://localhost/&#39;</span> --max 0.02")
    );
    assert!(mpp_only.contains("<time datetime=\"2027-01-15T08:00:00Z\">"));
    let both = shown(&ask("/"), &mpp(offering(&[offer()])));
    assert!(!both.contains(cannot));
    assert!(both.contains("<li>MPP evm/charge: <b>0.02 USDC</b>"));
    assert!(!both.contains("--max"), "prices differ: none is the most");
    let mut solana = offer();
    solana["network"] = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp".into();
    let page = shown(&ask("/"), &offering(&[offer(), offer(), solana]));
    assert_eq!(page.matches("type=\"radio\"").count(), 2);
    assert!(page.contains("<li>x402 exact: <b>10000 base units</b> of <code>0x036C"));
}

#[test]
fn a_refused_payment_is_told() {
    let mut reply = offering(&[offer()]);
    reply.body = br#"{"code":"payment_required","detail":"this resource is paid for"}"#[..].into();
    assert!(!shown(&ask("/"), &reply).contains("not accepted: <bdi>"));
    reply.body = br#"{"code":"a_code","detail":"too <little>"}"#[..].into();
    let page = shown(&ask("/"), &reply);
    assert!(page.contains("not accepted: <bdi>too &lt;little&gt; (a_code)</bdi>"));
}

#[test]
fn a_request_with_a_body_is_not_sent_again() {
    let mut ask = Ask::new(Timestamp::from_seconds(NOW), "POST", "/");
    let page = shown(&ask, &offering(&[offer()]));
    assert!(!page.contains("request with a body") && page.contains("curl -i -X POST"));
    ask.has_body = true;
    let page = shown(&ask, &offering(&[offer()]));
    assert!(page.contains("request with a body"));
    assert_eq!(data(&page)["hasBody"], true);
}

#[test]
fn what_is_no_402_or_names_no_way_is_left_alone() {
    let paywall = paywall();
    let mut unavailable = offering(&[offer()]);
    unavailable.status = StatusCode::SERVICE_UNAVAILABLE;
    assert!(paywall.page(&ask("/"), &unavailable).is_none());
    let nothing = Reply::empty(StatusCode::PAYMENT_REQUIRED);
    assert!(paywall.page(&ask("/"), &nothing).is_none());
    let mut basic = nothing;
    let line = HeaderValue::from_static("Basic realm=\"a\"");
    basic.headers.insert("www-authenticate", line);
    assert!(paywall.page(&ask("/"), &basic).is_none());
}

const HOSTILE: [&str; 6] = [
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "<!--<script>",
    "{{data}}{{script}}",
    "\u{2028}\u{202e}&lt;b&gt;\0",
];

/// A page whose every text is this one.
fn hostile(text: &str) -> (Ask, Reply) {
    let mut ask = ask("/");
    ask.resource = format!("http://localhost/{text}").into();
    ask.query = Some(text.into());
    ask.method = text.to_owned().into();
    let mut odd = offer();
    for member in ["scheme", "network", "amount", "asset", "payTo"] {
        odd[member] = text.into();
    }
    let mut named = offer();
    named["extra"] = json!({"name": text, "version": text});
    let resource = json!({"url": text, "description": text, "mimeType": text});
    let mut reply = x402(&json!({"resource": resource, "accepts": [odd, named, offer()]}));
    let problem = json!({"code": text, "detail": text}).to_string();
    reply.body = problem.into();
    let request = json!({"amount": text, "currency": text, "unitType": text}).to_string();
    let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
    let line = format!(
        "Payment method=\"{quoted}\", intent=\"{quoted}\", expires=\"{quoted}\", request=\"{}\"",
        URL_SAFE_NO_PAD.encode(request)
    );
    if let Ok(line) = HeaderValue::try_from(line) {
        reply.headers.append("www-authenticate", line);
    }
    (ask, reply)
}

#[test]
fn hostile_texts_add_no_markup() {
    for text in HOSTILE {
        let (ask, reply) = hostile(text);
        let page = shown(&ask, &reply);
        let (plain_ask, mut plain) = hostile("x");
        if reply.headers.get("www-authenticate").is_none() {
            // Not every text can stand in a header.
            plain.headers.remove("www-authenticate");
        }
        assert_eq!(markup(&page), markup(&shown(&plain_ask, &plain)), "{text}");
        let data = data(&page);
        assert_eq!(data["ways"][1]["signing"]["name"], text);
    }
}

#[test]
fn lines_for_programs_are_one_command_in_any_shell() {
    for path in [
        "/a'; touch hacked; '",
        "/$(touch hacked)`id`",
        "/a\nid",
        "/-o\u{202e}x",
    ] {
        let mut ask = ask("/");
        ask.resource = format!("http://localhost{path}").into();
        let page = shown(&ask, &offering(&[offer()]));
        let line = inside(&page, "<code id=\"line-curl\">", "</code>")
            .replace("<span data-url>", "")
            .replace("</span>", "")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
            .replace("&quot;", "\"");
        let script = line.replacen("curl -i", "printf '%s|'", 1);
        let ran = std::process::Command::new("sh")
            .args(["-c", &script])
            .output();
        let words = String::from_utf8(ran.unwrap().stdout).unwrap();
        assert_eq!(words.matches('|').count(), 1, "{words}");
        assert!(words.starts_with("http://localhost/"), "{words}");
        assert!(words.bytes().all(|byte| byte.is_ascii_graphic()), "{words}");
    }
}

#[test]
fn what_a_seller_gets_wrong_is_said_at_start() {
    let build = |builder: payment_paywall::PaywallBuilder| builder.build().err();
    let new = PaywallPage::builder;
    assert_eq!(build(new().accent("red;}")), Some(PaywallError::Accent));
    let long = format!("data:image/png;base64,{}", "A".repeat(16 * 1024));
    for logo in [
        "https://example.com/logo.png",
        "data:image/png;base64,A\" onerror=\"alert(1)",
        "data:text/html;base64,AAAA",
        &long,
    ] {
        assert_eq!(build(new().logo(logo)), Some(PaywallError::Logo));
    }
    let unknown = PaywallError::Word("bye".into());
    assert_eq!(build(new().word("bye", "")), Some(unknown));
    assert_eq!(
        build(
            new()
                .word("lead", "Bitte")
                .logo("data:image/png;base64,AA==")
        ),
        None
    );
}

#[test]
fn words_of_the_seller_are_said_and_are_text() {
    let paywall = PaywallPage::builder()
        .app_name("A <b>")
        .word("lang", "de")
        .word("lead", "Bitte <zahlen>:")
        .word("pay", "</script>{price} zahlen")
        .build()
        .unwrap();
    let page = paywall.page(&ask("/"), &offering(&[offer()])).unwrap();
    let page = html(&page);
    assert!(page.contains("<html lang=\"de\">"));
    assert!(page.contains("Bitte &lt;zahlen&gt;: <strong>"));
    assert!(page.contains("\\u003c/script\\u003e{price} zahlen"));
    assert!(page.contains("<title>Payment required – A &lt;b&gt;</title>"));
}

#[test]
fn custom_page_gets_data_and_texts_that_are_safe() {
    let custom = CustomPaywall::new(
        "<p title=\"{{url}}\">{{price}} {{description}}{{refused}}</p>{{offer}}",
    );
    let custom = custom
        .unwrap()
        .token(Network::eip155(84532), Asset::parse(USDC), "USDC", 6);
    let page = custom.page(&ask("/"), &offering(&[offer()])).unwrap();
    let start = "<p title=\"http://localhost/\">0.01 USDC Hourly</p><script";
    assert!(html(&page).starts_with(start));
    assert_eq!(data(html(&page))["ways"][0]["price"], "0.01 USDC");
    assert!(policy(&page).contains("frame-ancestors 'none'"));
    for text in HOSTILE {
        let (ask, reply) = hostile(text);
        let page = custom.page(&ask, &reply).unwrap();
        assert_eq!(markup(html(&page)).len(), 4, "{text}");
    }
    assert_eq!(
        CustomPaywall::new("{{prize}}").err(),
        Some(PaywallError::Slot)
    );
    assert_eq!(
        CustomPaywall::new("{{offer").err(),
        Some(PaywallError::Slot)
    );
    let own = custom.clone().policy("default-src 'none'").unwrap();
    let page = own.page(&ask("/"), &offering(&[offer()]));
    assert_eq!(policy(&page.unwrap()), "default-src 'none'");
    assert_eq!(custom.policy("a\nb").err(), Some(PaywallError::Policy));
}

/// JSON of any shape, often with the members that are looked for.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(offer()),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let name = prop_oneof![
            Just("accepts".to_owned()),
            Just("resource".to_owned()),
            Just("extra".to_owned()),
            Just("amount".to_owned()),
            ".{0,4}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_header_panics(
        required in proptest::collection::vec(any::<u8>(), 0..200),
        authenticate in "(Payment )?[ -~]{0,100}",
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut reply = Reply::empty(StatusCode::PAYMENT_REQUIRED);
        for value in [required.clone(), STANDARD.encode(&required).into_bytes()] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                reply.headers.insert("payment-required", value);
            }
            reply.headers.insert("www-authenticate", authenticate.parse().unwrap());
            reply.body = body.clone().into();
            let _ = paywall().page(&ask("/"), &reply);
        }
    }

    #[test]
    fn no_offer_panics_or_adds_markup(mut odd in anything(), more in anything()) {
        let required = json!({"resource": more, "accepts": [offer(), odd.clone()]});
        if let Some(page) = paywall().page(&ask("/"), &x402(&required)) {
            let scripts = markup(html(&page)).iter().filter(|tag| tag.starts_with("script")).count();
            prop_assert_eq!(scripts, 3);
            prop_assert!(data(html(&page)).is_object());
        }
        if let Some(members) = odd.as_object_mut() {
            members.insert("accepts".into(), json!([offer()]));
        }
        let _ = paywall().page(&ask("/"), &x402(&odd));
    }
}
