// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CredentialRegistry} from "../../../contracts/credentials/CredentialRegistry.sol";
import {ICredentialRegistry} from "../../../contracts/credentials/ICredentialRegistry.sol";
import {CredentialActors} from "../support/CredentialActors.sol";
import {CheatCodes} from "../support/CheatCodes.sol";

/// @dev The invariants of `invariants.md`, held after every call of a random sequence.
abstract contract CredentialInvariants is CheatCodes {
    CredentialActors internal actors;
    CredentialRegistry internal registry;

    constructor(address gate) {
        actors = new CredentialActors(gate);
        registry = actors.registry();
    }

    /// @dev Read by the test runner.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_nothingIsOverwritten() external view {
        for (uint256 i = 0; i < actors.writtenCount(); ++i) {
            CredentialActors.Written memory written = actors.writtenAt(i);
            assertEq(registry.digestOf(written.issuer, written.key), written.digest);
        }
    }

    function invariant_headIsTheFoldOfTheEvents() external view {
        for (uint256 i = 0; i < actors.ISSUERS(); ++i) {
            address issuer = actors.issuerAt(i);
            assertEq(registry.headOf(issuer), actors.foldedHead(issuer));
        }
    }

    function invariant_asManyEventsAsWrites() external view {
        assertEq(actors.events(), actors.writes());
    }

    function invariant_whatIsRevokedWasRevokedByItsIssuerAndStays() external view {
        for (uint256 i = 0; i < actors.ISSUERS(); ++i) {
            for (uint256 j = 0; j < actors.IDS(); ++j) {
                (address issuer, bytes32 id) = (actors.issuerAt(i), actors.idAt(j));
                assertEq(registry.revocationOf(issuer, id), actors.reasonHash(issuer, id));
            }
        }
    }

    function invariant_anExpiryIsSetWithTheIssueAndNeverMoves() external view {
        for (uint256 i = 0; i < actors.ISSUERS(); ++i) {
            for (uint256 j = 0; j < actors.IDS(); ++j) {
                (address issuer, bytes32 id) = (actors.issuerAt(i), actors.idAt(j));
                assertEq(registry.expiresAtOf(issuer, id), actors.expiry(issuer, id));
            }
        }
    }

    function invariant_theStateIsWhatTheEventsSay() external {
        vm.warp(actors.clock());
        for (uint256 i = 0; i < actors.ISSUERS(); ++i) {
            for (uint256 j = 0; j < actors.IDS(); ++j) {
                (address issuer, bytes32 id) = (actors.issuerAt(i), actors.idAt(j));
                assertEq(uint256(registry.stateOf(issuer, id)), uint256(stateFromEvents(issuer, id)));
            }
        }
    }

    function invariant_nothingBesideIdsExpiriesAndRevocations() external view {
        for (uint256 i = 0; i < actors.ISSUERS(); ++i) {
            address issuer = actors.issuerAt(i);
            for (uint256 j = 0; j < actors.IDS(); ++j) {
                for (uint256 rest = 3; rest < 8; ++rest) {
                    assertEq(registry.digestOf(issuer, actors.idAt(j) | bytes32(rest)), 0);
                }
            }
            for (uint256 rest = 0; rest < 3; ++rest) {
                assertEq(registry.digestOf(issuer, bytes32(rest)), 0);
            }
        }
    }

    function invariant_noHeadForWhoNeverWrote() external view {
        assertEq(registry.headOf(address(actors)), 0);
        assertEq(registry.headOf(actors.gate()), 0);
    }

    function stateFromEvents(
        address issuer,
        bytes32 id
    ) private view returns (ICredentialRegistry.CredentialState state) {
        if (actors.reasonHash(issuer, id) != 0) return ICredentialRegistry.CredentialState.Revoked;
        if (!actors.isIssued(issuer, id)) return ICredentialRegistry.CredentialState.None;
        uint64 expiry = actors.expiry(issuer, id);
        if (expiry != 0 && actors.clock() >= expiry) return ICredentialRegistry.CredentialState.Expired;
        return ICredentialRegistry.CredentialState.Issued;
    }
}

contract OpenCredentialInvariantTest is CredentialInvariants(address(0)) {}

contract GatedCredentialInvariantTest is CredentialInvariants(address(0x6A7E)) {
    function invariant_everyWriteCameThroughTheGate() external view {
        assertEq(actors.writes(), actors.writesByGate());
    }
}
