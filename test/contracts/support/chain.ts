import type { BaseContractMethod, Contract } from 'ethers'
import { network } from 'hardhat'
import { type Address, randomBytes32, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import type { Entry } from '../../../protocol/record-book.ts'

type Methods<Name extends string> = Contract & Record<Name, BaseContractMethod>

export type Registry = Methods<
  | 'record'
  | 'recordBatch'
  | 'recordFor'
  | 'publish'
  | 'anchor'
  | 'digestOf'
  | 'digestsOf'
  | 'headOf'
  | 'gate'
  | 'domainSeparator'
  | 'eip712Domain'
>
export type Directory = Methods<
  | 'register'
  | 'update'
  | 'setStatus'
  | 'setBook'
  | 'participantOf'
  | 'bookOf'
  | 'participantCount'
  | 'participants'
  | 'headOfDirectory'
  | 'hasRole'
  | 'statusAt'
  | 'authority'
>
export type AccessManager = Methods<
  'setTargetFunctionRole' | 'grantRole' | 'revokeRole' | 'setTargetClosed' | 'ADMIN_ROLE' | 'PUBLIC_ROLE'
>

export const CHAIN_ID = 31337

/** One simulated chain for a test file, as in production but for its clock. */
export const { ethers, networkHelpers, provider } = await network.create({
  network: 'lenders',
  // Each test says when it is; two blocks never share a second, so a wrong comparison shows.
  override: { allowBlocksWithSameTimestamp: false },
})

export const deployRegistry = async (gate: Address = ZERO_ADDRESS): Promise<Registry> =>
  (await ethers.deployContract('QueryResultRegistry', [gate])) as unknown as Registry

export const addressOf = async (contract: Contract): Promise<Address> =>
  (await contract.getAddress()) as Address

export const randomEntry = (): Entry => ({ key: randomBytes32(), digest: randomBytes32() })

export const randomEntries = (size: number): Entry[] => Array.from({ length: size }, randomEntry)

/** As ethers gives back an array of structs. */
export const asTuples = (entries: readonly Entry[]): [string, string][] =>
  entries.map(({ key, digest }) => [key, digest])
