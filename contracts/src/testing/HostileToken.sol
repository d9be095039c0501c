// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// A token that does what tokens should not, one thing at a time, for attacks on contracts that hold
/// it. Anyone may do anything with it.
contract HostileToken {
    mapping(address account => uint256) public balanceOf;

    /// Taken out of what the receiver gets.
    uint256 public feeOfReceiver;
    /// Taken from the sender on top.
    uint256 public feeOfSender;
    /// Says yes and moves nothing.
    bool public idle;
    /// Says no without reverting, and moves nothing.
    bool public negative;
    /// Whom no transfer reaches.
    address public blocked;
    /// What is called in the middle of the next transfer, as this contract.
    address public target;
    bytes public intrusion;
    /// What came of it.
    bool public intruded;
    bytes public reply;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function mint(address to, uint256 value) external {
        balanceOf[to] += value;
    }

    function setFees(uint256 ofReceiver, uint256 ofSender) external {
        (feeOfReceiver, feeOfSender) = (ofReceiver, ofSender);
    }

    function setIdle(bool idle_) external {
        idle = idle_;
    }

    function setNegative(bool negative_) external {
        negative = negative_;
    }

    function setBlocked(address account) external {
        blocked = account;
    }

    function setIntrusion(address target_, bytes calldata data) external {
        (target, intrusion) = (target_, data);
        (intruded, reply) = (false, "");
    }

    /// A call as this contract, which may be a party of a channel.
    function execute(address to, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = to.call(data);
        require(done, "HostileToken: call failed");
        return answer;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        return _move(from, to, value);
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256,
        bytes32,
        bytes calldata
    ) external {
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private returns (bool) {
        require(to != blocked, "HostileToken: blocked");
        address intrude = target;
        target = address(0);
        if (intrude != address(0)) (intruded, reply) = intrude.call(intrusion);
        if (negative) return false;
        if (idle) return true;
        balanceOf[from] -= value + feeOfSender;
        balanceOf[to] += value - feeOfReceiver;
        emit Transfer(from, to, value);
        return true;
    }
}
