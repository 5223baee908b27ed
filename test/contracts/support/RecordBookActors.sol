// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {IQueryResultRegistry} from "../../../contracts/audit/IQueryResultRegistry.sol";
import {QueryResultRegistry} from "../../../contracts/audit/QueryResultRegistry.sol";
import {RecordBookTest} from "./RecordBookTest.sol";
import {Vm} from "./CheatCodes.sol";

/**
 * @dev What the invariant tests call at random: a few authors write to one book in every way, over a handful of keys so
 * that they meet often. The actors believe nothing but the events: what was written, and every author's head, are
 * rebuilt from them.
 */
contract RecordBookActors is RecordBookTest {
    uint256 public constant AUTHORS = 3;
    uint256 private constant KEYS = 24;

    struct Written {
        address author;
        bytes32 key;
        bytes32 digest;
    }

    struct SignedBatch {
        address author;
        IRecordBook.Entry[] entries;
        bytes signature;
    }

    QueryResultRegistry public immutable book;
    address public immutable gate;

    /// @dev From the events.
    mapping(address author => bytes32 head) public foldedHead;
    Written[] private _written;
    /// @dev From the calls that went through: entries recorded, publications and anchors.
    uint256 public writes;
    uint256 public writesByGate;
    uint256 public events;
    uint256 public refusals;
    SignedBatch private _lastBatch;

    constructor(address gate_) {
        gate = gate_;
        book = new QueryResultRegistry(gate_);
    }

    function record(uint8 authorSeed, uint8 keySeed, bytes32 digest) external {
        vm.recordLogs();
        vm.prank(authorAt(authorSeed));
        try book.record(keyAt(keySeed), digest) {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function recordBatch(uint8 authorSeed, uint8 keySeed, uint8 size, bytes32 seed) external {
        IRecordBook.Entry[] memory entries = entriesAt(keySeed, size, seed);
        vm.recordLogs();
        vm.prank(authorAt(authorSeed));
        try book.recordBatch(entries) {
            replay(entries.length);
        } catch {
            ++refusals;
        }
    }

    function recordFor(
        uint8 authorSeed,
        bool byGate,
        address sender,
        uint8 keySeed,
        uint8 size,
        bytes32 seed
    ) external {
        IRecordBook.Entry[] memory entries = entriesAt(keySeed, size, seed);
        uint256 privateKey = keyOf(authorSeed);
        address signer = vm.addr(privateKey);
        bytes memory signature = signatureOf(
            privateKey,
            digestOfBatch(block.chainid, address(book), signer, entries, DEADLINE)
        );
        relay(byGate ? gate : sender, signer, entries, signature);

        delete _lastBatch;
        _lastBatch.author = signer;
        _lastBatch.signature = signature;
        for (uint256 i = 0; i < entries.length; ++i) {
            _lastBatch.entries.push(entries[i]);
        }
    }

    function sendTheLastBatchAgain(bool byGate, address sender) external {
        if (_lastBatch.entries.length == 0) return;
        relay(byGate ? gate : sender, _lastBatch.author, _lastBatch.entries, _lastBatch.signature);
    }

    function publish(uint8 authorSeed, uint8 keySeed, uint8 size, bytes32 seed) external {
        IRecordBook.Entry[] memory entries = entriesAt(keySeed, size, seed);
        vm.recordLogs();
        vm.prank(authorAt(authorSeed));
        try book.publish(entries) {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function anchor(uint8 authorSeed, bytes32 root, uint64 leafCount) external {
        vm.recordLogs();
        vm.prank(authorAt(authorSeed));
        try book.anchor(root, leafCount, "https://leaves.example") {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function authorAt(uint256 seed) public pure returns (address) {
        return vm.addr(keyOf(seed));
    }

    function writtenCount() external view returns (uint256) {
        return _written.length;
    }

    function writtenAt(uint256 index) external view returns (Written memory) {
        return _written[index];
    }

    function relay(address sender, address signer, IRecordBook.Entry[] memory entries, bytes memory signature) private {
        vm.recordLogs();
        vm.prank(sender);
        try book.recordFor(signer, entries, DEADLINE, signature) {
            replay(entries.length);
            if (sender == gate) writesByGate += entries.length;
        } catch {
            ++refusals;
        }
    }

    /// @dev Takes the events of one call into the fold, in order.
    function replay(uint256 expectedWrites) private {
        writes += expectedWrites;
        Vm.Log[] memory logs = vm.getRecordedLogs();
        events += logs.length;
        for (uint256 i = 0; i < logs.length; ++i) {
            address writer = address(uint160(uint256(logs[i].topics[2])));
            foldedHead[writer] = headAfter(foldedHead[writer], writer, logs[i]);
        }
    }

    function headAfter(bytes32 head, address writer, Vm.Log memory log) private returns (bytes32) {
        (bytes32 kind, bytes32 subject) = (log.topics[0], log.topics[1]);
        if (kind == IRecordBook.Published.selector) {
            uint256 count = abi.decode(log.data, (IRecordBook.Entry[])).length;
            return foldOfRoot(head, "countersign.publication.v1", subject, count);
        }
        if (kind == IRecordBook.Anchored.selector) {
            (uint64 leafCount, ) = abi.decode(log.data, (uint64, string));
            return foldOfRoot(head, "countersign.anchor.v1", subject, leafCount);
        }
        assertEq(kind, IQueryResultRegistry.ResultRecorded.selector);
        bytes32 digest = abi.decode(log.data, (bytes32));
        _written.push(Written(writer, subject, digest));
        return keccak256(abi.encodePacked(head, subject, digest));
    }

    /// @dev 0 to 4 entries over neighbouring keys; now and then a key twice, an empty key or an empty digest.
    function entriesAt(
        uint8 keySeed,
        uint8 size,
        bytes32 seed
    ) private pure returns (IRecordBook.Entry[] memory entries) {
        entries = new IRecordBook.Entry[](size % 5);
        for (uint256 i = 0; i < entries.length; ++i) {
            bytes32 digest = keccak256(abi.encode(seed, i));
            bool isOdd = uint256(digest) % 16 == 0;
            entries[i] = IRecordBook.Entry(keyAt(isOdd ? keySeed : keySeed + i), digest);
        }
    }

    /// @dev Key 0 is the empty one.
    function keyAt(uint256 seed) private pure returns (bytes32) {
        return bytes32(seed % KEYS);
    }

    function keyOf(uint256 seed) private pure returns (uint256 privateKey) {
        return AUTHOR_KEY + (seed % AUTHORS);
    }
}
