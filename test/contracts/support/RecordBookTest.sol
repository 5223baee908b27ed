// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecordBook} from "../../../contracts/IRecordBook.sol";
import {QueryResultRegistry} from "../../../contracts/audit/QueryResultRegistry.sol";
import {CheatCodes} from "./CheatCodes.sol";

/**
 * @dev Base of the record book's tests. The formulas are written out once more, in the plainest Solidity, from the words
 * of `IRecordBook`; nothing of the contract's own code is used.
 */
abstract contract RecordBookTest is CheatCodes {
    uint256 internal constant AUTHOR_KEY = 0xA11CE;
    uint256 internal constant DEADLINE = 2_000_000_000;

    address internal immutable author = vm.addr(AUTHOR_KEY);

    function newBook() internal returns (QueryResultRegistry book) {
        return new QueryResultRegistry(address(0));
    }

    /// @dev 1 to 32 entries with distinct keys, from whatever the fuzzer gives.
    function entriesFrom(bytes32 seed, uint8 size) internal pure returns (IRecordBook.Entry[] memory entries) {
        entries = new IRecordBook.Entry[]((size % 32) + 1);
        for (uint256 i = 0; i < entries.length; ++i) {
            entries[i].key = keccak256(abi.encode(seed, "key", i));
            entries[i].digest = keccak256(abi.encode(seed, "digest", i));
        }
    }

    function foldOf(bytes32 head, IRecordBook.Entry[] memory entries) internal pure returns (bytes32) {
        for (uint256 i = 0; i < entries.length; ++i) {
            head = keccak256(abi.encodePacked(head, entries[i].key, entries[i].digest));
        }
        return head;
    }

    function foldOfRoot(bytes32 head, string memory tag, bytes32 root, uint256 count) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(head, keccak256(bytes(tag)), root, count));
    }

    function digestOfBatch(
        uint256 chainId,
        address registry,
        address signer,
        IRecordBook.Entry[] memory entries,
        uint256 deadline
    ) internal pure returns (bytes32) {
        bytes memory packed;
        for (uint256 i = 0; i < entries.length; ++i) {
            packed = bytes.concat(packed, entries[i].key, entries[i].digest);
        }
        bytes32 typeHash = keccak256("RecordBatch(address author,bytes32 batchHash,uint256 deadline)");
        return typedDigest(chainId, registry, keccak256(abi.encode(typeHash, signer, keccak256(packed), deadline)));
    }

    /// @dev By EIP-712, in the domain of `registry`.
    function typedDigest(uint256 chainId, address registry, bytes32 structHash) internal pure returns (bytes32) {
        bytes32 separator = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Countersign"),
                keccak256("1"),
                chainId,
                registry
            )
        );
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function signatureOf(uint256 privateKey, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(privateKey, digest);
        return abi.encodePacked(r, s, v);
    }

    /// @dev A batch of `author` for `book` on this chain, valid until DEADLINE.
    function signatureFor(IRecordBook book, IRecordBook.Entry[] memory entries) internal view returns (bytes memory) {
        return signatureOf(AUTHOR_KEY, digestOfBatch(block.chainid, address(book), author, entries, DEADLINE));
    }

    /// @dev Expects the revert of a batch whose signature does not fit what the registry is asked to record.
    function expectSignatureInvalid(
        IRecordBook book,
        address signer,
        IRecordBook.Entry[] memory entries,
        uint256 deadline
    ) internal {
        bytes32 digest = digestOfBatch(block.chainid, address(book), signer, entries, deadline);
        vm.expectRevert(abi.encodeWithSelector(IRecordBook.BatchSignatureInvalid.selector, signer, digest));
    }
}
