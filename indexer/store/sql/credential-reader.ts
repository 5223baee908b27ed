import { hexToBytes } from '../../../protocol/hex.ts'
import {
  type AnchorRow,
  type CredentialReader,
  MAX_AUTHORS,
  type RevocationRow,
} from '../credential-store.ts'
import { ROOT_KINDS } from '../tables.ts'
import type { Columns, SqlEngine } from './engine.ts'
import { recordColumns, toRecord } from './row-mapping.ts'

/** All binary values as one text, as of records; the reason last, as it is of any length. */
const columnsOf = ({ hexOf }: SqlEngine, blockHash: string, blockTime: string) =>
  `r.chain_id, r.block_number, r.log_index, r.entry_index, r.contract_id, ${blockTime},
   ${hexOf('r.issuer', 'r.credential_key', 'r.transaction_hash', blockHash, 'r.revocation_reason')}`

function toRevocation(c: Columns): RevocationRow {
  const text = c[6] as string
  return {
    chainId: c[0] as number,
    blockNumber: c[1] as number,
    logIndex: c[2] as number,
    entryIndex: c[3] as number,
    contractId: c[4] as number,
    blockTime: c[5] as number,
    issuer: `0x${text.slice(0, 40)}`,
    credentialKey: `0x${text.slice(40, 104)}`,
    transactionHash: `0x${text.slice(104, 168)}`,
    blockHash: `0x${text.slice(168, 232)}`,
    reason: `0x${text.slice(232)}`,
  }
}

const ANCHOR = ROOT_KINDS.indexOf('anchor')

function toAnchor(c: Columns): AnchorRow {
  const text = c[5] as string
  return {
    chainId: c[0] as number,
    blockNumber: c[1] as number,
    logIndex: c[2] as number,
    leafCount: BigInt(c[3] as string),
    blockTime: c[4] as number,
    transactionHash: `0x${text.slice(0, 64)}`,
    blockHash: `0x${text.slice(64)}`,
  }
}

export function createCredentialReader(engine: SqlEngine): CredentialReader {
  const COLUMNS = columnsOf(engine, 'b.hash', 'b.time')
  const PLACE = 'r.chain_id = $1 AND r.block_number = $2 AND r.log_index = $3 AND r.entry_index = $4'
  const atPlace = `SELECT ${COLUMNS} FROM revocations r ${engine.withBlock} WHERE ${PLACE} AND b.hash = $5`
  const orphanAtPlace = `
    SELECT ${columnsOf(engine, 'r.block_hash', 'r.block_time')} FROM orphaned_revocations r
    WHERE r.block_hash = $5 AND ${PLACE} LIMIT 1`
  const ofIssuer = `
    SELECT ${COLUMNS} FROM revocations r ${engine.withBlock}
    WHERE r.issuer = $1 AND r.contract_id = $2 AND r.block_number <= $3
      AND (r.block_number, r.log_index, r.entry_index) > ($4, $5, $6)
    ORDER BY r.block_number, r.log_index, r.entry_index LIMIT CAST($7 AS BIGINT)`
  const anchors = `
    SELECT r.chain_id, r.block_number, r.log_index, r.leaf_count, b.time, ${engine.hexOf('r.transaction_hash', 'b.hash')}
    FROM roots r ${engine.withBlock} WHERE r.root = $1 AND r.author = $2 AND r.contract_id = $3 AND r.kind = ${ANCHOR}
    ORDER BY r.block_number, r.log_index LIMIT 1`
  // The author in an expression, so that no planner takes the index by author: it would read all that the author wrote before.
  const firstRecords = (authors: number) => `
    SELECT ${recordColumns(engine)} FROM (
      SELECT r.*, ROW_NUMBER() OVER (PARTITION BY r.author ORDER BY r.block_number, r.log_index, r.entry_index) AS nth
      FROM ${engine.recordsOfKey}
      WHERE r.key = $1 AND r.contract_id = $2 AND r.block_number <= $3
        AND CASE WHEN r.key = $1 THEN r.author END IN (${Array.from({ length: authors }, (_, i) => `$${i + 5}`).join()})
    ) r ${engine.withBlock} WHERE r.nth <= $4 ORDER BY r.block_number, r.log_index, r.entry_index`
  const firstOfOne = firstRecords(1)
  const firstOfSome = firstRecords(MAX_AUTHORS)

  return {
    findFirstRecords: async (key, { contractId, authors, toBlock, perAuthor }) => {
      if (authors.length === 0) return []
      if (authors.length > MAX_AUTHORS) throw new RangeError(`more than ${MAX_AUTHORS} authors`)
      const isOne = authors.length === 1
      // One more of the same says the same: so there are two statements, and not one for each number.
      const asked = isOne ? authors : Array.from({ length: MAX_AUTHORS }, (_, i) => authors[i] ?? authors[0]!)
      const values = [key, contractId, toBlock, perAuthor, ...asked]
      return (await engine.query(isOne ? firstOfOne : firstOfSome, ...values)).map(toRecord)
    },
    async findRevocationAt({ chainId, blockNumber, logIndex, entryIndex, blockHash }) {
      const place = [chainId, blockNumber, logIndex, entryIndex, hexToBytes(blockHash)]
      const [found] = await engine.query(atPlace, ...place)
      if (found !== undefined) return toRevocation(found)
      return (await engine.query(orphanAtPlace, ...place)).map(toRevocation)[0]
    },
    listRevocations: async ({ contractId, issuer, after, toBlock, limit }) => {
      const { blockNumber, logIndex, entryIndex } = after
      const place = [blockNumber, logIndex, entryIndex]
      return (await engine.query(ofIssuer, issuer, contractId, toBlock, ...place, limit)).map(toRevocation)
    },
    findAnchor: async ({ contractId, author, root }) =>
      (await engine.query(anchors, root, author, contractId)).map(toAnchor)[0],
  }
}
