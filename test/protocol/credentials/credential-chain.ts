import { readFileSync } from 'node:fs'
import { Contract, ContractFactory, NonceManager, Wallet } from 'ethers'
import { CREDENTIAL_REGISTRY_ABI } from '../../../protocol/abi/credential-registry.ts'
import type { CredentialTier } from '../../../protocol/credentials/credential-event.ts'
import { issueEntry } from '../../../protocol/credentials/credential-key.ts'
import {
  type CredentialContent,
  type EvidenceCredential,
  readCredential,
  withRecordReceipt,
} from '../../../protocol/credentials/evidence-credential.ts'
import { createEventProver } from '../../../protocol/event-proof.ts'
import { type Address, type Bytes32, ZERO_ADDRESS } from '../../../protocol/hex.ts'
import type { RawBlock, RawReceipt } from '../../../protocol/raw-rpc.ts'
import { type Entry, merkleProofOf, merkleRootOf } from '../../../protocol/record-book.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { DEPLOYER_KEY, localProvider } from '../../support/contracts.ts'
import { someCredential } from './some-credential.ts'

const ARTIFACT = new URL(
  '../../../artifacts/contracts/credentials/CredentialRegistry.sol/CredentialRegistry.json',
  import.meta.url,
)

/** A real chain with a registry of credentials on it, and its one issuer. */
export interface CredentialChain {
  readonly anvil: AnvilChain
  readonly registry: Address
  readonly contract: Contract
  /** A pending credential of this chain, registry and issuer. */
  pending(change?: Partial<CredentialContent>): EvidenceCredential
  /** The same, each put on chain in one transaction by this way, with its receipt. */
  recorded(tier: CredentialTier, credentials: readonly EvidenceCredential[]): Promise<EvidenceCredential[]>
  stop(): Promise<void>
}

export async function startCredentialChain(): Promise<CredentialChain> {
  const anvil = await startAnvil()
  const provider = localProvider(anvil.url)
  const signer = new NonceManager(new Wallet(DEPLOYER_KEY, provider))
  const { abi, bytecode } = JSON.parse(readFileSync(ARTIFACT, 'utf8'))
  const deployed = await new ContractFactory(abi, bytecode, signer).deploy(ZERO_ADDRESS)
  await deployed.waitForDeployment()
  const registry = (await deployed.getAddress()) as Address
  const contract = new Contract(registry, [...CREDENTIAL_REGISTRY_ABI], signer)

  const proverOf = async (blockHash: Bytes32) =>
    createEventProver({
      block: await anvil.request<RawBlock>('eth_getBlockByHash', [blockHash, false]),
      receipts: await anvil.request<RawReceipt[]>('eth_getBlockReceipts', [blockHash]),
    })

  return {
    anvil,
    registry,
    contract,
    pending: (change) => someCredential({ chainId: anvil.chainId, registry, ...change }, DEPLOYER_KEY),
    async recorded(tier, credentials) {
      const entries = credentials.map(readCredential).map((c) => issueEntry(c.credentialId, c.digest))
      const sent = await write(contract, tier, entries)
      const { hash, blockHash } = (await sent.wait())!
      const prover = await proverOf(blockHash as Bytes32)
      return Promise.all(
        credentials.map(async (credential, i) =>
          withRecordReceipt(credential, {
            tier,
            event: await prover.prove(hash as Bytes32, tier === 'recorded' ? i : 0),
            ...(tier === 'anchored' ? { leafProof: merkleProofOf(entries, i) } : {}),
          }),
        ),
      )
    },
    async stop() {
      provider.destroy()
      await anvil.stop()
    },
  }
}

const write = (contract: Contract, tier: CredentialTier, entries: readonly Entry[]) => {
  if (tier === 'anchored')
    return contract.getFunction('anchor')(merkleRootOf(entries), entries.length, 'https://example.org/leaves')
  return contract.getFunction(tier === 'recorded' ? 'recordBatch' : 'publish')(entries)
}
