/// What the command line asks for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) json: bool,
    pub(crate) errand: Errand,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Tour,
    /// Keeps everything up, on this port.
    Serve {
        port: u16,
    },
    /// One purchase from a shop that is up somewhere.
    Buy {
        url: String,
        key: String,
    },
    /// One stream from such a shop.
    Stream {
        url: String,
        key: String,
    },
}

const USAGE: &str = "\
usage: quickstart [--json]                         the tour: refused, x402, MPP, a session, what moved
       quickstart --serve [--port N] [--json]      keep shop, facilitator and chain up
       quickstart --buy URL --key KEY [--json]     buy once from a shop that is up
       quickstart --stream URL --key KEY [--json]  open a channel with it, read a stream, close";

impl Arguments {
    /// Reads the arguments after the program's name; an error is the text to show.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut json, mut serve, mut port) = (false, false, None);
        let (mut buy, mut stream, mut key) = (None, None, None);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--json" => json = true,
                "--serve" => serve = true,
                "--port" => {
                    let text = value()?;
                    let number = text.parse().map_err(|_| format!("{text} is no port"))?;
                    port = Some(number);
                }
                "--buy" => buy = Some(value()?),
                "--stream" => stream = Some(value()?),
                "--key" => key = Some(value()?),
                _ => return Err(USAGE.to_owned()),
            }
        }
        let errand = match (serve, buy, stream, key) {
            (false, None, None, None) if port.is_none() => Errand::Tour,
            (true, None, None, None) => Errand::Serve {
                port: port.unwrap_or(0),
            },
            (false, Some(url), None, Some(key)) => Errand::Buy { url, key },
            (false, None, Some(url), Some(key)) => Errand::Stream { url, key },
            (false, Some(_), None, None) => {
                return Err(format!("--buy and --key go together\n{USAGE}"));
            }
            (false, None, Some(_), None) => {
                return Err(format!("--stream and --key go together\n{USAGE}"));
            }
            _ => return Err(USAGE.to_owned()),
        };
        Ok(Self { json, errand })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(line: &str) -> Result<Arguments, String> {
        Arguments::read(line.split_ascii_whitespace().map(str::to_owned))
    }

    #[test]
    fn each_errand_has_its_arguments() {
        let (url, key) = ("http://a/story".to_owned(), "0x1".to_owned());
        for (line, errand) in [
            ("", Errand::Tour),
            ("--serve", Errand::Serve { port: 0 }),
            ("--port 80 --serve", Errand::Serve { port: 80 }),
            (
                "--buy http://a/story --key 0x1",
                Errand::Buy {
                    url: url.clone(),
                    key: key.clone(),
                },
            ),
            (
                "--key 0x1 --stream http://a/story",
                Errand::Stream { url, key },
            ),
        ] {
            let plain = read(line).unwrap();
            assert!(!plain.json && plain.errand == errand, "{line}");
            let json = read(&format!("{line} --json")).unwrap();
            assert!(json.json && json.errand == errand, "{line} --json");
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_the_usage() {
        for line in [
            "--help",
            "tour",
            "--port",
            "--port 80",
            "--key 0x1",
            "--buy http://a",
            "--stream http://a",
            "--buy http://a --stream http://a --key 0x1",
            "--serve --buy http://a --key 0x1",
            "--serve --key 0x1",
        ] {
            let error = read(line).map(|_| ()).unwrap_err();
            assert!(error.contains("usage: quickstart"), "{line}: {error}");
        }
        assert_eq!(
            read("--serve --port 70000").map(|_| ()),
            Err("70000 is no port".to_owned())
        );
    }
}
