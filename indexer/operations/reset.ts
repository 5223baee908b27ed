import { createInterface } from 'node:readline/promises'
import { CountersignError } from '../../protocol/errors.ts'
import { type IndexerConfig, withoutPassword } from '../config.ts'
import { openStore } from '../store/open-store.ts'
import type { Store } from '../store/store.ts'

export interface ResetOptions {
  /** Of this chain only. */
  chain?: number
  /** Do not ask. */
  yes?: boolean
}

/**
 * Drops what the store has of a chain, or of all, after saying so. Webhooks stay. Returns the exit code.
 * @throws CHAIN_UNKNOWN, RESET_NOT_CONFIRMED, and what opening the store throws: not while an indexer writes to it
 */
export async function resetCommand(config: IndexerConfig, options: ResetOptions): Promise<number> {
  const store = await openStore(config.database, { mode: 'writer', feedKeepDays: config.feedKeepDays })
  try {
    const chainIds = await chainsToDrop(store, options.chain)
    const where = withoutPassword(config.database)
    if (chainIds.length === 0) {
      say(`${where} has no chains; there is nothing to drop.`)
      return 0
    }
    for (const line of await describe(store, chainIds)) say(line)
    if (options.yes !== true) await confirm(`Drop ${chainIds.length === 1 ? 'it' : 'them'} from ${where}?`)
    for (const chainId of chainIds) await store.dropChain(chainId)
    say('Dropped. Start the indexer, and it reads from the first block on.')
    return 0
  } finally {
    await store.close()
  }
}

async function chainsToDrop(store: Store, only: number | undefined): Promise<number[]> {
  const chainIds = (await store.listChains()).map(({ chainId }) => chainId)
  if (only === undefined) return chainIds
  if (!chainIds.includes(only))
    throw new CountersignError(
      'CHAIN_UNKNOWN',
      `the store has no chain ${only}; it has ${chainIds.length === 0 ? 'none' : chainIds.join(', ')}`,
    )
  return [only]
}

async function describe(store: Store, chainIds: readonly number[]): Promise<string[]> {
  const chains = (await store.listChains()).filter(({ chainId }) => chainIds.includes(chainId))
  const lines = ['This drops, with all records, orphans and the feed of it:']
  for (const { chainId, checkpoint } of chains) {
    const heads = await store.listHeads(chainId, checkpoint.number)
    const entries = heads.reduce((sum, { entryCount }) => sum + entryCount, 0)
    lines.push(
      `  chain ${chainId}, indexed up to block ${checkpoint.number}: ${entries} entries of ${heads.length} authors`,
    )
  }
  lines.push(
    'Webhooks stay. What is on chain can be indexed again; what a chain took back since is known here alone.',
  )
  return lines
}

async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new CountersignError('RESET_NOT_CONFIRMED', 'nobody can be asked here whether to drop it')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const answer = await terminal.question(`${question} (yes/no) `).finally(() => terminal.close())
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new CountersignError('RESET_NOT_CONFIRMED', 'nothing was dropped')
}

const say = (line: string): boolean => process.stderr.write(`${line}\n`)
