use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::{SolValue, sol};

use crate::artifacts::{Artifact, USDC_BASE_SEPOLIA, USDT0_X_LAYER};

sol! {
    /// The functions and events of the test token, for callers that encode and decode by type.
    #[derive(Debug, PartialEq, Eq)]
    #[allow(missing_docs)]
    interface ITollToken {
        event Transfer(address indexed from, address indexed to, uint256 value);
        event Approval(address indexed owner, address indexed spender, uint256 value);
        event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
        event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);

        function name() external view returns (string memory);
        function symbol() external view returns (string memory);
        function version() external view returns (string memory);
        function decimals() external view returns (uint8);
        function owner() external view returns (address);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address account, address spender) external view returns (uint256);
        function nonces(address account) external view returns (uint256);
        function DOMAIN_SEPARATOR() external view returns (bytes32);
        function authorizationState(address authorizer, bytes32 nonce) external view returns (bool);

        function mint(address to, uint256 value) external returns (bool);
        function transfer(address to, uint256 value) external returns (bool);
        function transferFrom(address from, address to, uint256 value) external returns (bool);
        function approve(address spender, uint256 value) external returns (bool);
        function permit(address holder, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;
        function permit(address holder, address spender, uint256 value, uint256 deadline, bytes memory signature) external;
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes memory signature) external;
        function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        function receiveWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes memory signature) external;
        function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external;
        function cancelAuthorization(address authorizer, bytes32 nonce, bytes memory signature) external;
    }
}

/// Which token a chain should carry.
#[derive(Clone, Debug)]
pub struct TokenSpec {
    address: Option<Address>,
    name: String,
    symbol: String,
    version: String,
    decimals: u8,
}

impl TokenSpec {
    /// USDC as Base Sepolia has it: address, domain ("USDC", "2") and 6 decimals.
    #[must_use]
    pub fn usdc() -> Self {
        Self::new("USDC", "2").symbol("USDC").at(USDC_BASE_SEPOLIA)
    }

    /// USD₮0 as X Layer has it: address, domain ("USD₮0", "1") and 6 decimals.
    #[must_use]
    pub fn usdt0() -> Self {
        Self::new("USD₮0", "1").at(USDT0_X_LAYER)
    }

    /// A token with this EIP-712 domain, 6 decimals, its name as symbol, and no address of its
    /// own: it is deployed by a transaction and stands where that puts it.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            address: None,
            name: name.into(),
            symbol: name.into(),
            version: version.into(),
            decimals: 6,
        }
    }

    /// Puts the token at a chosen address instead.
    #[must_use]
    pub const fn at(mut self, address: Address) -> Self {
        self.address = Some(address);
        self
    }

    /// What a human reads after the number.
    #[must_use]
    pub fn symbol(mut self, symbol: &str) -> Self {
        self.symbol = symbol.into();
        self
    }

    /// Digits after the point.
    #[must_use]
    pub const fn decimals(mut self, decimals: u8) -> Self {
        self.decimals = decimals;
        self
    }

    pub(crate) const fn place(&self) -> Option<Address> {
        self.address
    }

    pub(crate) fn creation_code(&self, owner: Address) -> Bytes {
        let arguments = (
            self.name.clone(),
            self.symbol.clone(),
            self.version.clone(),
            u64::from(self.decimals),
            owner,
        );
        Artifact::toll_token().with_arguments(&arguments)
    }

    pub(crate) fn stand_at(self, address: Address, chain_id: u64) -> Token {
        let Self {
            name,
            symbol,
            version,
            decimals,
            ..
        } = self;
        Token {
            address,
            chain_id,
            name,
            symbol,
            version,
            decimals,
        }
    }
}

impl Default for TokenSpec {
    fn default() -> Self {
        Self::usdc()
    }
}

/// A token on a chain, with what a payer must know to sign for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Token {
    /// Where it stands.
    pub address: Address,
    /// The chain it is on.
    pub chain_id: u64,
    /// EIP-712 domain name.
    pub name: String,
    /// For humans.
    pub symbol: String,
    /// EIP-712 domain version.
    pub version: String,
    /// Digits after the point.
    pub decimals: u8,
}

impl Token {
    /// The EIP-712 domain separator of this token, computed here and not asked of the chain.
    #[must_use]
    pub fn domain_separator(&self) -> B256 {
        let kind = keccak256(
            "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        );
        let chain_id = alloy_primitives::U256::from(self.chain_id);
        keccak256(
            (
                kind,
                keccak256(&self.name),
                keccak256(&self.version),
                chain_id,
                self.address,
            )
                .abi_encode(),
        )
    }
}
