import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Logger, pino } from 'pino'
import { CountersignError } from '../../../protocol/errors.ts'
import { bytesToHex, type Hex } from '../../../protocol/hex.ts'
import type { ChainConfig } from '../../chain/chain-view.ts'
import { chainConfigs } from '../../chain-configs.ts'
import type { IndexerConfig } from '../../config.ts'
import { isPostgres } from '../../store/database-url.ts'
import { openStore } from '../../store/open-store.ts'
import type { Store, StoreReader } from '../../store/store.ts'
import { compareDumps } from './compare-dumps.ts'
import { compareHeads } from './compare-heads.ts'
import { type Finding, Findings } from './findings.ts'
import { rederive } from './rederive.ts'

export interface FsckOptions {
  /** Differences listed at most. Default 100. */
  maxListed?: number
  /** Told of what is done, from time to time. */
  progress?: (line: string) => void
  log?: Logger
  signal?: AbortSignal
}

export interface CheckedChain {
  chainId: number
  /** Rows were compared up to this block. */
  upToBlock: number
  /** Why not up to the checkpoint, or why something was left out. */
  notes: string[]
}

export interface FsckReport {
  /** True when nothing was found. */
  isSound: boolean
  chains: CheckedChain[]
  rows: number
  heads: number
  differences: number
  listed: Finding[]
}

interface Target extends CheckedChain {
  config: ChainConfig
  genesisHash: Hex
  hash: Hex
  finalNumber: number
  /** Addresses whose rows are compared. */
  contracts: ReadonlySet<string>
}

const PROGRESS_MS = 2_000

/**
 * Makes the store anew from the chains, in a temporary file beside the one in use, and holds the one in use against it row by row, up
 * to where that stood at the beginning. The one in use is only read, and may go on meanwhile.
 * @throws RpcError, FSCK_UNCERTAIN when the chain's nodes leave logs out, and what the store throws
 */
export async function fsck(
  inUse: StoreReader,
  settings: IndexerConfig,
  options: FsckOptions = {},
): Promise<FsckReport> {
  const findings = new Findings(options.maxListed ?? 100)
  const progress = throttled(options.progress ?? (() => {}))
  const folder = mkdtempSync(join(folderBeside(settings.database), 'countersign-fsck-'))
  const fresh = await openStore(join(folder, 'fresh.db'), { mode: 'writer' })
  const signal = options.signal ?? new AbortController().signal
  const log = options.log ?? pino({ level: 'silent' })
  try {
    const targets = await targetsOf(inUse, settings)
    let heads = 0
    for (const target of targets) {
      const storedHeads = await headsAt(inUse, target)
      const derived = await rederive(target.config, target.genesisHash, target.upToBlock, {
        store: fresh,
        settings,
        log,
        signal,
        progress: (block) => progress(`chain ${target.chainId}: read block ${block} of ${target.upToBlock}`),
      })
      if (derived.completeness === 'incomplete')
        throw new CountersignError(
          'FSCK_UNCERTAIN',
          `the nodes of chain ${target.chainId} leave out logs: what they answer does not fold to the heads on chain`,
        )
      if (derived.completeness === 'unverified')
        target.notes.push(
          'the state at this block is no longer to be had: what was read is not held against the heads on chain',
        )
      if (derived.hash !== target.hash || (await hasMoved(inUse, target))) fallBackToFinal(target)
      else heads += compareHeads(storedHeads, await headsAt(fresh, target), target.chainId, findings)
    }
    const rows = await compareRowsOf(inUse, fresh, targets, findings, progress)
    return {
      isSound: findings.count === 0,
      chains: targets.map(({ chainId, upToBlock, notes }) => ({ chainId, upToBlock, notes })),
      rows,
      heads,
      differences: findings.count,
      listed: findings.listed,
    }
  } finally {
    await fresh.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The rows of a reorganisation that happens meanwhile are no differences: then only what was final at the beginning counts. */
async function compareRowsOf(
  inUse: StoreReader,
  fresh: Store,
  targets: Target[],
  findings: Findings,
  progress: (line: string) => void,
): Promise<number> {
  for (;;) {
    const limits = new Map(targets.map((target) => [target.chainId, target]))
    const found = new Findings(findings.listed.length + 1_000)
    const rows = await compareDumps(
      inUse.dump(),
      fresh.dump(),
      ({ chainId, blockNumber, contract }) => {
        const target = limits.get(chainId)
        return target !== undefined && blockNumber <= target.upToBlock && target.contracts.has(contract)
      },
      found,
      (count) => progress(`compared ${count} rows`),
    )
    let moved = false
    for (const target of targets)
      if (target.upToBlock > target.finalNumber && (await hasMoved(inUse, target))) {
        fallBackToFinal(target)
        moved = true
      }
    if (moved) continue
    for (const finding of found.listed) findings.add(finding)
    findings.count += found.count - found.listed.length
    return rows
  }
}

async function targetsOf(inUse: StoreReader, { addressBook }: IndexerConfig): Promise<Target[]> {
  const chains = await inUse.listChains()
  const targets: Target[] = []
  for (const config of chainConfigs(addressBook)) {
    const chain = chains.find(({ chainId }) => chainId === config.chainId)
    if (chain === undefined) continue
    const { checkpoint } = chain
    const notes: string[] = []
    const stored = new Map((await inUse.listContracts(config.chainId)).map((c) => [bytesToHex(c.address), c]))
    const compared = config.contracts.filter(({ kind, address }) => {
      const contract = stored.get(address.toLowerCase() as Hex)
      if (contract !== undefined && contract.caughtUpTo === null) return true
      notes.push(`${kind} ${address} is left out: it has not been read up to the others yet`)
      return false
    })
    const known = new Set(config.contracts.map(({ address }) => address.toLowerCase()))
    for (const [address, { kind }] of stored)
      if (!known.has(address)) notes.push(`${kind} ${address} is left out: it is not in the address book`)
    if (compared.length === 0) continue
    targets.push({
      chainId: config.chainId,
      upToBlock: checkpoint.number,
      notes,
      config: { ...config, contracts: compared },
      genesisHash: bytesToHex(chain.genesisHash),
      hash: bytesToHex(checkpoint.hash),
      finalNumber: Math.min(checkpoint.finalNumber, checkpoint.number),
      contracts: new Set(compared.map(({ address }) => address.toLowerCase())),
    })
  }
  return targets
}

/** By contract and author; of the contracts that are compared. */
async function headsAt(
  store: StoreReader,
  { chainId, upToBlock, contracts }: Target,
): Promise<Map<string, string>> {
  const addresses = new Map(
    (await store.listContracts(chainId)).map((c) => [c.contractId, bytesToHex(c.address)]),
  )
  const heads = new Map<string, string>()
  for (const { contractId, author, head, entryCount } of await store.listHeads(chainId, upToBlock)) {
    const address = addresses.get(contractId)!
    if (contracts.has(address) && entryCount > 0)
      heads.set(`${address} ${bytesToHex(author)}`, `${bytesToHex(head)} ${entryCount}`)
  }
  return heads
}

/** Whether the block up to which was compared was taken back. Below the last final block blocks without rows are not kept, and not taken back. */
async function hasMoved(inUse: StoreReader, { chainId, upToBlock, hash }: Target): Promise<boolean> {
  const chain = (await inUse.listChains()).find((candidate) => candidate.chainId === chainId)
  if (chain === undefined || chain.checkpoint.number < upToBlock) return true
  if (chain.checkpoint.number === upToBlock) return bytesToHex(chain.checkpoint.hash) !== hash
  const block = await inUse.findBlock(chainId, upToBlock)
  return block === undefined ? upToBlock > chain.checkpoint.finalNumber : bytesToHex(block.hash) !== hash
}

function fallBackToFinal(target: Target): void {
  target.notes.push(
    'the chain was reorganised meanwhile: compared up to what was final, and heads not at all',
  )
  target.upToBlock = target.finalNumber
}

/** A check of a large store needs room for another one. */
function folderBeside(database: string): string {
  return isPostgres(database) ? tmpdir() : dirname(database)
}

export function throttled(progress: (line: string) => void): (line: string) => void {
  let next = 0
  return (line) => {
    if (performance.now() < next) return
    next = performance.now() + PROGRESS_MS
    progress(line)
  }
}
