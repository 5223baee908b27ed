// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {IPaymentRecordRegistry} from "../../../contracts/payments/IPaymentRecordRegistry.sol";
import {PaymentRecordRegistry} from "../../../contracts/payments/PaymentRecordRegistry.sol";
import {RecordBookTest} from "./RecordBookTest.sol";

/**
 * @dev Base of the payment registry's tests. The formulas are written out once more, in the plainest Solidity, from the
 * words of `IPaymentRecordRegistry`; nothing of the contract's own code is used.
 */
abstract contract PaymentTest is RecordBookTest {
    function newRegistry() internal returns (PaymentRecordRegistry) {
        return new PaymentRecordRegistry(address(0));
    }

    function keyOf(bytes32 orderKey, uint256 version) internal pure returns (bytes32) {
        return keccak256(abi.encode(orderKey, version));
    }

    function entryOf(
        IPaymentRecordRegistry.Payment memory payment
    ) internal pure returns (IRecordBook.Entry memory entry) {
        return
            IRecordBook.Entry(
                keyOf(payment.orderKey, payment.version),
                keccak256(abi.encode(payment.digest, keccak256(payment.payload)))
            );
    }

    function entriesOf(
        IPaymentRecordRegistry.Payment[] memory payments
    ) internal pure returns (IRecordBook.Entry[] memory entries) {
        entries = new IRecordBook.Entry[](payments.length);
        for (uint256 i = 0; i < payments.length; ++i) {
            entries[i] = entryOf(payments[i]);
        }
    }

    function pack(IPaymentRecordRegistry.Payment[] memory payments) internal pure returns (bytes memory packed) {
        for (uint256 i = 0; i < payments.length; ++i) {
            packed = bytes.concat(
                packed,
                abi.encodePacked(
                    payments[i].orderKey,
                    payments[i].version,
                    payments[i].digest,
                    uint16(payments[i].payload.length),
                    payments[i].payload
                )
            );
        }
    }

    /// @dev 1 to 16 payments of up to 3 orders, each order's versions from 1 on; payloads of 1 to 100 bytes.
    function paymentsFrom(
        bytes32 seed,
        uint8 size
    ) internal pure returns (IPaymentRecordRegistry.Payment[] memory payments) {
        payments = new IPaymentRecordRegistry.Payment[]((size % 16) + 1);
        uint32[3] memory versions;
        for (uint256 i = 0; i < payments.length; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            uint256 order = random % 3;
            payments[i].orderKey = keccak256(abi.encode(seed, "order", order));
            payments[i].version = ++versions[order];
            payments[i].digest = keccak256(abi.encode(seed, "digest", i));
            payments[i].payload = payloadFrom(random, 1 + ((random >> 8) % 100));
        }
    }

    function payloadFrom(uint256 random, uint256 length) internal pure returns (bytes memory payload) {
        payload = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            payload[i] = bytes1(uint8(random >> (i % 32)));
        }
    }
}
