use serde_json::{Value, json};

/// Says what happens: in plain words, or as one JSON object a line.
pub(crate) struct Report {
    json: bool,
    steps: usize,
}

impl Report {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json, steps: 0 }
    }

    /// One step: its name and facts for machines, its words for people.
    pub(crate) fn step(&mut self, name: &str, facts: Value, words: &str) {
        self.steps += 1;
        if self.json {
            let mut line = json!({"step": name});
            merge(&mut line, facts);
            println!("{line}");
        } else {
            println!("{:>2}. {words}", self.steps);
        }
    }

    /// Words that only people need.
    pub(crate) fn say(&self, words: &str) {
        if !self.json {
            println!("{words}");
        }
    }

    /// The last line.
    pub(crate) fn end(&self, ok: bool, facts: &Value) {
        if self.json {
            let mut line = json!({"ok": ok});
            merge(&mut line, facts.clone());
            println!("{line}");
        } else if let Some(error) = facts["error"].as_str() {
            eprintln!("failed: {error}");
        }
    }
}

fn merge(line: &mut Value, facts: Value) {
    if let (Some(line), Value::Object(facts)) = (line.as_object_mut(), facts) {
        line.extend(facts);
    }
}
