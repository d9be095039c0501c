use alloy_primitives::{Address, address};
use alloy_sol_types::sol;

/// Where the payment-channel escrow stands, unless a chain is told otherwise.
pub const ESCROW: Address = address!("E5C2000000000000000000000000000000000001");

/// Where OKX's escrow stands on X Layer.
pub const X_LAYER_ESCROW: Address = address!("5E550002e64FaF79B41D89fE8439eEb1be66CE3b");

sol! {
    /// The functions, events and errors of the payment-channel escrow, for callers that encode and
    /// decode by type.
    #[derive(Debug, PartialEq, Eq)]
    #[allow(missing_docs)]
    interface IPaymentChannelEscrow {
        struct Channel {
            bool finalized;
            uint64 closeRequestedAt;
            address payer;
            address payee;
            address token;
            address authorizedSigner;
            uint128 deposit;
            uint128 settled;
        }

        error ChannelAlreadyExists();
        error ChannelNotFound();
        error ChannelFinalized();
        error NotPayee();
        error NotPayer();
        error InvalidPayee();
        error InvalidToken();
        error AmountNotIncreasing();
        error AmountExceedsDeposit();
        error InvalidSignature();
        error NonceMismatch();
        error NonceAlreadyUsed();
        error AuthorizationExpired();
        error CloseNotReady();
        error ZeroDeposit();
        error DepositOverflow();
        error TransferFailed();
        error SafeERC20FailedOperation(address token);
        error ReentrancyGuardReentrantCall();

        event ChannelOpened(bytes32 indexed channelId, address indexed payer, address indexed payee, address token, address authorizedSigner, uint256 deposit);
        event TopUp(bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 additionalDeposit, uint256 newDeposit);
        event Settled(bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 cumulativeAmount, uint256 deltaPaid, uint256 newSettled);
        event CloseRequested(bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 closeGraceEnd);
        event CloseRequestCancelled(bytes32 indexed channelId, address indexed payer, address indexed payee);
        event ChannelClosed(bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 settledToPayee, uint256 refundedToPayer);
        event ChannelExpired(bytes32 indexed channelId, address indexed payer, address indexed payee);
        event AuthorizationUsed(address indexed payee, bytes32 indexed channelId, uint256 nonce);

        function open(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner) external returns (bytes32 channelId);
        function openWithAuthorization(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner, address from, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external returns (bytes32 channelId);
        function openWithPermit2(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner, address from, uint256 nonce, uint256 deadline, bytes calldata signature) external returns (bytes32 channelId);
        function topUp(bytes32 channelId, uint128 additionalDeposit) external;
        function topUpWithAuthorization(bytes32 channelId, uint128 additionalDeposit, address from, bytes32 topUpSalt, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external;
        function topUpWithPermit2(bytes32 channelId, uint128 additionalDeposit, address from, uint256 nonce, uint256 deadline, bytes calldata signature) external;
        function settle(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external;
        function settleWithAuthorization(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline, bytes calldata payeeSignature, bytes calldata voucherSignature) external;
        function close(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external;
        function closeWithAuthorization(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline, bytes calldata payeeSignature, bytes calldata voucherSignature) external;
        function requestClose(bytes32 channelId) external;
        function withdraw(bytes32 channelId) external;

        function CLOSE_GRACE_PERIOD() external view returns (uint64);
        function PERMIT2() external view returns (address);
        function VOUCHER_TYPEHASH() external view returns (bytes32);
        function SETTLE_AUTHORIZATION_TYPEHASH() external view returns (bytes32);
        function CLOSE_AUTHORIZATION_TYPEHASH() external view returns (bytes32);
        function OPEN_WITNESS_TYPEHASH() external view returns (bytes32);
        function TOP_UP_WITNESS_TYPEHASH() external view returns (bytes32);
        function authorizationUsed(address payee, bytes32 channelId, uint256 nonce) external view returns (bool);
        function getChannel(bytes32 channelId) external view returns (Channel memory);
        function computeChannelId(address payer, address payee, address token, bytes32 salt, address authorizedSigner) external view returns (bytes32);
        function openNonce(address from, address payee, address token, bytes32 salt, address authorizedSigner) external pure returns (bytes32);
        function topUpNonce(bytes32 channelId, uint128 additionalDeposit, address from, bytes32 topUpSalt) external pure returns (bytes32);
        function domainSeparator() external view returns (bytes32);
        function voucherDigest(bytes32 channelId, uint128 cumulativeAmount) external view returns (bytes32);
        function settleAuthorizationDigest(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline) external view returns (bytes32);
        function closeAuthorizationDigest(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline) external view returns (bytes32);
    }
}
