// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

import {IRecordBook} from "../IRecordBook.sol";
import {IPaymentRecordRegistry} from "./IPaymentRecordRegistry.sol";

/// @title What a record book keeps of a payment: one key and one digest
library PaymentEntry {
    uint256 private constant MAX_PAYLOAD_BYTES = 1024;

    /// @dev `keccak256(abi.encode(orderKey, version))`.
    function keyOf(bytes32 orderKey, uint256 version) internal pure returns (bytes32 key) {
        return Hashes.efficientKeccak256(orderKey, bytes32(version));
    }

    /// @dev `keccak256(abi.encode(digest, payloadHash))`.
    function digestOf(bytes32 digest, bytes32 payloadHash) internal pure returns (bytes32 entryDigest) {
        return Hashes.efficientKeccak256(digest, payloadHash);
    }

    /// @dev `keccak256(payload)` without keeping a copy of it.
    function hashOf(bytes calldata payload) internal pure returns (bytes32 payloadHash) {
        assembly ("memory-safe") {
            let copy := mload(0x40)
            calldatacopy(copy, payload.offset, payload.length)
            payloadHash := keccak256(copy, payload.length)
        }
    }

    /// @dev Refuses what may stand nowhere; `position` is for the errors.
    function requireValid(
        uint256 position,
        bytes32 orderKey,
        uint256 version,
        bytes32 digest,
        uint256 payloadBytes
    ) internal pure {
        if (orderKey == 0) revert IRecordBook.EntryKeyEmpty(position);
        if (version == 0) revert IPaymentRecordRegistry.PaymentVersionZero(position);
        if (digest == 0) revert IRecordBook.EntryDigestEmpty(keyOf(orderKey, version));
        if (payloadBytes == 0) revert IPaymentRecordRegistry.PaymentPayloadEmpty(position);
        if (payloadBytes > MAX_PAYLOAD_BYTES) {
            revert IPaymentRecordRegistry.PaymentPayloadTooLong(position, payloadBytes);
        }
    }
}
