import { HDNodeWallet } from 'ethers'
import type { Address, Bytes32 } from '../../protocol/hex.ts'

// Everybody knows these words: their accounts are rich on every local chain and refused on any other.
const MNEMONIC = 'test test test test test test test test test test test junk'
const PATH = "m/44'/60'/0'/0"
/** As many as the simulated networks fund. */
const ACCOUNTS = 40
const LOCAL_CHAIN_IDS = { first: 31_337, last: 31_346 }

export interface DevelopmentKey {
  address: Address
  privateKey: Bytes32
}

let root: HDNodeWallet | undefined

/** The development account of that number, from 0. */
export function developmentKey(index: number): DevelopmentKey {
  root ??= HDNodeWallet.fromPhrase(MNEMONIC, undefined, PATH)
  const { address, privateKey } = root.deriveChild(index)
  return { address: address as Address, privateKey: privateKey as Bytes32 }
}

/** The number of the development account with this address, if it is one. */
export function findDevelopmentAccount(address: Address): number | undefined {
  for (let index = 0; index < ACCOUNTS; index++) if (developmentKey(index).address === address) return index
  return undefined
}

/** Whether the chain id is that of a local network, on which nothing of value is. */
export const isLocalChain = (chainId: number): boolean =>
  chainId >= LOCAL_CHAIN_IDS.first && chainId <= LOCAL_CHAIN_IDS.last
