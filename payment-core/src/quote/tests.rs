#![allow(clippy::unwrap_used)]

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{Asset, Network, ProtocolName, usd};

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// What the price was made of.
const READ: [HeaderName; 2] = [
    HeaderName::from_static("x-size"),
    HeaderName::from_static("x-tier"),
];

fn key(byte: u8) -> QuoteKey {
    QuoteKey::shared(Secret::new([byte; 32])).unwrap()
}

fn ask() -> Ask {
    let headers = [("x-size", "s"), ("x-tier", "gold"), ("x-other", "a")];
    let headers = headers.map(|(name, value)| {
        let value = http::HeaderValue::from_static(value);
        (HeaderName::from_static(name), value)
    });
    Ask {
        query: Some("q=1".into()),
        body: Some("a body".into()),
        headers: headers.into_iter().collect(),
        ..Ask::new(NOW, "POST", "/weather")
    }
}

fn options() -> Vec<PaymentOption> {
    let payee = Account::parse("0x209693Bc6afc0C5328bA36FaF03C514EF312287C");
    vec![
        PaymentOption::new(usd!("0.009")).network(Network::eip155(196)),
        PaymentOption::new(usd!("12")).scheme("exact").pay_to(payee),
    ]
}

fn sealed() -> Box<str> {
    key(1).seal(&ask(), &READ, &options(), NOW).unwrap()
}

fn opens(key: &QuoteKey, ask: &Ask, today: &[PaymentOption], seal: &str) -> bool {
    key.open(ask, &READ, today, seal).is_some()
}

#[test]
fn what_was_quoted_comes_back_whatever_it_costs_today() {
    let until = NOW.plus(Duration::from_secs(60));
    let seal = key(1).seal(&ask(), &READ, &options(), until).unwrap();
    let mut today = options();
    today[0].price = usd!("5");
    today[1].pay_to = None;
    let quoted = key(1).open(&ask(), &READ, &today, &seal).unwrap();
    assert_eq!((quoted.options, quoted.until), (options(), until));
}

type Change = Box<dyn Fn(&mut Ask)>;

#[test]
fn a_quote_is_good_for_one_request() {
    let set = |name: &'static str, values: &'static [&'static str]| {
        move |ask: &mut Ask| {
            ask.headers.remove(name);
            for value in values {
                let value = http::HeaderValue::from_static(value);
                ask.headers.append(name, value);
            }
        }
    };
    let others: [(&str, Change); 12] = [
        ("method", Box::new(|ask| ask.method = "GET".into())),
        ("path", Box::new(|ask| ask.path = "/storms".into())),
        ("query", Box::new(|ask| ask.query = Some("q=2".into()))),
        ("no query", Box::new(|ask| ask.query = None)),
        (
            "body",
            Box::new(|ask| ask.body = Some("a longer body".into())),
        ),
        ("no body", Box::new(|ask| ask.body = None)),
        (
            "empty body",
            Box::new(|ask| ask.body = Some(Default::default())),
        ),
        (
            "host",
            Box::new(|ask| ask.resource = "http://other.example/weather".into()),
        ),
        ("header", Box::new(set("x-size", &["l"]))),
        ("no header", Box::new(set("x-size", &[]))),
        ("header twice", Box::new(set("x-size", &["s", "s"]))),
        ("another's value", {
            let (size, tier) = (set("x-size", &["s", "x-tier", "gold"]), set("x-tier", &[]));
            Box::new(move |ask| {
                size(ask);
                tier(ask);
            })
        }),
    ];
    assert!(opens(&key(1), &ask(), &options(), &sealed()));
    // A header that no price was made of may change.
    let mut same = ask();
    set("x-other", &["b"])(&mut same);
    assert!(opens(&key(1), &same, &options(), &sealed()));
    for (what, change) in others {
        let mut other = ask();
        change(&mut other);
        assert!(!opens(&key(1), &other, &options(), &sealed()), "{what}");
    }
}

#[test]
fn a_quote_is_good_for_what_it_names_and_under_its_key() {
    assert!(!opens(&key(2), &ask(), &options(), &sealed()));
    let random = QuoteKey::random().unwrap();
    assert!(!opens(&random, &ask(), &options(), &sealed()));
    type Change = fn(&mut Vec<PaymentOption>);
    let changes: [(&str, Change); 9] = [
        ("fewer", |list| drop(list.pop())),
        ("none", Vec::clear),
        ("more", |list| list.push(PaymentOption::new(usd!("1")))),
        ("another order", |list| list.swap(0, 1)),
        ("network", |list| list[0].network = Some(Network::eip155(1))),
        ("any network", |list| list[0].network = None),
        ("scheme", |list| list[1].scheme = Some("upto".into())),
        ("protocol", |list| {
            list[0].protocol = Some(ProtocolName::new("mpp"));
        }),
        ("asset", |list| list[0].asset = Some(Asset::parse("USD"))),
    ];
    for (what, change) in changes {
        let mut today = options();
        change(&mut today);
        assert!(!opens(&key(1), &ask(), &today, &sealed()), "{what}");
    }
}

#[test]
fn names_of_options_do_not_run_together() {
    let named = |scheme: &'static str, asset: &'static str| {
        let option = PaymentOption::new(usd!("1")).scheme(scheme);
        [option.asset(Asset::Other(asset.into()))]
    };
    let seal = key(1)
        .seal(&ask(), &READ, &named("a\", b", "c"), NOW)
        .unwrap();
    assert!(!opens(&key(1), &ask(), &named("a", "b\", c"), &seal));
}

#[test]
fn a_payee_that_reads_like_prices_opens_to_nothing() {
    // A seller may take the payee from the request.
    for text in ["a;5", "a;5@b", ";", "@", "a@b;1"] {
        let payee = Account::Other(text.into());
        let options = [PaymentOption::new(usd!("1")).pay_to(payee.clone())];
        let seal = key(1).seal(&ask(), &READ, &options, NOW).unwrap();
        if let Some(quoted) = key(1).open(&ask(), &READ, &options, &seal) {
            assert_eq!(quoted.options, options, "{text}");
        }
    }
}

#[test]
fn short_keys_are_refused() {
    assert!(QuoteKey::shared(Secret::new([1; 31])).is_err());
    assert!(QuoteKey::shared(Secret::new([1; 32])).is_ok());
}

/// Every byte of the quote, changed to every other.
#[test]
fn no_byte_of_a_quote_can_be_changed() {
    let seal = sealed();
    let mut bytes = seal.as_bytes().to_vec();
    for at in 0..bytes.len() {
        let was = bytes[at];
        for other in (0..128).filter(|other| *other != was) {
            bytes[at] = other;
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(!opens(&key(1), &ask(), &options(), text), "{text}");
        }
        bytes[at] = was;
    }
    for end in 0..seal.len() {
        assert!(!opens(&key(1), &ask(), &options(), &seal[..end]), "{end}");
    }
    for more in ["A", "=", ".", "\0", ".AAAA"] {
        let text = format!("{seal}{more}");
        assert!(!opens(&key(1), &ask(), &options(), &text), "{more:?}");
    }
}

/// Another text under the code of an honest quote.
#[test]
fn no_text_stands_under_the_code_of_another() {
    let seal = sealed();
    let (_, code) = seal.split_once('.').unwrap();
    for text in ["1000000;0.009;12", "9000000;0.001;0.001", ""] {
        let forged = format!("{}.{code}", URL_SAFE_NO_PAD.encode(text));
        assert!(!opens(&key(1), &ask(), &options(), &forged), "{text}");
    }
}

proptest! {
    #[test]
    fn quotes_round_trip(
        prices in prop::collection::vec((any::<u64>(), 0u8..=18, prop::option::of(any::<[u8; 20]>())), 1..6),
        until: u32,
    ) {
        let options: Vec<_> = prices.iter().map(|(units, scale, payee)| {
            let price = crate::Units::from(*units).display(*scale);
            let option = PaymentOption::new(Money::from_decimal(&price).unwrap());
            match payee {
                Some(payee) => option.pay_to(alloy_primitives::Address::from(*payee).into()),
                None => option,
            }
        }).collect();
        let until = Timestamp::from_seconds(until.into());
        let seal = key(1).seal(&ask(), &READ, &options, until).unwrap();
        let mut today = options.clone();
        for option in &mut today {
            option.price = usd!("3");
        }
        let quoted = key(1).open(&ask(), &READ, &today, &seal).unwrap();
        prop_assert_eq!(quoted.options, options);
        prop_assert_eq!(quoted.until, until);
    }

    #[test]
    fn junk_opens_to_nothing(text in "[A-Za-z0-9_.=-]{0,200}", other: String) {
        prop_assert!(!opens(&key(1), &ask(), &options(), &text));
        prop_assert!(!opens(&key(1), &ask(), &options(), &other));
    }
}
