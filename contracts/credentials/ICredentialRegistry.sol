// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../IRecordBook.sol";

/**
 * @title Credentials for evidence, by id, with expiry and revocation
 * @notice A record book whose authors are issuers, whose keys are the ids of credentials, and whose digests are those of the
 * evidence that they vouch for. An expiry is set with the issue or never and does not move; a revocation is for ever;
 * nobody sets or revokes anything for another issuer.
 *
 * @dev A credential id is a ULID: its 26 ASCII characters, right-padded with zero bytes. Its last six bytes being zero is
 * all that is checked of it, so that three entries of the book stand side by side without ever meeting:
 *
 * - issue:      key `credentialId`,     digest of the evidence
 * - expiry:     key `credentialId | 2`, digest `bytes32(expiresAt)`, right after the issue
 * - revocation: key `credentialId | 1`, digest `keccak256(reason)`
 *
 * All three fold into the issuer's head as the records they are. The digest of the evidence is the EIP-712 hash of
 * `Evidence(bytes32 credentialId,address issuer,bytes32 contentHash,bytes32 metadataHash,bytes32 salt)` in this registry's
 * domain; the book does not check its form: what does not fit is the issuer's loss.
 *
 * `record`, `recordBatch`, `recordFor` and `publish` of {IRecordBook} issue credentials without an expiry on chain, and
 * take nothing but credential ids for keys (CredentialIdInvalid). The leaves of an `anchor` cannot be checked: readers
 * pass over those whose key is no credential id.
 *
 * Signed batches are EIP-712 typed data in the domain of the book:
 *
 * - `CredentialBatch(address issuer,bytes32 batchHash,uint256 deadline)` with
 *   `batchHash = keccak256(credentialId0 ‖ digest0 ‖ expiresAt0 ‖ credentialId1 ‖ …)`, an expiry taking a word
 * - `RevocationBatch(address issuer,bytes32 batchHash,uint256 deadline)` with
 *   `batchHash = keccak256(credentialId0 ‖ keccak256(reason0) ‖ credentialId1 ‖ …)`
 */
interface ICredentialRegistry is IRecordBook {
    /// @notice What an issuer vouches for. `expiresAt` is Unix seconds: from then on it is expired; 0 for never.
    struct Credential {
        bytes32 credentialId;
        bytes32 digest;
        uint64 expiresAt;
    }

    /// @notice Why a credential no longer holds, in 1 to 256 bytes that anybody may read for ever; no personal data.
    struct Revocation {
        bytes32 credentialId;
        string reason;
    }

    /// @notice What the slots say of a credential; published and anchored ones have none.
    enum CredentialState {
        None,
        Issued,
        Expired,
        Revoked
    }

    /// @notice A credential was issued in a slot of its own, at most once per (credentialId, issuer).
    event CredentialIssued(bytes32 indexed credentialId, address indexed issuer, bytes32 digest);

    /// @notice The credential issued just before expires. At most once per (credentialId, issuer).
    /// @param expiresAt Unix seconds; from then on it is expired.
    event CredentialExpirySet(bytes32 indexed credentialId, address indexed issuer, uint64 expiresAt);

    /// @notice The issuer took its credential back, whichever way it was or will be issued. At most once per
    /// (credentialId, issuer).
    event CredentialRevoked(bytes32 indexed credentialId, address indexed issuer, string reason);

    /// @notice The last six bytes of a credential id are zero.
    error CredentialIdInvalid(bytes32 credentialId);

    /// @notice A credential that has expired when it is issued vouches for nothing.
    error CredentialExpiryPast(bytes32 credentialId, uint64 expiresAt, uint256 blockTimestamp);

    /// @notice `issuer` revoked it before; `reasonHash` is keccak256 of the reason that stands.
    error CredentialAlreadyRevoked(address issuer, bytes32 credentialId, bytes32 reasonHash);

    /// @notice A reason has 1 to 256 bytes.
    error RevocationReasonInvalid(bytes32 credentialId, uint256 length);

    /**
     * @notice Issues one credential under the caller.
     * @dev Reverts with GateRequired, EntryKeyEmpty (index 0), EntryDigestEmpty, CredentialIdInvalid,
     * EntryAlreadyRecorded or CredentialExpiryPast.
     */
    function issue(bytes32 credentialId, bytes32 digest, uint64 expiresAt) external;

    /// @notice Issues many credentials under the caller, in order; all of them or none.
    /// @dev Reverts as {issue}, and with BatchEmpty.
    function issueBatch(Credential[] calldata credentials) external;

    /**
     * @notice Issues credentials that `issuer` signed as a `CredentialBatch`, whoever sends them; behind a gate only the
     * gate may.
     * @dev Reverts as {issueBatch}, and with BatchExpired or BatchSignatureInvalid.
     * @param deadline Last block timestamp (Unix seconds) at which the batch is accepted.
     * @param signature Of the batch digest: 65 bytes r ‖ s ‖ v for an account, any form for a contract wallet.
     */
    function issueFor(
        address issuer,
        Credential[] calldata credentials,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /**
     * @notice Revokes a credential of the caller's, recorded, published, anchored, or yet to come.
     * @dev Reverts with GateRequired, EntryKeyEmpty (index 0), CredentialIdInvalid, RevocationReasonInvalid or
     * CredentialAlreadyRevoked.
     */
    function revoke(bytes32 credentialId, string calldata reason) external;

    /// @notice Revokes many of the caller's credentials, in order; all of them or none.
    /// @dev Reverts as {revoke}, and with BatchEmpty.
    function revokeBatch(Revocation[] calldata revocations) external;

    /**
     * @notice Makes revocations that `issuer` signed as a `RevocationBatch`, whoever sends them; behind a gate only the
     * gate may.
     * @dev Reverts as {revokeBatch}, and with BatchExpired or BatchSignatureInvalid. Parameters as in {issueFor}.
     */
    function revokeFor(
        address issuer,
        Revocation[] calldata revocations,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /**
     * @notice Whether a credential holds, by the timestamp of the block that is asked. A revocation outweighs all else,
     * also where nothing was issued.
     * @dev Reverts with CredentialIdInvalid, as {expiresAtOf} and {revocationOf} do: a key of another entry is no id.
     */
    function stateOf(address issuer, bytes32 credentialId) external view returns (CredentialState state);

    /// @notice From which Unix second on the credential is expired; zero when no expiry stands.
    function expiresAtOf(address issuer, bytes32 credentialId) external view returns (uint64 expiresAt);

    /// @notice keccak256 of the reason for which `issuer` revoked the credential; zero when it did not.
    function revocationOf(address issuer, bytes32 credentialId) external view returns (bytes32 reasonHash);
}
