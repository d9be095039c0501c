use crate::PaywallError;

/// A text with slots, `{{name}}`, taken apart once.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Slot(String),
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    ///
    /// A `{{` that no `}}` follows.
    pub(crate) fn new(text: &str) -> Result<Self, PaywallError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or(PaywallError::Slot)?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Slot(name.trim().to_owned()));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// Fills the slots that have a value now, and joins what stands together then. What is put in
    /// is not looked at again: slots in it are text.
    pub(crate) fn settle(self, value: impl Fn(&str) -> Option<String>) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.0.len());
        for piece in self.0 {
            let piece = match piece {
                Piece::Slot(name) => value(&name).map_or(Piece::Slot(name), Piece::Text),
                text => text,
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
                (_, piece) => pieces.push(piece),
            }
        }
        Self(pieces)
    }

    /// The names of the slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(&**name),
            Piece::Text(_) => None,
        })
    }

    /// The text with all slots filled. A slot without a value is left out.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        let mut text = String::with_capacity(self.length() + 4096);
        for piece in &self.0 {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Slot(name) => text.push_str(&value(name)),
            }
        }
        text
    }

    fn length(&self) -> usize {
        let lengths = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Slot(_) => 0,
        });
        lengths.sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn slots_in_values_are_text() {
        let template = Template::new("a{{x}}b{{ y }}c{{x}}").unwrap();
        let settled = template.settle(|name| (name == "x").then(|| "{{y}}".into()));
        assert_eq!(settled.slots().collect::<Vec<_>>(), ["y"]);
        assert_eq!(settled.fill(|_| "{{x}}".into()), "a{{y}}b{{x}}c{{y}}");
    }

    #[test]
    fn an_open_slot_is_an_error() {
        assert!(Template::new("a{{b").is_err());
        assert_eq!(
            Template::new("a}}{b").unwrap().fill(|_| String::new()),
            "a}}{b"
        );
    }
}
