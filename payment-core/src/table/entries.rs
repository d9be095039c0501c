use std::collections::HashMap;

use super::KeyError;
use super::glob::{End, Of};
use super::key::{Key, LONGEST, Verb};
use super::readings::MOST;

/// Readings times keys, at most.
const LOOK_UPS: usize = 8192;

/// Readings that any table looks up: what honest paths have.
const FEWEST: usize = 16;

/// The keys of a table, in the order in which they were declared.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    keys: Vec<Key>,
    /// Which keys name this one path, in small letters.
    literals: HashMap<Box<[u8]>, Vec<usize>>,
    /// The keys that name more than one path.
    globs: Vec<usize>,
    /// Whether a key has letters of which there is another case.
    upper: bool,
    /// Whether a key has a slash at its end.
    slash: bool,
}

/// What a path, read in one way, is looked up as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) verb: Verb<'a>,
    pub(super) text: &'a [u8],
    pub(super) of: Of,
    pub(super) end: End,
}

impl Entries {
    pub(super) fn push(&mut self, key: Key) -> Result<(), KeyError> {
        self.keys
            .iter()
            .try_for_each(|earlier| key.is_reached_behind(earlier))?;
        let at = self.keys.len();
        match key.glob.literals() {
            Some(texts) => {
                for text in texts {
                    let text = text.to_ascii_lowercase().into();
                    self.literals.entry(text).or_default().push(at);
                }
            }
            None => self.globs.push(at),
        }
        self.upper |= key.glob.has_upper();
        self.slash |= key.glob.has_slash();
        self.keys.push(key);
        Ok(())
    }

    pub(super) const fn keys(&self) -> &[Key] {
        self.keys.as_slice()
    }

    /// Whether the case of letters makes another reading of this text.
    pub(super) fn folds(&self, text: &[u8]) -> bool {
        self.upper || text.iter().any(u8::is_ascii_uppercase)
    }

    /// Whether a slash that is not there makes another reading.
    pub(super) const fn has_slashes(&self) -> bool {
        self.slash
    }

    /// How many readings of one path are looked up. Each is held against all keys that are no plain
    /// path: what a stranger can make us do by one request stays the same in a large table. (T120)
    pub(super) fn readings(&self) -> usize {
        let keys = self.globs.len().max(1);
        (LOOK_UPS / keys).clamp(FEWEST, MOST)
    }

    /// The first key that takes it.
    pub(super) fn first(&self, reading: Reading<'_>) -> Option<usize> {
        let literal = self.literal(reading);
        let mut globs = self.globs.iter().copied();
        globs
            .by_ref()
            .take_while(|at| literal.is_none_or(|literal| *at < literal))
            .find(|at| self.takes(*at, reading))
            .or(literal)
    }

    pub(super) fn takes(&self, at: usize, reading: Reading<'_>) -> bool {
        let Reading {
            verb,
            text,
            of,
            end,
        } = reading;
        let key = self.keys.get(at);
        key.is_some_and(|key| key.takes(verb) && key.glob.matches(text, of, end))
    }

    fn literal(&self, reading: Reading<'_>) -> Option<usize> {
        // A key is no longer than that; with it stands at most the slash it was written without.
        let mut folded = [0; LONGEST];
        let folded = folded.get_mut(..reading.text.len())?;
        folded.copy_from_slice(reading.text);
        folded.make_ascii_lowercase();
        let mut named = self.literals.get(&*folded)?.iter().copied();
        named.find(|at| self.takes(*at, reading))
    }
}
