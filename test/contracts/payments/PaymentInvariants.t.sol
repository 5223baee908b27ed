// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {PaymentRecordRegistry} from "../../../contracts/payments/PaymentRecordRegistry.sol";
import {PaymentActors} from "../support/PaymentActors.sol";
import {CheatCodes} from "../support/CheatCodes.sol";

/// @dev The invariants of `invariants.md`, held after every call of a random sequence.
abstract contract PaymentInvariants is CheatCodes {
    PaymentActors internal actors;
    PaymentRecordRegistry internal registry;

    constructor(address gate) {
        actors = new PaymentActors(gate);
        registry = actors.registry();
    }

    /// @dev Read by the test runner.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_nothingIsOverwritten() external view {
        for (uint256 i = 0; i < actors.writtenCount(); ++i) {
            PaymentActors.Written memory written = actors.writtenAt(i);
            assertEq(registry.digestOf(written.office, written.key), written.digest);
        }
    }

    function invariant_aVersionHasAllBeforeIt() external view {
        for (uint256 i = 0; i < actors.OFFICES(); ++i) {
            for (uint256 j = 0; j < actors.ORDERS(); ++j) {
                holdsVersions(actors.officeAt(i), actors.orderKeyAt(j));
            }
        }
    }

    function invariant_headIsTheFoldOfTheEvents() external view {
        for (uint256 i = 0; i < actors.OFFICES(); ++i) {
            address office = actors.officeAt(i);
            assertEq(registry.headOf(office), actors.foldedHead(office));
        }
    }

    function invariant_asManyEventsAsWrites() external view {
        assertEq(actors.events(), actors.writes());
    }

    function invariant_noHeadForWhoNeverWrote() external view {
        assertEq(registry.headOf(address(actors)), 0);
        assertEq(registry.headOf(actors.gate()), 0);
    }

    /// @dev Every version up to the last stands, and none behind it.
    function holdsVersions(address office, bytes32 orderKey) private view {
        uint32 latest = registry.latestVersionOf(office, orderKey);
        assertEq(latest, actors.lastVersion(office, orderKey));
        for (uint32 version = 0; version <= latest + 2; ++version) {
            bool isRecorded = registry.digestOf(office, registry.paymentKey(orderKey, version)) != 0;
            bool isExpected = version >= 1 && version <= latest;
            assertEq(isRecorded ? 1 : 0, isExpected ? 1 : 0);
        }
    }
}

contract OpenPaymentInvariantTest is PaymentInvariants(address(0)) {}

contract GatedPaymentInvariantTest is PaymentInvariants(address(0x6A7E)) {
    function invariant_everyWriteCameThroughTheGate() external view {
        assertEq(actors.writes(), actors.writesByGate());
    }
}
