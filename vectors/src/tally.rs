use std::fmt;

/// Counts the cases of one list that a test ran and those it left out, and prints the sum when
/// dropped: `vectors: eip3009: 40 run, 3 left out (why)`.
#[derive(Debug)]
pub struct Tally {
    name: String,
    ran: usize,
    left_out: Vec<(usize, String)>,
}

impl Tally {
    /// Starts counting for the list of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ran: 0,
            left_out: Vec::new(),
        }
    }

    /// One more case was run.
    pub fn ran(&mut self) {
        self.ran += 1;
    }

    /// So many cases were not run, for this reason.
    pub fn left_out(&mut self, cases: usize, why: &str) {
        match self.left_out.iter_mut().find(|(_, known)| known == why) {
            Some((count, _)) => *count += cases,
            None => self.left_out.push((cases, why.to_owned())),
        }
    }

    /// How many cases were run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ran
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vectors: {}: {} run", self.name, self.ran)?;
        self.left_out
            .iter()
            .try_for_each(|(count, why)| write!(f, ", {count} left out ({why})"))
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        println!("{self}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_said() {
        let mut tally = Tally::new("list");
        tally.ran();
        tally.ran();
        assert_eq!(tally.to_string(), "vectors: list: 2 run");
        tally.left_out(1, "no contract wallets");
        tally.left_out(2, "no contract wallets");
        tally.left_out(4, "tempo only");
        let said =
            "vectors: list: 2 run, 3 left out (no contract wallets), 4 left out (tempo only)";
        assert_eq!(tally.to_string(), said);
    }
}
