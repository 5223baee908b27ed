// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../contracts/IRecordBook.sol";
import {IQueryResultRegistry} from "../../contracts/audit/IQueryResultRegistry.sol";
import {QueryResultRegistry} from "../../contracts/audit/QueryResultRegistry.sol";
import {RecordBookTest} from "./support/RecordBookTest.sol";
import {SignerWallet} from "./support/SignerWallet.sol";
import {Vm} from "./support/CheatCodes.sol";

contract RecordBookFuzzTest is RecordBookTest {
    QueryResultRegistry private book = newBook();

    function testFuzz_recordKeepsTheDigestUnderItsAuthorOnly(address writer, address other, bytes32 seed) public {
        vm.assume(writer != other);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 0);
        vm.prank(writer);
        book.record(entries[0].key, entries[0].digest);

        assertEq(book.digestOf(writer, entries[0].key), entries[0].digest);
        assertEq(book.headOf(writer), foldOf(0, entries));
        assertEq(book.digestOf(other, entries[0].key), 0);
        assertEq(book.headOf(other), 0);
    }

    function testFuzz_recordRefusesASecondDigest(bytes32 key, bytes32 first, bytes32 second) public {
        vm.assume(key != 0 && first != 0 && second != 0);
        book.record(key, first);
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.EntryAlreadyRecorded.selector, address(this), key, first));
        book.record(key, second);
        assertEq(book.digestOf(address(this), key), first);
    }

    function testFuzz_recordBatchEqualsSingleRecords(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        QueryResultRegistry single = newBook();
        for (uint256 i = 0; i < entries.length; ++i) {
            single.record(entries[i].key, entries[i].digest);
        }
        book.recordBatch(entries);

        assertEq(book.headOf(address(this)), foldOf(0, entries));
        assertEq(book.headOf(address(this)), single.headOf(address(this)));
        bytes32[] memory keys = new bytes32[](entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            keys[i] = entries[i].key;
        }
        bytes32[] memory digests = book.digestsOf(address(this), keys);
        for (uint256 i = 0; i < entries.length; ++i) {
            assertEq(digests[i], entries[i].digest);
        }
    }

    function testFuzz_recordBatchRefusesAKeyTwice(bytes32 seed, uint8 size, uint8 place, bytes32 digest) public {
        vm.assume(digest != 0);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, (size % 31) + 1);
        IRecordBook.Entry memory repeated = entries[place % (entries.length - 1)];
        entries[entries.length - 1] = IRecordBook.Entry(repeated.key, digest);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRecordBook.EntryAlreadyRecorded.selector,
                address(this),
                repeated.key,
                repeated.digest
            )
        );
        book.recordBatch(entries);
        assertEq(book.headOf(address(this)), 0);
    }

    function testFuzz_oneEventForEachEntryInOrder(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        vm.recordLogs();
        book.recordBatch(entries);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, entries.length);
        for (uint256 i = 0; i < logs.length; ++i) {
            assertEq(logs[i].topics[0], IQueryResultRegistry.ResultRecorded.selector);
            assertEq(logs[i].topics[1], entries[i].key);
            assertEq(logs[i].topics[2], bytes32(uint256(uint160(address(this)))));
            assertEq(keccak256(logs[i].data), keccak256(abi.encode(entries[i].digest)));
        }
    }

    function testFuzz_publishFoldsTheRootOfItsEntries(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes32 root = book.publish(entries);
        assertEq(root, rootOf(entries));
        assertEq(book.headOf(address(this)), foldOfRoot(0, "countersign.publication.v1", root, entries.length));
        assertEq(book.digestOf(address(this), entries[0].key), 0);
    }

    function testFuzz_anchorFoldsItsRoot(bytes32 root, uint64 leafCount, string calldata manifestURI) public {
        vm.assume(root != 0 && leafCount != 0);
        book.anchor(root, leafCount, manifestURI);
        assertEq(book.headOf(address(this)), foldOfRoot(0, "countersign.anchor.v1", root, leafCount));
    }

    function testFuzz_headTakesInEveryTierInOrder(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        book.recordBatch(entries);
        bytes32 root = book.publish(entries);
        book.anchor(root, 7, "");
        bytes32 head = foldOfRoot(foldOf(0, entries), "countersign.publication.v1", root, entries.length);
        assertEq(book.headOf(address(this)), foldOfRoot(head, "countersign.anchor.v1", root, 7));
    }

    function testFuzz_storageLiesWhereTheInterfaceSays(address writer, bytes32 seed) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 0);
        vm.prank(writer);
        book.record(entries[0].key, entries[0].digest);
        bytes32 digestSlot = keccak256(abi.encode(entries[0].key, keccak256(abi.encode(writer, 2))));
        assertEq(vm.load(address(book), digestSlot), entries[0].digest);
        assertEq(vm.load(address(book), keccak256(abi.encode(writer, 3))), book.headOf(writer));
    }

    /// @dev By recursion over halves of a heap, from the npm package's description of its tree: node i has the children
    /// 2i + 1 and 2i + 2, and leaf k is node `2n - 2 - k`.
    function rootOf(IRecordBook.Entry[] memory entries) private pure returns (bytes32) {
        return nodeOf(entries, 0);
    }

    function nodeOf(IRecordBook.Entry[] memory entries, uint256 i) private pure returns (bytes32) {
        if (i >= entries.length - 1) {
            IRecordBook.Entry memory entry = entries[2 * entries.length - 2 - i];
            return keccak256(abi.encodePacked(keccak256(abi.encodePacked(entry.key, entry.digest))));
        }
        bytes32 left = nodeOf(entries, 2 * i + 1);
        bytes32 right = nodeOf(entries, 2 * i + 2);
        return left < right ? keccak256(abi.encodePacked(left, right)) : keccak256(abi.encodePacked(right, left));
    }
}

contract RecordForFuzzTest is RecordBookTest {
    QueryResultRegistry private book = newBook();

    function testFuzz_anyoneRelaysWhatTheAuthorSigned(address relayer, bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        vm.prank(relayer);
        book.recordFor(author, entries, DEADLINE, signature);
        assertEq(book.headOf(author), foldOf(0, entries));
        assertEq(book.digestOf(author, entries[0].key), entries[0].digest);
    }

    function testFuzz_refusesAReplay(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        book.recordFor(author, entries, DEADLINE, signature);
        vm.expectRevert(
            abi.encodeWithSelector(IRecordBook.EntryAlreadyRecorded.selector, author, entries[0].key, entries[0].digest)
        );
        book.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_refusesAnotherOrder(bytes32 seed, uint8 size, uint8 a, uint8 b) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, (size % 31) + 1);
        bytes memory signature = signatureFor(book, entries);
        (uint256 i, uint256 j) = (a % entries.length, b % entries.length);
        vm.assume(i != j);
        (entries[i], entries[j]) = (entries[j], entries[i]);
        expectSignatureInvalid(book, author, entries, DEADLINE);
        book.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_refusesAPartOfABatch(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, (size % 31) + 1);
        bytes memory signature = signatureFor(book, entries);
        IRecordBook.Entry[] memory part = new IRecordBook.Entry[](entries.length - 1);
        for (uint256 i = 0; i < part.length; ++i) {
            part[i] = entries[i];
        }
        expectSignatureInvalid(book, author, part, DEADLINE);
        book.recordFor(author, part, DEADLINE, signature);
    }

    function testFuzz_refusesAnotherChain(bytes32 seed, uint8 size, uint32 otherChain) public {
        vm.assume(otherChain != 0 && otherChain != block.chainid);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        vm.chainId(otherChain);
        expectSignatureInvalid(book, author, entries, DEADLINE);
        book.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_followsTheChainIdThroughAFork(bytes32 seed, uint8 size, uint32 otherChain) public {
        vm.assume(otherChain != 0);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        vm.chainId(otherChain);
        book.recordFor(author, entries, DEADLINE, signatureFor(book, entries));
        assertEq(book.headOf(author), foldOf(0, entries));
    }

    function testFuzz_refusesAnotherRegistry(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        QueryResultRegistry other = newBook();
        expectSignatureInvalid(other, author, entries, DEADLINE);
        other.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_refusesAnotherAuthor(bytes32 seed, uint8 size, address other) public {
        vm.assume(other != author && other.code.length == 0);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        expectSignatureInvalid(book, other, entries, DEADLINE);
        book.recordFor(other, entries, DEADLINE, signature);
    }

    function testFuzz_refusesAnotherDeadline(bytes32 seed, uint8 size, uint256 deadline) public {
        vm.assume(deadline != DEADLINE && deadline >= block.timestamp);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        expectSignatureInvalid(book, author, entries, deadline);
        book.recordFor(author, entries, deadline, signature);
    }

    function testFuzz_refusesWhateverIsNoSignature(bytes32 seed, bytes calldata signature) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 3);
        vm.assume(keccak256(signature) != keccak256(signatureFor(book, entries)));
        expectSignatureInvalid(book, author, entries, DEADLINE);
        book.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_deadlineIsTheLastSecondAccepted(bytes32 seed, uint32 late) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 3);
        bytes memory signature = signatureFor(book, entries);
        vm.warp(DEADLINE + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.BatchExpired.selector, DEADLINE, DEADLINE + 1 + late));
        book.recordFor(author, entries, DEADLINE, signature);
        vm.warp(DEADLINE);
        book.recordFor(author, entries, DEADLINE, signature);
    }

    function testFuzz_aContractWalletIsAnAuthor(bytes32 seed, uint8 size) public {
        address wallet = address(new SignerWallet(author));
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes32 digest = digestOfBatch(block.chainid, address(book), wallet, entries, DEADLINE);
        book.recordFor(wallet, entries, DEADLINE, signatureOf(AUTHOR_KEY, digest));
        assertEq(book.headOf(wallet), foldOf(0, entries));
        assertEq(book.headOf(author), 0);
    }

    function testFuzz_aSignatureServesOneOfTwoWalletsOfAnOwner(bytes32 seed, uint8 size) public {
        address wallet = address(new SignerWallet(author));
        address other = address(new SignerWallet(author));
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes32 digest = digestOfBatch(block.chainid, address(book), wallet, entries, DEADLINE);
        bytes memory signature = signatureOf(AUTHOR_KEY, digest);
        expectSignatureInvalid(book, other, entries, DEADLINE);
        book.recordFor(other, entries, DEADLINE, signature);
    }

    function testFuzz_aContractWalletRefusesAStranger(bytes32 seed, uint128 strangerKey) public {
        vm.assume(strangerKey != 0 && strangerKey != AUTHOR_KEY);
        address wallet = address(new SignerWallet(author));
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 3);
        bytes32 digest = digestOfBatch(block.chainid, address(book), wallet, entries, DEADLINE);
        bytes memory signature = signatureOf(strangerKey, digest);
        expectSignatureInvalid(book, wallet, entries, DEADLINE);
        book.recordFor(wallet, entries, DEADLINE, signature);
    }

    function testFuzz_aBatchThatFailsHoldsUpNoneAfterIt(bytes32 seed, bytes32 otherSeed) public {
        vm.assume(seed != otherSeed);
        IRecordBook.Entry[] memory first = entriesFrom(seed, 3);
        IRecordBook.Entry[] memory second = entriesFrom(otherSeed, 3);
        book.recordFor(author, second, DEADLINE, signatureFor(book, second));
        book.recordFor(author, first, DEADLINE, signatureFor(book, first));
        assertEq(book.headOf(author), foldOf(foldOf(0, second), first));
    }
}

contract GateFuzzTest is RecordBookTest {
    address private constant GATE = address(0x6A7E);
    QueryResultRegistry private book = new QueryResultRegistry(GATE);

    function testFuzz_refusesEverybodyElse(address caller, bytes32 seed) public {
        vm.assume(caller != GATE);
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 3);
        bytes memory signature = signatureFor(book, entries);
        expectRefused(caller);
        book.recordFor(author, entries, DEADLINE, signature);
        assertEq(book.headOf(author), 0);
    }

    function testFuzz_takesRelayedBatchesOfTheGate(bytes32 seed, uint8 size) public {
        IRecordBook.Entry[] memory entries = entriesFrom(seed, size);
        bytes memory signature = signatureFor(book, entries);
        vm.prank(GATE);
        book.recordFor(author, entries, DEADLINE, signature);
        assertEq(book.headOf(author), foldOf(0, entries));
    }

    function testFuzz_takesNothingWithoutTheAuthorsSignature(address caller, bool fromGate, bytes32 seed) public {
        address sender = fromGate ? GATE : caller;
        IRecordBook.Entry[] memory entries = entriesFrom(seed, 3);
        expectRefused(sender);
        book.record(entries[0].key, entries[0].digest);
        expectRefused(sender);
        book.recordBatch(entries);
        expectRefused(sender);
        book.publish(entries);
        expectRefused(sender);
        book.anchor(seed, 1, "");
        assertEq(book.headOf(sender), 0);
    }

    function expectRefused(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.GateRequired.selector, GATE, caller));
        vm.prank(caller);
    }
}
