use crate::Stop;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// A buyer tries the shop, and what moved is shown.
    Tour,
    /// The shop stays up.
    Serve {
        /// On this port; 0 takes a free one.
        port: u16,
    },
}

impl Errand {
    /// Reads the arguments after the name of the program.
    ///
    /// # Errors
    ///
    /// `Stop` with the one line to show.
    pub fn read(example: &str, mut arguments: impl Iterator<Item = String>) -> Result<Self, Stop> {
        let usage = format!("usage: {example} [--serve [--port N]]");
        let errand = match arguments.next().as_deref() {
            None => Self::Tour,
            Some("--serve") => match arguments.next().as_deref() {
                None => Self::Serve { port: 0 },
                Some("--port") => {
                    let port = arguments.next().unwrap_or_default();
                    let port = port.parse();
                    Self::Serve {
                        port: port.map_err(|_| Stop::Wrong(format!("--port: no port; {usage}")))?,
                    }
                }
                Some(_) => return Err(Stop::Wrong(usage)),
            },
            Some("--help" | "-h") => return Err(Stop::Help(usage)),
            Some(_) => return Err(Stop::Wrong(usage)),
        };
        match arguments.next() {
            None => Ok(errand),
            Some(_) => Err(Stop::Wrong(usage)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(line: &str) -> Result<Errand, Stop> {
        Errand::read("shop", line.split_ascii_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_errand_has_its_arguments() {
        assert_eq!(read("").unwrap(), Errand::Tour);
        assert_eq!(read("--serve").unwrap(), Errand::Serve { port: 0 });
        let port = Errand::Serve { port: 4021 };
        assert_eq!(read("--serve --port 4021").unwrap(), port);
        assert!(matches!(read("--help"), Err(Stop::Help(_))));
    }

    #[test]
    fn what_is_not_understood_is_refused_in_one_line() {
        for line in [
            "serve",
            "--port 80",
            "--serve --port",
            "--serve --port 70000",
            "--serve --port 80 more",
            "--serve more",
        ] {
            let Err(Stop::Wrong(words)) = read(line) else {
                panic!("{line} was understood");
            };
            assert!(
                words.ends_with("usage: shop [--serve [--port N]]"),
                "{words}"
            );
            assert_eq!(words.lines().count(), 1, "{words}");
        }
    }
}
