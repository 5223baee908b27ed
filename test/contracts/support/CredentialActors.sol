// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {CredentialRegistry} from "../../../contracts/credentials/CredentialRegistry.sol";
import {ICredentialRegistry} from "../../../contracts/credentials/ICredentialRegistry.sol";
import {CredentialTest} from "./CredentialTest.sol";
import {Vm} from "./CheatCodes.sol";

/**
 * @dev What the invariant tests call at random: a few issuers write to one registry in every way, over a handful of ids so
 * that they meet often, keys of expiries and revocations among them, while time goes by. Like {RecordBookActors} they
 * believe nothing but the events.
 */
contract CredentialActors is CredentialTest {
    uint256 public constant ISSUERS = 3;
    uint256 public constant IDS = 12;

    struct Written {
        address issuer;
        bytes32 key;
        bytes32 digest;
    }

    CredentialRegistry public immutable registry;
    address public immutable gate;

    /// @dev From the events.
    mapping(address issuer => bytes32 head) public foldedHead;
    mapping(address issuer => mapping(bytes32 credentialId => bool)) public isIssued;
    mapping(address issuer => mapping(bytes32 credentialId => uint64)) public expiry;
    mapping(address issuer => mapping(bytes32 credentialId => bytes32)) public reasonHash;
    Written[] private _written;
    uint256 public events;
    /// @dev From the calls that went through: entries, publications and anchors.
    uint256 public writes;
    uint256 public writesByGate;
    uint256 public refusals;
    /// @dev Of the last block, as far as the actors have seen.
    uint256 public clock = block.timestamp;

    constructor(address gate_) {
        gate = gate_;
        registry = new CredentialRegistry(gate_);
    }

    function timeGoesBy(uint8 seconds_) external {
        clock += seconds_;
        vm.warp(clock);
    }

    function issue(uint8 issuer, uint8 id, bytes32 digest, uint8 ahead) external {
        uint64 expiresAt = expiryAt(ahead);
        start(issuerAt(issuer));
        try registry.issue(idAt(id), digest, expiresAt) {
            replay(issuerAt(issuer), expiresAt == 0 ? 1 : 2);
        } catch {
            ++refusals;
        }
    }

    function issueBatch(uint8 issuer, uint8 size, bytes32 seed) external {
        ICredentialRegistry.Credential[] memory credentials = credentialsAt(size, seed);
        start(issuerAt(issuer));
        try registry.issueBatch(credentials) {
            replay(issuerAt(issuer), entriesOf(credentials).length);
        } catch {
            ++refusals;
        }
    }

    function issueFor(uint8 issuer, bool byGate, address sender, uint8 size, bytes32 seed) external {
        ICredentialRegistry.Credential[] memory credentials = credentialsAt(size, seed);
        address signer = issuerAt(issuer);
        bytes32 digest = digestOfCredentials(address(registry), signer, credentials, DEADLINE);
        bytes memory signature = signatureOf(keyAt(issuer), digest);
        start(byGate ? gate : sender);
        try registry.issueFor(signer, credentials, DEADLINE, signature) {
            uint256 count = entriesOf(credentials).length;
            replay(signer, count);
            if (byGate || sender == gate) writesByGate += count;
        } catch {
            ++refusals;
        }
    }

    function revoke(uint8 issuer, uint8 id, uint16 length) external {
        string memory reason = reasonOf(uint256(keccak256(abi.encode(id, length))), length % 300);
        start(issuerAt(issuer));
        try registry.revoke(idAt(id), reason) {
            replay(issuerAt(issuer), 1);
        } catch {
            ++refusals;
        }
    }

    function revokeBatch(uint8 issuer, uint8 size, bytes32 seed) external {
        ICredentialRegistry.Revocation[] memory revocations = revocationsAt(size, seed);
        start(issuerAt(issuer));
        try registry.revokeBatch(revocations) {
            replay(issuerAt(issuer), revocations.length);
        } catch {
            ++refusals;
        }
    }

    function revokeFor(uint8 issuer, uint8 claimed, bool byGate, address sender, uint8 size, bytes32 seed) external {
        ICredentialRegistry.Revocation[] memory revocations = revocationsAt(size, seed);
        // Every other time somebody signs for an issuer that may be another.
        address signer = claimed % 2 == 0 ? issuerAt(issuer) : issuerAt(claimed);
        bytes32 digest = digestOfRevocations(address(registry), signer, revocations, DEADLINE);
        bytes memory signature = signatureOf(keyAt(issuer), digest);
        start(byGate ? gate : sender);
        try registry.revokeFor(signer, revocations, DEADLINE, signature) {
            replay(issuerAt(issuer), revocations.length);
            if (byGate || sender == gate) writesByGate += revocations.length;
        } catch {
            ++refusals;
        }
    }

    function recordBatch(uint8 issuer, uint8 size, bytes32 seed) external {
        IRecordBook.Entry[] memory entries = entriesAt(size, seed);
        start(issuerAt(issuer));
        try registry.recordBatch(entries) {
            replay(issuerAt(issuer), entries.length);
        } catch {
            ++refusals;
        }
    }

    function recordFor(uint8 issuer, bool byGate, address sender, uint8 size, bytes32 seed) external {
        IRecordBook.Entry[] memory entries = entriesAt(size, seed);
        address signer = issuerAt(issuer);
        bytes32 digest = digestOfBatch(block.chainid, address(registry), signer, entries, DEADLINE);
        bytes memory signature = signatureOf(keyAt(issuer), digest);
        start(byGate ? gate : sender);
        try registry.recordFor(signer, entries, DEADLINE, signature) {
            replay(signer, entries.length);
            if (byGate || sender == gate) writesByGate += entries.length;
        } catch {
            ++refusals;
        }
    }

    function record(uint8 issuer, uint8 id, uint8 rest, bytes32 digest) external {
        start(issuerAt(issuer));
        try registry.record(keyOrBeside(id, rest), digest) {
            replay(issuerAt(issuer), 1);
        } catch {
            ++refusals;
        }
    }

    function publish(uint8 issuer, uint8 size, bytes32 seed) external {
        IRecordBook.Entry[] memory entries = entriesAt(size, seed);
        start(issuerAt(issuer));
        try registry.publish(entries) {
            replay(issuerAt(issuer), 1);
        } catch {
            ++refusals;
        }
    }

    function anchor(uint8 issuer, bytes32 root, uint64 leafCount) external {
        start(issuerAt(issuer));
        try registry.anchor(root, leafCount, "https://leaves.example") {
            replay(issuerAt(issuer), 1);
        } catch {
            ++refusals;
        }
    }

    function issuerAt(uint256 seed) public pure returns (address) {
        return vm.addr(keyAt(seed));
    }

    /// @dev Id 0 is the empty one.
    function idAt(uint256 seed) public pure returns (bytes32) {
        return bytes32((seed % IDS) << 48);
    }

    function writtenCount() external view returns (uint256) {
        return _written.length;
    }

    function writtenAt(uint256 index) external view returns (Written memory) {
        return _written[index];
    }

    function start(address sender) private {
        vm.warp(clock);
        vm.recordLogs();
        vm.prank(sender);
    }

    /// @dev Takes the events of one call into the fold, in order: all of them `issuer`'s, who called or signed.
    function replay(address issuer, uint256 expectedWrites) private {
        writes += expectedWrites;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        events += logs.length;
        for (uint256 i = 0; i < logs.length; ++i) {
            assertEq(logs[i].topics[2], bytes32(uint256(uint160(issuer))));
            foldedHead[issuer] = headAfter(foldedHead[issuer], issuer, logs[i]);
        }
    }

    function headAfter(bytes32 head, address issuer, Vm.Log memory log) private returns (bytes32) {
        (bytes32 kind, bytes32 subject) = (log.topics[0], log.topics[1]);
        if (kind == IRecordBook.Published.selector) {
            IRecordBook.Entry[] memory entries = abi.decode(log.data, (IRecordBook.Entry[]));
            for (uint256 i = 0; i < entries.length; ++i) {
                assertEq(uint48(uint256(entries[i].key)), 0);
            }
            return foldOfRoot(head, "countersign.publication.v1", subject, entries.length);
        }
        if (kind == IRecordBook.Anchored.selector) {
            (uint64 leafCount, ) = abi.decode(log.data, (uint64, string));
            return foldOfRoot(head, "countersign.anchor.v1", subject, leafCount);
        }
        (bytes32 key, bytes32 digest) = entryAfter(issuer, kind, subject, log.data);
        _written.push(Written(issuer, key, digest));
        return keccak256(abi.encodePacked(head, key, digest));
    }

    function entryAfter(
        address issuer,
        bytes32 kind,
        bytes32 id,
        bytes memory data
    ) private returns (bytes32 key, bytes32 digest) {
        if (kind == ICredentialRegistry.CredentialExpirySet.selector) {
            // Never without its credential, never twice, never in the past.
            Written memory last = _written[_written.length - 1];
            assertEq(last.key, id);
            assertEq(expiry[issuer][id], 0);
            expiry[issuer][id] = abi.decode(data, (uint64));
            assertEq(expiry[issuer][id] > clock ? 1 : 0, 1);
            return (beside(id, 2), bytes32(uint256(expiry[issuer][id])));
        }
        if (kind == ICredentialRegistry.CredentialRevoked.selector) {
            assertEq(reasonHash[issuer][id], 0);
            reasonHash[issuer][id] = keccak256(bytes(abi.decode(data, (string))));
            return (beside(id, 1), reasonHash[issuer][id]);
        }
        assertEq(kind, ICredentialRegistry.CredentialIssued.selector);
        isIssued[issuer][id] = true;
        return (id, abi.decode(data, (bytes32)));
    }

    /// @dev 0 to 3 credentials; now and then an empty id or an expiry that has come.
    function credentialsAt(
        uint8 size,
        bytes32 seed
    ) private view returns (ICredentialRegistry.Credential[] memory credentials) {
        credentials = new ICredentialRegistry.Credential[](size % 4);
        for (uint256 i = 0; i < credentials.length; ++i) {
            bytes32 random = keccak256(abi.encode(seed, i));
            credentials[i] = ICredentialRegistry.Credential(
                idAt(uint256(random)),
                random,
                expiryAt(uint8(uint256(random >> 8)))
            );
        }
    }

    /// @dev 0 to 3 revocations; now and then one without a reason.
    function revocationsAt(
        uint8 size,
        bytes32 seed
    ) private pure returns (ICredentialRegistry.Revocation[] memory revocations) {
        revocations = new ICredentialRegistry.Revocation[](size % 4);
        for (uint256 i = 0; i < revocations.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            revocations[i] = ICredentialRegistry.Revocation(idAt(random), reasonOf(random, (random >> 8) % 32));
        }
    }

    /// @dev 0 to 3 entries; now and then one under the key of an expiry or a revocation.
    function entriesAt(uint8 size, bytes32 seed) private pure returns (IRecordBook.Entry[] memory entries) {
        entries = new IRecordBook.Entry[](size % 4);
        for (uint256 i = 0; i < entries.length; ++i) {
            bytes32 digest = keccak256(abi.encode(seed, i));
            uint256 random = uint256(digest);
            entries[i] = IRecordBook.Entry(keyOrBeside(random, random >> 8), digest);
        }
    }

    /// @dev Mostly an id.
    function keyOrBeside(uint256 id, uint256 rest) private pure returns (bytes32) {
        return rest % 8 < 5 ? idAt(id) : beside(idAt(id), uint8(rest % 8) - 4);
    }

    /// @dev None, one that has come, or one that will before long.
    function expiryAt(uint8 ahead) private view returns (uint64) {
        if (ahead % 4 == 0) return 0;
        if (ahead % 16 == 1) return uint64(clock);
        return uint64(clock) + ahead;
    }

    function keyAt(uint256 seed) private pure returns (uint256 privateKey) {
        return AUTHOR_KEY + (seed % ISSUERS);
    }
}
