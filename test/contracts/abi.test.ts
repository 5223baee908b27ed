import { expect } from 'chai'
import { Interface, type InterfaceAbi } from 'ethers'
import { artifacts } from 'hardhat'
import { CREDENTIAL_REGISTRY_ABI } from '../../protocol/abi/credential-registry.ts'
import { PARTICIPANT_DIRECTORY_ABI } from '../../protocol/abi/participant-directory.ts'
import { PAYMENT_RECORD_REGISTRY_ABI } from '../../protocol/abi/payment-record-registry.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { RECORD_BOOK_ABI } from '../../protocol/abi/record-book.ts'

// Of OpenZeppelin's bases; nothing of ours reads them.
const INHERITED = new Set([
  'function eip712Domain()',
  'event EIP712DomainChanged()',
  'error InvalidShortString()',
  'error StringTooLong(string)',
  'function authority()',
  'function setAuthority(address)',
  'function isConsumingScheduledOp()',
  'event AuthorityUpdated(address)',
  'error AccessManagedInvalidAuthority(address)',
  'error AccessManagedRequiredDelay(address,uint32)',
  'error AccessManagedUnauthorized(address)',
  'error CheckpointUnorderedInsertion()',
])

/** Every function, event and error, with results and what is indexed. */
const fragmentsOf = (abi: InterfaceAbi): string[] =>
  new Interface(abi).fragments
    .filter(({ type }) => type === 'function' || type === 'event' || type === 'error')
    .filter((fragment) => !INHERITED.has(`${fragment.type} ${fragment.format('sighash')}`))
    // Readers name what events and errors carry; of functions they name nothing.
    .map((fragment) => fragment.format(fragment.type === 'function' ? 'minimal' : 'full'))
    .sort()

const contracts: [string, InterfaceAbi][] = [
  ['RecordBook', RECORD_BOOK_ABI],
  ['QueryResultRegistry', QUERY_RESULT_REGISTRY_ABI],
  ['PaymentRecordRegistry', PAYMENT_RECORD_REGISTRY_ABI],
  ['CredentialRegistry', CREDENTIAL_REGISTRY_ABI],
  ['ParticipantDirectory', PARTICIPANT_DIRECTORY_ABI],
]

describe('ABI of the protocol', () => {
  for (const [name, abi] of contracts)
    it(`is that of the compiled ${name}`, async () => {
      const artifact = await artifacts.readArtifact(name)
      expect(fragmentsOf(abi)).to.deep.equal(fragmentsOf(artifact.abi as unknown as InterfaceAbi))
    })
})
