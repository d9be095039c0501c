//! What can't work is found when the service starts.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use mpp_core::{MPP, Mpp, MppBuilder};
use payment_core::{ConfigError, PaymentProtocol, ProtocolName, Secret};

use crate::shop::{REALM, WORD, Word, builder, key, route};

fn setting<T>(result: Result<T, ConfigError>) -> &'static str {
    match result {
        Err(ConfigError::Setting { setting, .. }) => setting,
        Err(error) => panic!("{error}"),
        Ok(_) => "none",
    }
}

#[test]
fn a_realm_that_could_be_read_two_ways_is_refused() {
    for realm in ["", "a|b", "a\nb", "a\tb", "a\u{7f}b", "café"] {
        let built = Mpp::builder(realm, key(1)).method(WORD).build();
        assert_eq!(setting(built), "realm", "{realm:?}");
    }
    for realm in ["api.example.com", "My \"API\", the 1st"] {
        assert!(
            Mpp::builder(realm, key(1)).method(WORD).build().is_ok(),
            "{realm:?}"
        );
    }
}

#[test]
fn short_keys_are_refused() {
    let short = || Secret::new([1; 31]);
    assert_eq!(
        setting(Mpp::builder(REALM, short()).method(WORD).build()),
        "secret"
    );
    assert_eq!(
        setting(builder().previous_secret(short()).build()),
        "previous_secret"
    );
    assert_eq!(setting(builder().previous_secret(key(2)).build()), "none");
}

#[test]
fn methods_are_needed_and_their_names_keep_the_rule() {
    assert_eq!(setting(Mpp::builder(REALM, key(1)).build()), "method");
    for (method, intent) in [
        ("", "charge"),
        ("Evm", "charge"),
        ("e|m", "charge"),
        ("evm", ""),
        ("evm", "a|b"),
        ("evm", "Charge"),
    ] {
        let built = builder()
            .method(Word {
                method,
                intent,
                ..WORD
            })
            .build();
        assert_eq!(setting(built), "method", "{method}/{intent}");
    }
}

fn from(texts: &'static [(&'static str, &'static str)]) -> Result<MppBuilder, ConfigError> {
    Mpp::from_lookup(|name| {
        let found = texts.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned())
    })
}

#[test]
fn the_environment_is_asked_for_two_names_and_has_no_defaults() {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let full = from(&[("MPP_REALM", REALM), ("MPP_SECRET_KEY", KEY)]).unwrap();
    assert!(full.method(WORD).build().is_ok());
    assert_eq!(setting(from(&[("MPP_REALM", REALM)])), "MPP_SECRET_KEY");
    assert_eq!(setting(from(&[("MPP_SECRET_KEY", KEY)])), "MPP_REALM");
    assert_eq!(
        setting(from(&[("MPP_REALM", ""), ("MPP_SECRET_KEY", KEY)])),
        "MPP_REALM"
    );
    let short = from(&[("MPP_REALM", REALM), ("MPP_SECRET_KEY", "hunter2")]).unwrap();
    let error = short.method(WORD).build().unwrap_err();
    assert!(error.to_string().starts_with("MPP_SECRET_KEY: "), "{error}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
    let odd = from(&[("MPP_REALM", "a|b"), ("MPP_SECRET_KEY", KEY)]).unwrap();
    assert_eq!(setting(odd.method(WORD).build()), "MPP_REALM");
}

#[test]
fn keys_are_never_shown() {
    let secret = || Secret::new(*b"0123456789abcdef0123456789abcdef");
    let builder = Mpp::builder(REALM, secret())
        .previous_secret(secret())
        .method(WORD);
    let shown = format!("{builder:?} {:?}", builder);
    let mpp = builder.build().unwrap();
    let shown = format!("{shown} {mpp:?}");
    assert!(shown.contains(REALM) && shown.contains("word/charge"));
    assert!(!shown.contains("0123456789abcdef") && !shown.contains("48, 49, 50"));
}

#[test]
fn a_route_that_cannot_be_offered_is_refused_when_it_is_built() {
    let mpp = builder().build().unwrap();
    assert!(mpp.offer(&route("0.01")).unwrap().is_some());
    assert!(mpp.offer(&route("0.01").only([MPP])).unwrap().is_some());
    let others = route("0.01").only([ProtocolName::new("x402")]);
    assert!(mpp.offer(&others).unwrap().is_none());
    assert!(matches!(
        mpp.offer(&route("0.000404")),
        Err(ConfigError::NoAsset)
    ));
    assert!(matches!(
        mpp.offer(&route("0.0000001")),
        Err(ConfigError::Price(_))
    ));
    let hasty = route("0.01").pay_within(Duration::from_millis(999));
    assert_eq!(setting(mpp.offer(&hasty)), "pay_within");
    let long = route("0.01").description("x".repeat(8 * 1024));
    assert_eq!(setting(mpp.offer(&long)), "route");
    let broken = route("0.01").description("a\r\nSet-Cookie: b");
    assert_eq!(setting(mpp.offer(&broken)), "description");
}

#[tokio::test]
async fn the_largest_challenge_that_is_built_is_within_8_kib() {
    use crate::shop::Counter;
    use crate::shop::visit::ask;
    let mpp = || builder().advertise_header();
    let fits = |length: usize| {
        let route = route("0.01").description("x".repeat(length));
        mpp().build().unwrap().offer(&route).is_ok()
    };
    let largest = (0..8 * 1024).rev().find(|length| fits(*length)).unwrap();
    let route = route("0.01").description("x".repeat(largest));
    let counter = Counter::of(mpp(), &route);
    let ask = ask().await;
    let challenge = counter.0.challenge(&ask, None).await.unwrap();
    assert_eq!(challenge.headers[0].1.len(), 8 * 1024);
}

#[tokio::test]
async fn quotes_and_digests_are_within_the_8_kib() {
    use crate::shop::Counter;
    use crate::shop::visit::ask;
    let quoted = |length: usize| {
        let mut route = route("0.01").description("x".repeat(length));
        route.quote = Some("q".repeat(101).into());
        route.body_digest = Some(mpp_core::body_digest(b"body").unwrap().into());
        route
    };
    let fits = |length: &usize| builder().build().unwrap().offer(&quoted(*length)).is_ok();
    let largest = (0..8 * 1024).rev().find(fits).unwrap();
    let counter = Counter::of(builder(), &quoted(largest));
    let challenge = counter.0.challenge(&ask().await, None).await.unwrap();
    assert_eq!(challenge.headers[0].1.len(), 8 * 1024);
    let read = counter.challenge(&ask().await).await;
    assert!(mpp_core::body_matches(read.digest.as_deref().unwrap(), b"body").unwrap());
    // What was quoted comes back as it was, by the challenge that was paid.
    let value = mpp_core::buyer::answer(&read, None, &serde_json::json!({ "proof": "good" }));
    let claim = counter.claim("authorization", &[value.unwrap().as_bytes()]);
    let quote = counter.0.quote(&claim.unwrap().unwrap());
    assert_eq!(quote, Some("q".repeat(101).into()));
}

#[test]
fn a_method_without_the_asset_leaves_the_route_to_others() {
    struct Nothing;
    impl mpp_core::Method for Nothing {
        fn method(&self) -> &str {
            "nothing"
        }
        fn intent(&self) -> &str {
            "charge"
        }
        fn takes(&self, _: &payment_core::PaymentOption) -> bool {
            true
        }
        fn terms(&self, _: &payment_core::Route) -> Result<Box<dyn mpp_core::Terms>, ConfigError> {
            Err(ConfigError::NoAsset)
        }
    }
    let mpp = builder().method(Nothing).build().unwrap();
    assert!(mpp.offer(&route("0.01")).unwrap().is_some());
    let alone = Mpp::builder(REALM, key(1)).method(Nothing).build().unwrap();
    assert!(matches!(
        alone.offer(&route("0.01")),
        Err(ConfigError::NoAsset)
    ));
}
