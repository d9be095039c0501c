use http::HeaderName;

use crate::wire;

/// The version of the envelope that a message came in, or goes out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `X-PAYMENT`, network names, offers in the JSON body.
    V1,
    /// `PAYMENT-SIGNATURE`, CAIP-2 networks, offers in a header.
    V2,
}

impl Version {
    /// The value of `x402Version`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The version with this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }

    /// The response header that carries the receipt.
    #[must_use]
    pub const fn receipt_header(self) -> HeaderName {
        match self {
            Self::V1 => wire::X_PAYMENT_RESPONSE,
            Self::V2 => wire::PAYMENT_RESPONSE,
        }
    }
}
