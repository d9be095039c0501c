use x402_core::Code;

/// What a reason of OKX's comes to. Its words are matched loosely, and never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The payment is not good, and this is our word for why.
    No(Code),
    /// The nonce was spent: by this payment, or by another.
    Spent,
    /// Nobody could look, or somebody is still looking.
    Open,
}

/// What stands in reasons for a nonce that was spent.
const SPENT: [&str; 3] = ["nonce", "already", "duplicate"];

/// What stands in reasons that say neither yes nor no.
const OPEN: [&str; 10] = [
    "error",
    "exception",
    "busy",
    "retry",
    "later",
    "processing",
    "pending",
    "unavailable",
    "timeout",
    "timedout",
];

impl Reason {
    pub(super) fn read(text: &str) -> Self {
        let letters = letters(text);
        let says_any = |words: &[&str]| words.iter().any(|word| letters.contains(word));
        match code(&letters) {
            _ if says_any(&SPENT) => Self::Spent,
            _ if says_any(&OPEN) => Self::Open,
            Some(code) => Self::No(code),
            None => Self::No(Code::Facilitator),
        }
    }

    /// Whether OKX says that it does not know what it was asked about.
    pub(super) fn is_not_found(text: &str) -> bool {
        letters(text) == "notfound"
    }
}

/// The reasons that are documented, and those of ours that come back.
fn code(letters: &str) -> Option<Code> {
    Some(match letters {
        "invalidpaymentheader" | "parammismatch" => Code::Malformed,
        "toaddrmismatch" => Code::Recipient,
        "amountmismatch" => Code::Value,
        "resourcemismatch" => Code::Resource,
        "nomatchingpaymentoption" | "unsupportedchain" => Code::NoMatch,
        "invalidsignature" => Code::Signature,
        "notyetvalid" => Code::ValidAfter,
        "expired" => Code::ValidBefore,
        "insufficientbalance" | "insufficientfunds" => Code::Balance,
        // Whose money is not wanted is not told why.
        "payerblocked" | "riskaddress" => Code::Facilitator,
        _ => {
            let is = |code: &Code| self::letters(code.as_str()) == letters;
            return Code::ALL.into_iter().find(is);
        }
    })
}

/// OKX prints its reasons with blanks, underscores and capitals as it comes.
fn letters(text: &str) -> String {
    let plain = text.chars().filter(char::is_ascii_alphanumeric);
    plain.map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests;
