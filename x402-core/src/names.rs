use payment_core::Network;

/// The name that v1 has for this network, where it has one.
#[must_use]
pub fn v1_name(network: &Network) -> Option<&'static str> {
    if let Some(id) = network.chain_id() {
        return EVM.iter().find(|(_, chain)| *chain == id).map(|row| row.0);
    }
    let text = network.to_string();
    OTHER
        .iter()
        .find(|(_, caip)| *caip == text)
        .map(|row| row.0)
}

/// The network that v1 calls by this name.
#[must_use]
pub fn v1_network(name: &str) -> Option<Network> {
    if let Some((_, id)) = EVM.iter().find(|(known, _)| *known == name) {
        return Some(Network::eip155(*id));
    }
    OTHER
        .iter()
        .find(|(known, _)| *known == name)?
        .1
        .parse()
        .ok()
}

// x402_assets.json, v1NetworkNames: the names that v1 SDKs know, and those that one more
// implementation added.
const EVM: &[(&str, u64)] = &[
    ("abstract", 2741),
    ("abstract-testnet", 11124),
    ("avalanche", 43114),
    ("avalanche-fuji", 43113),
    ("base", 8453),
    ("base-sepolia", 84532),
    ("celo", 42220),
    ("celo-sepolia", 11_142_220),
    ("educhain", 41923),
    ("ethereum", 1),
    ("flare", 14),
    ("iotex", 4689),
    ("megaeth", 4326),
    ("monad", 143),
    ("peaq", 3338),
    ("polygon", 137),
    ("polygon-amoy", 80002),
    ("radius", 723_487),
    ("radius-testnet", 72344),
    ("sei", 1329),
    ("sei-testnet", 1328),
    ("sepolia", 11_155_111),
    ("skale-base-sepolia", 324_705_682),
    ("stable", 988),
    ("stable-testnet", 2201),
    ("story", 1514),
    ("xdc", 50),
    ("xrpl-evm", 1_440_000),
];

const OTHER: &[(&str, &str)] = &[
    ("solana", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"),
    ("solana-devnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1"),
    ("solana-testnet", "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn v1_names_match_the_table_both_ways() {
        let file = vectors::load("x402_assets.json");
        let mut tally = vectors::Tally::new("x402 v1 network names");
        let mut known = 0;
        for table in ["sdk", "x402RsOnly"] {
            for (name, caip) in file["v1NetworkNames"][table].as_object().unwrap() {
                let network: Network = caip.as_str().unwrap().parse().unwrap();
                assert_eq!(v1_network(name).as_ref(), Some(&network), "{name}");
                assert_eq!(v1_name(&network), Some(name.as_str()), "{caip}");
                known += 1;
                tally.ran();
            }
        }
        assert_eq!(known, EVM.len() + OTHER.len());
    }

    #[test]
    fn a_network_without_a_name_has_none() {
        assert_eq!(v1_name(&Network::eip155(196)), None);
        assert_eq!(v1_network("eip155:84532"), None);
        assert_eq!(v1_network("Base"), None);
    }
}
