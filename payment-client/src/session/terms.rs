use std::fmt;

use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use mpp_core::Challenge;
use mpp_evm::CredentialType;
use mpp_evm::buyer::session::{Dialect, SessionBill};
use mpp_evm::session::Venue;
use payment_core::{Timestamp, Units};

use crate::mpp;
use crate::offer::{Protocol, Terms};
use crate::rules::{Bid, Description, Rules, Skip, Skipped};

/// Where a challenge differs from the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// The chain.
    Chain,
    /// The contract that holds the deposit.
    Escrow,
    /// Who is paid.
    Payee,
    /// What it is paid in.
    Token,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "chain",
            Self::Escrow => "escrow",
            Self::Payee => "payee",
            Self::Token => "token",
        })
    }
}

impl Difference {
    pub(super) fn between(ours: Venue, theirs: Venue) -> Option<Self> {
        let differs = [
            (ours.chain_id != theirs.chain_id, Self::Chain),
            (ours.escrow != theirs.escrow, Self::Escrow),
            (ours.payee != theirs.payee, Self::Payee),
            (ours.token != theirs.token, Self::Token),
        ];
        let found = differs.into_iter().find(|(differs, _)| *differs);
        found.map(|(_, difference)| difference)
    }
}

/// The session challenges of a 402 that the rules of the buyer allow.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) bills: Vec<SessionBill>,
    pub(super) skipped: Vec<Skipped>,
}

pub(super) fn read(headers: &HeaderMap, own: &HeaderMap, rules: &Rules, now: Timestamp) -> Asked {
    let lines = headers.get_all(WWW_AUTHENTICATE).iter();
    let mut asked = Asked::default();
    let mut seen: Vec<String> = Vec::new();
    for challenge in Challenge::parse_all(lines.map(AsRef::as_ref)) {
        // mpp, 2.4: the first of an id counts.
        let bill = if seen.contains(&challenge.id) {
            Err(Skip::DuplicateId)
        } else {
            seen.push(challenge.id.clone());
            bill(&challenge, own, rules, now)
        };
        match bill {
            Ok(bill) => asked.bills.push(bill),
            Err(reason) => asked.skipped.push(Skipped {
                protocol: Protocol::Mpp,
                reason,
            }),
        }
    }
    asked
}

fn bill(
    challenge: &Challenge,
    own: &HeaderMap,
    rules: &Rules,
    now: Timestamp,
) -> Result<SessionBill, Skip> {
    let bill =
        SessionBill::read(challenge, &rules.tokens).map_err(|error| mpp::skip(&error, rules))?;
    // The request's own login stays where it is.
    if challenge.credential_header() == AUTHORIZATION && own.contains_key(AUTHORIZATION) {
        return Err(Skip::Header);
    }
    let signed = match bill.dialect() {
        Dialect::Okx => CredentialType::Transfers,
        _ => CredentialType::Authorization,
    };
    if !bill.types().contains(&signed) {
        return Err(Skip::Transfer);
    }
    let venue = bill.venue();
    let bid = Bid {
        network: bill.token().network(),
        asset: venue.token,
        amount: Units::new(alloy_primitives::U256::from(bill.price())),
        pay_to: venue.payee,
        valid_until: valid_until(&bill, now)?,
        described: Description::default(),
    };
    rules.judge(&bid, Terms::Mpp(Box::new(challenge.clone())), now)?;
    Ok(bill)
}

/// Until when a deposit can be collected that is signed for this challenge.
fn valid_until(bill: &SessionBill, now: Timestamp) -> Result<Timestamp, Skip> {
    let expires = bill.challenge().expires_at().ok_or(Skip::NoExpiry)?;
    match bill.dialect() {
        Dialect::Okx => {
            let end = bill.valid_until(now).map_err(|_| Skip::Expired)?;
            Ok(Timestamp::from_seconds(end))
        }
        _ => Ok(expires),
    }
}
