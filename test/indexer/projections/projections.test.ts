import { expect } from 'chai'
import { Interface } from 'ethers'
import fc from 'fast-check'
import { CommitDraft } from '../../../indexer/chain/commit-draft.ts'
import { decodeLogs, type IndexedContract } from '../../../indexer/chain/decode-logs.ts'
import type { RawLog } from '../../../indexer/chain/raw-log.ts'
import { isRpcError } from '../../../indexer/chain/rpc-error.ts'
import { foldParticipants, statusAt } from '../../../indexer/projections/participants.ts'
import { PROJECTIONS } from '../../../indexer/projections/projections.ts'
import { TABLES, type Value } from '../../../indexer/store/tables.ts'
import { PARTICIPANT_DIRECTORY_ABI } from '../../../protocol/abi/participant-directory.ts'
import { QUERY_RESULT_REGISTRY_ABI } from '../../../protocol/abi/query-result-registry.ts'
import { foldDirectoryLogs } from '../../../protocol/directory-head.ts'
import { bytesToHex, type Hex, toAddress } from '../../../protocol/hex.ts'
import {
  EMPTY_HEAD,
  foldAnchor,
  foldPublication,
  foldRecord,
  merkleRootOf,
} from '../../../protocol/record-book.ts'
import { roleMask } from '../../../protocol/roles.ts'

const REGISTRY = '0x00000000000000000000000000000000000000aa'
const DIRECTORY = '0x00000000000000000000000000000000000000bb'
const AUTHOR = toAddress('0x00000000000000000000000000000000000000cc')
const registry = new Interface([...QUERY_RESULT_REGISTRY_ABI])
const directory = new Interface([...PARTICIPANT_DIRECTORY_ABI])

const contractOf = (kind: string, contractId: number): IndexedContract => ({
  stored: { contractId, chainId: 1, address: new Uint8Array(20), kind, startBlock: 1, caughtUpTo: null },
  projection: PROJECTIONS.get(kind)!,
})
const CONTRACTS = new Map([
  [REGISTRY, contractOf('QueryResultRegistry', 1)],
  [DIRECTORY, contractOf('ParticipantDirectory', 2)],
])

const word = () => fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytesToHex(bytes))

/** A log as ethers encodes the event, at block 5. */
function logOf(contract: Interface, event: string, args: unknown[], logIndex = 0): RawLog {
  const { topics, data } = contract.encodeEventLog(event, args)
  return {
    address: contract === registry ? REGISTRY : DIRECTORY,
    topics,
    data,
    blockNumber: '0x5',
    blockHash: `0x${'b5'.repeat(32)}`,
    blockTimestamp: '0x64',
    transactionHash: `0x${'7a'.repeat(32)}`,
    logIndex: `0x${logIndex.toString(16)}`,
  }
}

function decode(...logs: RawLog[]): CommitDraft {
  const draft = new CommitDraft({ chainId: 1, finalNumber: 5, baseOf: () => undefined })
  decodeLogs({ logs, fromBlock: 5, toBlock: 5, endpoint: 'a#0' }, CONTRACTS, draft)
  return draft
}

/** The draft's rows of a table as objects, binary values as text. */
function rowsOf(draft: CommitDraft, table: keyof typeof TABLES): Record<string, unknown>[] {
  const { columns } = TABLES[table]
  const values = draft.rows().find((buffer) => buffer.table === table)?.values ?? []
  const text = (value: Value) => (value instanceof Uint8Array ? bytesToHex(value) : value)
  return Array.from({ length: values.length / columns.length }, (_, row) =>
    Object.fromEntries(columns.map((column, i) => [column, text(values[row * columns.length + i]!)])),
  )
}

const headOf = (draft: CommitDraft): Hex => bytesToHex([...draft.newestHeads()][0]!.head)
const isMalformed = (error: unknown) =>
  isRpcError(error, 'malformed') || isRpcError(error, 'contradiction') || isRpcError(error, 'contradiction')

describe('projections', () => {
  describe('QueryResultRegistry', () => {
    it('reads ResultRecorded as ethers encodes it, and folds the head', () =>
      fc.assert(
        fc.property(word(), word(), (serial, digest) => {
          const draft = decode(logOf(registry, 'ResultRecorded', [serial, AUTHOR, digest]))
          expect(rowsOf(draft, 'records')).to.deep.equal([
            {
              chain_id: 1,
              block_number: 5,
              log_index: 0,
              entry_index: 0,
              contract_id: 1,
              author: AUTHOR.toLowerCase(),
              key: serial,
              digest,
              tier: 0,
              transaction_hash: `0x${'7a'.repeat(32)}`,
            },
          ])
          expect(headOf(draft)).to.equal(foldRecord(EMPTY_HEAD, serial, digest))
        }),
      ))

    it('reads Published with all its entries, and folds their root', () =>
      fc.assert(
        fc.property(
          fc.array(fc.record({ key: word(), digest: word() }), { minLength: 1, maxLength: 9 }),
          (entries) => {
            const root = merkleRootOf(entries)
            const draft = decode(logOf(registry, 'Published', [root, AUTHOR, entries]))
            expect(rowsOf(draft, 'records').map(({ key, digest }) => ({ key, digest }))).to.deep.equal(
              entries,
            )
            expect(rowsOf(draft, 'records').map((row) => row.entry_index)).to.deep.equal([...entries.keys()])
            expect(rowsOf(draft, 'roots')[0]).to.include({
              root,
              kind: 0,
              leaf_count: String(entries.length),
            })
            expect(headOf(draft)).to.equal(foldPublication(EMPTY_HEAD, root, entries.length))
          },
        ),
      ))

    it('reads Anchored, up to the largest leaf count and any manifest', () =>
      fc.assert(
        fc.property(word(), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), fc.string(), (root, count, uri) => {
          const draft = decode(logOf(registry, 'Anchored', [root, AUTHOR, count, uri]))
          expect(rowsOf(draft, 'roots')[0]).to.include({
            root,
            kind: 1,
            leaf_count: String(count),
            manifest_uri: uri,
          })
          expect(headOf(draft)).to.equal(foldAnchor(EMPTY_HEAD, root, count))
        }),
      ))
  })

  describe('ParticipantDirectory', () => {
    it('reads its events into participants with the history of their status', () => {
      const logs = [
        logOf(directory, 'ParticipantRegistered', [
          AUTHOR,
          roleMask(['provider', 'endorser']),
          'Bänk A',
          'http://a',
          '',
        ]),
        logOf(directory, 'ParticipantStatusChanged', [AUTHOR, 1], 1),
        logOf(directory, 'ParticipantBookSet', [AUTHOR, 0, 31338, REGISTRY], 2),
      ]
      const draft = decode(...logs)
      expect(headOf(draft)).to.equal(foldDirectoryLogs(EMPTY_HEAD, logs as never))
      const events = rowsOf(draft, 'participant_events').map((row, i) => ({
        chainId: 1,
        contractId: 2,
        blockNumber: 5,
        logIndex: i,
        blockTime: 100,
        account: Buffer.from((row.account as string).slice(2), 'hex'),
        kind: row.kind as string,
        details: row.details as string,
      }))
      const suspension = { ...events[1]!, blockTime: 200, details: '{"status":"suspended"}' }
      const participant = foldParticipants([...events, suspension]).get(AUTHOR)!
      expect(participant).to.deep.include({
        name: 'Bänk A',
        endpoint: 'http://a',
        roles: ['provider', 'endorser'],
        status: 'suspended',
        books: [{ role: 'provider', chainId: 31338, registry: toAddress(REGISTRY), since: 100 }],
      })
      expect([99, 100, 199, 200].map((time) => statusAt(participant, time))).to.deep.equal([
        'none',
        'active',
        'active',
        'suspended',
      ])
    })
  })

  describe('malformed logs', () => {
    const good = () =>
      logOf(registry, 'ResultRecorded', [`0x${'01'.repeat(32)}`, AUTHOR, `0x${'02'.repeat(32)}`])
    const published = () => {
      const entries = [{ key: `0x${'01'.repeat(32)}`, digest: `0x${'02'.repeat(32)}` }] as const
      return logOf(registry, 'Published', [merkleRootOf(entries), AUTHOR, entries])
    }
    const faults: Record<string, () => RawLog> = {
      'a digest that is too short': () => ({ ...good(), data: '0x02' }),
      'a digest with a letter that is no digit': () => ({ ...good(), data: `0x${'0g'.repeat(32)}` }),
      'an author that is no address': () => ({
        ...good(),
        topics: [good().topics[0]!, good().topics[1]!, `0x${'ff'.repeat(32)}`],
      }),
      'a missing topic': () => ({ ...good(), topics: good().topics.slice(0, 2) }),
      'a block number that is no quantity': () => ({ ...good(), blockNumber: '5' }),
      'a block outside of the range': () => ({ ...good(), blockNumber: '0x6' }),
      'a log that was removed': () => ({ ...good(), removed: true }),
      'a contract that was not asked for': () => ({ ...good(), address: `0x${'9'.repeat(40)}` }),
      'published data that ends early': () => ({ ...published(), data: published().data.slice(0, -64) }),
      'published data with a length past its end': () => ({
        ...published(),
        data: `0x${'20'.padStart(64, '0')}${'f'.repeat(64)}`,
      }),
      'published entries that do not have the root': () => ({
        ...published(),
        data: published().data.replace('02'.repeat(32), '03'.repeat(32)),
      }),
    }
    for (const [what, log] of Object.entries(faults))
      it(`refuses ${what}, and names the endpoint`, () => {
        expect(() => decode(log()))
          .to.throw('a#0')
          .that.satisfies(isMalformed)
      })

    it('refuses two different logs at one position', () => {
      const other = { ...good(), data: `0x${'03'.repeat(32)}` }
      expect(() => decode(good(), other))
        .to.throw('two different logs')
        .that.satisfies(isMalformed)
    })

    it('refuses logs of one block that name different block hashes', () => {
      const other = { ...good(), logIndex: '0x1', blockHash: `0x${'b6'.repeat(32)}` }
      expect(() => decode(good(), other))
        .to.throw('different block hashes')
        .that.satisfies(isMalformed)
    })
  })
})
