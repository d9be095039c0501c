use alloy_primitives::{Address, address};

use super::TransferMethod;

/// What is known of one token.
pub(super) struct Row {
    pub(super) chain_id: u64,
    pub(super) address: Address,
    pub(super) symbol: &'static str,
    pub(super) decimals: u8,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) transfer: TransferMethod,
    pub(super) rank: Rank,
}

/// Whether a plain price on the chain means this token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rank {
    Default,
    Listed,
}

impl Row {
    const fn chosen(
        chain_id: u64,
        address: Address,
        symbol: &'static str,
        decimals: u8,
        name: &'static str,
        version: &'static str,
        transfer: TransferMethod,
    ) -> Self {
        let rank = Rank::Default;
        Self {
            chain_id,
            address,
            symbol,
            decimals,
            name,
            version,
            transfer,
            rank,
        }
    }

    const fn listed(
        chain_id: u64,
        address: Address,
        symbol: &'static str,
        decimals: u8,
        name: &'static str,
        version: &'static str,
        transfer: TransferMethod,
    ) -> Self {
        let rank = Rank::Listed;
        Self {
            chain_id,
            address,
            symbol,
            decimals,
            name,
            version,
            transfer,
            rank,
        }
    }
}

/// Every token we know, with the EIP-712 domain its contract signs in. The name in the domain is
/// not the symbol and differs between chains; where declarations disagree, the chain is right.
// One row a line reads as the table it is.
#[rustfmt::skip]
pub(super) static TABLE: &[Row] = &[
    // Ethereum
    Row::chosen(1, address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Flare
    Row::chosen(14, address!("0xe7cd86e13AC4309349F30B3435a9d337750fC82D"), "USDT0", 6, "USD₮0", "1", TransferMethod::Eip3009),
    // XDC
    Row::chosen(50, address!("0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // XDC Apothem
    Row::chosen(51, address!("0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Polygon
    Row::chosen(137, address!("0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Monad
    Row::chosen(143, address!("0x754704Bc059F8C67012fEd69BC8A327a5aafb603"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Stable
    Row::chosen(988, address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736"), "USDT0", 6, "USDT0", "1", TransferMethod::Eip3009),
    // Sei testnet
    Row::chosen(1_328, address!("0x4fCF1784B31630811181f670Aea7A7bEF803eaED"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Sei
    Row::chosen(1_329, address!("0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Stable testnet
    Row::chosen(2_201, address!("0x78Cf24370174180738C5B8E352B6D14c83a6c9A9"), "USDT0", 6, "USDT0", "1", TransferMethod::Eip3009),
    // MegaETH
    Row::chosen(4_326, address!("0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7"), "MegaUSD", 18, "MegaUSD", "1", TransferMethod::Permit2WithEip2612),
    // Arc
    Row::chosen(5_042, address!("0x3600000000000000000000000000000000000000"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Base
    Row::chosen(8_453, address!("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Monad testnet
    Row::chosen(10_143, address!("0x534b2f3A21130d7a60830c2Df862319e593943A3"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Mezo testnet
    Row::chosen(31_611, address!("0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503"), "mUSD", 18, "Mezo USD", "1", TransferMethod::Permit2WithEip2612),
    // Mezo
    Row::chosen(31_612, address!("0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186"), "mUSD", 18, "Mezo USD", "1", TransferMethod::Permit2WithEip2612),
    // ADI Chain
    Row::chosen(36_900, address!("0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2"), "USDC.e", 6, "USDC.e", "2", TransferMethod::Eip3009),
    // Igra
    Row::chosen(38_833, address!("0xA5b8BF902b2844dA17d4506cc827F7F1681735E7"), "USDC", 6, "USDC", "1", TransferMethod::Permit2),
    // Arbitrum One
    Row::chosen(42_161, address!("0xaf88d065e77c8cC2239327C5EDb3A432268e5831"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Celo
    Row::chosen(42_220, address!("0xcebA9300f2b948710d2653dD7B07f33A8B32118C"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Celo
    Row::listed(42_220, address!("0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e"), "USDT", 6, "Tether USD", "1", TransferMethod::Eip3009),
    // Celo
    Row::listed(42_220, address!("0xD2ab3C9A02DBBAB236BfEC45D1d755DF4267F771"), "USAT", 6, "Tether America USD", "1", TransferMethod::Eip3009),
    // Avalanche C-Chain
    Row::chosen(43_114, address!("0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Radius testnet
    Row::chosen(72_344, address!("0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb"), "SBC", 6, "Stable Coin", "1", TransferMethod::Permit2WithEip2612),
    // Base Sepolia
    Row::chosen(84_532, address!("0x036CbD53842c5426634e7929541eC2318f3dCF7e"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // HPP Sepolia
    Row::chosen(181_228, address!("0x401eCb1D350407f13ba348573E5630B83638E30D"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // HPP
    Row::chosen(190_415, address!("0x401eCb1D350407f13ba348573E5630B83638E30D"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // Arbitrum Sepolia
    Row::chosen(421_614, address!("0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Radius
    Row::chosen(723_487, address!("0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb"), "SBC", 6, "Stable Coin", "1", TransferMethod::Permit2WithEip2612),
    // Arc testnet
    Row::chosen(5_042_002, address!("0x3600000000000000000000000000000000000000"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Celo Sepolia
    Row::chosen(11_142_220, address!("0x01C5C0122039549AD1493B8220cABEdD739BC44E"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // X Layer
    Row::listed(196, address!("0x779Ded0c9e1022225f8E0630b35a9b54bE713736"), "USDT0", 6, "USD₮0", "1", TransferMethod::Eip3009),
    // X Layer
    Row::listed(196, address!("0x4ae46a509F6b1D9056937BA4500cb143933D2dc8"), "USDG", 6, "Global Dollar", "1", TransferMethod::Eip3009),
    // X Layer
    Row::listed(196, address!("0x74b7F16337b8972027F6196A17a631aC6dE26d22"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // X Layer testnet
    Row::listed(1_952, address!("0x9e29b3AaDa05Bf2D2c827Af80Bd28Dc0b9b4FB0c"), "USDT0", 6, "USD₮0", "1", TransferMethod::Eip3009),
    // OP Mainnet
    Row::listed(10, address!("0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // Polygon Amoy
    Row::listed(80_002, address!("0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // World Chain
    Row::listed(480, address!("0x79A02482A880bCE3F13e09Da970dC34db4CD24d1"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // HyperEVM
    Row::listed(999, address!("0xb88339CB7199b77E23DB6E890353E22632Ba630f"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Unichain
    Row::listed(130, address!("0x078D782b760474a361dDA0AF3839290b0EF57AD6"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Sonic
    Row::listed(146, address!("0x29219dd400f2Bf60E5a23d13Be72B486D4038894"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // BNB Smart Chain
    Row::listed(56, address!("0x8d0D000Ee44948FC98c9B98A4FA4921476f08B0d"), "USD1", 18, "World Liberty Financial USD", "1", TransferMethod::Eip3009),
    // Avalanche Fuji
    Row::listed(43_113, address!("0x5425890298aed601595a70AB815c96711a31Bc65"), "USDC", 6, "USD Coin", "2", TransferMethod::Eip3009),
    // IoTeX
    Row::listed(4_689, address!("0xcDf79194C6C285077A58da47641D4dBe51F63542"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // peaq
    Row::listed(3_338, address!("0xbbA60da06c2c5424f03f7434542280FCAd453d10"), "USDC", 6, "USDC", "2", TransferMethod::Eip3009),
    // Abstract
    Row::listed(2_741, address!("0x84A71ccD554Cc1b02749b35d22F684CC8ec987e1"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // Abstract testnet
    Row::listed(11_124, address!("0xe4C7fBB0a626ed208021ccabA6Be1566905E2dFc"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // Story
    Row::listed(1_514, address!("0xF1815bd50389c46847f0Bda824eC8da914045D14"), "USDC.e", 6, "Bridged USDC", "2", TransferMethod::Eip3009),
    // EDU Chain
    Row::listed(41_923, address!("0x12a272A581feE5577A5dFa371afEB4b2F3a8C2F8"), "USDC.e", 6, "Bridged USDC (Stargate)", "2", TransferMethod::Eip3009),
    // SKALE Base Sepolia
    Row::listed(324_705_682, address!("0x2e08028E3C4c2356572E096d8EF835cD5C6030bD"), "USDC.e", 6, "Bridged USDC (SKALE Bridge)", "2", TransferMethod::Eip3009),
    // XRPL EVM
    Row::listed(1_440_000, address!("0xDaF4556169c4F3f2231d8ab7BC8772Ddb7D4c84C"), "USDC", 15, "USDC", "1", TransferMethod::Eip3009),
];
