use super::entries::{Entries, Reading};
use super::glob::{End, Of};
use super::key::Verb;
use super::readings::{TooMany, each_reading};
use crate::RequestHead;

/// Which key a request is priced by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Key(usize),
    /// Its readings lead to several keys.
    Unsure,
}

impl Found {
    fn and(self, key: Option<usize>) -> Self {
        match (self, key) {
            (found, None) => found,
            (Self::Nothing, Some(key)) => Self::Key(key),
            (Self::Key(found), Some(key)) if found == key => self,
            _ => Self::Unsure,
        }
    }
}

impl Entries {
    /// The key of a request; of a preflight, whatever the verb.
    pub(super) fn find(&self, head: &dyn RequestHead, preflight: bool) -> Found {
        let (exact, folded) = verbs(head.method(), preflight);
        let found = self.find_for(head, exact);
        let Some(folded) = folded else {
            return found;
        };
        match (found, self.find_for(head, folded)) {
            (found, Found::Nothing) => found,
            (found, Found::Key(key)) => found.and(Some(key)),
            (_, Found::Unsure) => Found::Unsure,
        }
    }

    fn find_for(&self, head: &dyn RequestHead, verb: Verb<'_>) -> Found {
        let asked = head.path().as_bytes();
        let left = head.dispatched_path().map(str::as_bytes);
        let left = left.filter(|left| *left != asked);
        let pattern = head.pattern().and_then(|pattern| {
            self.first(Reading {
                verb,
                text: bare(pattern.as_bytes()),
                of: Of::Pattern,
                end: End::Bare,
            })
        });
        let Ok(mut found) = self.in_readings(asked, verb) else {
            return Found::Unsure;
        };
        if let Some(left) = left {
            let Ok(behind) = self.in_readings(left, verb) else {
                return Found::Unsure;
            };
            found = match (found, behind) {
                (found, Found::Nothing) => found,
                (Found::Key(key), Found::Key(other))
                    if key != other && pattern == Some(key) && self.names(other, asked, verb) =>
                {
                    // Prefix included, path and pattern say the same; the key that takes what is
                    // left without the prefix takes all of it as well, and stands further down.
                    found
                }
                (found, Found::Key(key)) => found.and(Some(key)),
                (_, Found::Unsure) => Found::Unsure,
            };
        }
        match (found, pattern) {
            (Found::Key(key), Some(by_pattern)) if key != by_pattern => {
                // An earlier key comes first, if it is but one of those that take the path.
                let shadowed = [Some(asked), left].into_iter().flatten();
                match shadowed
                    .into_iter()
                    .any(|path| self.reads(by_pattern, path, verb))
                {
                    true => found,
                    false => Found::Unsure,
                }
            }
            (Found::Nothing, Some(key)) => Found::Key(key),
            _ => found,
        }
    }

    /// What all readings of a path lead to.
    fn in_readings(&self, path: &[u8], verb: Verb<'_>) -> Result<Found, TooMany> {
        let mut found = Found::Nothing;
        self.each(path, verb, &mut |reading| {
            found = found.and(self.first(reading));
        })?;
        Ok(found)
    }

    /// Whether some reading of a path leads to this key.
    fn reads(&self, key: usize, path: &[u8], verb: Verb<'_>) -> bool {
        let mut read = false;
        let all = self.each(path, verb, &mut |reading| read |= self.takes(key, reading));
        all.is_ok() && read
    }

    /// Whether a path as it stands there leads to this key.
    fn names(&self, key: usize, path: &[u8], verb: Verb<'_>) -> bool {
        let reading = Reading {
            verb,
            text: path,
            of: Of::Path,
            end: End::AsItStands,
        };
        self.takes(key, reading)
    }

    fn each(
        &self,
        path: &[u8],
        verb: Verb<'_>,
        visit: &mut dyn FnMut(Reading<'_>),
    ) -> Result<(), TooMany> {
        each_reading(path, self.readings(), &mut |text| {
            let text = if text == b"/" { b"" } else { text };
            let ends = [(text, End::AsItStands), (bare(text), End::Bare)];
            let both = text.ends_with(b"/") || self.has_slashes();
            for (text, end) in ends.into_iter().take(if both { 2 } else { 1 }) {
                let of = Of::Path;
                let reading = Reading {
                    verb,
                    text,
                    of,
                    end,
                };
                visit(reading);
                if self.folds(text) {
                    let of = Of::FoldedPath;
                    visit(Reading { of, ..reading });
                }
            }
        })
    }
}

/// The readings of a method: methods are told apart by case, but not by everybody.
fn verbs(method: &str, preflight: bool) -> (Verb<'_>, Option<Verb<'_>>) {
    if preflight {
        return (Verb::Whichever, None);
    }
    let lower = method.bytes().any(|byte| byte.is_ascii_lowercase());
    (Verb::Exact(method), lower.then_some(Verb::Folded(method)))
}

fn bare(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"/").unwrap_or(path)
}
