import { CountersignError } from '../../../protocol/errors.ts'
import { bytesToHex } from '../../../protocol/hex.ts'
import type { BesideRestore, BlockRow, ChainCommit, Checkpoint, HeadRow, RepairCommit } from '../store.ts'
import { ALL_TABLES, isBesideRecords, type RowBuffer, TABLES, type Value } from '../tables.ts'
import type { SqlWriter } from './engine.ts'
import { blockRangeOf, writeJournal, writeLateRows } from './journal.ts'
import { orphanAbove, orphanLog } from './orphans.ts'
import { addPaymentTotals, rollBackPaymentTotals, withPaymentTotals } from './payment-totals.ts'
import { CHAIN_COLUMNS, toChain } from './row-mapping.ts'

// A block that is there already keeps the version of the commit that brought it in.
const REPLACE_BLOCK =
  'ON CONFLICT (chain_id, number) DO UPDATE SET hash = excluded.hash, time = excluded.time'
const PRUNE_BLOCKS = `
  DELETE FROM blocks WHERE chain_id = $1 AND number >= $2 AND number < $3 ${Object.keys(TABLES)
    .filter((name) => !isBesideRecords(name))
    .map(
      (name) =>
        `AND NOT EXISTS (SELECT 1 FROM ${name} t WHERE t.chain_id = blocks.chain_id AND t.block_number = blocks.number)`,
    )
    .join(' ')}`
const REPLACE_HEAD = `
  ON CONFLICT (contract_id, author, block_number)
    DO UPDATE SET head = excluded.head, entry_count = excluded.entry_count, verified = excluded.verified`
// Heads older than the newest that is both final and verified serve nobody: a rollback ends at or above it.
// While nothing is verified yet (a backfill), only the newest final one is needed.
const PRUNE_HEADS = `
  DELETE FROM heads WHERE contract_id = $1 AND author = $2 AND (block_number < (
    SELECT max(block_number) FROM heads WHERE contract_id = $1 AND author = $2 AND verified = 1 AND block_number <= $3)
  OR verified = 0 AND block_number < (
    SELECT max(block_number) FROM heads WHERE contract_id = $1 AND author = $2 AND block_number <= $3))`
const DROP_HEADS =
  'DELETE FROM heads WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = $1) AND block_number > $2'
const DROP_AUTHOR_HEADS = 'DELETE FROM heads WHERE contract_id = $1 AND author = $2 AND block_number >= $3'
const VERIFY_HEAD =
  'UPDATE heads SET verified = 1 WHERE contract_id = $1 AND author = $2 AND block_number = $3 AND head = $4'
const LOWER_CAUGHT_UP = 'UPDATE contracts SET caught_up_to = $2 WHERE chain_id = $1 AND caught_up_to > $2'
const UPDATE_CHECKPOINT = `
  UPDATE chains SET checkpoint_number = $1, checkpoint_hash = $2, checkpoint_time = $3, final_number = $4
  WHERE chain_id = $5`

/**
 * @param version of the transaction it is written in
 * @param before where the chain stands, read in the same transaction
 */
export async function writeCommit(
  writer: SqlWriter,
  version: number,
  before: Checkpoint,
  commit: ChainCommit,
): Promise<void> {
  const { chainId, checkpoint, rollbackTo, verified, caughtUp } = commit
  if (rollbackTo !== undefined) await rollBack(writer, version, chainId, rollbackTo)
  if (verified !== undefined) await writeVerified(writer, verified)
  const isLate = caughtUp !== undefined && rollbackTo === undefined
  if (isLate) await writeLateRows(writer, version, commit.rows, before.number)
  await writer.send(
    PRUNE_BLOCKS,
    chainId,
    Math.min(before.number, before.finalNumber),
    checkpoint.finalNumber,
  )
  await writeBlocks(writer, version, chainId, [...commit.blocks, checkpoint])
  await writeRows(writer, commit.rows)
  await addPaymentTotals(writer, chainId, commit.rows)
  await writeHeads(writer, commit.heads, checkpoint.finalNumber)
  if (caughtUp !== undefined) await writeCaughtUpTo(writer, caughtUp.contractId, caughtUp.block)
  const { number, hash, timestamp, finalNumber } = checkpoint
  await writer.send(UPDATE_CHECKPOINT, number, hash, timestamp, finalNumber, chainId)

  const added = blockRangeOf(commit.rows)
  if (rollbackTo !== undefined) {
    const range = { fromBlock: rollbackTo + 1, toBlock: Math.max(before.number, number) }
    await writeJournal(writer, { version, chainId, kind: 'rollback', ...range, details: null })
  } else if (added !== undefined) {
    const range = { fromBlock: added.from, toBlock: added.to }
    await writeJournal(writer, {
      version,
      chainId,
      kind: 'append',
      ...range,
      details: isLate ? { isLate } : null,
    })
  }
}

/** Takes back what blocks above this one brought. */
export async function rollBack(
  writer: SqlWriter,
  version: number,
  chainId: number,
  block: number,
): Promise<void> {
  await orphanAbove(writer, version, chainId, block)
  await rollBackPaymentTotals(writer, chainId, block)
  await writer.send(DROP_HEADS, chainId, block)
  await writer.send(LOWER_CAUGHT_UP, chainId, block)
}

/** @throws STORE_CHANGED when the chain does not stand where the commit starts from */
export async function readCheckpoint(
  writer: SqlWriter,
  { chainId, base }: Pick<ChainCommit, 'chainId' | 'base'>,
): Promise<Checkpoint> {
  const rows = await writer.query(`SELECT ${CHAIN_COLUMNS} FROM chains WHERE chain_id = $1`, chainId)
  const chain = rows.map(toChain)[0]
  if (chain === undefined)
    throw new CountersignError('STORE_CHANGED', `chain ${chainId} is not in the store any more`)
  const { number, hash } = chain.checkpoint
  if (base !== undefined && Buffer.compare(base, hash) !== 0)
    throw new CountersignError(
      'STORE_CHANGED',
      `chain ${chainId} stands at block ${number} (${bytesToHex(hash)}) in the store, not at ${bytesToHex(base)}`,
    )
  return chain.checkpoint
}

export async function writeRepair(writer: SqlWriter, version: number, repair: RepairCommit): Promise<void> {
  const { chainId, contractId, author, surplus } = repair
  await withPaymentTotals(writer, repair, async () => {
    for (const { blockNumber, logIndex } of surplus)
      await orphanLog(writer, version, chainId, blockNumber, logIndex)
    await writeLateRows(writer, version, repair.rows, Number.MAX_SAFE_INTEGER)
    await writeBlocks(writer, version, chainId, repair.blocks)
    await writeRows(writer, repair.rows)
  })
  await writer.send(DROP_AUTHOR_HEADS, contractId, author, repair.fromBlock)
  // Whether the author is complete is found out after: until then they stay marked.
  // History below the last final block is not needed again: the repair starts from a verified head.
  await writeHeads(writer, repair.heads, -1)

  const added = blockRangeOf(repair.rows)
  const blocks = surplus.map(({ blockNumber }) => blockNumber)
  if (added !== undefined) blocks.push(added.from, added.to)
  if (blocks.length === 0) return
  await writeJournal(writer, {
    version,
    chainId,
    kind: 'repair',
    fromBlock: blocks.reduce((a, b) => Math.min(a, b)),
    toBlock: blocks.reduce((a, b) => Math.max(a, b)),
    details: { added: rowCountOf(repair.rows), taken: surplus.length },
  })
}

export async function writeBeside(
  writer: SqlWriter,
  version: number,
  { table, chainId, logs, values }: BesideRestore,
): Promise<void> {
  await writer.runMany(
    `DELETE FROM ${table} WHERE chain_id = $1 AND block_number = $2 AND log_index = $3`,
    logs.map(({ blockNumber, logIndex }) => [chainId, blockNumber, logIndex]),
  )
  await writer.insertRows(table, TABLES[table].columns, values)
  const blocks = logs.map(({ blockNumber }) => blockNumber)
  // No record came or went: told to nobody, but answers differ from now on.
  await writeJournal(writer, {
    ...{ version, chainId, kind: 'repair' },
    fromBlock: blocks.reduce((a, b) => Math.min(a, b)),
    toBlock: blocks.reduce((a, b) => Math.max(a, b)),
    details: { added: 0, taken: 0 },
  })
}

export async function writeVerified(writer: SqlWriter, rows: readonly HeadRow[]): Promise<void> {
  await writer.runMany(
    VERIFY_HEAD,
    rows.map(({ contractId, author, blockNumber, head }) => [contractId, author, blockNumber, head]),
  )
}

export async function writeCaughtUpTo(
  writer: SqlWriter,
  contractId: number,
  block: number | null,
): Promise<void> {
  await writer.send('UPDATE contracts SET caught_up_to = $1 WHERE contract_id = $2', block, contractId)
}

export async function deleteIncomplete(
  writer: SqlWriter,
  contractId: number,
  author: Uint8Array,
): Promise<void> {
  await writer.send('DELETE FROM incomplete WHERE contract_id = $1 AND author = $2', contractId, author)
}

function writeBlocks(
  writer: SqlWriter,
  version: number,
  chainId: number,
  blocks: readonly BlockRow[],
): Promise<void> {
  const values: Value[] = []
  for (const { number, hash, timestamp } of new Map(blocks.map((block) => [block.number, block])).values())
    values.push(chainId, number, hash, timestamp, version)
  return writer.upsertRows('blocks', ALL_TABLES.blocks!, values, REPLACE_BLOCK)
}

async function writeRows(writer: SqlWriter, buffers: readonly RowBuffer[]): Promise<void> {
  for (const { table, values } of buffers) await writer.insertRows(table, TABLES[table].columns, values)
}

async function writeHeads(writer: SqlWriter, heads: readonly HeadRow[], finalNumber: number): Promise<void> {
  const values: Value[] = []
  for (const { contractId, author, blockNumber, head, entryCount, verified } of heads)
    values.push(contractId, author, blockNumber, head, entryCount, verified ? 1 : 0)
  await writer.upsertRows('heads', ALL_TABLES.heads!, values, REPLACE_HEAD)
  const authors = new Map(heads.map((row) => [`${row.contractId}:${bytesToHex(row.author)}`, row]))
  await writer.runMany(
    PRUNE_HEADS,
    [...authors.values()].map(({ contractId, author }) => [contractId, author, finalNumber]),
  )
}

const rowCountOf = (buffers: readonly RowBuffer[]): number =>
  buffers.reduce((sum, { table, values }) => sum + values.length / TABLES[table].columns.length, 0)
