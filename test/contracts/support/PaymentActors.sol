// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {IPaymentRecordRegistry} from "../../../contracts/payments/IPaymentRecordRegistry.sol";
import {PaymentRecordRegistry} from "../../../contracts/payments/PaymentRecordRegistry.sol";
import {PaymentTest} from "./PaymentTest.sol";
import {Vm} from "./CheatCodes.sol";

/**
 * @dev What the invariant tests call at random: a few offices write to one registry in every way, over a handful of orders
 * and versions so that they meet often. Like {RecordBookActors} they believe nothing but the events.
 */
contract PaymentActors is PaymentTest {
    uint256 public constant OFFICES = 3;
    uint256 public constant ORDERS = 5;

    struct Written {
        address office;
        bytes32 key;
        bytes32 digest;
    }

    PaymentRecordRegistry public immutable registry;
    address public immutable gate;

    /// @dev From the events.
    mapping(address office => bytes32 head) public foldedHead;
    mapping(address office => mapping(bytes32 orderKey => uint256 version)) public lastVersion;
    Written[] private _written;
    /// @dev From the calls that went through: payments recorded, publications and anchors.
    uint256 public writes;
    uint256 public writesByGate;
    uint256 public events;
    uint256 public refusals;

    constructor(address gate_) {
        gate = gate_;
        registry = new PaymentRecordRegistry(gate_);
    }

    function recordPayment(uint8 office, uint8 order, uint8 version, bytes32 digest, uint8 length) external {
        bytes32 orderKey = orderKeyAt(order);
        uint256 next = lastVersion[officeAt(office)][orderKey] + 1;
        IPaymentRecordRegistry.Payment memory payment = IPaymentRecordRegistry.Payment(
            orderKey,
            uint32(version % 2 == 0 ? next : version % 8),
            digest,
            payloadFrom(uint256(digest), length % 70)
        );
        vm.recordLogs();
        vm.prank(officeAt(office));
        try registry.recordPayment(payment.orderKey, payment.version, payment.digest, payment.payload) {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function recordPayments(uint8 office, uint8 size, bytes32 seed) external {
        IPaymentRecordRegistry.Payment[] memory payments = paymentsAt(officeAt(office), size, seed);
        vm.recordLogs();
        vm.prank(officeAt(office));
        try registry.recordPayments(payments) {
            replay(payments.length);
        } catch {
            ++refusals;
        }
    }

    function recordPaymentsFor(uint8 office, bool byGate, address sender, uint8 size, bytes32 seed) external {
        address signer = officeAt(office);
        IPaymentRecordRegistry.Payment[] memory payments = paymentsAt(signer, size, seed);
        bytes32 digest = digestOfBatch(block.chainid, address(registry), signer, entriesOf(payments), DEADLINE);
        bytes memory signature = signatureOf(keyAt(office), digest);
        if (byGate) sender = gate;
        vm.recordLogs();
        vm.prank(sender);
        try registry.recordPaymentsFor(signer, payments, DEADLINE, signature) {
            replay(payments.length);
            if (sender == gate) writesByGate += payments.length;
        } catch {
            ++refusals;
        }
    }

    function publishPayments(uint8 office, uint8 size, bytes32 seed, uint8 cut) external {
        bytes memory packed = pack(paymentsAt(officeAt(office), size, seed));
        // Now and then a byte short.
        if (cut % 8 == 0 && packed.length > 0) {
            assembly ("memory-safe") {
                mstore(packed, sub(mload(packed), 1))
            }
        }
        vm.recordLogs();
        vm.prank(officeAt(office));
        try registry.publishPayments(packed) {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function anchor(uint8 office, bytes32 root, uint64 leafCount) external {
        vm.recordLogs();
        vm.prank(officeAt(office));
        try registry.anchor(root, leafCount, "https://leaves.example") {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function recordRaw(uint8 office, bytes32 key, bytes32 digest) external {
        vm.recordLogs();
        vm.prank(officeAt(office));
        try registry.record(key, digest) {
            replay(1);
        } catch {
            ++refusals;
        }
    }

    function officeAt(uint256 seed) public pure returns (address) {
        return vm.addr(keyAt(seed));
    }

    /// @dev Order 0 has the empty key.
    function orderKeyAt(uint256 seed) public pure returns (bytes32) {
        return bytes32(seed % ORDERS);
    }

    function writtenCount() external view returns (uint256) {
        return _written.length;
    }

    function writtenAt(uint256 index) external view returns (Written memory) {
        return _written[index];
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
        if (kind == IPaymentRecordRegistry.PaymentsPublished.selector) {
            uint256 count = countOf(abi.decode(log.data, (bytes)));
            return foldOfRoot(head, "countersign.publication.v1", subject, count);
        }
        if (kind == IRecordBook.Anchored.selector) {
            (uint64 leafCount, ) = abi.decode(log.data, (uint64, string));
            return foldOfRoot(head, "countersign.anchor.v1", subject, leafCount);
        }
        assertEq(kind, IPaymentRecordRegistry.PaymentRecorded.selector);
        IPaymentRecordRegistry.Payment memory payment;
        payment.orderKey = subject;
        (payment.version, payment.digest, payment.payload) = abi.decode(log.data, (uint32, bytes32, bytes));
        assertEq(payment.version, ++lastVersion[writer][subject]);
        IRecordBook.Entry memory entry = entryOf(payment);
        _written.push(Written(writer, entry.key, entry.digest));
        return keccak256(abi.encodePacked(head, entry.key, entry.digest));
    }

    function countOf(bytes memory packed) private pure returns (uint256 count) {
        for (uint256 offset = 0; offset < packed.length; ++count) {
            offset += 70 + uint256(uint8(packed[offset + 68])) * 256 + uint8(packed[offset + 69]);
        }
    }

    /// @dev 0 to 4 payments, mostly of the version that is next; now and then another, an empty order key, no payload.
    function paymentsAt(
        address office,
        uint8 size,
        bytes32 seed
    ) private view returns (IPaymentRecordRegistry.Payment[] memory payments) {
        payments = new IPaymentRecordRegistry.Payment[](size % 5);
        uint256[ORDERS] memory added;
        for (uint256 i = 0; i < payments.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            // Order 0 comes more rarely than the others: it is refused.
            uint256 order = random % 32 == 0 ? 0 : 1 + (random % (ORDERS - 1));
            uint256 next = lastVersion[office][orderKeyAt(order)] + ++added[order];
            payments[i] = IPaymentRecordRegistry.Payment(
                orderKeyAt(order),
                uint32((random >> 8) % 16 == 0 ? (random >> 16) % 8 : next),
                bytes32(random),
                payloadFrom(random, (random >> 24) % 70)
            );
        }
    }

    function keyAt(uint256 seed) private pure returns (uint256 privateKey) {
        return AUTHOR_KEY + (seed % OFFICES);
    }
}
