import type { Logger } from 'pino'
import type { HttpServer } from '../../../http/server.ts'
import type { Registry } from '../../../protocol/registry-domain.ts'
import type { ApiKeyStore, StoredApiKey } from '../../party/api-keys/api-key-store.ts'
import type { BookWriter } from '../../party/book-writer/book-writer.ts'
import type { GroupCommit } from '../../party/group-commit.ts'
import type { KeyedLocks } from '../../party/keyed-locks.ts'
import type { PartyKey } from '../../party/keys.ts'
import type { ChainRpc } from '../../party/rpc.ts'
import type { EvidenceScope } from '../api-key-scopes.ts'
import type { RecordingTier } from '../book/credential-calls.ts'
import type { ClientPlaces } from '../client-places.ts'
import type { Upkeep } from '../compose-upkeep.ts'
import type { ContentStore } from '../content-store/content-store.ts'
import type { Staging } from '../content-store/staging.ts'
import type { CredentialFiles } from '../credential-files.ts'
import type { EvidenceKeeper } from '../evidence-keeper.ts'
import type { EvidenceMetrics } from '../evidence-metrics.ts'
import type { EvidenceSecrets } from '../evidence-secrets.ts'
import type { UploadTimes } from '../intake/upload-clock.ts'
import type { Quotas } from '../quotas.ts'
import type { RevocationKeeper } from '../revocation-keeper.ts'
import type { AnchorStore } from '../store/anchor-store.ts'
import type { ClientStore } from '../store/client-store.ts'
import type { EvidenceStore } from '../store/evidence-store.ts'
import type { WaitingRoom } from '../waiting-room.ts'

/** What the routes of an evidence server stand on. */
export interface EvidenceParts {
  logger: Logger
  /** Signs credentials and statements; its address is the issuer. */
  key: PartyKey
  registry: Registry
  tier: RecordingTier
  /** Blocks after a block until it counts as final. */
  finalityDepth: number
  /** Block of the registry's deployment. */
  startBlock: number
  rpc: ChainRpc
  commits: GroupCommit
  evidence: EvidenceStore
  clients: ClientStore
  apiKeys: ApiKeyStore<EvidenceScope>
  contents: ContentStore
  /** By content hash: held by whoever puts a content into the store or removes it, until the database says so too. */
  contentLocks: KeyedLocks
  secrets: EvidenceSecrets
  writer: BookWriter
  upkeep: Upkeep
  anchors: AnchorStore
  staging: Staging
  keeper: EvidenceKeeper
  revocations: RevocationKeeper
  credentials: CredentialFiles
  quotas: Quotas
  /** Bytes of one content, and of a request with a JSON document. */
  maxBytes: number
  maxJsonBytes: number
  uploadTimes: UploadTimes
  /** Milliseconds that `?wait=recorded` waits at most. */
  waitMs: number
  /** Requests that wait so, and contents that are given back. */
  waits: ClientPlaces
  downloads: ClientPlaces
  metrics: EvidenceMetrics
  waitingRoom: WaitingRoom
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the evidence server's API; set before any handler that needs an API key runs. */
    evidenceKey: StoredApiKey<EvidenceScope>
    /** The client that the key belongs to. */
    evidenceClient: number
  }
}

/** A group of routes behind API keys. */
export type Routes = (scope: HttpServer, parts: EvidenceParts) => void
