use std::fmt;

/// The `code` of an answer that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiCode {
    /// 50001: the service is unavailable for now.
    Unavailable,
    /// 50011: too many requests.
    RateLimited,
    /// 50026: a system error; try later.
    System,
    /// 50014, 50036, 51000, 30001: a parameter is empty or wrong.
    Parameter,
    /// 50103, 50104, 50106, 50107: one of the four headers is empty.
    HeaderMissing,
    /// 50105: the passphrase is wrong.
    Passphrase,
    /// 50111: the key is invalid.
    Key,
    /// 50112: the timestamp is invalid, or this machine's clock is off.
    Timestamp,
    /// 50113: the signature is invalid.
    Signature,
    /// 50114, 50125: the key may not do this, or not from here.
    Forbidden,
    /// 50038: the chain is not supported.
    Chain,
    /// 50404: there is no such URL.
    NoSuchUrl,
    /// 10002: the AA account is not found.
    NoAccount,
    /// A code of the SA-API.
    Sa(SaCode),
    /// Any other number.
    Other(i64),
    /// Not a number.
    Unreadable,
}

/// A code of the SA-API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SaCode {
    /// 8000: something failed inside; also what negative codes count as.
    Internal,
    /// 70000: bad parameters.
    BadRequest,
    /// 70001: the chain is not supported.
    UnsupportedChain,
    /// 70002: the payer is blocked.
    PayerBlocked,
    /// 70003: the credential is invalid.
    InvalidCredential,
    /// 70004: a signature is invalid.
    InvalidSignature,
    /// 70005: the splits sum up to too much.
    SplitSum,
    /// 70006: too many splits.
    TooManySplits,
    /// 70007: the transaction is not confirmed.
    NotConfirmed,
    /// 70008: the channel is closed.
    ChannelClosed,
    /// 70009: the challenge is invalid or has expired.
    InvalidChallenge,
    /// 70010: there is no such channel.
    ChannelNotFound,
    /// 70011: the escrow's configuration is not acceptable.
    EscrowConfig,
    /// 70012: an amount above the deposit.
    AmountExceedsDeposit,
    /// 70013: the voucher adds too little.
    DeltaTooSmall,
    /// 70014: the channel is closing.
    ChannelClosing,
    /// 70015: less is left than the cost.
    InsufficientBalance,
}

impl SaCode {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Internal,
        Self::BadRequest,
        Self::UnsupportedChain,
        Self::PayerBlocked,
        Self::InvalidCredential,
        Self::InvalidSignature,
        Self::SplitSum,
        Self::TooManySplits,
        Self::NotConfirmed,
        Self::ChannelClosed,
        Self::InvalidChallenge,
        Self::ChannelNotFound,
        Self::EscrowConfig,
        Self::AmountExceedsDeposit,
        Self::DeltaTooSmall,
        Self::ChannelClosing,
        Self::InsufficientBalance,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Internal => 8000,
            Self::BadRequest => 70000,
            Self::UnsupportedChain => 70001,
            Self::PayerBlocked => 70002,
            Self::InvalidCredential => 70003,
            Self::InvalidSignature => 70004,
            Self::SplitSum => 70005,
            Self::TooManySplits => 70006,
            Self::NotConfirmed => 70007,
            Self::ChannelClosed => 70008,
            Self::InvalidChallenge => 70009,
            Self::ChannelNotFound => 70010,
            Self::EscrowConfig => 70011,
            Self::AmountExceedsDeposit => 70012,
            Self::DeltaTooSmall => 70013,
            Self::ChannelClosing => 70014,
            Self::InsufficientBalance => 70015,
        }
    }
}

impl ApiCode {
    /// The meaning of a number other than 0.
    #[must_use]
    pub fn from_number(number: i64) -> Self {
        match number {
            50001 => Self::Unavailable,
            50011 => Self::RateLimited,
            50026 => Self::System,
            50014 | 50036 | 51000 | 30001 => Self::Parameter,
            50103 | 50104 | 50106 | 50107 => Self::HeaderMissing,
            50105 => Self::Passphrase,
            50111 => Self::Key,
            50112 => Self::Timestamp,
            50113 => Self::Signature,
            50114 | 50125 => Self::Forbidden,
            50038 => Self::Chain,
            50404 => Self::NoSuchUrl,
            10002 => Self::NoAccount,
            ..0 => Self::Sa(SaCode::Internal),
            _ => {
                let known = SaCode::ALL.iter().find(|code| code.number() == number);
                known.map_or(Self::Other(number), |code| Self::Sa(*code))
            }
        }
    }

    /// Whether the request was turned away before anything looked at the payment in it.
    #[must_use]
    pub const fn is_turned_away(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::HeaderMissing
                | Self::Passphrase
                | Self::Key
                | Self::Timestamp
                | Self::Signature
                | Self::Forbidden
                | Self::NoSuchUrl
        )
    }

    /// Whether another attempt may be answered otherwise.
    #[must_use]
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Unavailable | Self::RateLimited | Self::System)
    }
}

impl fmt::Display for ApiCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sa(code) => write!(f, "{} ({code:?})", code.number()),
            Self::Other(number) => write!(f, "{number}"),
            known => write!(f, "{known:?}"),
        }
    }
}
