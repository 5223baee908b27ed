import { CountersignError } from '../../../protocol/errors.ts'
import { bytesToHex } from '../../../protocol/hex.ts'
import type { StoredChain, StoreReader } from '../../store/store.ts'
import { BesideCheck, registriesOf } from './beside-check.ts'
import { type DumpedRow, parseRow, ROW_TABLES } from './dump-line.ts'
import { Findings } from './findings.ts'
import { HeadFolder } from './fold-heads.ts'
import { type FsckOptions, type FsckReport, throttled } from './fsck.ts'
import { checkOrphans } from './orphan-check.ts'
import { PAYMENTS_BESIDE } from './payment-check.ts'
import { REVOCATIONS_BESIDE } from './revocation-check.ts'

const ATTEMPTS = 50
const BESIDES = [PAYMENTS_BESIDE, REVOCATIONS_BESIDE]

/**
 * Holds a store against itself, without any chain: rows have their blocks, at or below the checkpoint; the heads folded from the rows
 * are those of the table; orphans are of blocks that the chain left; payments add up to their sums, and records are found by their keys. The
 * store may be in use.
 * @throws FSCK_UNCERTAIN when it is written to all the time and cannot hold a moment, and what the store throws
 */
export async function checkOffline(store: StoreReader, options: FsckOptions = {}): Promise<FsckReport> {
  const findings = new Findings(options.maxListed ?? 100)
  const progress = throttled(options.progress ?? (() => {}))
  const { dumps, chains } = await dumpsOfOneMoment(store)
  const [first, second, ...besides] = dumps
  const folder = new HeadFolder(findings, new Map(chains.map((c) => [c.chainId, c.checkpoint.number])))
  let heads = 0
  try {
    // Records, roots and what stands beside records are dumped one after the other, and belong together: each has a dump of its own.
    const records = new Rows(first, 'records')
    const rest = new Rows(second, 'roots')
    for (const rows of [records, rest]) await rows.next()
    const checks: BesideCheck[] = []
    for (const [i, checked] of BESIDES.entries()) {
      const rows = new Rows(besides[i]!, checked.table)
      await rows.next()
      checks.push(new BesideCheck(rows, findings, checked, await registriesOf(store, checked.kind)))
    }
    while (records.row !== undefined || rest.row !== undefined) {
      if (rest.row !== undefined && (records.row === undefined || comesFirst(rest.row, records.row))) {
        folder.addRoot(rest.row)
        await rest.next()
      } else {
        folder.addRecord(records.row!)
        for (const check of checks) await check.addRecord(records.row!)
        await records.next()
      }
      progress(`checked ${folder.rows} rows`)
    }
    folder.endRecords()
    for (const check of checks) await check.end()
    for (let line = rest.after; line !== undefined; line = await rest.nextLine()) {
      const row = parseRow(line)
      if (row?.table === 'participant_events') folder.addEvent(row)
      else if (line.startsWith('heads ')) {
        folder.compare(line)
        heads++
      }
    }
    folder.end()
  } finally {
    await Promise.all(dumps.map((dump) => dump.close()))
  }
  await checkCheckpoints(store, findings)
  await checkOrphans(store, findings)
  for await (const fault of store.findDerivedFaults()) findings.add({ kind: 'inconsistent', ...fault })
  return {
    isSound: findings.count === 0,
    chains: chains.map(({ chainId, checkpoint }) => ({
      chainId,
      upToBlock: checkpoint.number,
      notes: ['held against itself, not against the chain'],
    })),
    rows: folder.rows,
    heads,
    differences: findings.count,
    listed: findings.listed,
  }
}

/** The rows of one table of a dump, one at a time. */
class Rows {
  row: DumpedRow | undefined
  /** The first line after them. */
  after: string | undefined
  readonly #lines: Lines
  readonly #table: string

  constructor(lines: Lines, table: string) {
    this.#lines = lines
    this.#table = table
  }

  async next(): Promise<void> {
    for (let line = await this.nextLine(); line !== undefined; line = await this.nextLine()) {
      if (line.startsWith(`${this.#table} `)) {
        this.row = parseRow(line)!
        return
      }
      // Of tables that are dumped before.
      const { table } = parseRow(line) ?? {}
      if (this.row === undefined && table !== undefined && isBefore(table, this.#table)) continue
      this.after = line
      break
    }
    this.row = undefined
  }

  async nextLine(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next()
    return done ? undefined : value
  }
}

const isBefore = (table: string, other: string): boolean =>
  ROW_TABLES.indexOf(table) < ROW_TABLES.indexOf(other)

/** A publication comes before its entries. */
const comesFirst = (root: DumpedRow, record: DumpedRow): boolean =>
  (root.chainId - record.chainId ||
    root.blockNumber - record.blockNumber ||
    root.logIndex - record.logIndex) <= 0

function beginDumps(store: StoreReader, moment?: string): Dumps {
  const besides = BESIDES.map(({ table }) => begun(store.dump([table], moment)))
  return [begun(store.dump(undefined, moment)), begun(store.dump(undefined, moment)), ...besides]
}

async function dumpsOfOneMoment(store: StoreReader): Promise<{ dumps: Dumps; chains: StoredChain[] }> {
  const held = await store.holdMoment?.()
  if (held !== undefined) {
    const dumps = beginDumps(store, held.id)
    try {
      await Promise.all(dumps.map(({ started }) => started))
      return { dumps, chains: held.chains }
    } catch (error) {
      await Promise.allSettled(dumps.map((dump) => dump.close()))
      throw error
    } finally {
      await held.release()
    }
  }
  for (let attempt = 1; ; attempt++) {
    const version = await store.version()
    const chains = await store.listChains()
    const dumps = beginDumps(store)
    let isOfOneMoment = false
    try {
      await Promise.all(dumps.map(({ started }) => started))
      isOfOneMoment = (await store.version()) === version
      if (isOfOneMoment) return { dumps, chains }
    } finally {
      if (!isOfOneMoment) await Promise.all(dumps.map((dump) => dump.close()))
    }
    if (attempt === ATTEMPTS)
      throw new CountersignError(
        'FSCK_UNCERTAIN',
        'the store is written to so often that it cannot be read as of one moment',
        { action: 'Check again when the writer does less, or against the chain.' },
      )
  }
}

type Dumps = [Lines, Lines, ...Lines[]]

interface Lines {
  started: Promise<unknown>
  next(): Promise<IteratorResult<string>>
  /** Gives the snapshot back, whether anything was read or not. */
  close(): Promise<unknown>
}

/** A dump is of the moment at which its first line is asked for. */
function begun(dump: AsyncIterable<string>): Lines {
  const source = dump[Symbol.asyncIterator]()
  const started = source.next()
  let first: Promise<IteratorResult<string>> | undefined = started
  return {
    started,
    next() {
      const next = first ?? source.next()
      first = undefined
      return next
    },
    close: async () => source.return?.(),
  }
}

/** A store that is written to moves on between two questions: what looks wrong is asked again. */
async function checkCheckpoints(store: StoreReader, findings: Findings): Promise<void> {
  for (const { chainId } of await store.listChains()) {
    for (let attempt = 1; ; attempt++) {
      const chain = (await store.listChains()).find((candidate) => candidate.chainId === chainId)
      if (chain === undefined) break
      const { number, hash } = chain.checkpoint
      const block = await store.findBlock(chainId, number)
      if (block !== undefined && Buffer.compare(block.hash, hash) === 0) break
      if (attempt < ATTEMPTS) continue
      findings.add({
        kind: 'inconsistent',
        table: 'chains',
        row: `chain ${chainId}, checkpoint ${number}`,
        stored: block === undefined ? 'no block' : bytesToHex(block.hash as Uint8Array<ArrayBuffer>),
        expected: bytesToHex(hash as Uint8Array<ArrayBuffer>),
        reason: 'the block of the checkpoint is not in the store',
      })
      break
    }
  }
}
