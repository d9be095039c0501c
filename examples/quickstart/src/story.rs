use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

/// "The House That Jack Built", word by word, as a model would write it.
pub(crate) struct Story {
    words: Box<dyn Iterator<Item = &'static str> + Send>,
}

/// What each verse adds, before all that was there.
const PARTS: [&str; 11] = [
    "the house that Jack built.",
    "the malt that lay in",
    "the rat that ate",
    "the cat that killed",
    "the dog that worried",
    "the cow with the crumpled horn that tossed",
    "the maiden all forlorn that milked",
    "the man all tattered and torn that kissed",
    "the priest all shaven and shorn that married",
    "the cock that crowed in the morn that waked",
    "the farmer sowing his corn that kept",
];

/// All words of the story.
pub(crate) fn words() -> impl Iterator<Item = &'static str> + Send {
    (1..=PARTS.len()).flat_map(|verse| {
        let parts = PARTS.iter().take(verse).rev();
        ["This is"]
            .iter()
            .chain(parts)
            .flat_map(|part| part.split_ascii_whitespace())
    })
}

impl Default for Story {
    fn default() -> Self {
        Self {
            words: Box::new(words()),
        }
    }
}

impl Stream for Story {
    type Item = &'static str;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<&'static str>> {
        Poll::Ready(self.words.next())
    }
}
