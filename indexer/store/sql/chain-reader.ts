import type { Store } from '../store.ts'
import type { SqlEngine } from './engine.ts'
import {
  CHAIN_COLUMNS,
  CONTRACT_COLUMNS,
  HEAD_COLUMNS,
  ROOT_COLUMNS,
  recordColumns,
  toChain,
  toContract,
  toHead,
  toIncomplete,
  toRecord,
  toRoot,
} from './row-mapping.ts'

export type ChainReader = Pick<
  Store,
  | 'version'
  | 'rowsVersion'
  | 'listChains'
  | 'listContracts'
  | 'listHeads'
  | 'listIncomplete'
  | 'listChainStates'
  | 'findVerifiedHead'
  | 'listAuthorRecords'
  | 'listAuthorRoots'
>

/** What is kept of chains and authors beside their rows, and rows for comparison with the chain. */
export function createChainReader(engine: SqlEngine): ChainReader {
  const chains = `SELECT ${CHAIN_COLUMNS} FROM chains ORDER BY chain_id`
  const contracts = `SELECT ${CONTRACT_COLUMNS} FROM contracts WHERE chain_id = $1 ORDER BY contract_id`
  const heads = `
    SELECT ${HEAD_COLUMNS} FROM heads h WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = $1)
      AND block_number = (SELECT max(block_number) FROM heads n
        WHERE n.contract_id = h.contract_id AND n.author = h.author AND n.block_number <= $2)`
  const verifiedHead = `
    SELECT ${HEAD_COLUMNS} FROM heads WHERE contract_id = $1 AND author = $2 AND block_number <= $3 AND verified = 1
    ORDER BY block_number DESC LIMIT 1`
  const authorRecords = `
    SELECT ${recordColumns(engine)} FROM records r ${engine.withBlock}
    WHERE r.contract_id = $1 AND r.author = $2 AND r.block_number BETWEEN $3 AND $4
    ORDER BY r.block_number, r.log_index, r.entry_index`
  const authorRoots = `
    SELECT ${ROOT_COLUMNS} FROM roots WHERE contract_id = $1 AND author = $2 AND block_number BETWEEN $3 AND $4
    ORDER BY block_number, log_index`
  const incomplete = `
    SELECT contract_id, author, block_number, since FROM incomplete
    WHERE contract_id IN (SELECT contract_id FROM contracts WHERE chain_id = $1)`

  return {
    rowsVersion: async () => {
      const [row] = await engine.query(
        'SELECT feed_pruned_to, (SELECT MAX(version) FROM journal) FROM store_version',
      )
      return Math.max(row![0] as number, (row![1] as number | null) ?? 0)
    },
    version: async () => (await engine.query('SELECT version FROM store_version'))[0]![0] as number,
    listChains: async () => (await engine.query(chains)).map(toChain),
    listContracts: async (chainId) => (await engine.query(contracts, chainId)).map(toContract),
    listHeads: async (chainId, atBlock) => (await engine.query(heads, chainId, atBlock)).map(toHead),
    listIncomplete: async (chainId) => (await engine.query(incomplete, chainId)).map(toIncomplete),
    listChainStates: async () =>
      (await engine.query('SELECT state FROM chain_states ORDER BY chain_id')).map(([state]) =>
        JSON.parse(state as string),
      ),
    findVerifiedHead: async (contractId, author, atBlock) =>
      (await engine.query(verifiedHead, contractId, author, atBlock)).map(toHead)[0],
    listAuthorRecords: async (...range) => (await engine.query(authorRecords, ...range)).map(toRecord),
    listAuthorRoots: async (...range) => (await engine.query(authorRoots, ...range)).map(toRoot),
  }
}
