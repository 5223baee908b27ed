// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/**
 * @title Who is who: accounts, their roles, where to reach them and where their records are kept
 * @notice Read off chain. No record book asks the directory: a record made while its author was suspended stands, and
 * whoever shows it flags it.
 * @dev Administered through an OpenZeppelin AccessManager; functions marked "restricted" revert with AccessManaged's
 * `AccessManagedUnauthorized(caller)` for everybody it does not allow. Roles are bits of a set, by number: provider 0,
 * proxy 1, tax office 2, credential issuer 3, client 4, endorser 5, compute node 6, data owner 7, data demander 8.
 *
 * The directory has a rolling head over its own events, as a record book has one for each author. It starts at zero and
 * takes in every log of the four events below, in order, as the chain keeps it (‖ joins bytes):
 *
 *     head' = keccak256(head ‖ topic0 ‖ topic1 ‖ … ‖ data)
 *
 * The first topic says which event it is, and with that how many topics there are, so no two logs fold alike. Whoever
 * replays the events and arrives at `headOfDirectory` has all of them, unaltered and in order.
 */
interface IParticipantDirectory {
    /// @notice `None`: never registered. `Suspended` can become `Active` again, `Retired` is final.
    enum Status {
        None,
        Active,
        Suspended,
        Retired
    }

    struct Participant {
        /// @dev Bit set of role numbers; never zero for a registered participant.
        uint256 roles;
        Status status;
        /// @dev Unix seconds.
        uint64 registeredAt;
        /// @dev Unix seconds of the last change of anything but books: registration, update or status.
        uint64 changedAt;
        /// @dev UTF-8, at most 128 bytes.
        string name;
        /// @dev URL of the participant's server, at most 256 bytes; may be empty.
        string endpoint;
        /// @dev URI of anything further (`data:` too), at most 2,048 bytes; may be empty.
        string metadataURI;
    }

    /// @notice Where the records of one role of a participant are kept; both zero when nowhere named.
    struct Book {
        uint64 chainId;
        address registry;
    }

    event ParticipantRegistered(
        address indexed account,
        uint256 roles,
        string name,
        string endpoint,
        string metadataURI
    );

    event ParticipantUpdated(address indexed account, uint256 roles, string name, string endpoint, string metadataURI);

    /// @notice The status changed; a registration makes `Active` and emits this too.
    event ParticipantStatusChanged(address indexed account, Status status);

    /// @notice From here on the records of that role are written to `registry` on chain `chainId`; earlier ones stay
    /// where earlier events of this kind say.
    event ParticipantBookSet(address indexed account, uint8 indexed role, uint64 chainId, address registry);

    error ParticipantAccountZero();
    error ParticipantUnknown(address account);
    error ParticipantAlreadyRegistered(address account);
    /// @notice Retired is final: nothing about this participant changes any more.
    error ParticipantRetired(address account);
    error ParticipantRolesEmpty(address account);
    /// @notice `roles` has a bit that stands for no role.
    error ParticipantRolesUnknown(address account, uint256 roles);
    error ParticipantStatusUnchanged(address account, Status status);
    /// @notice A registered participant cannot go back to `None`.
    error ParticipantStatusInvalid(address account, Status status);
    /// @notice A book has a chain and a registry, or neither.
    error ParticipantBookIncomplete(address account, uint8 role, uint64 chainId, address registry);
    /// @notice The text of `field` is longer than `maxLength` bytes.
    error ParticipantTextTooLong(string field, uint256 length, uint256 maxLength);
    error RoleUnknown(uint8 role);

    /**
     * @notice Adds a participant, active at once. Restricted.
     * @dev Reverts with ParticipantAccountZero, ParticipantAlreadyRegistered, ParticipantRolesEmpty,
     * ParticipantRolesUnknown or ParticipantTextTooLong. Bounds as in {Participant}.
     */
    function register(
        address account,
        uint256 roles,
        string calldata name,
        string calldata endpoint,
        string calldata metadataURI
    ) external;

    /**
     * @notice Replaces roles, name, endpoint and metadata URI. Restricted.
     * @dev Reverts with ParticipantUnknown or ParticipantRetired, and as {register}.
     */
    function update(
        address account,
        uint256 roles,
        string calldata name,
        string calldata endpoint,
        string calldata metadataURI
    ) external;

    /**
     * @notice Activates, suspends or retires a participant. Restricted.
     * @dev Reverts with ParticipantUnknown, ParticipantRetired, ParticipantStatusInvalid or ParticipantStatusUnchanged.
     */
    function setStatus(address account, Status status) external;

    /**
     * @notice Names the registry, on any chain, where a participant keeps the records of one role; zero for both takes
     * the name back. Restricted.
     * @dev Reverts with ParticipantUnknown, ParticipantRetired, RoleUnknown or ParticipantBookIncomplete. A participant
     * need not have the role yet.
     */
    function setBook(address account, uint8 role, uint64 chainId, address registry) external;

    /// @notice All members zero and empty, with status `None`, for an account that was never registered.
    function participantOf(address account) external view returns (Participant memory participant);

    /// @notice Both members zero when no book is named.
    function bookOf(address account, uint8 role) external view returns (Book memory book);

    /// @notice How many were ever registered; nobody is ever removed.
    function participantCount() external view returns (uint256 count);

    /// @notice At most `limit` accounts from position `offset` on, in order of registration; fewer at the end, none past it.
    function participants(uint256 offset, uint256 limit) external view returns (address[] memory accounts);

    /// @notice The head over all events so far; zero before the first.
    function headOfDirectory() external view returns (bytes32 head);

    /// @notice Whether `account` is active now and has the role; false for a role number that stands for none.
    function hasRole(address account, uint8 role) external view returns (bool);

    /**
     * @notice The status at the end of second `timestamp` (Unix); `None` before registration.
     * @dev For a time yet to come, the status now. Of several changes in one second the last counts.
     */
    function statusAt(address account, uint48 timestamp) external view returns (Status status);
}
