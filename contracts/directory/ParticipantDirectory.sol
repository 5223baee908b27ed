// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";

import {IParticipantDirectory} from "./IParticipantDirectory.sol";

/// @title Who is who: accounts, their roles, where to reach them and where their records are kept
contract ParticipantDirectory is IParticipantDirectory, AccessManaged {
    using Checkpoints for Checkpoints.Trace208;

    uint8 private constant ROLE_COUNT = 9;
    uint256 private constant NAME_MAX_BYTES = 128;
    uint256 private constant ENDPOINT_MAX_BYTES = 256;
    uint256 private constant METADATA_URI_MAX_BYTES = 2048;

    mapping(address account => Participant) private _participants;
    mapping(address account => mapping(uint8 role => Book)) private _books;
    /// @dev Values are `Status`, keys the block timestamp of the change.
    mapping(address account => Checkpoints.Trace208) private _statusHistory;
    address[] private _accounts;
    bytes32 private _head;

    /// @param accessManager OpenZeppelin AccessManager that says who may call the restricted functions.
    constructor(address accessManager) AccessManaged(accessManager) {}

    /// @inheritdoc IParticipantDirectory
    function register(
        address account,
        uint256 roles,
        string calldata name,
        string calldata endpoint,
        string calldata metadataURI
    ) external restricted {
        if (account == address(0)) revert ParticipantAccountZero();
        Participant storage participant = _participants[account];
        if (participant.status != Status.None) revert ParticipantAlreadyRegistered(account);

        _describe(participant, account, roles, name, endpoint, metadataURI);
        participant.registeredAt = uint64(block.timestamp);
        _accounts.push(account);
        emit ParticipantRegistered(account, roles, name, endpoint, metadataURI);
        _takeIn(ParticipantRegistered.selector, account, abi.encode(roles, name, endpoint, metadataURI));
        _changeStatus(participant, account, Status.Active);
    }

    /// @inheritdoc IParticipantDirectory
    function update(
        address account,
        uint256 roles,
        string calldata name,
        string calldata endpoint,
        string calldata metadataURI
    ) external restricted {
        _describe(_changeable(account), account, roles, name, endpoint, metadataURI);
        emit ParticipantUpdated(account, roles, name, endpoint, metadataURI);
        _takeIn(ParticipantUpdated.selector, account, abi.encode(roles, name, endpoint, metadataURI));
    }

    /// @inheritdoc IParticipantDirectory
    function setStatus(address account, Status status) external restricted {
        Participant storage participant = _changeable(account);
        if (status == Status.None) revert ParticipantStatusInvalid(account, status);
        if (status == participant.status) revert ParticipantStatusUnchanged(account, status);
        _changeStatus(participant, account, status);
    }

    /// @inheritdoc IParticipantDirectory
    function setBook(address account, uint8 role, uint64 chainId, address registry) external restricted {
        _changeable(account);
        if (role >= ROLE_COUNT) revert RoleUnknown(role);
        if ((chainId == 0) != (registry == address(0))) {
            revert ParticipantBookIncomplete(account, role, chainId, registry);
        }
        _books[account][role] = Book({chainId: chainId, registry: registry});
        emit ParticipantBookSet(account, role, chainId, registry);
        // The role is a topic: its word comes right before the data, as in the log.
        _takeIn(ParticipantBookSet.selector, account, abi.encode(role, chainId, registry));
    }

    /// @inheritdoc IParticipantDirectory
    function participantOf(address account) external view returns (Participant memory participant) {
        return _participants[account];
    }

    /// @inheritdoc IParticipantDirectory
    function bookOf(address account, uint8 role) external view returns (Book memory book) {
        return _books[account][role];
    }

    /// @inheritdoc IParticipantDirectory
    function participantCount() external view returns (uint256 count) {
        return _accounts.length;
    }

    /// @inheritdoc IParticipantDirectory
    function participants(uint256 offset, uint256 limit) external view returns (address[] memory accounts) {
        uint256 count = _accounts.length;
        uint256 left = offset < count ? count - offset : 0;
        accounts = new address[](limit < left ? limit : left);
        for (uint256 i = 0; i < accounts.length; ++i) {
            accounts[i] = _accounts[offset + i];
        }
    }

    /// @inheritdoc IParticipantDirectory
    function hasRole(address account, uint8 role) external view returns (bool) {
        Participant storage participant = _participants[account];
        return participant.status == Status.Active && ((participant.roles >> role) & 1) == 1;
    }

    /// @inheritdoc IParticipantDirectory
    function statusAt(address account, uint48 timestamp) external view returns (Status status) {
        return Status(_statusHistory[account].upperLookupRecent(timestamp));
    }

    /// @inheritdoc IParticipantDirectory
    function headOfDirectory() external view returns (bytes32 head) {
        return _head;
    }

    function _describe(
        Participant storage participant,
        address account,
        uint256 roles,
        string calldata name,
        string calldata endpoint,
        string calldata metadataURI
    ) private {
        if (roles == 0) revert ParticipantRolesEmpty(account);
        if (roles >> ROLE_COUNT != 0) revert ParticipantRolesUnknown(account, roles);
        _requireLength("name", bytes(name).length, NAME_MAX_BYTES);
        _requireLength("endpoint", bytes(endpoint).length, ENDPOINT_MAX_BYTES);
        _requireLength("metadataURI", bytes(metadataURI).length, METADATA_URI_MAX_BYTES);

        participant.roles = roles;
        participant.name = name;
        participant.endpoint = endpoint;
        participant.metadataURI = metadataURI;
        participant.changedAt = uint64(block.timestamp);
    }

    function _changeStatus(Participant storage participant, address account, Status status) private {
        participant.status = status;
        participant.changedAt = uint64(block.timestamp);
        // 48 bits of seconds last 8.9 million years.
        _statusHistory[account].push(uint48(block.timestamp), uint208(status));
        emit ParticipantStatusChanged(account, status);
        _takeIn(ParticipantStatusChanged.selector, account, abi.encode(status));
    }

    /// @dev Takes an event into the head. `rest` is what its log says after event and account: further topics, then the data.
    function _takeIn(bytes32 eventTopic, address account, bytes memory rest) private {
        _head = keccak256(abi.encodePacked(_head, eventTopic, uint256(uint160(account)), rest));
    }

    /// @dev The participant, if it is one and not retired.
    function _changeable(address account) private view returns (Participant storage participant) {
        participant = _participants[account];
        if (participant.status == Status.None) revert ParticipantUnknown(account);
        if (participant.status == Status.Retired) revert ParticipantRetired(account);
    }

    function _requireLength(string memory field, uint256 length, uint256 maxLength) private pure {
        if (length > maxLength) revert ParticipantTextTooLong(field, length, maxLength);
    }
}
