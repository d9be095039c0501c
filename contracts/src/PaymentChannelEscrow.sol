// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// What is asked of a token that is pulled by signature (EIP-3009, the form with one signature).
interface IPullByAuthorization {
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}

/// What is asked of Permit2.
interface IPullByPermit2 {
    struct TokenPermissions {
        address token;
        uint256 amount;
    }

    struct PermitTransferFrom {
        TokenPermissions permitted;
        uint256 nonce;
        uint256 deadline;
    }

    struct SignatureTransferDetails {
        address to;
        uint256 requestedAmount;
    }

    function permitWitnessTransferFrom(
        PermitTransferFrom calldata permit,
        SignatureTransferDetails calldata transferDetails,
        address owner,
        bytes32 witness,
        string calldata witnessTypeString,
        bytes calldata signature
    ) external;
}

/// Deposits that are paid out against vouchers signed off chain (MPP method `evm`, intent `session`).
///
/// A payer opens a channel to a payee with a deposit and signs vouchers, each over the total owed so
/// far. The payee redeems the latest one whenever it likes and gets what it has not got before. Only
/// the payee ends a channel at once; the payer asks for the end and waits out a grace period, in
/// which the payee can redeem. There is no owner, no fee, no upgrade and no pause.
///
/// What holds of every channel: settled <= deposit, neither ever falls, and what the contract owes on
/// it is deposit - settled until it is finalized and nothing afterwards. A record is never deleted and
/// an id never used again: a second life would revive the vouchers of the first.
///
/// Tokens that take a fee of a transfer or change balances on their own are not supported. A transfer
/// that moves another amount than it was told reverts, because the difference would be another
/// channel's money. What a token reverts with is passed on unchanged.
///
/// Nothing depends on the address or chain at construction, so the code may be placed anywhere.
contract PaymentChannelEscrow is ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// What is known of a channel. An id that was never opened has a payer of zero.
    struct Channel {
        /// Nothing can happen any more.
        bool finalized;
        /// When the payer asked for the end, in seconds since the epoch; zero where none is asked for.
        uint64 closeRequestedAt;
        address payer;
        address payee;
        address token;
        /// Who signs vouchers; zero for the payer.
        address authorizedSigner;
        /// All that was ever paid in, in base units.
        uint128 deposit;
        /// How much of it was paid to the payee.
        uint128 settled;
    }

    /// How long the payee has to redeem after the payer asked for the end.
    uint64 public constant CLOSE_GRACE_PERIOD = 15 minutes;
    /// Canonical Permit2.
    address public constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    bytes32 public constant VOUCHER_TYPEHASH = keccak256("Voucher(bytes32 channelId,uint128 cumulativeAmount)");
    bytes32 public constant SETTLE_AUTHORIZATION_TYPEHASH = keccak256(
        "SettleAuthorization(bytes32 channelId,uint128 cumulativeAmount,uint256 nonce,uint256 deadline)"
    );
    bytes32 public constant CLOSE_AUTHORIZATION_TYPEHASH =
        keccak256("CloseAuthorization(bytes32 channelId,uint128 cumulativeAmount,uint256 nonce,uint256 deadline)");
    bytes32 public constant OPEN_WITNESS_TYPEHASH =
        keccak256("ChannelOpenWitness(address payee,bytes32 salt,address authorizedSigner)");
    bytes32 public constant TOP_UP_WITNESS_TYPEHASH = keccak256("ChannelTopUpWitness(bytes32 channelId)");

    string private constant OPEN_WITNESS =
        "ChannelOpenWitness witness)ChannelOpenWitness(address payee,bytes32 salt,address authorizedSigner)TokenPermissions(address token,uint256 amount)";
    string private constant TOP_UP_WITNESS =
        "ChannelTopUpWitness witness)ChannelTopUpWitness(bytes32 channelId)TokenPermissions(address token,uint256 amount)";
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("EVM Payment Channel");
    bytes32 private constant VERSION_HASH = keccak256("1");

    mapping(bytes32 channelId => Channel) private _channels;
    /// Nonces of payees' authorizations that were used. One set for settling and closing.
    mapping(address payee => mapping(bytes32 channelId => mapping(uint256 nonce => bool))) public authorizationUsed;

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
    /// The token moved another amount than it was told to.
    error TransferFailed();

    event ChannelOpened(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        address token,
        address authorizedSigner,
        uint256 deposit
    );
    event TopUp(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        uint256 additionalDeposit,
        uint256 newDeposit
    );
    /// Every payment to the payee, by a close too.
    event Settled(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        uint256 cumulativeAmount,
        uint256 deltaPaid,
        uint256 newSettled
    );
    event CloseRequested(
        bytes32 indexed channelId, address indexed payer, address indexed payee, uint256 closeGraceEnd
    );
    event CloseRequestCancelled(bytes32 indexed channelId, address indexed payer, address indexed payee);
    /// The end of a channel, by close or withdraw: all the payee ever got, and what the payer got back.
    event ChannelClosed(
        bytes32 indexed channelId,
        address indexed payer,
        address indexed payee,
        uint256 settledToPayee,
        uint256 refundedToPayer
    );
    /// The payer withdrew; stands before `ChannelClosed`.
    event ChannelExpired(bytes32 indexed channelId, address indexed payer, address indexed payee);
    event AuthorizationUsed(address indexed payee, bytes32 indexed channelId, uint256 nonce);

    // Opening

    /// Opens a channel with the caller as payer, who has approved this contract.
    function open(address payee, address token, uint128 deposit, bytes32 salt, address authorizedSigner)
        external
        nonReentrant
        returns (bytes32 channelId)
    {
        channelId = _record(msg.sender, payee, token, deposit, salt, authorizedSigner);
        _pullApproved(token, deposit);
    }

    /// Opens a channel with `from` as payer. Anyone may bring it: the nonce ties the payer's signature
    /// to this channel, so whoever comes first opens the very same one.
    function openWithAuthorization(
        address payee,
        address token,
        uint128 deposit,
        bytes32 salt,
        address authorizedSigner,
        address from,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external nonReentrant returns (bytes32 channelId) {
        if (nonce != openNonce(from, payee, token, salt, authorizedSigner)) revert NonceMismatch();
        channelId = _record(from, payee, token, deposit, salt, authorizedSigner);
        _pullAuthorized(token, from, deposit, validAfter, validBefore, nonce, signature);
    }

    /// The same through Permit2, which ties the signature to this channel by its witness.
    function openWithPermit2(
        address payee,
        address token,
        uint128 deposit,
        bytes32 salt,
        address authorizedSigner,
        address from,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant returns (bytes32 channelId) {
        channelId = _record(from, payee, token, deposit, salt, authorizedSigner);
        bytes32 witness = keccak256(abi.encode(OPEN_WITNESS_TYPEHASH, payee, salt, authorizedSigner));
        _pullPermitted(_permit(token, deposit, nonce, deadline), from, witness, OPEN_WITNESS, signature);
    }

    // Adding to the deposit. Each of these takes back a pending request to close.

    /// Adds to the deposit from the caller, who is the payer and has approved this contract.
    function topUp(bytes32 channelId, uint128 additionalDeposit) external nonReentrant {
        address token = _raise(channelId, additionalDeposit, msg.sender);
        _pullApproved(token, additionalDeposit);
    }

    /// Adds to the deposit with the payer's signature. Only the payer's: money of anyone else would be
    /// refunded to the payer, and a stranger's dust would cancel the payer's request to close.
    function topUpWithAuthorization(
        bytes32 channelId,
        uint128 additionalDeposit,
        address from,
        bytes32 topUpSalt,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external nonReentrant {
        if (nonce != topUpNonce(channelId, additionalDeposit, from, topUpSalt)) revert NonceMismatch();
        address token = _raise(channelId, additionalDeposit, from);
        _pullAuthorized(token, from, additionalDeposit, validAfter, validBefore, nonce, signature);
    }

    /// The same through Permit2.
    function topUpWithPermit2(
        bytes32 channelId,
        uint128 additionalDeposit,
        address from,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external nonReentrant {
        address token = _raise(channelId, additionalDeposit, from);
        bytes32 witness = keccak256(abi.encode(TOP_UP_WITNESS_TYPEHASH, channelId));
        _pullPermitted(_permit(token, additionalDeposit, nonce, deadline), from, witness, TOP_UP_WITNESS, signature);
    }

    // Paying out

    /// Pays the payee what a voucher grants beyond what it got before. Only the payee may: when to
    /// redeem, and at whose cost, is its own business.
    function settle(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external nonReentrant {
        if (msg.sender != _live(channelId).payee) revert NotPayee();
        _settle(channelId, cumulativeAmount, signature);
    }

    /// The same for anyone who brings the payee's signature.
    function settleWithAuthorization(
        bytes32 channelId,
        uint128 cumulativeAmount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata payeeSignature,
        bytes calldata voucherSignature
    ) external nonReentrant {
        bytes32 digest = settleAuthorizationDigest(channelId, cumulativeAmount, nonce, deadline);
        _useAuthorization(channelId, digest, nonce, deadline, payeeSignature);
        _settle(channelId, cumulativeAmount, voucherSignature);
    }

    /// Ends the channel: pays what a voucher grants beyond what the payee got, and the rest to the
    /// payer. With an amount not above what is settled nothing more is paid to the payee and the
    /// signature is not looked at.
    ///
    /// Where the token refuses to pay the payer (a blocked account), this reverts; `settle` still pays
    /// the payee.
    function close(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) external nonReentrant {
        if (msg.sender != _live(channelId).payee) revert NotPayee();
        _close(channelId, cumulativeAmount, signature);
    }

    /// The same for anyone who brings the payee's signature.
    function closeWithAuthorization(
        bytes32 channelId,
        uint128 cumulativeAmount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata payeeSignature,
        bytes calldata voucherSignature
    ) external nonReentrant {
        bytes32 digest = closeAuthorizationDigest(channelId, cumulativeAmount, nonce, deadline);
        _useAuthorization(channelId, digest, nonce, deadline, payeeSignature);
        _close(channelId, cumulativeAmount, voucherSignature);
    }

    // The payer's way out

    /// Starts the grace period. Asking again while one runs changes nothing.
    function requestClose(bytes32 channelId) external nonReentrant {
        Channel storage channel = _live(channelId);
        if (msg.sender != channel.payer) revert NotPayer();
        if (channel.closeRequestedAt != 0) return;
        channel.closeRequestedAt = uint64(block.timestamp);
        emit CloseRequested(channelId, channel.payer, channel.payee, block.timestamp + CLOSE_GRACE_PERIOD);
    }

    /// Ends the channel after the grace period and returns what was not settled. The payee is not paid
    /// here, so no trouble with its account can hold the payer's money.
    function withdraw(bytes32 channelId) external nonReentrant {
        Channel storage channel = _live(channelId);
        if (msg.sender != channel.payer) revert NotPayer();
        uint256 requestedAt = channel.closeRequestedAt;
        if (requestedAt == 0 || block.timestamp < requestedAt + CLOSE_GRACE_PERIOD) revert CloseNotReady();
        emit ChannelExpired(channelId, channel.payer, channel.payee);
        uint128 refund = _finalize(channelId, channel);
        _push(channel.token, channel.payer, refund);
    }

    // Reading

    /// All that is known of a channel; zeros for an id that was never opened.
    function getChannel(bytes32 channelId) external view returns (Channel memory) {
        return _channels[channelId];
    }

    /// The id of a channel on this contract and chain.
    function computeChannelId(address payer, address payee, address token, bytes32 salt, address authorizedSigner)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(payer, payee, token, salt, authorizedSigner, address(this), block.chainid));
    }

    /// The EIP-3009 nonce that the payer must use to open a channel.
    function openNonce(address from, address payee, address token, bytes32 salt, address authorizedSigner)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(from, payee, token, salt, authorizedSigner));
    }

    /// The EIP-3009 nonce that the payer must use to add to a deposit.
    function topUpNonce(bytes32 channelId, uint128 additionalDeposit, address from, bytes32 topUpSalt)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(channelId, additionalDeposit, from, topUpSalt));
    }

    /// The EIP-712 domain of this contract, here and now.
    function domainSeparator() public view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
    }

    /// What the signer of a voucher signs.
    function voucherDigest(bytes32 channelId, uint128 cumulativeAmount) public view returns (bytes32) {
        return _inDomain(keccak256(abi.encode(VOUCHER_TYPEHASH, channelId, cumulativeAmount)));
    }

    /// What the payee signs to let another settle.
    function settleAuthorizationDigest(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline)
        public
        view
        returns (bytes32)
    {
        return _inDomain(
            keccak256(abi.encode(SETTLE_AUTHORIZATION_TYPEHASH, channelId, cumulativeAmount, nonce, deadline))
        );
    }

    /// What the payee signs to let another close.
    function closeAuthorizationDigest(bytes32 channelId, uint128 cumulativeAmount, uint256 nonce, uint256 deadline)
        public
        view
        returns (bytes32)
    {
        return
            _inDomain(keccak256(abi.encode(CLOSE_AUTHORIZATION_TYPEHASH, channelId, cumulativeAmount, nonce, deadline)));
    }

    // Below: what the functions above share. State changes come before calls to the token.

    /// The record of a channel that is open.
    function _live(bytes32 channelId) private view returns (Channel storage channel) {
        channel = _channels[channelId];
        if (channel.payer == address(0)) revert ChannelNotFound();
        if (channel.finalized) revert ChannelFinalized();
    }

    function _record(
        address payer,
        address payee,
        address token,
        uint128 deposit,
        bytes32 salt,
        address authorizedSigner
    ) private returns (bytes32 channelId) {
        // A record with a payer of zero would count as never opened.
        if (payer == address(0)) revert NotPayer();
        if (payee == address(0)) revert InvalidPayee();
        if (token == address(0)) revert InvalidToken();
        if (deposit == 0) revert ZeroDeposit();
        channelId = computeChannelId(payer, payee, token, salt, authorizedSigner);
        Channel storage channel = _channels[channelId];
        if (channel.payer != address(0)) revert ChannelAlreadyExists();
        channel.payer = payer;
        channel.payee = payee;
        channel.token = token;
        channel.authorizedSigner = authorizedSigner;
        channel.deposit = deposit;
        emit ChannelOpened(channelId, payer, payee, token, authorizedSigner, deposit);
    }

    function _raise(bytes32 channelId, uint128 additionalDeposit, address from) private returns (address token) {
        Channel storage channel = _live(channelId);
        (address payer, address payee) = (channel.payer, channel.payee);
        if (from != payer) revert NotPayer();
        if (additionalDeposit == 0) revert ZeroDeposit();
        if (additionalDeposit > type(uint128).max - channel.deposit) revert DepositOverflow();
        channel.deposit += additionalDeposit;
        if (channel.closeRequestedAt != 0) {
            channel.closeRequestedAt = 0;
            emit CloseRequestCancelled(channelId, payer, payee);
        }
        emit TopUp(channelId, payer, payee, additionalDeposit, channel.deposit);
        return channel.token;
    }

    function _settle(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) private {
        Channel storage channel = _live(channelId);
        if (cumulativeAmount <= channel.settled) revert AmountNotIncreasing();
        uint128 delta = _redeem(channelId, channel, cumulativeAmount, signature);
        _push(channel.token, channel.payee, delta);
    }

    function _close(bytes32 channelId, uint128 cumulativeAmount, bytes calldata signature) private {
        Channel storage channel = _live(channelId);
        uint128 delta =
            cumulativeAmount > channel.settled ? _redeem(channelId, channel, cumulativeAmount, signature) : 0;
        uint128 refund = _finalize(channelId, channel);
        _push(channel.token, channel.payee, delta);
        _push(channel.token, channel.payer, refund);
    }

    /// Books a voucher above what is settled and says what to pay for it.
    function _redeem(bytes32 channelId, Channel storage channel, uint128 cumulativeAmount, bytes calldata signature)
        private
        returns (uint128 delta)
    {
        if (cumulativeAmount > channel.deposit) revert AmountExceedsDeposit();
        address payer = channel.payer;
        address signer = channel.authorizedSigner == address(0) ? payer : channel.authorizedSigner;
        if (!_signed(signer, voucherDigest(channelId, cumulativeAmount), signature)) revert InvalidSignature();
        delta = cumulativeAmount - channel.settled;
        channel.settled = cumulativeAmount;
        emit Settled(channelId, payer, channel.payee, cumulativeAmount, delta, cumulativeAmount);
    }

    /// Books the end and says what to return to the payer.
    function _finalize(bytes32 channelId, Channel storage channel) private returns (uint128 refund) {
        uint128 settled = channel.settled;
        refund = channel.deposit - settled;
        channel.finalized = true;
        emit ChannelClosed(channelId, channel.payer, channel.payee, settled, refund);
    }

    /// The deadline is the last second. The nonce is used up only if all that follows succeeds.
    function _useAuthorization(
        bytes32 channelId,
        bytes32 digest,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        address payee = _live(channelId).payee;
        if (block.timestamp > deadline) revert AuthorizationExpired();
        if (authorizationUsed[payee][channelId][nonce]) revert NonceAlreadyUsed();
        if (!_signed(payee, digest, signature)) revert InvalidSignature();
        authorizationUsed[payee][channelId][nonce] = true;
        emit AuthorizationUsed(payee, channelId, nonce);
    }

    /// The key first, the account's code only where the key did not sign. An account of a key can be
    /// given code (EIP-7702) after it signed vouchers that a payee accepted, and that code must not be
    /// able to make them unpayable. The price: a key that an account's code has replaced still signs.
    function _signed(address signer, bytes32 digest, bytes calldata signature) private view returns (bool) {
        // 65 bytes, v of 27 or 28, s in the lower half.
        (address recovered, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (failure == ECDSA.RecoverError.NoError && recovered == signer) return true;
        // Addresses without code that answer calls nevertheless (precompiles) sign nothing.
        return
            signer.code.length > 0 && SignatureChecker.isValidERC1271SignatureNowCalldata(signer, digest, signature);
    }

    function _inDomain(bytes32 message) private view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", domainSeparator(), message));
    }

    function _pullApproved(address token, uint256 amount) private {
        uint256 held = _held(token);
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        _checkArrival(token, held, amount);
    }

    function _pullAuthorized(
        address token,
        address from,
        uint256 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) private {
        uint256 held = _held(token);
        IPullByAuthorization(token).receiveWithAuthorization(
            from, address(this), amount, validAfter, validBefore, nonce, signature
        );
        _checkArrival(token, held, amount);
    }

    function _pullPermitted(
        IPullByPermit2.PermitTransferFrom memory permit,
        address from,
        bytes32 witness,
        string memory witnessType,
        bytes calldata signature
    ) private {
        (address token, uint256 amount) = (permit.permitted.token, permit.permitted.amount);
        uint256 held = _held(token);
        IPullByPermit2(PERMIT2).permitWitnessTransferFrom(
            permit,
            IPullByPermit2.SignatureTransferDetails(address(this), amount),
            from,
            witness,
            witnessType,
            signature
        );
        _checkArrival(token, held, amount);
    }

    function _permit(address token, uint256 amount, uint256 nonce, uint256 deadline)
        private
        pure
        returns (IPullByPermit2.PermitTransferFrom memory)
    {
        return IPullByPermit2.PermitTransferFrom(IPullByPermit2.TokenPermissions(token, amount), nonce, deadline);
    }

    function _held(address token) private view returns (uint256) {
        return IERC20(token).balanceOf(address(this));
    }

    /// A token without the function that was called may still say yes (a fallback), so the balance
    /// decides.
    function _checkArrival(address token, uint256 held, uint256 amount) private view {
        uint256 now_ = _held(token);
        if (now_ < held || now_ - held != amount) revert TransferFailed();
    }

    /// Nothing where there is nothing to pay: some tokens refuse a transfer of zero.
    function _push(address token, address to, uint256 amount) private {
        if (amount == 0) return;
        uint256 held = _held(token);
        IERC20(token).safeTransfer(to, amount);
        uint256 left = _held(token);
        // More gone than paid is another channel's money.
        if (left > held || held - left != amount) revert TransferFailed();
    }
}
