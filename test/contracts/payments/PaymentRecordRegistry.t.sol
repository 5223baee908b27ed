// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {IPaymentRecordRegistry} from "../../../contracts/payments/IPaymentRecordRegistry.sol";
import {PaymentRecordRegistry} from "../../../contracts/payments/PaymentRecordRegistry.sol";
import {PaymentTest} from "../support/PaymentTest.sol";
import {SignerWallet} from "../support/SignerWallet.sol";
import {Vm} from "../support/CheatCodes.sol";

contract PaymentRecordFuzzTest is PaymentTest {
    PaymentRecordRegistry private registry = newRegistry();

    function testFuzz_recordKeepsTheEntryUnderItsOfficeOnly(
        address office,
        address other,
        bytes32 orderKey,
        bytes32 digest,
        bytes calldata payload
    ) public {
        vm.assume(office != other && orderKey != 0 && digest != 0);
        vm.assume(payload.length > 0 && payload.length <= 1024);
        vm.prank(office);
        registry.recordPayment(orderKey, 1, digest, payload);

        bytes32 entryDigest = keccak256(abi.encode(digest, keccak256(payload)));
        assertEq(registry.digestOf(office, keyOf(orderKey, 1)), entryDigest);
        assertEq(registry.headOf(office), keccak256(abi.encode(bytes32(0), keyOf(orderKey, 1), entryDigest)));
        assertEq(registry.latestVersionOf(office, orderKey), 1);
        assertEq(registry.digestOf(other, keyOf(orderKey, 1)), 0);
        assertEq(registry.headOf(other), 0);
        assertEq(registry.latestVersionOf(other, orderKey), 0);
    }

    function testFuzz_aBatchEqualsSingleRecords(bytes32 seed, uint8 size) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        PaymentRecordRegistry single = newRegistry();
        for (uint256 i = 0; i < payments.length; ++i) {
            single.recordPayment(payments[i].orderKey, payments[i].version, payments[i].digest, payments[i].payload);
        }
        registry.recordPayments(payments);
        assertEq(registry.headOf(address(this)), foldOf(0, entriesOf(payments)));
        assertEq(registry.headOf(address(this)), single.headOf(address(this)));
    }

    function testFuzz_oneEventForEachPaymentInOrder(bytes32 seed, uint8 size) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        vm.recordLogs();
        registry.recordPayments(payments);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, payments.length);
        for (uint256 i = 0; i < logs.length; ++i) {
            assertEq(logs[i].topics.length, 3);
            assertEq(logs[i].topics[0], IPaymentRecordRegistry.PaymentRecorded.selector);
            assertEq(logs[i].topics[1], payments[i].orderKey);
            assertEq(logs[i].topics[2], bytes32(uint256(uint160(address(this)))));
            // The registry lays it out itself.
            bytes memory data = abi.encode(payments[i].version, payments[i].digest, payments[i].payload);
            assertEq(keccak256(logs[i].data), keccak256(data));
        }
    }

    function testFuzz_refusesEveryVersionButTheNext(bytes32 orderKey, uint8 standing, uint32 version) public {
        vm.assume(orderKey != 0);
        uint32 latest = standing % 12;
        for (uint32 i = 1; i <= latest; ++i) {
            registry.recordPayment(orderKey, i, keccak256(abi.encode(i)), "payload");
        }
        assertEq(registry.latestVersionOf(address(this), orderKey), latest);
        vm.assume(version != latest + 1);
        expectRefusedVersion(orderKey, version, latest);
        registry.recordPayment(orderKey, version, keccak256("another"), "payload");
        assertEq(registry.latestVersionOf(address(this), orderKey), latest);
    }

    function testFuzz_refusesAPayloadOfAnotherSize(uint16 bytesTooMany) public {
        uint256 length = 1025 + uint256(bytesTooMany % 3000);
        vm.expectRevert(abi.encodeWithSelector(IPaymentRecordRegistry.PaymentPayloadTooLong.selector, 0, length));
        registry.recordPayment("order", 1, "digest", new bytes(length));
    }

    function testFuzz_publishFoldsTheRootOfItsPayments(bytes32 seed, uint8 size) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        bytes memory packed = pack(payments);
        vm.recordLogs();
        bytes32 root = registry.publishPayments(packed);
        assertEq(registry.headOf(address(this)), foldOfRoot(0, "countersign.publication.v1", root, payments.length));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        assertEq(logs.length, 1);
        assertEq(logs[0].topics[0], IPaymentRecordRegistry.PaymentsPublished.selector);
        assertEq(logs[0].topics[1], root);
        assertEq(keccak256(logs[0].data), keccak256(abi.encode(packed)));
    }

    function testFuzz_publishRefusesBytesCutAnywhere(bytes32 seed, uint8 size, uint256 cut) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        bytes memory packed = pack(payments);
        uint256 length = 1 + (cut % (packed.length - 1));
        uint256 offset = 0;
        for (uint256 i = 0; offset + 70 + payments[i].payload.length <= length; ++i) {
            offset += 70 + payments[i].payload.length;
        }
        vm.assume(offset != length);
        assembly ("memory-safe") {
            mstore(packed, length)
        }
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentRecordRegistry.PackedPaymentIncomplete.selector, offset, length)
        );
        registry.publishPayments(packed);
    }

    /// @dev Whatever the bytes: a root and one publication in the head, or nothing at all.
    function testFuzz_publishTakesAnyBytesOrLeavesNoTrace(bytes calldata packed) public {
        try registry.publishPayments(packed) returns (bytes32 root) {
            assertEq(root == 0 ? 1 : 0, 0);
            assertEq(registry.headOf(address(this)) == 0 ? 1 : 0, 0);
        } catch {
            assertEq(registry.headOf(address(this)), 0);
        }
    }

    function expectRefusedVersion(bytes32 orderKey, uint32 version, uint32 latest) private {
        if (version == 0) {
            vm.expectRevert(abi.encodeWithSelector(IPaymentRecordRegistry.PaymentVersionZero.selector, 0));
        } else if (version <= latest) {
            bytes32 recorded = keccak256(abi.encode(keccak256(abi.encode(version)), keccak256("payload")));
            vm.expectRevert(
                abi.encodeWithSelector(
                    IRecordBook.EntryAlreadyRecorded.selector,
                    address(this),
                    keyOf(orderKey, version),
                    recorded
                )
            );
        } else {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IPaymentRecordRegistry.PaymentVersionSkipped.selector,
                    address(this),
                    orderKey,
                    version
                )
            );
        }
    }
}

contract RecordPaymentsForFuzzTest is PaymentTest {
    PaymentRecordRegistry private registry = newRegistry();

    function testFuzz_anyoneRelaysWhatTheOfficeSigned(address relayer, bytes32 seed, uint8 size) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        IRecordBook.Entry[] memory entries = entriesOf(payments);
        bytes memory signature = signatureFor(registry, entries);
        vm.prank(relayer);
        registry.recordPaymentsFor(author, payments, DEADLINE, signature);
        assertEq(registry.headOf(author), foldOf(0, entries));
    }

    function testFuzz_refusesAReplay(bytes32 seed, uint8 size) public {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        IRecordBook.Entry[] memory entries = entriesOf(payments);
        bytes memory signature = signatureFor(registry, entries);
        registry.recordPaymentsFor(author, payments, DEADLINE, signature);
        vm.expectRevert(
            abi.encodeWithSelector(IRecordBook.EntryAlreadyRecorded.selector, author, entries[0].key, entries[0].digest)
        );
        registry.recordPaymentsFor(author, payments, DEADLINE, signature);
    }

    function testFuzz_refusesAPayloadThatWasNotSigned(bytes32 seed, uint8 size, uint8 place, bytes1 change) public {
        vm.assume(change != 0);
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        bytes memory signature = signatureFor(registry, entriesOf(payments));
        payments[place % payments.length].payload[0] ^= change;
        expectSignatureInvalid(registry, author, entriesOf(payments), DEADLINE);
        registry.recordPaymentsFor(author, payments, DEADLINE, signature);
    }

    function testFuzz_aContractWalletIsAnOffice(bytes32 seed, uint8 size) public {
        address wallet = address(new SignerWallet(author));
        IPaymentRecordRegistry.Payment[] memory payments = paymentsFrom(seed, size);
        IRecordBook.Entry[] memory entries = entriesOf(payments);
        bytes32 digest = digestOfBatch(block.chainid, address(registry), wallet, entries, DEADLINE);
        registry.recordPaymentsFor(wallet, payments, DEADLINE, signatureOf(AUTHOR_KEY, digest));
        assertEq(registry.headOf(wallet), foldOf(0, entries));
        assertEq(registry.headOf(author), 0);
    }
}
