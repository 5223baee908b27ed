// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {CredentialRegistry} from "../../../contracts/credentials/CredentialRegistry.sol";
import {ICredentialRegistry} from "../../../contracts/credentials/ICredentialRegistry.sol";
import {CredentialTest} from "../support/CredentialTest.sol";
import {SignerWallet} from "../support/SignerWallet.sol";

contract CredentialFuzzTest is CredentialTest {
    CredentialRegistry private registry = newRegistry();

    function testFuzz_issueBatchEqualsSingleIssues(bytes32 seed, uint8 size) public {
        ICredentialRegistry.Credential[] memory credentials = credentialsFrom(seed, size);
        CredentialRegistry single = newRegistry();
        for (uint256 i = 0; i < credentials.length; ++i) {
            single.issue(credentials[i].credentialId, credentials[i].digest, credentials[i].expiresAt);
        }
        registry.issueBatch(credentials);
        IRecordBook.Entry[] memory entries = entriesOf(credentials);
        assertEq(registry.headOf(address(this)), foldOf(0, entries));
        assertEq(single.headOf(address(this)), foldOf(0, entries));
        for (uint256 i = 0; i < entries.length; ++i) {
            assertEq(registry.digestOf(address(this), entries[i].key), entries[i].digest);
        }
        for (uint256 i = 0; i < credentials.length; ++i) {
            assertEq(registry.expiresAtOf(address(this), credentials[i].credentialId), credentials[i].expiresAt);
        }
    }

    function testFuzz_revokeBatchEqualsSingleRevocations(bytes32 seed, uint8 size) public {
        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        CredentialRegistry single = newRegistry();
        for (uint256 i = 0; i < revocations.length; ++i) {
            single.revoke(revocations[i].credentialId, revocations[i].reason);
        }
        registry.revokeBatch(revocations);
        assertEq(registry.headOf(address(this)), foldOf(0, entriesOf(revocations)));
        assertEq(single.headOf(address(this)), foldOf(0, entriesOf(revocations)));
        for (uint256 i = 0; i < revocations.length; ++i) {
            bytes32 reasonHash = keccak256(bytes(revocations[i].reason));
            assertEq(registry.revocationOf(address(this), revocations[i].credentialId), reasonHash);
        }
    }

    function testFuzz_issuesUnderTheCallerOnly(address issuer, address other, bytes32 seed) public {
        vm.assume(issuer != other);
        ICredentialRegistry.Credential memory credential = credentialsFrom(seed, 0)[0];
        vm.prank(issuer);
        registry.issue(credential.credentialId, credential.digest, credential.expiresAt);
        vm.prank(other);
        registry.revoke(credential.credentialId, "not mine");
        expectState(issuer, credential.credentialId, ICredentialRegistry.CredentialState.Issued);
        expectState(other, credential.credentialId, ICredentialRegistry.CredentialState.Revoked);
        assertEq(registry.revocationOf(issuer, credential.credentialId), 0);
        assertEq(registry.expiresAtOf(other, credential.credentialId), 0);
    }

    /// @dev Whatever the last six bytes are, but zero.
    function testFuzz_refusesWhateverIsNoId(bytes32 seed, uint48 rest, bytes32 digest) public {
        vm.assume(rest != 0 && digest != 0);
        bytes32 key = idFrom(seed) | bytes32(uint256(rest));
        IRecordBook.Entry[] memory entries = new IRecordBook.Entry[](2);
        entries[0] = IRecordBook.Entry(idFrom(keccak256(abi.encode(seed))), digest);
        entries[1] = IRecordBook.Entry(key, digest);
        bytes memory signature = signatureFor(registry, entries);

        expectNoId(key);
        registry.record(key, digest);
        expectNoId(key);
        registry.recordBatch(entries);
        expectNoId(key);
        registry.recordFor(author, entries, DEADLINE, signature);
        expectNoId(key);
        registry.publish(entries);
        expectNoId(key);
        registry.issue(key, digest, 0);
        expectNoId(key);
        registry.revoke(key, "why");
        expectNoId(key);
        registry.stateOf(address(this), key);
        expectNoId(key);
        registry.expiresAtOf(address(this), key);
        expectNoId(key);
        registry.revocationOf(address(this), key);
        assertEq(registry.headOf(address(this)), 0);
        assertEq(registry.headOf(author), 0);
    }

    function testFuzz_takesEveryId(bytes32 seed, bytes32 digest) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0 && digest != 0);
        registry.record(id, digest);
        expectState(address(this), id, ICredentialRegistry.CredentialState.Issued);
    }

    function testFuzz_expiresAtItsSecond(bytes32 seed, uint64 expiresAt, uint64 issuedAt, uint64 askedAt) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0 && expiresAt != 0);
        vm.warp(issuedAt);
        if (expiresAt <= issuedAt) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ICredentialRegistry.CredentialExpiryPast.selector,
                    id,
                    expiresAt,
                    uint256(issuedAt)
                )
            );
            registry.issue(id, seed, expiresAt);
            return;
        }
        registry.issue(id, seed, expiresAt);
        vm.warp(askedAt);
        expectState(
            address(this),
            id,
            askedAt < expiresAt
                ? ICredentialRegistry.CredentialState.Issued
                : ICredentialRegistry.CredentialState.Expired
        );
    }

    function testFuzz_anExpiryNeverMoves(bytes32 seed, uint64 first, uint64 second) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0 && (first == 0 || first > block.timestamp));
        registry.issue(id, seed, first);
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.EntryAlreadyRecorded.selector, address(this), id, seed));
        registry.issue(id, seed, second);
        assertEq(registry.expiresAtOf(address(this), id), first);
    }

    function testFuzz_aRevocationStays(bytes32 seed, uint64 expiresAt, uint64 askedAt, bool revokedFirst) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0 && expiresAt > block.timestamp);
        if (revokedFirst) registry.revoke(id, "first");
        registry.issue(id, seed, expiresAt);
        if (!revokedFirst) registry.revoke(id, "first");
        vm.expectRevert(
            abi.encodeWithSelector(
                ICredentialRegistry.CredentialAlreadyRevoked.selector,
                address(this),
                id,
                keccak256("first")
            )
        );
        registry.revoke(id, "second");
        vm.warp(askedAt);
        expectState(address(this), id, ICredentialRegistry.CredentialState.Revoked);
    }

    function testFuzz_aReasonHas1To256Bytes(bytes32 seed, uint16 length) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0);
        string memory reason = reasonOf(uint256(seed), length % 600);
        bool fits = bytes(reason).length >= 1 && bytes(reason).length <= 256;
        if (!fits) {
            vm.expectRevert(
                abi.encodeWithSelector(ICredentialRegistry.RevocationReasonInvalid.selector, id, bytes(reason).length)
            );
        }
        registry.revoke(id, reason);
        assertEq(registry.revocationOf(address(this), id), fits ? keccak256(bytes(reason)) : bytes32(0));
    }

    function testFuzz_storageLiesWhereTheInterfacesSay(bytes32 seed, uint64 expiresAt) public {
        bytes32 id = idFrom(seed);
        vm.assume(id != 0 && expiresAt > block.timestamp);
        registry.issue(id, seed, expiresAt);
        registry.revoke(id, "why");
        assertEq(slotOf(id), seed);
        assertEq(slotOf(beside(id, 2)), bytes32(uint256(expiresAt)));
        assertEq(slotOf(beside(id, 1)), keccak256("why"));
    }

    function slotOf(bytes32 key) private view returns (bytes32) {
        return vm.load(address(registry), keccak256(abi.encode(key, keccak256(abi.encode(address(this), 2)))));
    }

    function expectState(address issuer, bytes32 id, ICredentialRegistry.CredentialState state) private view {
        assertEq(uint256(registry.stateOf(issuer, id)), uint256(state));
    }

    function expectNoId(bytes32 key) private {
        vm.expectRevert(abi.encodeWithSelector(ICredentialRegistry.CredentialIdInvalid.selector, key));
    }
}

contract SignedCredentialsFuzzTest is CredentialTest {
    CredentialRegistry private registry = newRegistry();

    function testFuzz_anyoneRelaysWhatTheIssuerSigned(address relayer, bytes32 seed, uint8 size) public {
        ICredentialRegistry.Credential[] memory credentials = credentialsFrom(seed, size);
        bytes32 digest = digestOfCredentials(address(registry), author, credentials, DEADLINE);
        vm.prank(relayer);
        registry.issueFor(author, credentials, DEADLINE, signatureOf(AUTHOR_KEY, digest));
        assertEq(registry.headOf(author), foldOf(0, entriesOf(credentials)));

        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        digest = digestOfRevocations(address(registry), author, revocations, DEADLINE);
        vm.prank(relayer);
        registry.revokeFor(author, revocations, DEADLINE, signatureOf(AUTHOR_KEY, digest));
        bytes32 head = foldOf(foldOf(0, entriesOf(credentials)), entriesOf(revocations));
        assertEq(registry.headOf(author), head);
    }

    function testFuzz_aContractWalletIsAnIssuer(bytes32 seed, uint8 size) public {
        address wallet = address(new SignerWallet(author));
        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        bytes32 digest = digestOfRevocations(address(registry), wallet, revocations, DEADLINE);
        registry.revokeFor(wallet, revocations, DEADLINE, signatureOf(AUTHOR_KEY, digest));
        assertEq(registry.headOf(wallet), foldOf(0, entriesOf(revocations)));
        assertEq(registry.headOf(author), 0);
    }

    /// @dev Nobody is made to revoke, or to issue, by what was signed for something else.
    function testFuzz_noSignatureServesAnotherCall(bytes32 seed, uint8 size, address other) public {
        vm.assume(other != author && other.code.length == 0);
        ICredentialRegistry.Credential[] memory credentials = credentialsFrom(seed, size);
        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        bytes32 issues = digestOfCredentials(address(registry), author, credentials, DEADLINE);
        bytes32 revokes = digestOfRevocations(address(registry), author, revocations, DEADLINE);
        bytes memory forIssues = signatureOf(AUTHOR_KEY, issues);
        bytes memory forRevocations = signatureOf(AUTHOR_KEY, revokes);

        expectInvalid(author, issues);
        registry.issueFor(author, credentials, DEADLINE, forRevocations);
        expectInvalid(author, revokes);
        registry.revokeFor(author, revocations, DEADLINE, forIssues);
        expectInvalid(other, digestOfRevocations(address(registry), other, revocations, DEADLINE));
        registry.revokeFor(other, revocations, DEADLINE, forRevocations);
        expectInvalid(author, digestOfRevocations(address(registry), author, revocations, DEADLINE - 1));
        registry.revokeFor(author, revocations, DEADLINE - 1, forRevocations);
        // An entry's batch hash is of the same two words a record as a revocation's.
        IRecordBook.Entry[] memory entries = new IRecordBook.Entry[](revocations.length);
        for (uint256 i = 0; i < revocations.length; ++i) {
            bytes32 reasonHash = keccak256(bytes(revocations[i].reason));
            entries[i] = IRecordBook.Entry(revocations[i].credentialId, reasonHash);
        }
        expectSignatureInvalid(registry, author, entries, DEADLINE);
        registry.recordFor(author, entries, DEADLINE, forRevocations);
        bytes memory forEntries = signatureFor(registry, entries);
        expectInvalid(author, revokes);
        registry.revokeFor(author, revocations, DEADLINE, forEntries);
        assertEq(registry.headOf(author), 0);
    }

    function testFuzz_refusesAnAlteredRevocation(bytes32 seed, uint8 size, uint8 place, bool reasonOrId) public {
        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        bytes32 digest = digestOfRevocations(address(registry), author, revocations, DEADLINE);
        bytes memory signature = signatureOf(AUTHOR_KEY, digest);
        ICredentialRegistry.Revocation memory altered = revocations[place % revocations.length];
        if (reasonOrId) altered.reason = string.concat(altered.reason, "!");
        else altered.credentialId = idFrom(keccak256(abi.encode(altered.credentialId)));
        expectInvalid(author, digestOfRevocations(address(registry), author, revocations, DEADLINE));
        registry.revokeFor(author, revocations, DEADLINE, signature);
    }

    function expectInvalid(address signer, bytes32 digest) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.BatchSignatureInvalid.selector, signer, digest));
    }
}

contract CredentialGateFuzzTest is CredentialTest {
    address private constant GATE = address(0x6A7E);
    CredentialRegistry private registry = new CredentialRegistry(GATE);

    function testFuzz_takesOnlySignedBatchesOfTheGate(address caller, bytes32 seed, uint8 size) public {
        vm.assume(caller != GATE);
        ICredentialRegistry.Credential[] memory credentials = credentialsFrom(seed, size);
        ICredentialRegistry.Revocation[] memory revocations = revocationsFrom(seed, size);
        bytes32 digest = digestOfCredentials(address(registry), author, credentials, DEADLINE);
        bytes memory forIssues = signatureOf(AUTHOR_KEY, digest);
        digest = digestOfRevocations(address(registry), author, revocations, DEADLINE);
        bytes memory forRevocations = signatureOf(AUTHOR_KEY, digest);

        expectRefused(caller);
        registry.issueFor(author, credentials, DEADLINE, forIssues);
        expectRefused(caller);
        registry.revokeFor(author, revocations, DEADLINE, forRevocations);
        for (uint256 i = 0; i < 2; ++i) {
            address direct = i == 0 ? caller : GATE;
            expectRefused(direct);
            registry.issue(credentials[0].credentialId, credentials[0].digest, 0);
            expectRefused(direct);
            registry.issueBatch(credentials);
            expectRefused(direct);
            registry.revoke(credentials[0].credentialId, "why");
            expectRefused(direct);
            registry.revokeBatch(revocations);
        }
        assertEq(registry.headOf(author), 0);

        vm.prank(GATE);
        registry.issueFor(author, credentials, DEADLINE, forIssues);
        vm.prank(GATE);
        registry.revokeFor(author, revocations, DEADLINE, forRevocations);
        bytes32 head = foldOf(foldOf(0, entriesOf(credentials)), entriesOf(revocations));
        assertEq(registry.headOf(author), head);
    }

    function expectRefused(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.GateRequired.selector, GATE, caller));
        vm.prank(caller);
    }
}
