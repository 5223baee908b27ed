// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/**
 * @title Author-keyed, write-once digests with a rolling head
 * @notice Anyone writes under their own address, and only there. What stands is never overwritten and never deleted;
 * nobody owns, pauses or upgrades a book.
 *
 * Four ways to write, by cost: `record` and `recordBatch` (a storage slot each), `recordFor` (the same, signed by the
 * author and sent by anyone), `publish` (every pair in an event, no slot) and `anchor` (a Merkle root only).
 *
 * @dev The head of an author starts at zero and takes in everything the author writes, in order (‖ joins 32-byte words):
 *
 * - a record:      `head' = keccak256(head ‖ key ‖ digest)`
 * - a publication: `head' = keccak256(head ‖ keccak256("countersign.publication.v1") ‖ root ‖ count)`
 * - an anchor:     `head' = keccak256(head ‖ keccak256("countersign.anchor.v1") ‖ root ‖ leafCount)`
 *
 * Three words against four: a record never folds like a root. Whoever replays the events of an author and arrives at
 * `headOf` has all of them, unaltered and in order.
 *
 * Signed batches are EIP-712 typed data in the domain {name "Countersign", version "1", chainId, verifyingContract},
 * readable through `eip712Domain()` (ERC-5267): `RecordBatch(address author,bytes32 batchHash,uint256 deadline)` with
 * `batchHash = keccak256(key0 ‖ digest0 ‖ key1 ‖ …)`. No nonce: a batch sent twice fails on the keys it wrote first.
 *
 * Storage layout, for `eth_getProof`: `digest[author][key]` lies at
 * `keccak256(key ‖ keccak256(author ‖ 2))`, `head[author]` at `keccak256(author ‖ 3)`, both mappings in that order
 * (slots 0 and 1 belong to OpenZeppelin's EIP712 and stay empty).
 */
interface IRecordBook {
    /// @notice What an author writes: a key of its own choosing, once, and the digest it stands for. Neither is zero.
    struct Entry {
        bytes32 key;
        bytes32 digest;
    }

    /**
     * @notice Every pair was made public at once; `root` was computed from them on chain.
     * @dev Keys may have been written before: the first write of a key in chain order counts.
     * @param root Root of the `@openzeppelin/merkle-tree` standard tree over (bytes32 key, bytes32 digest), leaves in the
     * order of `entries`.
     */
    event Published(bytes32 indexed root, address indexed author, Entry[] entries);

    /**
     * @notice The author committed to `leafCount` entries by their root alone and serves the leaves itself.
     * @param root The author's word: nothing on chain checks that a tree of that root exists.
     * @param manifestURI Where the author serves the leaves; any form, possibly empty.
     */
    event Anchored(bytes32 indexed root, address indexed author, uint64 leafCount, string manifestURI);

    /// @notice The key at position `index` of the call is zero.
    error EntryKeyEmpty(uint256 index);

    /// @notice The digest for `key` is zero, which means "nothing recorded".
    error EntryDigestEmpty(bytes32 key);

    /// @notice `key` stands already, from an earlier transaction or from earlier in this batch, even with this digest.
    error EntryAlreadyRecorded(address author, bytes32 key, bytes32 recordedDigest);

    /// @notice A batch has at least one entry.
    error BatchEmpty();

    /// @notice The batch was valid up to `deadline` (Unix seconds).
    error BatchExpired(uint256 deadline, uint256 blockTimestamp);

    /// @notice `author` did not sign `batchDigest`, the EIP-712 digest of author, entries and deadline in this registry.
    error BatchSignatureInvalid(address author, bytes32 batchDigest);

    /// @notice This book takes only `recordFor` called by `gate`.
    error GateRequired(address gate, address caller);

    /// @notice An anchor names a root.
    error AnchorRootEmpty();

    /// @notice An anchor stands for at least one leaf.
    error AnchorLeafCountZero(bytes32 root);

    /**
     * @notice Records one entry under the caller.
     * @dev Reverts with GateRequired behind a gate, EntryKeyEmpty (index 0), EntryDigestEmpty or EntryAlreadyRecorded.
     */
    function record(bytes32 key, bytes32 digest) external;

    /**
     * @notice Records many entries under the caller, in order; all of them or none.
     * @dev About half the price of `record` an entry from ten on. Reverts as `record`, and with BatchEmpty.
     */
    function recordBatch(Entry[] calldata entries) external;

    /**
     * @notice Records entries that `author` signed, whoever sends them; behind a gate only the gate may.
     * @dev Contract wallets sign by ERC-1271. A batch stands for itself: one that fails holds up none signed after it.
     * Reverts with GateRequired, BatchEmpty, BatchExpired, BatchSignatureInvalid, and as `record`.
     * @param author Whose entries these are, and who signed.
     * @param deadline Last block timestamp (Unix seconds) at which the batch is accepted.
     * @param signature Of the batch digest: 65 bytes r ‖ s ‖ v for an account, any form for a contract wallet.
     */
    function recordFor(address author, Entry[] calldata entries, uint256 deadline, bytes calldata signature) external;

    /**
     * @notice Makes many entries public in one event, without a storage slot each; nothing can be withheld.
     * @dev `digestOf` does not know them. A key may repeat: the first write in chain order counts, a later one is for
     * readers to flag. Reverts with GateRequired, BatchEmpty, EntryKeyEmpty or EntryDigestEmpty.
     * @return root As in {Published}.
     */
    function publish(Entry[] calldata entries) external returns (bytes32 root);

    /**
     * @notice Commits to the root of a tree that the author keeps and serves.
     * @dev Reverts with GateRequired, AnchorRootEmpty or AnchorLeafCountZero. Meanings as in {Anchored}.
     */
    function anchor(bytes32 root, uint64 leafCount, string calldata manifestURI) external;

    /// @notice The digest that `author` recorded for `key`; zero when none. Published and anchored entries are not here.
    function digestOf(address author, bytes32 key) external view returns (bytes32 digest);

    /// @notice As {digestOf}, for many keys of one author in the order given.
    function digestsOf(address author, bytes32[] calldata keys) external view returns (bytes32[] memory digests);

    /// @notice The fold of everything `author` has written; zero when nothing.
    function headOf(address author) external view returns (bytes32 head);

    /// @notice The only account whose `recordFor` is accepted; zero when the book is open to all. Never changes.
    function gate() external view returns (address);

    /// @notice EIP-712 domain separator of this registry on this chain; follows the chain id through a fork.
    function domainSeparator() external view returns (bytes32);
}
