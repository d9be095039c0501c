use super::*;

fn names(text: &str) -> Vec<&str> {
    schemes(text).iter().map(|scheme| scheme.name).collect()
}

#[test]
fn a_token_before_an_equals_sign_is_a_parameter() {
    assert_eq!(names("A x=1, B = 2, C"), ["A", "C"]);
    assert_eq!(names("A YWJj==, B x=\"C y=1, D\", E"), ["A", "B", "E"]);
    assert_eq!(names("x=1, A"), ["A"]);
    assert_eq!(names(" , ,"), [""; 0]);
}

#[test]
fn token68_takes_the_place_of_parameters() {
    let schemes = schemes("A YWJj==, B abc, C");
    let shape: Vec<_> = schemes
        .iter()
        .map(|s| (s.token68, s.is_lone(), s.spoiled))
        .collect();
    assert_eq!(
        shape,
        [
            (true, false, false),
            (true, false, false),
            (false, true, false)
        ]
    );
}

#[test]
fn broken_elements_spoil_the_challenge_they_stand_in() {
    for text in [
        "A x=\"",
        "A x=\"\\",
        "A x=1, =",
        "A x=1, x=2",
        "A x=1, X=2",
        "A\"x\"",
        "A x=\u{e9}",
    ] {
        let schemes = schemes(text);
        assert!(schemes[0].spoiled, "{text} {schemes:?}");
    }
    let schemes = schemes("A x=\"\u{7}\", B y=1");
    assert!(schemes[0].spoiled && !schemes[1].spoiled);
}

#[test]
fn escapes_are_utf16_units_or_themselves() {
    for (written, text) in [
        (r#"A x="\u00e9""#, "é"),
        (r#"A x="\ud83d\ude80""#, "🚀"),
        (r#"A x="\ud83d\u0041""#, "\u{fffd}A"),
        (r#"A x="\ude80\ud83d""#, "\u{fffd}\u{fffd}"),
        (r#"A x="\ud83d\d""#, "\u{fffd}d"),
        (r#"A x="\u12""#, "u12"),
        (r#"A x="\u+123""#, "u+123"),
        (r#"A x="\"\\\é""#, "\"\\é"),
    ] {
        let schemes = schemes(written);
        assert_eq!(schemes[0].params[0].1, text, "{written}");
    }
}

#[test]
fn quoting_is_ascii_and_refuses_controls() {
    let quoted = |text| {
        let mut to = String::new();
        quote(text, &mut to).map(|()| to)
    };
    assert_eq!(quoted("a\tb\"\\"), Some("\"a\tb\\\"\\\\\"".to_owned()));
    assert_eq!(
        quoted("é🚀\u{85}"),
        Some("\"\\u00e9\\ud83d\\ude80\\u0085\"".to_owned())
    );
    for control in ["\r", "\n", "\0", "\u{1f}", "\u{7f}"] {
        assert_eq!(quoted(control), None);
    }
}
