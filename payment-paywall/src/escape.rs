use std::fmt::Write as _;

/// Text as HTML: safe between tags and in quoted attributes.
///
/// ```
/// assert_eq!(payment_paywall::escape_html("<b a='1'>"), "&lt;b a=&#39;1&#39;&gt;");
/// ```
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            _ => html.push(character),
        }
    }
    html
}

/// JSON that may stand in a `<script type="application/json">`: the same value, without any
/// character that could end the element or the text.
///
/// ```
/// let json = payment_paywall::escape_json(r#"{"a":"</script>"}"#);
/// assert_eq!(json, r#"{"a":"\u003c/script\u003e"}"#);
/// ```
#[must_use]
pub fn escape_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match character {
            // These stand in strings only, where their escapes mean the same.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string does not fail.
                let _ = write!(safe, "\\u{:04x}", u32::from(character));
            }
            _ => safe.push(character),
        }
    }
    safe
}

/// Text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A URL in plain ASCII, so that it is pasted as it is seen: nothing invisible, nothing that
/// runs the other way, no line break.
pub(crate) fn plain_url(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            plain.push(char::from(byte));
        } else {
            let _ = write!(plain, "%{byte:02X}");
        }
    }
    plain
}

/// A text of the seller's for people: one line, of bounded length, without characters that are
/// not seen or that turn the order of others.
pub(crate) fn plain_text(text: &str) -> String {
    let mut plain = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == MOST {
            plain.push('…');
            break;
        }
        match character {
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => {}
            '\u{feff}' | '\u{061c}' => {}
            _ if character.is_whitespace() => plain.push(' '),
            _ if character.is_control() => {}
            _ => plain.push(character),
        }
    }
    plain
}

/// Characters of a text that are shown.
const MOST: usize = 300;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn unescaped(html: &str) -> String {
        html.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn html_has_no_markup_and_says_the_same(text: String) {
            let html = escape_html(&text);
            let markup = html.contains(['<', '>', '"', '\'']);
            prop_assert!(!markup);
            prop_assert_eq!(unescaped(&html), text);
        }

        #[test]
        fn json_ends_no_script_and_is_the_same_value(text in "(?s).{0,20}[<>&\u{2028}\u{2029}]?.{0,20}") {
            let json = serde_json::to_string(&serde_json::json!({ &text: &text })).unwrap();
            let safe = escape_json(&json);
            let unsafe_here = safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!unsafe_here);
            let read: serde_json::Value = serde_json::from_str(&safe).unwrap();
            prop_assert_eq!(read, serde_json::json!({ &text: &text }));
        }

        #[test]
        fn url_is_seen_as_it_is(url: String) {
            prop_assert!(plain_url(&url).bytes().all(|byte| byte.is_ascii_graphic()));
        }

        #[test]
        fn text_is_one_short_line(text: String) {
            let plain = plain_text(&text);
            prop_assert!(plain.chars().count() <= MOST + 1);
            prop_assert!(!plain.contains(char::is_control));
        }
    }

    #[test]
    fn what_turns_or_hides_text_is_left_out() {
        assert_eq!(
            plain_text("pay \u{202e}CDSU\u{200b}\u{2066}\n1"),
            "pay CDSU 1"
        );
        assert_eq!(plain_url("/\u{202e}a\r\nb c"), "/%E2%80%AEa%0D%0Ab%20c");
        assert_eq!(plain_text(&"x".repeat(1000)).chars().count(), MOST + 1);
    }

    /// The shell's own word on what our words mean.
    #[test]
    fn shell_reads_a_word_back_as_it_was() {
        for text in [
            "http://a/?b=c&d=e;f|g",
            "$(touch x) `id` $HOME \\ \"",
            "it's ''twice'' '",
            "'; rm -rf / #",
            "",
            "!x *?[a]{b,c}~ \t",
        ] {
            let script = format!("printf %s {}", shell_word(text));
            let ran = std::process::Command::new("sh")
                .args(["-c", &script])
                .output();
            assert_eq!(ran.unwrap().stdout, text.as_bytes());
        }
    }
}
