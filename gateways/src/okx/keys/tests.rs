#![allow(clippy::unwrap_used)]

use super::*;

const GOOD: [&str; 3] = ["the-key", "the-secret", "the pass-phrase"];

fn keys(texts: [&str; 3]) -> Result<OkxKeys, ConfigError> {
    OkxKeys::new(texts[0], texts[1], texts[2])
}

#[test]
fn what_can_not_stand_in_a_header_is_refused_by_name() {
    assert!(keys(GOOD).is_ok());
    for (place, name) in [KEY, SECRET, PASSPHRASE].into_iter().enumerate() {
        for odd in [
            "",
            " ",
            " x",
            "x ",
            "x\n",
            "x\r\ny: z",
            "x\0",
            "ключ",
            "x\u{a0}",
        ] {
            let mut texts = GOOD;
            texts[place] = odd;
            let error = keys(texts).unwrap_err().to_string();
            assert!(error.contains(name), "{odd:?}: {error}");
            assert!(
                odd.trim().is_empty() || !error.contains(odd.trim()),
                "{error}"
            );
        }
    }
}

#[test]
fn a_missing_variable_is_named_and_has_no_default() {
    let all = [(KEY, GOOD[0]), (SECRET, GOOD[1]), (PASSPHRASE, GOOD[2])];
    let find = |without: &str, name: &str| {
        let mut found = all.iter().filter(|(known, _)| *known != without);
        let found = found.find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let keys = OkxKeys::from_lookup(|name| find("", name)).unwrap();
    assert_eq!(keys.key.expose(), GOOD[0].as_bytes());
    assert_eq!(keys.secret.expose(), GOOD[1].as_bytes());
    assert_eq!(keys.passphrase.expose(), GOOD[2].as_bytes());
    for (missing, _) in all {
        let error = OkxKeys::from_lookup(|name| find(missing, name)).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
        for (_, value) in all {
            assert!(!format!("{error} {error:?}").contains(value));
        }
    }
}

#[test]
fn keys_are_not_shown() {
    let shown = format!("{0:?} {0:#?}", keys(GOOD).unwrap());
    for value in GOOD {
        assert!(!shown.contains(value), "{shown}");
    }
}
