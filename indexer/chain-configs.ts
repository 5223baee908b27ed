import type { AddressBook } from '../protocol/address-book.ts'
import type { ChainConfig } from './chain/chain-view.ts'
import { PROJECTIONS } from './projections/projections.ts'

/** The chains that have contracts this indexer knows, with those contracts. */
export function chainConfigs({ chains }: AddressBook): ChainConfig[] {
  return chains
    .map(({ contracts, ...chain }) => ({
      ...chain,
      contracts: Object.entries(contracts)
        .filter(([kind]) => PROJECTIONS.has(kind))
        .map(([kind, { address, startBlock }]) => ({ kind, address, startBlock })),
    }))
    .filter(({ contracts }) => contracts.length > 0)
}
