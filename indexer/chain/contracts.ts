import { bytesToHex } from '../../protocol/hex.ts'
import { PROJECTIONS } from '../projections/projections.ts'
import type { Checkpoint, Store, StoredContract } from '../store/store.ts'
import type { LogFilter } from './block-source.ts'
import { type BloomCheck, createBloomCheck } from './bloom-check.ts'
import type { ChainConfig } from './chain-view.ts'
import type { IndexedContract } from './decode-logs.ts'

/** What is indexed of a chain: by lower-case address, as a question to a node, and as bits of a block's bloom. */
export interface FollowedContracts {
  byAddress: ReadonlyMap<string, IndexedContract>
  filter: LogFilter
  bloom: BloomCheck
}

export function toFollowed(contracts: readonly IndexedContract[]): FollowedContracts {
  const byAddress = new Map(contracts.map((contract) => [bytesToHex(contract.stored.address), contract]))
  const topics = new Set(contracts.flatMap(({ projection }) => [...projection.events.keys()]))
  return {
    byAddress,
    filter: { address: [...byAddress.keys()], topics: [[...topics]] },
    bloom: createBloomCheck(contracts),
  }
}

/**
 * The contracts of the address book as the store knows them. One that is new on a chain indexed already is read from its
 * start first; one that left the book is remembered up to here, so that nothing is missing should it come back.
 */
export async function followContracts(
  config: ChainConfig,
  store: Store,
  checkpoint: Checkpoint,
): Promise<IndexedContract[]> {
  const known = new Map((await store.listContracts(config.chainId)).map((c) => [hexOf(c.address), c]))
  const followed: IndexedContract[] = []
  for (const { kind, address, startBlock } of config.contracts) {
    const projection = PROJECTIONS.get(kind)
    if (projection === undefined) continue
    const hex = address.slice(2).toLowerCase()
    const stored = known.get(hex) ?? (await addContract({ kind, hex, startBlock }, config, store, checkpoint))
    known.delete(hex)
    followed.push({ stored, projection })
  }
  for (const { contractId, caughtUpTo } of known.values())
    if (caughtUpTo === null) await store.setCaughtUpTo(contractId, checkpoint.number)
  return followed
}

const addContract = (
  { kind, hex, startBlock }: { kind: string; hex: string; startBlock: number },
  { chainId }: ChainConfig,
  store: Store,
  checkpoint: Checkpoint,
): Promise<StoredContract> =>
  store.createContract({
    chainId,
    address: Buffer.from(hex, 'hex'),
    kind,
    startBlock,
    caughtUpTo: startBlock <= checkpoint.number ? startBlock - 1 : null,
  })

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
