// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../IRecordBook.sol";

/**
 * @title Digests of answers to queries, by serial number
 * @notice A record book whose authors are service providers, whose keys are the serials of queries, and whose digests are
 * those of the answers. Several providers may answer one serial.
 * @dev A serial is a ULID: its 26 ASCII characters, right-padded with zero bytes. A digest is the EIP-712 hash of
 * `QueryResult(bytes32 serial,address provider,bytes32 contentHash,bytes32 salt)` in this registry's domain; the salt
 * keeps answers such as yes and no from being guessed. The book checks neither form: what does not fit is the author's loss.
 */
interface IQueryResultRegistry is IRecordBook {
    /// @notice A provider's answer to one query was recorded, at most once per (serial, provider).
    event ResultRecorded(bytes32 indexed serial, address indexed provider, bytes32 digest);
}
