use std::borrow::Cow;
use std::fmt::Write;

/// A path as it can stand in a URL: what can't is percent-encoded. Frameworks dispatch by paths
/// they have decoded, in which a blank, a quote or the end of a line may stand.
///
/// It begins with a slash, whatever was asked for: servers pass on `*@elsewhere.example`, and the
/// nothing of a `CONNECT`. Behind an origin that would be a URL of another host. (T06)
pub(crate) fn url_path(path: &str) -> Cow<'_, str> {
    let rooted = path.starts_with('/');
    if rooted && path.bytes().all(is_plain) {
        return Cow::Borrowed(path);
    }
    let mut encoded = String::with_capacity(path.len() + 16);
    if !rooted {
        encoded.push('/');
    }
    for byte in path.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Cow::Owned(encoded)
}

/// RFC 3986, section 3.3, and the sign of what is encoded already.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'/' | b'-'
                | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_stand_in_a_url_is_encoded() {
        for (path, url) in [
            ("/", "/"),
            (
                "/a.b-c_d~e/%2F%25/!$&'()*+,;=:@",
                "/a.b-c_d~e/%2F%25/!$&'()*+,;=:@",
            ),
            ("", "/"),
            ("*", "/*"),
            ("*@elsewhere.example/x", "/*@elsewhere.example/x"),
            ("a b", "/a%20b"),
            ("/a b", "/a%20b"),
            ("/a\"\\\r\n\0b", "/a%22%5C%0D%0A%00b"),
            ("/?q#f[]{}|^`<>", "/%3Fq%23f%5B%5D%7B%7D%7C%5E%60%3C%3E"),
            ("/caf\u{e9}\u{fffd}", "/caf%C3%A9%EF%BF%BD"),
        ] {
            assert_eq!(url_path(path), url);
            assert_eq!(url_path(url), url);
        }
    }
}
