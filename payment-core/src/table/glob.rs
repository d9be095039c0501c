use super::KeyError;

/// The path of a key: text, segments that vary, and stars.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    tokens: Box<[Token]>,
    /// Whether it was written with a slash at its end. The tokens have none there.
    slash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// These bytes.
    Text(Box<[u8]>),
    /// One segment. At the end of a path it is not empty; before a slash some routers take nothing
    /// for a segment too.
    Segment,
    /// Anything, slashes and nothing included.
    Any,
    /// At the end: anything but nothing.
    Rest,
    /// At the end: nothing, or a slash and anything.
    Under,
}

/// What a glob is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A path, letter by letter.
    Path,
    /// A path, whatever the case of its letters.
    FoldedPath,
    /// The pattern of a framework, whatever the case: its tail is more than a segment.
    Pattern,
    /// What another glob stands for: see [`Glob::covers`].
    Sample,
}

/// Whether a slash at the end of a path counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    AsItStands,
    /// The path comes without one, whether it had one or not.
    Bare,
}

/// Stands for a segment in a sample. No key has it in its text.
const SEGMENT: u8 = 1;
/// Stands for anything in a sample, also for nothing.
const ANYTHING: u8 = 2;

impl Glob {
    /// The glob of a key's path.
    pub(super) fn parse(path: &str) -> Result<Self, KeyError> {
        let path = if path == "*" { "/*" } else { path };
        let rest = path.strip_prefix('/').ok_or(KeyError::NoSlash)?;
        let (rest, slash) = match rest.strip_suffix('/') {
            Some(bare) => (bare, true),
            None => (rest, false),
        };
        let mut tokens = Tokens::default();
        if !rest.is_empty() {
            let segments = segments(rest)?;
            let (last, before) = segments.split_last().ok_or(KeyError::NoSlash)?;
            for segment in before {
                tokens.segment(segment, false)?;
            }
            tokens.segment(last, true)?;
        }
        Ok(Self {
            tokens: tokens.0.into(),
            slash,
        })
    }

    /// The one path it stands for, in each way that it is written, where there is just one.
    pub(super) fn literals(&self) -> Option<Vec<Vec<u8>>> {
        let text = match &*self.tokens {
            [] => &b""[..],
            [Token::Text(text)] => text,
            _ => return None,
        };
        let mut all = vec![text.to_vec()];
        if self.slash {
            all.push([text, b"/"].concat());
        }
        Some(all)
    }

    /// Whether this is one of its paths.
    pub(super) fn matches(&self, text: &[u8], of: Of, end: End) -> bool {
        match (self.slash, end) {
            (true, End::AsItStands) => text
                .strip_suffix(b"/")
                .is_some_and(|bare| self.fits(bare, of)),
            _ => self.fits(text, of),
        }
    }

    /// Only the last star is gone back to: what stands between two stars passes a fixed number of
    /// slashes, so that the first place where it fits leaves the most to what follows.
    fn fits(&self, text: &[u8], of: Of) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut star = None;
        loop {
            let step = match self.tokens.get(token) {
                None if at == text.len() => return true,
                None => None,
                Some(Token::Any) => {
                    star = Some((token + 1, at));
                    Some(0)
                }
                Some(other) => match other.step(&text[at..], of) {
                    Step::End => return true,
                    Step::Past(bytes) => Some(bytes),
                    Step::No => None,
                },
            };
            if let Some(bytes) = step {
                (token, at) = (token + 1, at + bytes);
                continue;
            }
            match star {
                Some((after, from)) if from < text.len() => {
                    star = Some((after, from + 1));
                    (token, at) = (after, from + 1);
                }
                _ => return false,
            }
        }
    }

    /// Whether every path of the other is one of its own.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let mut sample = Vec::new();
        for token in &other.tokens {
            match token {
                Token::Text(text) => sample.extend_from_slice(text),
                Token::Segment => sample.push(SEGMENT),
                Token::Any => sample.push(ANYTHING),
                Token::Rest => sample.extend([ANYTHING, SEGMENT]),
                Token::Under => {
                    if !self.fits(&sample, Of::Sample) {
                        return false;
                    }
                    sample.extend([b'/', ANYTHING]);
                }
            }
        }
        self.fits(&sample, Of::Sample)
    }

    /// Whether it was written with a slash at its end.
    pub(super) const fn has_slash(&self) -> bool {
        self.slash
    }

    /// Whether it has letters of which there is another case.
    pub(super) fn has_upper(&self) -> bool {
        self.tokens.iter().any(|token| match token {
            Token::Text(text) => text.iter().any(u8::is_ascii_uppercase),
            _ => false,
        })
    }
}

enum Step {
    /// Fits, and takes so many bytes.
    Past(usize),
    /// Fits, and takes all that is left.
    End,
    No,
}

impl Token {
    fn step(&self, text: &[u8], of: Of) -> Step {
        match self {
            Self::Text(own) => match text.get(..own.len()) {
                Some(same) if of == Of::Path && same == &**own => Step::Past(own.len()),
                Some(same) if of != Of::Path && same.eq_ignore_ascii_case(own) => {
                    Step::Past(own.len())
                }
                _ => Step::No,
            },
            Self::Segment => {
                let end = text.iter().position(|byte| *byte == b'/');
                let segment = &text[..end.unwrap_or(text.len())];
                let missing = segment.is_empty() && end.is_none();
                match !missing && of.is_one_segment(segment) {
                    true => Step::Past(segment.len()),
                    false => Step::No,
                }
            }
            Self::Any => Step::Past(0),
            Self::Rest => match text
                .iter()
                .any(|byte| of != Of::Sample || *byte != ANYTHING)
            {
                true => Step::End,
                false => Step::No,
            },
            Self::Under => match text.first() {
                None | Some(b'/') => Step::End,
                Some(_) => Step::No,
            },
        }
    }
}

impl Of {
    /// Whether what looks like a segment is one, and not many.
    fn is_one_segment(self, segment: &[u8]) -> bool {
        match self {
            Self::Path | Self::FoldedPath => true,
            Self::Pattern => {
                let tail = [&b".*}"[..], b".+}"]
                    .iter()
                    .any(|end| segment.ends_with(end));
                !segment.starts_with(b"{*") && !segment.starts_with(b"*") && !tail
            }
            Self::Sample => !segment.contains(&ANYTHING),
        }
    }
}

/// Splits at slashes, but not at those of a regular expression in braces.
fn segments(path: &str) -> Result<Vec<&str>, KeyError> {
    let (mut depth, mut from) = (0_usize, 0);
    let mut all = Vec::new();
    for (at, byte) in path.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.checked_sub(1).ok_or(KeyError::Brace)?,
            b'/' if depth == 0 => {
                all.push(&path[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(KeyError::Brace);
    }
    all.push(&path[from..]);
    Ok(all)
}

#[derive(Default)]
struct Tokens(Vec<Token>);

impl Tokens {
    fn segment(&mut self, segment: &str, last: bool) -> Result<(), KeyError> {
        match Shape::of(segment)? {
            Shape::Anything if last => self.0.push(Token::Under),
            Shape::Anything => self.slash().push(Token::Any),
            Shape::Rest if last => self.slash().push(Token::Rest),
            Shape::Rest => return Err(KeyError::RestBeforeEnd),
            Shape::Varies => self.slash().push(Token::Segment),
            Shape::Text => {
                self.slash();
                let mut parts = segment.split('*');
                self.text(parts.next().unwrap_or_default());
                for part in parts {
                    self.0.push(Token::Any);
                    self.text(part);
                }
            }
        }
        Ok(())
    }

    fn slash(&mut self) -> &mut Vec<Token> {
        self.text("/");
        &mut self.0
    }

    fn text(&mut self, more: &str) {
        match self.0.last_mut() {
            _ if more.is_empty() => {}
            Some(Token::Text(text)) => *text = [&**text, more.as_bytes()].concat().into(),
            _ => self.0.push(Token::Text(more.as_bytes().into())),
        }
    }
}

/// What a segment of a key is.
enum Shape {
    Text,
    Varies,
    Anything,
    Rest,
}

impl Shape {
    fn of(segment: &str) -> Result<Self, KeyError> {
        if let Some(name) = segment.strip_prefix(':') {
            return named(name).map(|()| Self::Varies);
        }
        if let Some(name) = segment.strip_prefix('[').and_then(|s| s.strip_suffix(']')) {
            return named(name).map(|()| Self::Varies);
        }
        if let Some(inner) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
            return Self::in_braces(inner);
        }
        match segment {
            "" => Err(KeyError::EmptySegment),
            "." | ".." => Err(KeyError::DotSegment),
            "*" => Ok(Self::Anything),
            text => plain(text).map(|()| Self::Text),
        }
    }

    fn in_braces(inner: &str) -> Result<Self, KeyError> {
        if let Some(name) = inner.strip_prefix('*') {
            return named(name).map(|()| Self::Rest);
        }
        let Some((name, expression)) = inner.split_once(':') else {
            return named(inner).map(|()| Self::Varies);
        };
        named(name)?;
        Ok(match expression {
            "" => return Err(KeyError::Name),
            "[^/]+" | "[^/]*" => Self::Varies,
            ".+" => Self::Rest,
            // What may pass a slash is taken for what does.
            _ if expression.contains(['.', '/', '^', '\\']) && !is_digits(expression) => {
                Self::Anything
            }
            _ => Self::Varies,
        })
    }
}

/// `\d` and `\w` with how often they may come, the expressions that most patterns have.
fn is_digits(expression: &str) -> bool {
    let often = expression
        .strip_prefix("\\d")
        .or_else(|| expression.strip_prefix("\\w"));
    often.is_some_and(|often| {
        often
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+*?{,}".contains(&b))
    })
}

fn named(name: &str) -> Result<(), KeyError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match !name.is_empty() && name.bytes().all(word) {
        true => Ok(()),
        false => Err(KeyError::Name),
    }
}

/// Text that has one spelling.
fn plain(text: &str) -> Result<(), KeyError> {
    if text.contains("**") {
        return Err(KeyError::TwoStars);
    }
    for byte in text.bytes() {
        match byte {
            b'?' => return Err(KeyError::Query),
            b'#' => return Err(KeyError::Fragment),
            b'{' | b'}' | b'[' | b']' => return Err(KeyError::Brace),
            b'%' | b'\\' | b';' => return Err(KeyError::Character),
            0x21..=0x7e => {}
            _ => return Err(KeyError::Character),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
