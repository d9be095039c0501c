use std::time::Duration;

use alloy_primitives::Address;
use payment_core::{Network, Timestamp, Units};
use payment_evm::{Token, TransferMethod};

use crate::dollars::Dollars;
use crate::offer::{Offer, Protocol, Terms};

/// What a buyer pays at all. Every offer goes through [`Rules::judge`] before anything else
/// looks at it.
pub(crate) struct Rules {
    pub(crate) networks: Vec<Network>,
    /// Tokens that the user vouches for, beside those of our table.
    pub(crate) tokens: Vec<Token>,
    pub(crate) most: Dollars,
    pub(crate) longest: Duration,
}

/// What a seller's offer says.
pub(crate) struct Bid<'w> {
    pub(crate) network: Network,
    pub(crate) asset: Address,
    pub(crate) amount: Units,
    pub(crate) pay_to: Address,
    pub(crate) valid_until: Timestamp,
    pub(crate) described: Description<'w>,
}

/// What a seller says of the token. We know better, but who says something else would either
/// not be able to collect or be understood differently by the two sides.
#[derive(Default)]
pub(crate) struct Description<'w> {
    pub(crate) name: Option<&'w str>,
    pub(crate) version: Option<&'w str>,
    pub(crate) decimals: Option<u64>,
}

/// Why an offer is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Skip {
    /// Not a message of its protocol, or too large for one.
    #[error("the offer cannot be read")]
    Unreadable,
    /// The id was already offered in the same answer.
    #[error("the id of the challenge is used twice")]
    DuplicateId,
    /// Another scheme, method or intent than the ones we pay.
    #[error("the kind of payment is not supported")]
    Scheme,
    /// Wants a way of moving tokens that we don't sign for.
    #[error("the way of moving tokens is not supported")]
    Transfer,
    /// Splits the payment, which one authorization can't.
    #[error("the payment is to be split")]
    Split,
    /// Wants the credential in a header that we have for something else, or don't use.
    #[error("the credential is wanted in a header that is not free for it")]
    Header,
    /// A chain that the buyer was not allowed to pay on.
    #[error("the network is not allowed")]
    Network,
    /// A token that is not in the table and not allowed by the user.
    #[error("the token is not known")]
    Token,
    /// Says another name, version or number of decimals than the token has.
    #[error("the token is described wrongly")]
    TokenDescription,
    /// The payee is not an account.
    #[error("the payee is not an account")]
    Payee,
    /// The amount is not a positive number of base units.
    #[error("the amount is not a positive number of base units")]
    Amount,
    /// Above the limit of one payment.
    #[error("the price is above the limit of one payment")]
    AboveLimit,
    /// Says no end, and would not be accepted without.
    #[error("the offer has no end")]
    NoExpiry,
    /// Has ended.
    #[error("the offer has expired")]
    Expired,
    /// Wants a payment that can be collected for too long.
    #[error("the payment would stay collectable for too long")]
    TooLong,
    /// A selector dropped it.
    #[error("no selector wanted the offer")]
    NotSelected,
}

/// An offer that was not considered, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Skipped {
    /// The protocol it came by.
    pub protocol: Protocol,
    /// Why it is not paid.
    pub reason: Skip,
}

impl Rules {
    /// Turns a bid into an offer that may be paid.
    pub(crate) fn judge(&self, bid: &Bid<'_>, terms: Terms, now: Timestamp) -> Result<Offer, Skip> {
        if !self.networks.contains(&bid.network) {
            return Err(Skip::Network);
        }
        let token = self.token(bid)?;
        if bid.pay_to == Address::ZERO {
            return Err(Skip::Payee);
        }
        if bid.amount.is_zero() {
            return Err(Skip::Amount);
        }
        let dollars = Dollars::of_units(bid.amount, token.decimals).ok_or(Skip::AboveLimit)?;
        if dollars > self.most {
            return Err(Skip::AboveLimit);
        }
        // The authorization ends at a whole second, rounded down.
        if bid.valid_until.seconds() <= now.seconds() {
            return Err(Skip::Expired);
        }
        if bid.valid_until > now.plus(self.longest) {
            return Err(Skip::TooLong);
        }
        Ok(Offer {
            token,
            amount: bid.amount,
            dollars,
            pay_to: bid.pay_to,
            seen: now,
            valid_until: bid.valid_until,
            terms,
        })
    }

    fn token(&self, bid: &Bid<'_>) -> Result<Token, Skip> {
        let allowed = self
            .tokens
            .iter()
            .find(|token| token.address == bid.asset && token.network() == bid.network)
            .cloned();
        let token = match allowed {
            Some(token) => token,
            None => bid
                .network
                .chain_id()
                .and_then(|chain_id| Token::known(chain_id, bid.asset))
                .ok_or(Skip::Token)?,
        };
        if token.transfer != TransferMethod::Eip3009 {
            return Err(Skip::Transfer);
        }
        let described = &bid.described;
        let truthful = described.name.is_none_or(|name| name == token.name)
            && described.version.is_none_or(|said| said == token.version)
            && described
                .decimals
                .is_none_or(|said| said == u64::from(token.decimals));
        truthful.then_some(token).ok_or(Skip::TokenDescription)
    }
}
