/// What the command line asks for.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) json: bool,
    pub(crate) serve: bool,
    pub(crate) port: u16,
    pub(crate) buy: Option<Purchase>,
}

/// One purchase from a shop that is up somewhere.
#[derive(Debug)]
pub(crate) struct Purchase {
    pub(crate) url: String,
    pub(crate) key: String,
}

const USAGE: &str = "\
usage: quickstart [--json]                      the tour: refused, x402, MPP, what moved
       quickstart --serve [--port N] [--json]   keep shop, facilitator and chain up
       quickstart --buy URL --key KEY [--json]  buy once from a shop that is up";

impl Arguments {
    /// Reads the arguments after the program's name; an error is the text to show.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        let (mut url, mut key) = (None, None);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value\n{USAGE}"))
            };
            match argument.as_str() {
                "--json" => read.json = true,
                "--serve" => read.serve = true,
                "--port" => {
                    let port = value()?;
                    read.port = port.parse().map_err(|_| format!("{port} is no port"))?;
                }
                "--buy" => url = Some(value()?),
                "--key" => key = Some(value()?),
                _ => return Err(USAGE.to_owned()),
            }
        }
        read.buy = match (url, key) {
            (Some(url), Some(key)) => Some(Purchase { url, key }),
            (None, None) => None,
            _ => return Err(format!("--buy and --key go together\n{USAGE}")),
        };
        Ok(read)
    }
}
