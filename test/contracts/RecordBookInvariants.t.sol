// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {QueryResultRegistry} from "../../contracts/audit/QueryResultRegistry.sol";
import {RecordBookActors} from "./support/RecordBookActors.sol";
import {CheatCodes} from "./support/CheatCodes.sol";

/// @dev The invariants of `invariants.md`, held after every call of a random sequence.
abstract contract RecordBookInvariants is CheatCodes {
    RecordBookActors internal actors;
    QueryResultRegistry internal book;

    constructor(address gate) {
        actors = new RecordBookActors(gate);
        book = actors.book();
    }

    /// @dev Read by the test runner.
    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(actors);
    }

    function invariant_nothingIsOverwritten() external view {
        for (uint256 i = 0; i < actors.writtenCount(); ++i) {
            RecordBookActors.Written memory written = actors.writtenAt(i);
            assertEq(book.digestOf(written.author, written.key), written.digest);
        }
    }

    function invariant_headIsTheFoldOfTheEvents() external view {
        for (uint256 i = 0; i < actors.AUTHORS(); ++i) {
            address author = actors.authorAt(i);
            assertEq(book.headOf(author), actors.foldedHead(author));
        }
    }

    function invariant_asManyEventsAsWrites() external view {
        assertEq(actors.events(), actors.writes());
    }

    function invariant_emptyKeysStayEmpty() external view {
        for (uint256 i = 0; i < actors.AUTHORS(); ++i) {
            assertEq(book.digestOf(actors.authorAt(i), 0), 0);
        }
    }

    function invariant_noHeadForWhoNeverWrote() external view {
        assertEq(book.headOf(address(actors)), 0);
        assertEq(book.headOf(actors.gate()), 0);
    }
}

contract OpenBookInvariantTest is RecordBookInvariants(address(0)) {}

contract GatedBookInvariantTest is RecordBookInvariants(address(0x6A7E)) {
    /// @dev The actors call as authors, as strangers and as the gate.
    function invariant_everyWriteCameThroughTheGate() external view {
        assertEq(actors.writes(), actors.writesByGate());
    }
}
