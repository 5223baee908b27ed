// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RecordBook} from "../RecordBook.sol";
import {ICredentialRegistry} from "./ICredentialRegistry.sol";

/// @title Credentials for evidence, by id, with expiry and revocation
contract CredentialRegistry is ICredentialRegistry, RecordBook {
    bytes32 private constant CREDENTIAL_BATCH_TYPEHASH = keccak256(
        "CredentialBatch(address issuer,bytes32 batchHash,uint256 deadline)"
    );
    bytes32 private constant REVOCATION_BATCH_TYPEHASH = keccak256(
        "RevocationBatch(address issuer,bytes32 batchHash,uint256 deadline)"
    );
    uint256 private constant MAX_REASON_BYTES = 256;

    constructor(address gate_) RecordBook(gate_) {}

    /// @inheritdoc ICredentialRegistry
    function issue(bytes32 credentialId, bytes32 digest, uint64 expiresAt) external {
        _requireOpen();
        _heads[msg.sender] = _issue(
            _digests[msg.sender],
            msg.sender,
            _heads[msg.sender],
            0,
            credentialId,
            digest,
            expiresAt
        );
    }

    /// @inheritdoc ICredentialRegistry
    function issueBatch(Credential[] calldata credentials) external {
        _requireOpen();
        _issueAll(msg.sender, credentials);
    }

    /// @inheritdoc ICredentialRegistry
    function issueFor(
        address issuer,
        Credential[] calldata credentials,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _requireRelay();
        _requireSignedAs(CREDENTIAL_BATCH_TYPEHASH, issuer, _hashOf(credentials), deadline, signature);
        _issueAll(issuer, credentials);
    }

    /// @inheritdoc ICredentialRegistry
    function revoke(bytes32 credentialId, string calldata reason) external {
        _requireOpen();
        _heads[msg.sender] = _revoke(_digests[msg.sender], msg.sender, _heads[msg.sender], 0, credentialId, reason);
    }

    /// @inheritdoc ICredentialRegistry
    function revokeBatch(Revocation[] calldata revocations) external {
        _requireOpen();
        _revokeAll(msg.sender, revocations);
    }

    /// @inheritdoc ICredentialRegistry
    function revokeFor(
        address issuer,
        Revocation[] calldata revocations,
        uint256 deadline,
        bytes calldata signature
    ) external {
        _requireRelay();
        _requireSignedAs(REVOCATION_BATCH_TYPEHASH, issuer, _hashOf(revocations), deadline, signature);
        _revokeAll(issuer, revocations);
    }

    /// @inheritdoc ICredentialRegistry
    function stateOf(address issuer, bytes32 credentialId) external view returns (CredentialState state) {
        if (revocationOf(issuer, credentialId) != 0) return CredentialState.Revoked;
        if (_digests[issuer][credentialId] == 0) return CredentialState.None;
        uint64 expiresAt = expiresAtOf(issuer, credentialId);
        return expiresAt != 0 && block.timestamp >= expiresAt ? CredentialState.Expired : CredentialState.Issued;
    }

    /// @inheritdoc ICredentialRegistry
    function expiresAtOf(address issuer, bytes32 credentialId) public view returns (uint64 expiresAt) {
        _requireId(credentialId);
        // {_issue} stores nothing longer.
        return uint64(uint256(_digests[issuer][_expiryKey(credentialId)]));
    }

    /// @inheritdoc ICredentialRegistry
    function revocationOf(address issuer, bytes32 credentialId) public view returns (bytes32 reasonHash) {
        _requireId(credentialId);
        return _digests[issuer][_revocationKey(credentialId)];
    }

    /// @inheritdoc RecordBook
    function _recorded(bytes32 key, address author, bytes32 digest) internal override {
        emit CredentialIssued(key, author, digest);
    }

    /// @dev For every way to write: no key of an expiry or a revocation comes from outside.
    function _requireEntry(uint256 index, bytes32 key, bytes32 digest) internal pure override {
        super._requireEntry(index, key, digest);
        if (!_isId(key)) revert CredentialIdInvalid(key);
    }

    function _requireId(bytes32 credentialId) private pure {
        if (!_isId(credentialId)) revert CredentialIdInvalid(credentialId);
    }

    function _isId(bytes32 credentialId) private pure returns (bool) {
        return uint48(uint256(credentialId)) == 0;
    }

    function _issueAll(address issuer, Credential[] calldata credentials) private {
        if (credentials.length == 0) revert BatchEmpty();
        mapping(bytes32 key => bytes32 digest) storage book = _digests[issuer];
        bytes32 head = _heads[issuer];
        for (uint256 i = 0; i < credentials.length; ++i) {
            Credential calldata credential = credentials[i];
            head = _issue(book, issuer, head, i, credential.credentialId, credential.digest, credential.expiresAt);
        }
        _heads[issuer] = head;
    }

    function _issue(
        mapping(bytes32 key => bytes32 digest) storage book,
        address issuer,
        bytes32 head,
        uint256 index,
        bytes32 credentialId,
        bytes32 digest,
        uint64 expiresAt
    ) private returns (bytes32 newHead) {
        newHead = _append(book, issuer, head, index, credentialId, digest);
        if (expiresAt == 0) return newHead;
        if (expiresAt <= block.timestamp) revert CredentialExpiryPast(credentialId, expiresAt, block.timestamp);
        newHead = _storeBeside(book, newHead, _expiryKey(credentialId), bytes32(uint256(expiresAt)));
        emit CredentialExpirySet(credentialId, issuer, expiresAt);
    }

    function _revokeAll(address issuer, Revocation[] calldata revocations) private {
        if (revocations.length == 0) revert BatchEmpty();
        mapping(bytes32 key => bytes32 digest) storage book = _digests[issuer];
        bytes32 head = _heads[issuer];
        for (uint256 i = 0; i < revocations.length; ++i) {
            Revocation calldata revocation = revocations[i];
            head = _revoke(book, issuer, head, i, revocation.credentialId, revocation.reason);
        }
        _heads[issuer] = head;
    }

    function _revoke(
        mapping(bytes32 key => bytes32 digest) storage book,
        address issuer,
        bytes32 head,
        uint256 index,
        bytes32 credentialId,
        string calldata reason
    ) private returns (bytes32 newHead) {
        bytes32 reasonHash = keccak256(bytes(reason));
        _requireEntry(index, credentialId, reasonHash);
        uint256 length = bytes(reason).length;
        if (length == 0 || length > MAX_REASON_BYTES) revert RevocationReasonInvalid(credentialId, length);
        bytes32 key = _revocationKey(credentialId);
        if (book[key] != 0) revert CredentialAlreadyRevoked(issuer, credentialId, book[key]);
        newHead = _storeBeside(book, head, key, reasonHash);
        emit CredentialRevoked(credentialId, issuer, reason);
    }

    /// @dev As {_append} for an entry beside a credential's own. That none stands there is known already: of an expiry
    /// because the credential has only now been issued, of a revocation by {CredentialAlreadyRevoked}.
    function _storeBeside(
        mapping(bytes32 key => bytes32 digest) storage book,
        bytes32 head,
        bytes32 key,
        bytes32 digest
    ) private returns (bytes32 newHead) {
        book[key] = digest;
        return keccak256(abi.encode(head, key, digest));
    }

    /// @dev An empty batch is refused before the signature is asked for: it could be replayed for ever.
    function _hashOf(Credential[] calldata credentials) private pure returns (bytes32 batchHash) {
        if (credentials.length == 0) revert BatchEmpty();
        // In calldata the credentials lie packed already, 96 bytes each: one copy to free memory, left unallocated, and
        // one hash. That an expiry fits its 64 bits is checked where it is read.
        assembly ("memory-safe") {
            let packed := mload(0x40)
            let size := mul(credentials.length, 96)
            calldatacopy(packed, credentials.offset, size)
            batchHash := keccak256(packed, size)
        }
    }

    /// @dev As for credentials.
    function _hashOf(Revocation[] calldata revocations) private pure returns (bytes32 batchHash) {
        if (revocations.length == 0) revert BatchEmpty();
        bytes32[] memory words = new bytes32[](2 * revocations.length);
        for (uint256 i = 0; i < revocations.length; ++i) {
            Revocation calldata revocation = revocations[i];
            words[2 * i] = revocation.credentialId;
            words[2 * i + 1] = keccak256(bytes(revocation.reason));
        }
        return keccak256(abi.encodePacked(words));
    }

    function _revocationKey(bytes32 credentialId) private pure returns (bytes32 key) {
        return credentialId | bytes32(uint256(1));
    }

    function _expiryKey(bytes32 credentialId) private pure returns (bytes32 key) {
        return credentialId | bytes32(uint256(2));
    }
}
