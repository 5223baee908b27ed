import { type Bytes32, bytesToHex, hexToBytes } from '../../../protocol/hex.ts'
import { foldAnchorBytes, foldPublicationBytes, foldRecordBytes } from '../../chain/head-fold.ts'
import { RECORD_TIERS, ROOT_KINDS } from '../../store/tables.ts'
import { type DumpedRow, nameOf } from './dump-line.ts'
import type { Findings } from './findings.ts'

interface Folded {
  head: Uint8Array
  entryCount: number
}

interface Publication {
  row: DumpedRow
  entries: number
  seen: number
}

const RECORDED = RECORD_TIERS.indexOf('recorded')
const ANCHOR = ROOT_KINDS.indexOf('anchor')

/** Folds the heads of all authors from dumped rows, given in chain order, and holds each row to what it has to have. One head an author is kept. */
export class HeadFolder {
  rows = 0
  readonly #findings: Findings
  readonly #checkpoints: ReadonlyMap<number, number>
  readonly #heads = new Map<string, Folded>()
  /** Of contracts whose head takes in whole logs, which a store does not keep: how many there were. */
  readonly #events = new Map<string, number>()
  #publication: Publication | undefined

  /** @param checkpoints block by chain */
  constructor(findings: Findings, checkpoints: ReadonlyMap<number, number>) {
    this.#findings = findings
    this.#checkpoints = checkpoints
  }

  addRecord(row: DumpedRow): void {
    this.#check(row)
    const [author, key, digest, tier] = row.line.split(' ', 10).slice(6)
    if (Number(tier) === RECORDED) {
      this.#endPublication()
      const folded = this.#headOf(row, author!)
      folded.head = foldRecordBytes(folded.head, bytes(key), bytes(digest))
      return
    }
    const { row: root, seen } = this.#publication ?? {}
    if (root === undefined || seen !== row.entryIndex || !isSameLog(root, row))
      this.#fault(row, 'it is an entry of a publication that is not there, or out of its order')
    if (this.#publication !== undefined) this.#publication.seen++
  }

  addRoot(row: DumpedRow): void {
    this.#check(row)
    this.#endPublication()
    const [author, root, kind, leafCount] = row.line.split(' ', 10).slice(6)
    const count = BigInt(leafCount!.replaceAll('"', ''))
    const folded = this.#headOf(row, author!)
    if (Number(kind) === ANCHOR) folded.head = foldAnchorBytes(folded.head, bytes(root), count)
    else {
      folded.head = foldPublicationBytes(folded.head, bytes(root), Number(count))
      this.#publication = { row, entries: Number(count), seen: 0 }
    }
  }

  addEvent(row: DumpedRow): void {
    this.#check(row)
    const name = `${row.chainId} ${row.contract} ${row.contract}`
    this.#events.set(name, (this.#events.get(name) ?? 0) + 1)
  }

  /** No more records and roots. */
  endRecords(): void {
    this.#endPublication()
  }

  /** @param line `heads <chain> <contract> <author> <head> <entries>`; every head once */
  compare(line: string): void {
    const [, chainId, contract, author, head, entryCount] = line.split(' ')
    const name = `${chainId} ${contract} ${author}`
    const folded = this.#heads.get(name)
    this.#heads.delete(name)
    const events = this.#events.get(name)
    this.#events.delete(name)
    const expected =
      folded === undefined
        ? `${head} ${events ?? 0}`
        : `${bytesToHex(folded.head as Bytes)} ${folded.entryCount}`
    if (`${head} ${entryCount}` === expected) return
    this.#findings.add({
      kind: 'inconsistent',
      table: 'heads',
      row: `chain ${chainId}, contract ${contract}, author ${author}`,
      stored: `${head} ${entryCount}`,
      expected,
      reason: 'it is not what its rows fold to',
    })
  }

  /** What has rows has a head. */
  end(): void {
    for (const [name, { head, entryCount }] of this.#heads)
      this.#findings.add({
        kind: 'inconsistent',
        table: 'heads',
        row: `chain, contract and author ${name}`,
        expected: `${bytesToHex(head as Bytes)} ${entryCount}`,
        reason: 'there are rows, and no head',
      })
  }

  #check(row: DumpedRow): void {
    this.rows++
    const tail = row.line.slice(row.line.lastIndexOf(' ') + 1)
    if (tail === 'null') this.#fault(row, 'its block is not in the store')
    const checkpoint = this.#checkpoints.get(row.chainId)
    if (checkpoint === undefined) this.#fault(row, 'its chain is not in the store')
    else if (row.blockNumber > checkpoint)
      this.#fault(row, `its block is above the checkpoint, ${checkpoint}`)
  }

  #endPublication(): void {
    if (this.#publication === undefined) return
    const { row, entries, seen } = this.#publication
    this.#publication = undefined
    if (seen !== entries) this.#fault(row, `${seen} of its ${entries} entries are there`)
  }

  #headOf(row: DumpedRow, author: string): Folded {
    const name = `${row.chainId} ${row.contract} ${author}`
    let folded = this.#heads.get(name)
    if (folded === undefined) {
      folded = { head: new Uint8Array(32), entryCount: 0 }
      this.#heads.set(name, folded)
    }
    folded.entryCount++
    return folded
  }

  #fault(row: DumpedRow, reason: string): void {
    this.#findings.add({ kind: 'inconsistent', table: row.table, row: nameOf(row), stored: row.line, reason })
  }
}

type Bytes = Uint8Array<ArrayBuffer>
const bytes = (hex: string | undefined): Uint8Array => hexToBytes(hex as Bytes32)

const isSameLog = (a: DumpedRow, b: DumpedRow): boolean =>
  a.chainId === b.chainId && a.blockNumber === b.blockNumber && a.logIndex === b.logIndex
