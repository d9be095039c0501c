//! The JSON of both versions, member for member, and how it stands in headers.
//!
//! Nothing here decides anything: the structs mirror the specification, with public fields and
//! constructors for what is required. Members that are absent are left out, never `null`.
//!
//! ```
//! use x402_core::wire::{self, v2};
//!
//! # fn main() -> Result<(), wire::HeaderError> {
//! let value = "eyJ4NDAyVmVyc2lvbiI6MiwicmVzb3VyY2UiOnsidXJsIjoiL3gifSwiYWNjZXB0cyI6W119";
//! let required: v2::PaymentRequired = wire::decode(value.as_bytes())?;
//! assert_eq!(required.resource.url, "/x");
//! assert_eq!(wire::encode(&required)?, value);
//! # Ok(())
//! # }
//! ```

mod facilitator;
mod header;
pub mod v1;
pub mod v2;

pub use facilitator::{SettleResponse, SupportedKind, SupportedResponse, VerifyResponse};
pub use header::{
    HeaderError, MAX_HEADER_BYTES, PAYMENT_REQUIRED, PAYMENT_RESPONSE, PAYMENT_SIGNATURE,
    PaymentRequiredAnswer, X_PAYMENT, X_PAYMENT_RESPONSE, decode, encode, encode_ascii,
    read_payment_required,
};
pub(crate) use header::{ascii, decode_base64, encode_base64};
