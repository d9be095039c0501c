use std::error::Error;
use std::iter;

use gateways::okx::{ApiCode, OkxFault};
use x402_core::Unsupported;

/// Why OKX does not let the shop begin, in one line for who has started it. No value of a setting
/// is in it.
pub(crate) fn diagnosis(error: &Unsupported) -> String {
    let fault = causes(error).find_map(|cause| cause.downcast_ref::<OkxFault>());
    match fault {
        Some(OkxFault::Refused(code)) => match setting(*code) {
            Some(line) => line.to_owned(),
            None => format!("OKX answers with code {code}"),
        },
        Some(fault) => said(fault),
        None => said(error),
    }
}

/// Where a code says which setting is wrong.
fn setting(code: ApiCode) -> Option<&'static str> {
    Some(match code {
        ApiCode::Key => "OKX_API_KEY: OKX knows no such key (50111)",
        ApiCode::Passphrase => "OKX_PASSPHRASE: OKX says that it is not the key's (50105)",
        ApiCode::Signature => "OKX_SECRET_KEY: OKX says that it is not the key's (50113)",
        ApiCode::Timestamp => "the clock of this machine is off, says OKX (50112)",
        ApiCode::Forbidden => "OKX_API_KEY: OKX does not let it do this, or not from here",
        _ => return None,
    })
}

/// An error with all that has led to it, in one line.
pub(crate) fn said(error: &(dyn Error + 'static)) -> String {
    let words: Vec<_> = causes(error).map(ToString::to_string).collect();
    words.join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}
