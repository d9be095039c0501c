// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A contract account with one owner key, for trying payers that have code: it answers ERC-1271 and
/// makes the calls its owner asks for.
contract SmartWallet {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    receive() external payable {}

    /// ERC-1271: the magic word if the owner signed, zero if not.
    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0;
        address signer =
            ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return signer != address(0) && signer == owner ? this.isValidSignature.selector : bytes4(0);
    }

    /// Makes a call for the owner and hands back what it returned.
    function execute(address target, uint256 value, bytes calldata data) external returns (bytes memory) {
        require(msg.sender == owner, "SmartWallet: only the owner");
        (bool done, bytes memory reply) = target.call{value: value}(data);
        require(done, "SmartWallet: call failed");
        return reply;
    }
}
