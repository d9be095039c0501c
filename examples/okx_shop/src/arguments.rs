/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    Serve,
    /// Buys on each route once, from a shop of its own.
    Tour,
    Help,
}

pub(crate) const USAGE: &str = "\
usage: okx_shop           sell; without settings on a chain in this process, OKX stood in for
       okx_shop --tour    buy on each route there once, and show what moved
       okx_shop --help    this

settings, from the environment:
  OKX_API_KEY OKX_SECRET_KEY OKX_PASSPHRASE   what OKX knows the seller by
  PAYEE_KEY        private key of the account that is paid; it signs what settles sessions
  BIND             address and port to listen on; 127.0.0.1:4030 without it
  ORIGIN           where buyers find the shop, as https://shop.example
  PARTNER          account that gets 0.003 of each report; nobody does without it
  MPP_REALM        the shop's name in MPP challenges; okx-shop without it
  CHANNELS_DIR     where channels and their vouchers are kept; `channels` without it
  SETTLE_AFTER     seconds that a session's earnings wait to be settled; 21600 without it
  OKX_BASE_URL     another OKX than https://web3.okx.com";

impl Errand {
    /// Reads the arguments after the program's name; `None` for what is not understood.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let errand = match arguments.next().as_deref() {
            None => Self::Serve,
            Some("--tour") => Self::Tour,
            Some("--help" | "-h") => Self::Help,
            Some(_) => return None,
        };
        arguments.next().is_none().then_some(errand)
    }
}
