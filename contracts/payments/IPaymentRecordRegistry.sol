// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../IRecordBook.sol";

/**
 * @title Payment records, by order and version
 * @notice A record book whose authors are offices that collect or pay. An order's first record has version 1; whatever is
 * said of it later, a correction, a reversal or a refund, is the next version under the same order key. Nothing is
 * overwritten, no version is skipped, and nobody adds to another office's versions.
 *
 * @dev `orderKey = keccak256(orderId)`, the id in UTF-8. What the book keeps under it (‖ joins, versions take a word):
 *
 * - key of an entry:    `paymentKey = keccak256(orderKey ‖ version)`
 * - digest of an entry: `paymentEntryDigest = keccak256(digest ‖ keccak256(payload))`
 *
 * so `digestOf`, head and Merkle leaves vouch for the payload in the event too. `digest` is the EIP-712 hash of the
 * record, `Payment(bytes32 orderKey,address office,uint32 version,string kind,string category,string period,int256
 * amountMinor,string currency,string paidAt,string authority,string payerTag,string fields,bytes32 previousDigest,bytes32
 * salt)`, in this registry's domain. The book checks neither its form nor that of the payload: what does not fit is the
 * office's loss. Never personal data in clear: the payload stays for ever.
 *
 * Entries without order, version and payload have no place here: `record`, `recordBatch`, `recordFor` and `publish` of
 * {IRecordBook} are refused with RawEntryRefused. `anchor` and every way to read are the book's own.
 *
 * Errors name the `position` of the payment they refuse: its index in the call, or, in packed bytes, the offset of its
 * first byte.
 */
interface IPaymentRecordRegistry is IRecordBook {
    /// @notice One version of what an office says about an order.
    struct Payment {
        bytes32 orderKey;
        uint32 version;
        bytes32 digest;
        bytes payload;
    }

    /// @notice A version was recorded, at most once per (office, orderKey, version), and after the one before it.
    event PaymentRecorded(
        bytes32 indexed orderKey,
        address indexed office,
        uint32 version,
        bytes32 digest,
        bytes payload
    );

    /**
     * @notice Every payment was made public at once; `root` was computed from them on chain.
     * @dev Versions may have been written before, and may skip: readers flag both.
     * @param root Root of the `@openzeppelin/merkle-tree` standard tree over (paymentKey, paymentEntryDigest), leaves in the
     * order of `payments`.
     * @param payments Packed as in {publishPayments}.
     */
    event PaymentsPublished(bytes32 indexed root, address indexed office, bytes payments);

    /// @notice This registry takes payments only: through `recordPayment`, `recordPayments`, `recordPaymentsFor`,
    /// `publishPayments`.
    error RawEntryRefused();

    /// @notice Versions count from 1.
    error PaymentVersionZero(uint256 position);

    /// @notice `office` has not recorded the version before `version`.
    error PaymentVersionSkipped(address office, bytes32 orderKey, uint32 version);

    /// @notice A payload has at least one byte.
    error PaymentPayloadEmpty(uint256 position);

    /// @notice A payload has at most 1,024 bytes.
    error PaymentPayloadTooLong(uint256 position, uint256 length);

    /// @notice The payment that begins at byte `offset` of the packed bytes ends past their `length`.
    error PackedPaymentIncomplete(uint256 offset, uint256 length);

    /**
     * @notice Records one version under the caller.
     * @dev Reverts with GateRequired, EntryKeyEmpty (the order key), EntryDigestEmpty, PaymentVersionZero,
     * PaymentPayloadEmpty, PaymentPayloadTooLong, PaymentVersionSkipped or EntryAlreadyRecorded (with key and digest of the
     * entry).
     */
    function recordPayment(bytes32 orderKey, uint32 version, bytes32 digest, bytes calldata payload) external;

    /**
     * @notice Records many versions under the caller, in order, several of one order among them; all or none.
     * @dev Reverts as {recordPayment}, and with BatchEmpty.
     */
    function recordPayments(Payment[] calldata payments) external;

    /**
     * @notice Records versions that `office` signed, whoever sends them; behind a gate only the gate may.
     * @dev What is signed is the book's own `RecordBatch` over the entries: `batchHash = keccak256(paymentKey0 ‖
     * paymentEntryDigest0 ‖ paymentKey1 ‖ …)`. Reverts as {recordPayments}, and with BatchExpired or BatchSignatureInvalid.
     * @param deadline Last block timestamp (Unix seconds) at which the batch is accepted.
     * @param signature Of the batch digest: 65 bytes r ‖ s ‖ v for an account, any form for a contract wallet.
     */
    function recordPaymentsFor(
        address office,
        Payment[] calldata payments,
        uint256 deadline,
        bytes calldata signature
    ) external;

    /**
     * @notice Makes many payments public in one event, without a storage slot each; nothing can be withheld.
     * @dev `digestOf` does not know them, nor does {recordPayment} go on from them. Reverts as {recordPayment} on what can
     * be seen in the bytes, and with BatchEmpty or PackedPaymentIncomplete.
     * @param payments One after another without gaps: orderKey (32 bytes), version (4, big-endian), digest (32), length of
     * the payload (2, big-endian), payload.
     * @return root As in {PaymentsPublished}.
     */
    function publishPayments(bytes calldata payments) external returns (bytes32 root);

    /// @notice The last version of an order that `office` recorded; zero when none. Published ones are not counted.
    function latestVersionOf(address office, bytes32 orderKey) external view returns (uint32 version);

    /// @notice Under which key of the book a version stands.
    function paymentKey(bytes32 orderKey, uint32 version) external pure returns (bytes32 key);

    /// @notice Which digest the book keeps for a payment.
    function paymentEntryDigest(bytes32 digest, bytes calldata payload) external pure returns (bytes32 entryDigest);
}
