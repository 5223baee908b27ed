import { Contract, NonceManager, type TransactionReceipt, Wallet } from 'ethers'
import { CREDENTIAL_REGISTRY_ABI } from '../../protocol/abi/credential-registry.ts'
import type { CredentialTier } from '../../protocol/credentials/credential-event.ts'
import { credentialKey, newCredentialId } from '../../protocol/credentials/credential-key.ts'
import {
  type EvidenceCredential,
  issueCredential,
  withRecordReceipt,
} from '../../protocol/credentials/evidence-credential.ts'
import type { EvidenceMetadata } from '../../protocol/credentials/evidence-metadata.ts'
import { buildEventProof, type EventProof } from '../../protocol/event-proof.ts'
import { type Address, type Bytes32, type Hex, randomBytes32 } from '../../protocol/hex.ts'
import { type Entry, merkleProofOf, merkleRootOf } from '../../protocol/record-book.ts'
import type { Serial } from '../../protocol/serial.ts'
import { addressOf, signHash } from '../../protocol/signature.ts'
import { localProvider } from './contracts.ts'

export interface WrittenCredential {
  credentialId: Serial
  key: Bytes32
  digest: Bytes32
}

/** One issuer, writing to a registry of credentials. */
export interface CredentialWriter {
  readonly issuer: Address
  readonly place: { chainId: number; registry: Address; issuer: Address }
  /** In a slot of its own. @param expiresAt unix seconds; 0 for never */
  issue(change?: {
    credentialId?: Serial
    digest?: Bytes32
    expiresAt?: number | bigint
  }): Promise<WrittenCredential>
  issueBatch(count: number, expiresAt?: number): Promise<WrittenCredential[]>
  publish(entries: readonly Entry[]): Promise<void>
  revoke(credentialId: Serial, reason: string): Promise<void>
  revokeBatch(revocations: readonly { credentialId: Serial; reason: string }[]): Promise<void>
  /** A whole credential, on chain with its receipt unless `pending`. */
  credential(
    tier: CredentialTier | 'pending',
    metadata?: Partial<EvidenceMetadata>,
  ): Promise<{ credentialId: Serial; credential: EvidenceCredential }>
  /** Any call of the registry. */
  send(method: string, ...args: unknown[]): Promise<TransactionReceipt>
  /** A call whose data is made by hand. */
  sendRaw(data: string): Promise<void>
  view(method: string, ...args: unknown[]): Promise<unknown>
  /** After a chain was reverted. */
  reset(): void
  close(): void
}

export const someEntry = (credentialId = newCredentialId(), digest = randomBytes32()) => ({
  ...{ credentialId, digest, key: credentialKey(credentialId) },
})

export function credentialWriter(
  rpcUrl: string,
  { registry, chainId, key }: { registry: Address; chainId: number; key: Bytes32 },
): CredentialWriter {
  const provider = localProvider(rpcUrl)
  const signer = new NonceManager(new Wallet(key, provider))
  const contract = new Contract(registry, [...CREDENTIAL_REGISTRY_ABI], signer)
  const issuer = addressOf(key)
  const place = { chainId, registry, issuer }
  const send = async (method: string, ...args: unknown[]): Promise<TransactionReceipt> =>
    (await contract.getFunction(method)(...args)).wait()
  const proofOf = async (receipt: TransactionReceipt): Promise<EventProof> =>
    buildEventProof({
      block: await provider.send('eth_getBlockByHash', [receipt.blockHash, false]),
      receipts: await provider.send('eth_getBlockReceipts', [receipt.blockHash]),
      transactionHash: receipt.hash as Bytes32,
      logPosition: 0,
    })
  const entriesOf = (own: readonly Entry[]) => own.map(({ key, digest }) => ({ key, digest }))
  const writer: CredentialWriter = {
    issuer,
    place,
    send,
    async sendRaw(data) {
      await (await signer.sendTransaction({ to: registry, data })).wait()
    },
    view: (method, ...args) => contract.getFunction(method).staticCall(...args),
    async issue({ credentialId, digest, expiresAt = 0 } = {}) {
      const written = someEntry(credentialId, digest)
      await send('issue', written.key, written.digest, expiresAt)
      return written
    },
    async issueBatch(count, expiresAt = 0) {
      const written = Array.from({ length: count }, () => someEntry())
      await send(
        'issueBatch',
        written.map(({ key, digest }) => ({ credentialId: key, digest, expiresAt })),
      )
      return written
    },
    async publish(entries) {
      await send('publish', entriesOf(entries))
    },
    async revoke(credentialId, reason) {
      await send('revoke', credentialKey(credentialId), reason)
    },
    async revokeBatch(revocations) {
      await send(
        'revokeBatch',
        revocations.map(({ credentialId, reason }) => ({
          credentialId: credentialKey(credentialId),
          reason,
        })),
      )
    },
    async credential(tier, metadata = {}) {
      const credentialId = newCredentialId()
      const time = '2026-11-21T12:00:00Z'
      const pending = issueCredential(
        {
          ...{ ...place, credentialId, contentHash: randomBytes32(), salt: randomBytes32() },
          metadata: { mediaType: 'text/plain', size: 3, ...metadata },
          ...{ validFrom: time, created: time, recordBy: 0 },
        },
        (hash): Hex => signHash(hash, key),
      )
      const { digest } = pending.credentialSubject
      if (tier === 'pending') return { credentialId, credential: pending }
      const own = { key: credentialKey(credentialId), digest }
      const entries = [someEntry(), own, someEntry()]
      const receipt = await (tier === 'recorded'
        ? send('issue', own.key, digest, 0)
        : tier === 'published'
          ? send('publish', entriesOf(entries))
          : send('anchor', merkleRootOf(entries), 3, 'https://example.org/manifest'))
      const leafProof = tier === 'anchored' ? { leafProof: merkleProofOf(entries, 1) } : {}
      return {
        credentialId,
        credential: withRecordReceipt(pending, { tier, event: await proofOf(receipt), ...leafProof }),
      }
    },
    reset: () => signer.reset(),
    close: () => provider.destroy(),
  }
  return writer
}
