// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {CredentialRegistry} from "../../../contracts/credentials/CredentialRegistry.sol";
import {ICredentialRegistry} from "../../../contracts/credentials/ICredentialRegistry.sol";
import {RecordBookTest} from "./RecordBookTest.sol";

/**
 * @dev Base of the credential registry's tests. The formulas are written out once more, in the plainest Solidity, from the
 * words of `ICredentialRegistry`; nothing of the contract's own code is used.
 */
abstract contract CredentialTest is RecordBookTest {
    function newRegistry() internal returns (CredentialRegistry) {
        return new CredentialRegistry(address(0));
    }

    /// @dev 26 bytes of whatever is given, 6 zero bytes.
    function idFrom(bytes32 seed) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(bytes26(seed), bytes6(0)));
    }

    function beside(bytes32 credentialId, uint8 lastByte) internal pure returns (bytes32) {
        return bytes32(abi.encodePacked(bytes31(credentialId), lastByte));
    }

    /// @dev What the book keeps of credentials, in the order of the fold.
    function entriesOf(
        ICredentialRegistry.Credential[] memory credentials
    ) internal pure returns (IRecordBook.Entry[] memory entries) {
        uint256 count = credentials.length;
        for (uint256 i = 0; i < credentials.length; ++i) {
            if (credentials[i].expiresAt != 0) ++count;
        }
        entries = new IRecordBook.Entry[](count);
        uint256 next = 0;
        for (uint256 i = 0; i < credentials.length; ++i) {
            ICredentialRegistry.Credential memory credential = credentials[i];
            entries[next] = IRecordBook.Entry(credential.credentialId, credential.digest);
            ++next;
            if (credential.expiresAt == 0) continue;
            bytes32 expiry = bytes32(uint256(credential.expiresAt));
            entries[next] = IRecordBook.Entry(beside(credential.credentialId, 2), expiry);
            ++next;
        }
    }

    function entriesOf(
        ICredentialRegistry.Revocation[] memory revocations
    ) internal pure returns (IRecordBook.Entry[] memory entries) {
        entries = new IRecordBook.Entry[](revocations.length);
        for (uint256 i = 0; i < revocations.length; ++i) {
            bytes32 reasonHash = keccak256(bytes(revocations[i].reason));
            entries[i] = IRecordBook.Entry(beside(revocations[i].credentialId, 1), reasonHash);
        }
    }

    /// @dev What `signer` signs for `issueFor`.
    function digestOfCredentials(
        address registry,
        address signer,
        ICredentialRegistry.Credential[] memory credentials,
        uint256 deadline
    ) internal view returns (bytes32) {
        bytes memory packed;
        for (uint256 i = 0; i < credentials.length; ++i) {
            packed = bytes.concat(
                packed,
                abi.encode(credentials[i].credentialId, credentials[i].digest, credentials[i].expiresAt)
            );
        }
        bytes32 typeHash = keccak256("CredentialBatch(address issuer,bytes32 batchHash,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, signer, keccak256(packed), deadline));
        return typedDigest(block.chainid, registry, structHash);
    }

    /// @dev What `signer` signs for `revokeFor`.
    function digestOfRevocations(
        address registry,
        address signer,
        ICredentialRegistry.Revocation[] memory revocations,
        uint256 deadline
    ) internal view returns (bytes32) {
        bytes memory packed;
        for (uint256 i = 0; i < revocations.length; ++i) {
            packed = bytes.concat(packed, revocations[i].credentialId, keccak256(bytes(revocations[i].reason)));
        }
        bytes32 typeHash = keccak256("RevocationBatch(address issuer,bytes32 batchHash,uint256 deadline)");
        bytes32 structHash = keccak256(abi.encode(typeHash, signer, keccak256(packed), deadline));
        return typedDigest(block.chainid, registry, structHash);
    }

    /// @dev 1 to 16 credentials with distinct ids, two of three with an expiry to come.
    function credentialsFrom(
        bytes32 seed,
        uint8 size
    ) internal view returns (ICredentialRegistry.Credential[] memory credentials) {
        credentials = new ICredentialRegistry.Credential[]((size % 16) + 1);
        for (uint256 i = 0; i < credentials.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, "expiry", i)));
            credentials[i].credentialId = idFrom(keccak256(abi.encode(seed, "id", i)));
            credentials[i].digest = keccak256(abi.encode(seed, "digest", i));
            if (random % 3 != 0) credentials[i].expiresAt = uint64(block.timestamp + 1 + ((random >> 8) % 1_000_000));
        }
    }

    /// @dev 1 to 16 revocations with distinct ids, for reasons of 1 to 256 bytes.
    function revocationsFrom(
        bytes32 seed,
        uint8 size
    ) internal pure returns (ICredentialRegistry.Revocation[] memory revocations) {
        revocations = new ICredentialRegistry.Revocation[]((size % 16) + 1);
        for (uint256 i = 0; i < revocations.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, "reason", i)));
            revocations[i].credentialId = idFrom(keccak256(abi.encode(seed, "id", i)));
            revocations[i].reason = reasonOf(random, 1 + (random % 256));
        }
    }

    /// @dev Any bytes: the registry does not read them.
    function reasonOf(uint256 random, uint256 length) internal pure returns (string memory reason) {
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            text[i] = bytes1(uint8(random >> (i % 32)));
        }
        return string(text);
    }
}
