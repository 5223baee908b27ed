// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {StandardMerkleTree} from "../StandardMerkleTree.sol";
import {IPaymentRecordRegistry} from "./IPaymentRecordRegistry.sol";
import {PaymentEntry} from "./PaymentEntry.sol";

/**
 * @title Payments as `publishPayments` takes them
 * @dev One after another: orderKey (32 bytes), version (4, big-endian), digest (32), length of the payload (2,
 * big-endian), payload.
 */
library PackedPayments {
    uint256 private constant HEADER_BYTES = 70;

    /// @dev The Merkle leaves, at least one, with the room behind them that {StandardMerkleTree-rootOf} asks for.
    function leavesOf(bytes calldata payments) internal pure returns (bytes32[] memory nodes) {
        // Room for as many payments as the bytes could hold; what is not written to costs nothing.
        uint256 limit = payments.length / (HEADER_BYTES + 1) + 1;
        assembly ("memory-safe") {
            nodes := mload(0x40)
            mstore(0x40, add(nodes, shl(6, limit)))
            mstore(nodes, limit)
        }
        uint256 count = 0;
        for (uint256 offset = 0; offset < payments.length; ++count) {
            (bytes32 leaf, uint256 size) = _leafAt(payments, offset);
            nodes[count] = leaf;
            offset += size;
        }
        assembly ("memory-safe") {
            mstore(nodes, sub(shl(1, count), 1))
        }
    }

    function _leafAt(bytes calldata payments, uint256 offset) private pure returns (bytes32 leaf, uint256 size) {
        (bytes32 orderKey, uint32 version, bytes32 digest, bytes calldata payload) = _read(payments, offset);
        size = HEADER_BYTES + payload.length;
        if (offset + size > payments.length) {
            revert IPaymentRecordRegistry.PackedPaymentIncomplete(offset, payments.length);
        }
        PaymentEntry.requireValid(offset, orderKey, version, digest, payload.length);
        bytes32 entryDigest = PaymentEntry.digestOf(digest, PaymentEntry.hashOf(payload));
        return (StandardMerkleTree.leafOf(PaymentEntry.keyOf(orderKey, version), entryDigest), size);
    }

    /// @dev Checks nothing: past the end of the packed bytes it reads whatever comes next, or zeros.
    function _read(
        bytes calldata payments,
        uint256 offset
    ) private pure returns (bytes32 orderKey, uint32 version, bytes32 digest, bytes calldata payload) {
        assembly ("memory-safe") {
            let start := add(payments.offset, offset)
            orderKey := calldataload(start)
            version := shr(224, calldataload(add(start, 32)))
            digest := calldataload(add(start, 36))
            payload.length := shr(240, calldataload(add(start, 68)))
            payload.offset := add(start, HEADER_BYTES)
        }
    }
}
