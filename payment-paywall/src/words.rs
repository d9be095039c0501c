use std::collections::BTreeMap;

use serde::Deserialize;

use crate::PaywallError;
use crate::escape::{escape_html, escape_json};

/// Everything the page says, by name: what stands in it, and what its script says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Words {
    page: BTreeMap<String, String>,
    script: BTreeMap<String, String>,
}

impl Words {
    /// The English ones.
    pub(crate) fn english() -> Self {
        serde_json::from_str(include_str!("../page/words.json"))
            .expect("two maps of texts; every test of the page reads them")
    }

    /// Says something else.
    pub(crate) fn replace(&mut self, name: &str, text: &str) -> Result<(), PaywallError> {
        let known = self
            .page
            .get_mut(name)
            .or_else(|| self.script.get_mut(name));
        let word = known.ok_or_else(|| PaywallError::Word(name.to_owned()))?;
        text.clone_into(word);
        Ok(())
    }

    /// What is said here, as HTML. A name that there is not says nothing.
    pub(crate) fn html(&self, name: &str) -> Option<String> {
        self.page.get(name).map(|text| escape_html(text))
    }

    /// What is said here about a value, as HTML: the value stands for `{}`.
    pub(crate) fn about(&self, name: &str, html: &str) -> String {
        self.html(name).unwrap_or_default().replace("{}", html)
    }

    /// How an amount is said whose token is not known.
    pub(crate) fn units(&self) -> &str {
        self.page.get("units").map_or("{}", |text| text)
    }

    /// What the script says, as JSON that may stand in the page.
    pub(crate) fn script_json(&self) -> String {
        // A map of texts always serializes.
        escape_json(&serde_json::to_string(&self.script).unwrap_or_default())
    }
}
