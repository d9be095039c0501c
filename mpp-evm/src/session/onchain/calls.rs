//! The contract as we call it. The functions that move money are the draft's (evm-session, Escrow
//! Contract); it leaves out the views, so that these are our contract's, and named only here.
#![allow(missing_docs)]

alloy_sol_types::sol! {
    interface IEscrow {
        struct State {
            bool finalized;
            uint64 closeRequestedAt;
            address payer;
            address payee;
            address token;
            address authorizedSigner;
            uint128 deposit;
            uint128 settled;
        }

        function getChannel(bytes32 channelId) external view returns (State memory);
        function computeChannelId(address payer, address payee, address token, bytes32 salt, address authorizedSigner) external view returns (bytes32);
        function domainSeparator() external view returns (bytes32);
        function CLOSE_GRACE_PERIOD() external view returns (uint256);

        function openWithAuthorization(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner, address from, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external returns (bytes32 channelId);
        function openWithPermit2(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner, address from, uint256 nonce, uint256 deadline, bytes calldata signature) external returns (bytes32 channelId);
        function topUpWithAuthorization(bytes32 channelId, uint128 additionalDeposit, address from, bytes32 topUpSalt, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes calldata signature) external;
        function topUpWithPermit2(bytes32 channelId, uint128 additionalDeposit, address from, uint256 nonce, uint256 deadline, bytes calldata signature) external;
        function settle(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external;
        function settleWithAuthorization(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline, bytes calldata payeeSignature, bytes calldata voucherSignature) external;
        function close(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external;
        function closeWithAuthorization(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline, bytes calldata payeeSignature, bytes calldata voucherSignature) external;

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
        error ReentrancyGuardReentrantCall();
    }
}
