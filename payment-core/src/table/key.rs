use super::glob::Glob;
use crate::ConfigError;

/// What is wrong with a key of a route table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is nothing in it.
    #[error("the key is empty")]
    Empty,
    /// It is longer than any path that is priced by name.
    #[error("longer than {LONGEST} bytes")]
    TooLong,
    /// A blank where none belongs: there is one, between verb and path.
    #[error("blanks belong nowhere but one between verb and path")]
    Blank,
    /// The verb is none that requests have.
    #[error("no such verb; without a verb a key prices all of them")]
    Verb,
    /// The path does not begin with a slash.
    #[error("the path must begin with /")]
    NoSlash,
    /// Two slashes in a row.
    #[error("a segment of the path is empty")]
    EmptySegment,
    /// `.` or `..` in the path.
    #[error(". and .. can't be priced")]
    DotSegment,
    /// A query in the path.
    #[error("a query can't be priced, only a path")]
    Query,
    /// A fragment in the path.
    #[error("a fragment never reaches a server")]
    Fragment,
    /// Two stars in a row.
    #[error("one * is enough: it passes slashes too")]
    TwoStars,
    /// A brace or bracket that is not closed, not opened, or not around a whole segment.
    #[error("a parameter in braces or brackets must be closed and take a whole segment")]
    Brace,
    /// The name of a parameter is missing or odd.
    #[error("a parameter needs a name of letters, digits, - and _")]
    Name,
    /// `{*rest}` with something after it.
    #[error("what takes the rest must stand at the end")]
    RestBeforeEnd,
    /// A character that has more than one spelling in a path.
    #[error("a path is priced in plain characters; where others stand, write a parameter or *")]
    Character,
    /// An earlier key is the same but for how it is written.
    #[error("the same as the earlier key {0:?}")]
    Duplicate(String),
    /// An earlier key takes all of its requests.
    #[error("can never be reached, for the earlier key {0:?} takes all of it")]
    Unreachable(String),
    /// What is sold under the key can't be sold.
    #[error("{0}")]
    Route(Box<ConfigError>),
}

/// No key is longer.
pub(super) const LONGEST: usize = 256;

const VERBS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY",
];

/// A key of the table: which requests an entry is for.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// As the seller wrote it.
    pub(super) text: Box<str>,
    /// `None` for any verb.
    verb: Option<&'static str>,
    pub(super) glob: Glob,
}

/// The method of a request, and how it is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb<'a> {
    /// As it stands there.
    Exact(&'a str),
    /// Whatever the case of its letters.
    Folded(&'a str),
    /// Not looked at.
    Whichever,
}

impl Key {
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.len() > LONGEST {
            return Err(KeyError::TooLong);
        }
        let (verb, path) = match text.split_once(' ') {
            Some((verb, path)) => (Some(verb), path),
            None => (None, text),
        };
        let blank = |text: &str| text.contains(|c: char| c.is_whitespace() || c.is_control());
        if path.is_empty() || blank(path) || verb.is_some_and(|verb| verb.is_empty() || blank(verb))
        {
            return Err(KeyError::Blank);
        }
        let known = |verb: &str| {
            let known = VERBS
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(verb));
            known.ok_or(KeyError::Verb)
        };
        Ok(Self {
            text: text.into(),
            verb: verb.filter(|verb| *verb != "*").map(known).transpose()?,
            glob: Glob::parse(path)?,
        })
    }

    /// Whether requests with this method are meant. What costs a GET costs a HEAD.
    pub(super) fn takes(&self, verb: Verb<'_>) -> bool {
        let Some(own) = self.verb else {
            return true;
        };
        match verb {
            Verb::Exact(asked) => asked == own || (own == "GET" && asked == "HEAD"),
            Verb::Folded(asked) => {
                let is = |verb: &str| asked.eq_ignore_ascii_case(verb);
                is(own) || (own == "GET" && is("HEAD"))
            }
            Verb::Whichever => true,
        }
    }

    /// That this key can be reached behind an earlier one.
    pub(super) fn is_reached_behind(&self, earlier: &Self) -> Result<(), KeyError> {
        let verbs = match self.verb {
            Some(verb) => earlier.takes(Verb::Exact(verb)),
            None => earlier.verb.is_none(),
        };
        if !verbs || !earlier.glob.covers(&self.glob) {
            return Ok(());
        }
        let text = earlier.text.clone().into();
        Err(
            match self.glob.covers(&earlier.glob) && self.verb == earlier.verb {
                true => KeyError::Duplicate(text),
                false => KeyError::Unreachable(text),
            },
        )
    }
}
