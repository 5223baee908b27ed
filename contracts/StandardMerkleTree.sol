// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/**
 * @title Merkle roots in the standard form of `@openzeppelin/merkle-tree`
 * @dev The same root as `StandardMerkleTree.of(values, ['bytes32', 'bytes32'], { sortLeaves: false })`: leaves in the
 * order given, hashed twice (so that no inner node passes for a leaf), pairs hashed in ascending order.
 */
library StandardMerkleTree {
    /// @dev `keccak256(keccak256(abi.encode(first, second)))`.
    function leafOf(bytes32 first, bytes32 second) internal pure returns (bytes32 leaf) {
        assembly ("memory-safe") {
            mstore(0x00, first)
            mstore(0x20, second)
            mstore(0x00, keccak256(0x00, 0x40))
            leaf := keccak256(0x00, 0x20)
        }
    }

    /**
     * @dev Root of the leaves in the first half of `nodes`, whose length is `2 * leaves - 1` (at least 1); the second half
     * is overwritten with the inner nodes, the root last.
     *
     * The npm package counts its nodes from the root; counted from the leaves instead, as here, the tree fills up like a
     * queue: two nodes are taken from the front and their parent is put at the back, until one is left.
     */
    function rootOf(bytes32[] memory nodes) internal pure returns (bytes32 root) {
        uint256 taken = 0;
        for (uint256 next = (nodes.length + 1) / 2; next < nodes.length; ++next) {
            nodes[next] = Hashes.commutativeKeccak256(nodes[taken], nodes[taken + 1]);
            taken += 2;
        }
        return nodes[nodes.length - 1];
    }
}
