// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../IRecordBook.sol";
import {RecordBook} from "../RecordBook.sol";
import {StandardMerkleTree} from "../StandardMerkleTree.sol";
import {IPaymentRecordRegistry} from "./IPaymentRecordRegistry.sol";
import {PackedPayments} from "./PackedPayments.sol";
import {PaymentEntry} from "./PaymentEntry.sol";

/// @title Payment records, by order and version
contract PaymentRecordRegistry is IPaymentRecordRegistry, RecordBook {
    constructor(address gate_) RecordBook(gate_) {}

    /// @inheritdoc IPaymentRecordRegistry
    function recordPayment(bytes32 orderKey, uint32 version, bytes32 digest, bytes calldata payload) external {
        _requireOpen();
        _heads[msg.sender] = _recordVersion(
            _digests[msg.sender],
            msg.sender,
            _heads[msg.sender],
            0,
            orderKey,
            version,
            digest,
            payload
        );
    }

    /// @inheritdoc IPaymentRecordRegistry
    function recordPayments(Payment[] calldata payments) external {
        _requireOpen();
        _recordPayments(msg.sender, payments);
    }

    /// @inheritdoc IPaymentRecordRegistry
    function recordPaymentsFor(
        address office,
        Payment[] calldata payments,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _requireRelay();
        _requireSigned(office, _batchHashOf(payments), deadline, signature);
        _recordPayments(office, payments);
    }

    /// @inheritdoc IPaymentRecordRegistry
    function publishPayments(bytes calldata payments) external returns (bytes32 root) {
        _requireOpen();
        if (payments.length == 0) revert BatchEmpty();
        bytes32[] memory nodes = PackedPayments.leavesOf(payments);
        root = StandardMerkleTree.rootOf(nodes);
        _foldPublication(msg.sender, root, (nodes.length + 1) / 2);
        emit PaymentsPublished(root, msg.sender, payments);
    }

    /// @inheritdoc IRecordBook
    function record(bytes32, bytes32) external virtual override(IRecordBook, RecordBook) {
        revert RawEntryRefused();
    }

    /// @inheritdoc IRecordBook
    function recordBatch(Entry[] calldata) external virtual override(IRecordBook, RecordBook) {
        revert RawEntryRefused();
    }

    /// @inheritdoc IRecordBook
    function recordFor(
        address,
        Entry[] calldata,
        uint256,
        bytes calldata
    ) external virtual override(IRecordBook, RecordBook) {
        revert RawEntryRefused();
    }

    /// @inheritdoc IRecordBook
    function publish(Entry[] calldata) external virtual override(IRecordBook, RecordBook) returns (bytes32) {
        revert RawEntryRefused();
    }

    /// @inheritdoc IPaymentRecordRegistry
    function latestVersionOf(address office, bytes32 orderKey) external view returns (uint32 version) {
        mapping(bytes32 key => bytes32 digest) storage book = _digests[office];
        // No version is skipped: doubling steps find one that is missing, halving ones the last before it.
        uint256 missing = 1;
        while (_isRecorded(book, orderKey, missing)) missing *= 2;
        uint256 latest = missing / 2;
        while (missing - latest > 1) {
            uint256 middle = (latest + missing) / 2;
            if (_isRecorded(book, orderKey, middle)) latest = middle;
            else missing = middle;
        }
        // Only versions of 32 bits are ever recorded.
        return uint32(latest);
    }

    /// @inheritdoc IPaymentRecordRegistry
    function paymentKey(bytes32 orderKey, uint32 version) external pure returns (bytes32 key) {
        return PaymentEntry.keyOf(orderKey, version);
    }

    /// @inheritdoc IPaymentRecordRegistry
    function paymentEntryDigest(bytes32 digest, bytes calldata payload) external pure returns (bytes32 entryDigest) {
        return PaymentEntry.digestOf(digest, PaymentEntry.hashOf(payload));
    }

    /// @dev The event says more than the book knows: {_recordVersion} has it emitted.
    // solhint-disable-next-line no-empty-blocks
    function _recorded(bytes32 key, address author, bytes32 digest) internal override {}

    function _recordPayments(address office, Payment[] calldata payments) private {
        if (payments.length == 0) revert BatchEmpty();
        mapping(bytes32 key => bytes32 digest) storage book = _digests[office];
        bytes32 head = _heads[office];
        for (uint256 i = 0; i < payments.length; ++i) {
            Payment calldata payment = payments[i];
            head = _recordVersion(
                book,
                office,
                head,
                i,
                payment.orderKey,
                payment.version,
                payment.digest,
                payment.payload
            );
        }
        _heads[office] = head;
    }

    function _recordVersion(
        mapping(bytes32 key => bytes32 digest) storage book,
        address office,
        bytes32 head,
        uint256 position,
        bytes32 orderKey,
        uint32 version,
        bytes32 digest,
        bytes calldata payload
    ) private returns (bytes32 newHead) {
        PaymentEntry.requireValid(position, orderKey, version, digest, payload.length);
        if (version > 1 && !_isRecorded(book, orderKey, version - 1)) {
            revert PaymentVersionSkipped(office, orderKey, version);
        }
        bytes32 entryDigest = PaymentEntry.digestOf(digest, _emitRecorded(orderKey, office, version, digest, payload));
        return _append(book, office, head, position, PaymentEntry.keyOf(orderKey, version), entryDigest);
    }

    /// @dev Emits {PaymentRecorded}. One copy of the payload serves event and hash, which `emit` and `keccak256` would not
    /// share.
    function _emitRecorded(
        bytes32 orderKey,
        address office,
        uint256 version,
        bytes32 digest,
        bytes calldata payload
    ) private returns (bytes32 payloadHash) {
        bytes32 topic = PaymentRecorded.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, version)
            mstore(add(data, 0x20), digest)
            mstore(add(data, 0x40), 0x60)
            mstore(add(data, 0x60), payload.length)
            let copy := add(data, 0x80)
            calldatacopy(copy, payload.offset, payload.length)
            // Zeros up to a whole word, as the ABI has it.
            mstore(add(copy, payload.length), 0)
            log3(data, add(0x80, and(add(payload.length, 0x1f), not(0x1f))), topic, orderKey, office)
            payloadHash := keccak256(copy, payload.length)
        }
    }

    function _isRecorded(
        mapping(bytes32 key => bytes32 digest) storage book,
        bytes32 orderKey,
        uint256 version
    ) private view returns (bool) {
        return book[PaymentEntry.keyOf(orderKey, version)] != 0;
    }

    function _batchHashOf(Payment[] calldata payments) private pure returns (bytes32 batchHash) {
        if (payments.length == 0) revert BatchEmpty();
        bytes32[] memory words = new bytes32[](2 * payments.length);
        for (uint256 i = 0; i < payments.length; ++i) {
            Payment calldata payment = payments[i];
            words[2 * i] = PaymentEntry.keyOf(payment.orderKey, payment.version);
            words[2 * i + 1] = PaymentEntry.digestOf(payment.digest, PaymentEntry.hashOf(payment.payload));
        }
        // `abi.encodePacked` would copy them word by word.
        assembly ("memory-safe") {
            batchHash := keccak256(add(words, 0x20), shl(5, mload(words)))
        }
    }
}
