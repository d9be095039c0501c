//! The route probes of `x402_core.json`: what others charge for is charged for here, and what they
//! let pass is let pass but for what is listed.

use super::*;

/// Why a probe that others let pass is priced here.
fn difference(method: &str, path: &str) -> Option<&'static str> {
    Some(match (method, path) {
        ("HEAD", "/api/premium") => "what costs a GET costs a HEAD",
        (_, "/api%2Fpremium") => "an encoded slash may become one",
        (_, "/api\\premium") => "a backslash may become a slash",
        (_, "/api/./premium" | "/api/x/../premium") => "dots may be resolved",
        (_, "/api/prem%00ium" | "/api/pre%0Amium/x") => "control bytes may be dropped",
        _ => return None,
    })
}

#[test]
fn probes_are_priced_as_by_others_or_for_a_reason() {
    let file = ::vectors::load("x402_core.json");
    let mut tally = ::vectors::Tally::new("x402 routes");
    let mut reasons = std::collections::BTreeMap::<_, usize>::new();
    for case in ::vectors::cases(&file, "/routes/patterns") {
        let key = ::vectors::text(case, "pattern");
        for (member, protected) in [("protected", true), ("open", false)] {
            for probe in case[member].as_array().unwrap() {
                let (method, target) = (probe[0].as_str().unwrap(), probe[1].as_str().unwrap());
                // A head has neither query nor fragment in its path.
                let path = target.split(['?', '#']).next().unwrap();
                let request = format!("{method} {path}");
                let priced = find(&[key], &asked(&request)) == Found::Key(0);
                if priced && !protected {
                    let reason = difference(method, path);
                    let reason = reason.unwrap_or_else(|| panic!("{key}: {request} is priced"));
                    *reasons.entry(reason).or_default() += 1;
                } else {
                    assert_eq!(priced, protected, "{key}: {request}");
                }
                tally.ran();
            }
        }
    }
    assert_eq!(tally.count(), 440);
    println!("vectors: x402 routes: priced here alone: {reasons:?}");
    for reason in [
        "a GET costs a HEAD",
        "encoded slash",
        "backslash",
        "dots",
        "control bytes",
    ] {
        assert!(
            reasons.keys().any(|known| known.contains(reason)),
            "{reason}"
        );
    }
}

#[test]
fn the_first_key_wins_and_one_behind_it_is_refused() {
    let file = ::vectors::load("x402_core.json");
    let case = &file["routes"]["precedence"];
    let keys: Vec<_> = case["routesInOrder"].as_array().unwrap().iter().collect();
    let [wide, narrow] = [keys[0].as_str().unwrap(), keys[1].as_str().unwrap()];
    let request = format!("GET {}", ::vectors::text(case, "path"));
    // Others let the first win and never come to the second. Here that does not start.
    assert_eq!(find(&[wide], &asked(&request)), Found::Key(0));
    let mut table = entries(&[wide]);
    let error = table.push(Key::parse(narrow).unwrap()).unwrap_err();
    assert!(matches!(error, KeyError::Unreachable(by) if by == wide));
    assert_eq!(find(&[narrow, wide], &asked(&request)), Found::Key(0));
}
