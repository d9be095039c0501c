use alloy_primitives::B256;
use payment_core::{Account, Network, Units};
use serde::Deserialize;
use x402_core::{FacilitatorFault, PaymentRequest, SettleAnswer};

/// What both `/settle` and `/settle/status` say of a settlement.
#[derive(Deserialize)]
pub(super) struct Settlement {
    transaction: Option<String>,
    network: Option<String>,
    payer: Option<String>,
    amount: Option<String>,
}

impl Settlement {
    /// The hash of the transaction. What has another form is none, and is repeated to nobody.
    pub(super) fn hash(&self) -> Option<B256> {
        self.transaction.as_deref().and_then(hash)
    }

    /// Whether no transaction is named.
    pub(super) fn is_silent(&self) -> bool {
        self.transaction.as_deref().unwrap_or_default().is_empty()
    }

    /// Money that this transaction has moved, with all that is said of it: to be compared with
    /// what was asked for.
    pub(super) fn settled(&self, hash: B256) -> Result<SettleAnswer, FacilitatorFault> {
        Ok(SettleAnswer::Settled {
            transaction: text(hash),
            network: self.network()?,
            payer: self.payer(),
            amount: self.amount()?,
        })
    }

    /// A payment that was taken for a batch.
    pub(super) fn deferred(&self) -> Result<SettleAnswer, FacilitatorFault> {
        Ok(SettleAnswer::Deferred {
            network: self.network()?,
            payer: self.payer(),
            amount: self.amount()?,
        })
    }

    /// Whether nothing here is about another payment.
    pub(super) fn is_of(&self, request: &PaymentRequest) -> bool {
        let payer = self.payer();
        let network_fits = match said(self.network.as_deref()) {
            Some(_) => self
                .network()
                .is_ok_and(|it| it == *request.offer().network()),
            None => true,
        };
        network_fits
            && (payer.is_none() || request.payer().is_none() || payer.as_ref() == request.payer())
    }

    fn network(&self) -> Result<Network, FacilitatorFault> {
        let network = said(self.network.as_deref()).and_then(|text| text.parse().ok());
        network.ok_or(garbage("success without a network"))
    }

    fn payer(&self) -> Option<Account> {
        said(self.payer.as_deref()).map(Account::parse)
    }

    fn amount(&self) -> Result<Option<Units>, FacilitatorFault> {
        let amount = said(self.amount.as_deref()).map(str::parse);
        amount
            .transpose()
            .map_err(|_| garbage("an amount that is none"))
    }
}

/// A settlement under way by this transaction.
pub(super) fn pending(hash: Option<B256>) -> SettleAnswer {
    let transaction = hash.map(text);
    SettleAnswer::Pending { transaction }
}

/// A transaction hash in any case. Nothing else gets into a URL, or to a buyer.
pub(super) fn hash(text: &str) -> Option<B256> {
    text.strip_prefix("0x")
        .and_then(|digits| digits.parse().ok())
}

fn text(hash: B256) -> Box<str> {
    format!("{hash:#x}").into()
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

pub(super) const fn garbage(what: &'static str) -> FacilitatorFault {
    FacilitatorFault::Garbage(what)
}
