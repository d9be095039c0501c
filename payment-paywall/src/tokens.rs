use std::collections::HashMap;

use payment_core::{Asset, Network, Units};

/// What people call tokens and networks. Offers hold base units and addresses; without an entry
/// here that is what the page shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    tokens: HashMap<(Network, Asset), Token>,
    networks: HashMap<Network, (String, Worth)>,
}

#[derive(Clone, Debug)]
struct Token {
    symbol: String,
    decimals: u8,
}

/// Whether the money of a network is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    Real,
    Test,
}

/// An amount as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// Such as "0.01 USDC".
    pub(crate) text: String,
    /// The number alone.
    pub(crate) number: String,
}

impl Tokens {
    pub(crate) fn add(&mut self, network: Network, asset: Asset, symbol: &str, decimals: u8) {
        let symbol = symbol.to_owned();
        self.tokens
            .insert((network, asset), Token { symbol, decimals });
    }

    pub(crate) fn name(&mut self, network: Network, name: &str, worth: Worth) {
        self.networks.insert(network, (name.to_owned(), worth));
    }

    /// The amount in whole tokens, when the token is known and the amount is one.
    pub(crate) fn price(&self, network: &str, asset: &str, amount: &str) -> Option<Price> {
        let network: Network = network.parse().ok()?;
        let token = self.tokens.get(&(network, Asset::parse(asset)))?;
        let number = amount.parse::<Units>().ok()?.display(token.decimals);
        Some(Price {
            text: format!("{number} {}", token.symbol),
            number,
        })
    }

    /// The network with its name, such as "Base (eip155:8453)".
    pub(crate) fn network(&self, network: &str) -> String {
        match self.known(network) {
            Some((name, _)) => format!("{name} ({network})"),
            None => network.to_owned(),
        }
    }

    /// The name alone, or what there is in its place.
    pub(crate) fn network_name(&self, network: &str) -> String {
        self.known(network)
            .map_or_else(|| network.to_owned(), |(name, _)| name)
    }

    /// Whether it is said of this network that its money is worth nothing.
    pub(crate) fn is_test(&self, network: &str) -> bool {
        matches!(self.known(network), Some((_, Worth::Test)))
    }

    fn known(&self, network: &str) -> Option<(String, Worth)> {
        let network: Network = network.parse().ok()?;
        if let Some((name, worth)) = self.networks.get(&network) {
            return Some((name.clone(), *worth));
        }
        let id = network.chain_id()?;
        let (_, name, worth) = CHAINS.iter().find(|(chain, ..)| *chain == id)?;
        Some(((*name).to_owned(), *worth))
    }
}

/// Chains that need no registration to be called by their names.
const CHAINS: [(u64, &str, Worth); 14] = [
    (1, "Ethereum", Worth::Real),
    (10, "OP Mainnet", Worth::Real),
    (56, "BNB Smart Chain", Worth::Real),
    (137, "Polygon", Worth::Real),
    (196, "X Layer", Worth::Real),
    (1952, "X Layer Testnet", Worth::Test),
    (8453, "Base", Worth::Real),
    (42161, "Arbitrum One", Worth::Real),
    (43113, "Avalanche Fuji", Worth::Test),
    (43114, "Avalanche", Worth::Real),
    (80002, "Polygon Amoy", Worth::Test),
    (84532, "Base Sepolia", Worth::Test),
    (421_614, "Arbitrum Sepolia", Worth::Test),
    (11_155_111, "Sepolia", Worth::Test),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";

    fn tokens() -> Tokens {
        let mut tokens = Tokens::default();
        tokens.add(Network::eip155(84532), Asset::parse(USDC), "USDC", 6);
        tokens
    }

    #[test]
    fn price_is_exact_and_address_case_does_not_matter() {
        let tokens = tokens();
        for (amount, text) in [
            ("10000", "0.01 USDC"),
            ("1", "0.000001 USDC"),
            (
                "123456789012345678901234567890",
                "123456789012345678901234.56789 USDC",
            ),
        ] {
            for asset in [USDC, &USDC.to_lowercase()] {
                let price = tokens.price("eip155:84532", asset, amount).unwrap();
                assert_eq!(price.text, text);
            }
        }
    }

    #[test]
    fn what_is_not_known_has_no_price() {
        let tokens = tokens();
        let other = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
        for (network, asset, amount) in [
            ("eip155:8453", USDC, "1"),
            ("eip155:84532", other, "1"),
            ("eip155:84532", USDC, "1.5"),
            ("eip155:84532", USDC, "-1"),
            ("eip155:084532", USDC, "1"),
            ("", USDC, "1"),
        ] {
            assert_eq!(tokens.price(network, asset, amount), None);
        }
    }

    #[test]
    fn registered_names_come_first() {
        let mut tokens = tokens();
        assert_eq!(tokens.network("eip155:8453"), "Base (eip155:8453)");
        assert!(tokens.is_test("eip155:84532") && !tokens.is_test("eip155:8453"));
        tokens.name(Network::eip155(8453), "Local", Worth::Test);
        assert_eq!(tokens.network("eip155:8453"), "Local (eip155:8453)");
        assert!(tokens.is_test("eip155:8453"));
        assert_eq!(tokens.network("solana:x"), "solana:x");
    }
}
