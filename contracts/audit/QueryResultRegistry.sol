// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {RecordBook} from "../RecordBook.sol";
import {IQueryResultRegistry} from "./IQueryResultRegistry.sol";

/// @title Digests of answers to queries, by serial number
contract QueryResultRegistry is IQueryResultRegistry, RecordBook {
    constructor(address gate_) RecordBook(gate_) {}

    /// @inheritdoc RecordBook
    function _recorded(bytes32 key, address author, bytes32 digest) internal override {
        emit ResultRecorded(key, author, digest);
    }
}
