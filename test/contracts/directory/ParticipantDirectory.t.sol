// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {IParticipantDirectory} from "../../../contracts/directory/IParticipantDirectory.sol";
import {ParticipantDirectory} from "../../../contracts/directory/ParticipantDirectory.sol";
import {CheatCodes} from "../support/CheatCodes.sol";

contract ParticipantDirectoryFuzzTest is CheatCodes {
    address private constant ACCOUNT = address(0xACC0);

    ParticipantDirectory private directory = new ParticipantDirectory(address(new AccessManager(address(this))));

    struct Change {
        uint48 time;
        IParticipantDirectory.Status status;
    }

    Change[] private _changes;

    /// @dev Pauses of 0 to 3 seconds between changes, so that several fall into one second.
    function testFuzz_historyAnswersForEverySecond(uint8[12] calldata pauses, uint8 retireAt) public {
        uint48 start = 1_000;
        // Kept here: the compiler takes `block.timestamp` for one value, as it is outside of tests.
        uint48 time = start;
        vm.warp(time);
        directory.register(ACCOUNT, 1, "", "", "");
        _changes.push(Change(start, IParticipantDirectory.Status.Active));
        for (uint256 i = 0; i < pauses.length; ++i) {
            time += pauses[i] % 4;
            vm.warp(time);
            IParticipantDirectory.Status status =
                i == retireAt
                    ? IParticipantDirectory.Status.Retired
                    : (i % 2 == 0 ? IParticipantDirectory.Status.Suspended : IParticipantDirectory.Status.Active);
            directory.setStatus(ACCOUNT, status);
            _changes.push(Change(time, status));
            if (i == retireAt) break;
        }
        for (uint48 second = start - 2; second < time + 3; ++second) {
            assertEq(uint256(directory.statusAt(ACCOUNT, second)), uint256(lastChangeUpTo(second)));
        }
        assertEq(directory.participantOf(ACCOUNT).changedAt, _changes[_changes.length - 1].time);
        assertEq(directory.participantOf(ACCOUNT).registeredAt, start);
    }

    function testFuzz_retiredIsFinal(uint8 status, uint256 roles, uint8 role, uint64 chainId, address registry) public {
        directory.register(ACCOUNT, 1, "name", "", "");
        directory.setStatus(ACCOUNT, IParticipantDirectory.Status.Retired);
        bytes memory retired = abi.encodeWithSelector(IParticipantDirectory.ParticipantRetired.selector, ACCOUNT);
        vm.expectRevert(retired);
        directory.setStatus(ACCOUNT, IParticipantDirectory.Status(status % 4));
        vm.expectRevert(retired);
        directory.update(ACCOUNT, roles, "other", "", "");
        vm.expectRevert(retired);
        directory.setBook(ACCOUNT, role, chainId, registry);
        vm.expectRevert(abi.encodeWithSelector(IParticipantDirectory.ParticipantAlreadyRegistered.selector, ACCOUNT));
        directory.register(ACCOUNT, 1, "again", "", "");
        assertEq(directory.participantCount(), 1);
    }

    function testFuzz_hasRoleFollowsTheBitSet(uint256 roles, uint8 role) public {
        roles = (roles % 511) + 1;
        directory.register(ACCOUNT, roles, "", "", "");
        assertEq(directory.hasRole(ACCOUNT, role) ? 1 : 0, role < 9 ? (roles >> role) & 1 : 0);
    }

    function testFuzz_pagesJoinToTheWhole(uint8 count, uint8 limit) public {
        count %= 20;
        limit = (limit % 8) + 1;
        for (uint160 i = 1; i <= count; ++i) {
            directory.register(address(i), 1, "", "", "");
        }
        uint256 seen = 0;
        while (true) {
            address[] memory page = directory.participants(seen, limit);
            for (uint256 i = 0; i < page.length; ++i) {
                assertEq(uint160(page[i]), ++seen);
            }
            if (page.length < limit) break;
        }
        assertEq(seen, count);
    }

    function lastChangeUpTo(uint48 second) private view returns (IParticipantDirectory.Status status) {
        for (uint256 i = 0; i < _changes.length && _changes[i].time <= second; ++i) {
            status = _changes[i].status;
        }
    }
}
