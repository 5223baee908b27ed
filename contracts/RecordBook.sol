// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IRecordBook} from "./IRecordBook.sol";
import {StandardMerkleTree} from "./StandardMerkleTree.sol";

/**
 * @title The mechanism that every registry shares
 * @dev A registry adds its own event through {_recorded}, and its own ways to write through {_recordOne} and
 * {_recordAll}, or entry by entry through {_append}, which check and store; who may write is checked by {_requireOpen} or
 * {_requireRelay} before, and what an author signed by {_requireSigned}.
 */
abstract contract RecordBook is IRecordBook, EIP712 {
    /// @dev EIP-712 type of what an author signs for `recordFor`.
    bytes32 private constant RECORD_BATCH_TYPEHASH = keccak256(
        "RecordBatch(address author,bytes32 batchHash,uint256 deadline)"
    );
    bytes32 private constant PUBLICATION_TAG = keccak256("countersign.publication.v1");
    bytes32 private constant ANCHOR_TAG = keccak256("countersign.anchor.v1");

    address private immutable _gate;

    mapping(address author => mapping(bytes32 key => bytes32 digest)) internal _digests;
    mapping(address author => bytes32 head) internal _heads;

    /// @param gate_ The only account whose `recordFor` is accepted, for ever; zero leaves the book open.
    constructor(address gate_) EIP712("Countersign", "1") {
        _gate = gate_;
    }

    /// @inheritdoc IRecordBook
    function record(bytes32 key, bytes32 digest) external virtual {
        _requireOpen();
        _recordOne(msg.sender, key, digest);
    }

    /// @inheritdoc IRecordBook
    function recordBatch(Entry[] calldata entries) external virtual {
        _requireOpen();
        _recordAll(msg.sender, entries);
    }

    /// @inheritdoc IRecordBook
    function recordFor(
        address author,
        Entry[] calldata entries,
        uint256 deadline,
        bytes calldata signature
    ) external virtual {
        _requireRelay();
        // An empty batch is refused before the signature is asked for: it could be replayed for ever.
        if (entries.length == 0) revert BatchEmpty();
        bytes32 batchHash;
        // `keccak256(abi.encodePacked(...))` takes no arrays of structs. In calldata the entries lie packed already, 64
        // bytes each: one copy to free memory, left unallocated, and one hash.
        assembly ("memory-safe") {
            let packed := mload(0x40)
            let size := shl(6, entries.length)
            calldatacopy(packed, entries.offset, size)
            batchHash := keccak256(packed, size)
        }
        _requireSigned(author, batchHash, deadline, signature);
        _recordAll(author, entries);
    }

    /// @inheritdoc IRecordBook
    function publish(Entry[] calldata entries) external virtual returns (bytes32 root) {
        _requireOpen();
        root = _rootOf(entries);
        _foldPublication(msg.sender, root, entries.length);
        emit Published(root, msg.sender, entries);
    }

    /// @inheritdoc IRecordBook
    function anchor(bytes32 root, uint64 leafCount, string calldata manifestURI) external virtual {
        _requireOpen();
        if (root == 0) revert AnchorRootEmpty();
        if (leafCount == 0) revert AnchorLeafCountZero(root);
        _heads[msg.sender] = _foldRoot(_heads[msg.sender], ANCHOR_TAG, root, leafCount);
        emit Anchored(root, msg.sender, leafCount, manifestURI);
    }

    /// @inheritdoc IRecordBook
    function digestOf(address author, bytes32 key) external view returns (bytes32 digest) {
        return _digests[author][key];
    }

    /// @inheritdoc IRecordBook
    function digestsOf(address author, bytes32[] calldata keys) external view returns (bytes32[] memory digests) {
        mapping(bytes32 key => bytes32 digest) storage book = _digests[author];
        digests = new bytes32[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            digests[i] = book[keys[i]];
        }
    }

    /// @inheritdoc IRecordBook
    function headOf(address author) external view returns (bytes32 head) {
        return _heads[author];
    }

    /// @inheritdoc IRecordBook
    function gate() external view returns (address) {
        return _gate;
    }

    /// @inheritdoc IRecordBook
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /**
     * @dev Called once for each entry recorded, in order: the registry emits its own event here, in the past tense, with
     * key and author indexed. It is called before the head is stored, so it must not call other contracts.
     */
    function _recorded(bytes32 key, address author, bytes32 digest) internal virtual;

    /// @dev Refuses everybody when there is a gate.
    function _requireOpen() internal view {
        if (_gate != address(0)) revert GateRequired(_gate, msg.sender);
    }

    /// @dev Refuses everybody but the gate when there is one.
    function _requireRelay() internal view {
        if (_gate != address(0) && msg.sender != _gate) revert GateRequired(_gate, msg.sender);
    }

    /// @dev Stores one entry of `author`, who has been authenticated, and takes it into the author's head.
    function _recordOne(address author, bytes32 key, bytes32 digest) internal {
        _heads[author] = _append(_digests[author], author, _heads[author], 0, key, digest);
    }

    /// @dev As {_recordOne} for many, the head stored once. Refuses an empty batch.
    function _recordAll(address author, Entry[] calldata entries) internal {
        if (entries.length == 0) revert BatchEmpty();
        mapping(bytes32 key => bytes32 digest) storage book = _digests[author];
        bytes32 head = _heads[author];
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry calldata entry = entries[i];
            head = _append(book, author, head, i, entry.key, entry.digest);
        }
        _heads[author] = head;
    }

    /// @dev Refuses what is past its deadline, and what `author` did not sign for this registry as a `RecordBatch`.
    function _requireSigned(
        address author,
        bytes32 batchHash,
        uint256 deadline,
        bytes calldata signature
    ) internal view {
        _requireSignedAs(RECORD_BATCH_TYPEHASH, author, batchHash, deadline, signature);
    }

    /// @dev As {_requireSigned}, for an EIP-712 type of the same three members: author, hash of the batch, deadline.
    function _requireSignedAs(
        bytes32 typeHash,
        address author,
        bytes32 batchHash,
        uint256 deadline,
        bytes calldata signature
    ) internal view {
        if (block.timestamp > deadline) revert BatchExpired(deadline, block.timestamp);
        bytes32 batchDigest = _hashTypedDataV4(keccak256(abi.encode(typeHash, author, batchHash, deadline)));
        // A contract wallet is asked by STATICCALL, so it cannot write here before the entries are stored.
        if (!SignatureChecker.isValidSignatureNowCalldata(author, batchDigest, signature)) {
            revert BatchSignatureInvalid(author, batchDigest);
        }
    }

    /// @dev Stores one entry of `author`, in whose `book` it belongs; the head that it gives is for the caller to store.
    function _append(
        mapping(bytes32 key => bytes32 digest) storage book,
        address author,
        bytes32 head,
        uint256 index,
        bytes32 key,
        bytes32 digest
    ) internal returns (bytes32 newHead) {
        _requireEntry(index, key, digest);
        bytes32 recordedDigest = book[key];
        if (recordedDigest != 0) revert EntryAlreadyRecorded(author, key, recordedDigest);
        book[key] = digest;
        _recorded(key, author, digest);
        return _foldRecord(head, key, digest);
    }

    /// @dev Takes a publication of `author`, who has been authenticated, into the author's head.
    function _foldPublication(address author, bytes32 root, uint256 count) internal {
        _heads[author] = _foldRoot(_heads[author], PUBLICATION_TAG, root, count);
    }

    function _rootOf(Entry[] calldata entries) private pure returns (bytes32 root) {
        if (entries.length == 0) revert BatchEmpty();
        bytes32[] memory nodes = new bytes32[](2 * entries.length - 1);
        for (uint256 i = 0; i < entries.length; ++i) {
            Entry calldata entry = entries[i];
            _requireEntry(i, entry.key, entry.digest);
            nodes[i] = StandardMerkleTree.leafOf(entry.key, entry.digest);
        }
        return StandardMerkleTree.rootOf(nodes);
    }

    /// @dev What {_append} and `publish` refuse; a registry adds what its keys have to look like.
    function _requireEntry(uint256 index, bytes32 key, bytes32 digest) internal pure virtual {
        if (key == 0) revert EntryKeyEmpty(index);
        if (digest == 0) revert EntryDigestEmpty(key);
    }

    /// @dev `keccak256(abi.encode(head, key, digest))` without allocating memory for each entry of a batch.
    function _foldRecord(bytes32 head, bytes32 key, bytes32 digest) private pure returns (bytes32 newHead) {
        assembly ("memory-safe") {
            let words := mload(0x40)
            mstore(words, head)
            mstore(add(words, 0x20), key)
            mstore(add(words, 0x40), digest)
            newHead := keccak256(words, 0x60)
        }
    }

    function _foldRoot(bytes32 head, bytes32 tag, bytes32 root, uint256 count) private pure returns (bytes32 newHead) {
        return keccak256(abi.encode(head, tag, root, count));
    }
}
