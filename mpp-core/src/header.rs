//! The grammar of `WWW-Authenticate` (RFC 9110, section 11): a list of challenges, each a scheme
//! with a token68 or with parameters, everything separated by the same comma.
//!
//! A token at list level is a parameter when `=` follows it, and begins a challenge when not.
//! What stands in a quoted-string is never anything else than its value.

use std::borrow::Cow;

/// Parameters of one challenge that are read; more spoil it.
const MAX_PARAMS: usize = 32;

/// One challenge of any scheme, in the order they stand.
#[derive(Debug)]
pub(crate) struct Scheme<'a> {
    /// The scheme as written.
    pub(crate) name: &'a str,
    /// The parameters in the order they stand; names as written.
    pub(crate) params: Vec<(&'a str, Cow<'a, str>)>,
    /// Whether a token68 stands in the place of parameters.
    pub(crate) token68: bool,
    /// Whether anything in it broke the grammar.
    pub(crate) spoiled: bool,
}

impl<'a> Scheme<'a> {
    const fn new(name: &'a str) -> Self {
        Self {
            name,
            params: Vec::new(),
            token68: false,
            spoiled: false,
        }
    }

    /// Whether there is nothing but the name.
    pub(crate) fn is_lone(&self) -> bool {
        self.params.is_empty() && !self.token68
    }

    fn add(&mut self, name: &'a str, value: Cow<'a, str>) {
        let twice = self
            .params
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name));
        if twice || self.params.len() == MAX_PARAMS {
            self.spoiled = true;
        } else {
            self.params.push((name, value));
        }
    }
}

/// Splits a field value into its challenges. Never fails: what can't be read spoils the
/// challenge it stands in.
pub(crate) fn schemes(text: &str) -> Vec<Scheme<'_>> {
    let mut rest = Rest(text);
    let mut schemes: Vec<Scheme<'_>> = Vec::new();
    loop {
        rest.skip(|b| is_space(b) || b == b',');
        if rest.0.is_empty() {
            return schemes;
        }
        let word = rest.take(is_token);
        if word.is_empty() {
            spoil(&mut schemes);
            rest.skip_element();
            continue;
        }
        let before = rest;
        rest.skip(is_space);
        if rest.eat(b'=') {
            rest.skip(is_space);
            match (rest.value(), schemes.last_mut()) {
                (Some(value), Some(scheme)) => scheme.add(word, value),
                (None, _) => {
                    spoil(&mut schemes);
                    rest.skip_element();
                }
                // A parameter of no challenge.
                (Some(_), None) => {}
            }
            continue;
        }
        let spaced = before.0.len() > rest.0.len();
        let mut scheme = Scheme::new(word);
        if spaced && rest.token68() {
            scheme.token68 = true;
        } else if !rest.0.is_empty() && !rest.0.starts_with(',') && !spaced {
            scheme.spoiled = true;
            rest.skip_element();
        }
        schemes.push(scheme);
    }
}

fn spoil(schemes: &mut [Scheme<'_>]) {
    if let Some(scheme) = schemes.last_mut() {
        scheme.spoiled = true;
    }
}

#[derive(Clone, Copy)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes the ASCII bytes that belong.
    fn take(&mut self, belongs: impl Fn(u8) -> bool) -> &'a str {
        let end = self
            .0
            .bytes()
            .position(|b| !belongs(b))
            .unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) {
        self.take(belongs);
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.0.as_bytes().first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    /// Takes a token68 when one stands here and nothing but the end of the element follows.
    fn token68(&mut self) -> bool {
        let mut ahead = *self;
        let word = ahead.take(is_token68);
        let padding = ahead.take(|b| b == b'=');
        ahead.skip(is_space);
        let ends = ahead.0.is_empty() || ahead.0.starts_with(',');
        let found = ends && !(word.is_empty() && padding.is_empty());
        if found {
            *self = ahead;
        }
        found
    }

    /// Takes a token or a quoted-string; `None` when neither stands here, or one that breaks the
    /// grammar.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if self.eat(b'"') {
            return self.quoted();
        }
        // Tokens have no `/`, `+`, `=` or `:`; senders of bare base64 leave the quotes out anyway.
        let text = self.take(|b| is_token(b) || matches!(b, b'/' | b'=' | b':'));
        (!text.is_empty()).then_some(Cow::Borrowed(text))
    }

    /// Takes the rest of a quoted-string, its closing quote included.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let mut clean = true;
        let plain = self.take_plain(&mut clean);
        if self.eat(b'"') {
            return clean.then_some(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            if self.eat(b'"') {
                return clean.then_some(Cow::Owned(text));
            }
            if self.eat(b'\\') {
                self.escaped(&mut text, &mut clean)?;
            } else if self.0.is_empty() {
                return None;
            }
            text.push_str(self.take_plain(&mut clean));
        }
    }

    /// Takes what stands for itself. Controls are taken too, and are not clean.
    fn take_plain(&mut self, clean: &mut bool) -> &'a str {
        let text = self.take(|b| b != b'"' && b != b'\\');
        *clean &= text.bytes().all(|b| b == b'\t' || !b.is_ascii_control());
        text
    }

    /// Takes what follows a backslash: `u` and four hex digits are a UTF-16 unit, anything else
    /// is itself.
    fn escaped(&mut self, text: &mut String, clean: &mut bool) -> Option<()> {
        if let Some(unit) = self.unit() {
            let mut units = [unit, 0];
            let mut count = 1;
            if (0xD800..0xDC00).contains(&unit) {
                let mut ahead = *self;
                if ahead.eat(b'\\')
                    && let Some(low @ 0xDC00..0xE000) = ahead.unit()
                {
                    units[1] = low;
                    count = 2;
                    *self = ahead;
                }
            }
            let decoded = char::decode_utf16(units.into_iter().take(count));
            text.extend(decoded.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
            return Some(());
        }
        let mut chars = self.0.chars();
        let character = chars.next()?;
        self.0 = chars.as_str();
        *clean &= character == '\t' || !character.is_ascii_control();
        text.push(character);
        Some(())
    }

    /// Takes `uXXXX`.
    fn unit(&mut self) -> Option<u16> {
        let (head, rest) = self.0.split_at_checked(5)?;
        let hex = head.strip_prefix('u')?;
        if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let unit = u16::from_str_radix(hex, 16).ok()?;
        self.0 = rest;
        Some(unit)
    }

    /// Skips to the next comma outside quotes.
    fn skip_element(&mut self) {
        loop {
            self.skip(|b| b != b',' && b != b'"');
            if !self.eat(b'"') {
                return;
            }
            loop {
                self.skip(|b| b != b'"' && b != b'\\');
                if self.eat(b'"') || self.0.is_empty() {
                    break;
                }
                // A backslash, and the character it escapes.
                let mut chars = self.0.chars();
                chars.next();
                chars.next();
                self.0 = chars.as_str();
            }
        }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
}

/// Writes a quoted-string in ASCII: quotes and backslashes escaped, `\uXXXX` for what is not
/// ASCII. `None` for a text with a control character other than a tab.
pub(crate) fn quote(text: &str, to: &mut String) -> Option<()> {
    use std::fmt::Write as _;
    to.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => to.extend(['\\', character]),
            '\t' | ' '..='~' => to.push(character),
            '\0'..='\u{7f}' => return None,
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(to, "\\u{unit:04x}").ok()?;
                }
            }
        }
    }
    to.push('"');
    Some(())
}

#[cfg(test)]
mod tests;
