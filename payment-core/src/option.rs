use std::borrow::Cow;

use crate::{Account, Asset, Money, Network, ProtocolName};

/// One way to pay a route, of several. Whatever it does not name, is left to the protocols: an
/// option that names nothing but a price is offered in every asset, scheme and protocol of the gate.
///
/// ```
/// use payment_core::{Network, PaymentOption, ProtocolName, Route, usd};
///
/// let route = Route::priced(usd!("0.01")).options([
///     PaymentOption::new(usd!("0.009")).network(Network::eip155(196)),
///     PaymentOption::new(usd!("0.01")).protocol(ProtocolName::new("x402")).scheme("exact"),
/// ]);
/// assert_eq!(route.options.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PaymentOption {
    /// The price of one call, or of one unit.
    pub price: Money,
    /// The protocol it is for.
    pub protocol: Option<ProtocolName>,
    /// The x402 scheme, or the intent of MPP, that it is for.
    pub scheme: Option<Cow<'static, str>>,
    /// The network it is for.
    pub network: Option<Network>,
    /// The asset it is for.
    pub asset: Option<Asset>,
    /// Who is paid, where it is not whom the protocol was set up with.
    pub pay_to: Option<Account>,
}

impl PaymentOption {
    /// Every way that the gate has, at this price.
    #[must_use]
    pub const fn new(price: Money) -> Self {
        Self {
            price,
            protocol: None,
            scheme: None,
            network: None,
            asset: None,
            pay_to: None,
        }
    }

    /// By this protocol alone.
    #[must_use]
    pub const fn protocol(mut self, protocol: ProtocolName) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// By this scheme of x402, or this intent of MPP, alone.
    #[must_use]
    pub fn scheme(mut self, scheme: impl Into<Cow<'static, str>>) -> Self {
        self.scheme = Some(scheme.into());
        self
    }

    /// On this network alone.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = Some(network);
        self
    }

    /// In this asset alone.
    #[must_use]
    pub fn asset(mut self, asset: Asset) -> Self {
        self.asset = Some(asset);
        self
    }

    /// To this account.
    #[must_use]
    pub fn pay_to(mut self, account: Account) -> Self {
        self.pay_to = Some(account);
        self
    }

    /// Whether a protocol's way to pay is one of those meant.
    #[must_use]
    pub fn takes(
        &self,
        protocol: ProtocolName,
        scheme: &str,
        network: &Network,
        asset: &Asset,
    ) -> bool {
        self.protocol.is_none_or(|name| name == protocol)
            && self.scheme.as_deref().is_none_or(|name| name == scheme)
            && self.network.as_ref().is_none_or(|meant| meant == network)
            && self.asset.as_ref().is_none_or(|meant| meant == asset)
    }
}
