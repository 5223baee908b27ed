import path from 'node:path'
import type { Logger } from 'pino'
import { listen } from '../../http/listen.ts'
import type { HttpServer } from '../../http/server.ts'
import { type ChainEntry, getChain, getContract } from '../../protocol/address-book.ts'
import { isCountersignError } from '../../protocol/errors.ts'
import { readAddressBook } from '../party/address-book-file.ts'
import { ApiKeyStore } from '../party/api-keys/api-key-store.ts'
import { BookWriter } from '../party/book-writer/book-writer.ts'
import { GroupCommit } from '../party/group-commit.ts'
import { KeyedLocks } from '../party/keyed-locks.ts'
import { keySourceOf, loadKey, type PartyKey } from '../party/keys.ts'
import { type ChainRpc, connectChain } from '../party/rpc.ts'
import type { EvidenceScope } from './api-key-scopes.ts'
import { credentialCalls } from './book/credential-calls.ts'
import { REVOCATIONS, revocationCalls } from './book/revocation-calls.ts'
import { RecordReceipts } from './chain/record-receipts.ts'
import { ClientPlaces } from './client-places.ts'
import { composeUpkeep } from './compose-upkeep.ts'
import type { EvidenceConfig } from './config.ts'
import { ContentIntents } from './content-intents.ts'
import type { ContentStore } from './content-store/content-store.ts'
import { openContentStore } from './content-store/open-content-store.ts'
import { Staging } from './content-store/staging.ts'
import { CredentialFiles } from './credential-files.ts'
import { EvidenceKeeper } from './evidence-keeper.ts'
import { EvidenceSecrets } from './evidence-secrets.ts'
import { createEvidenceServer } from './evidence-server.ts'
import { Quotas } from './quotas.ts'
import { RevocationKeeper } from './revocation-keeper.ts'
import { AnchorStore } from './store/anchor-store.ts'
import { ClientStore } from './store/client-store.ts'
import { openEvidenceDatabase } from './store/database.ts'
import { EvidenceStore } from './store/evidence-store.ts'
import { IdempotencyStore } from './store/idempotency-store.ts'
import { claimDatabase } from './store/server-store.ts'
import { WaitingRoom } from './waiting-room.ts'

export interface RunningEvidence {
  server: HttpServer
  key: PartyKey
  /** Begins to serve; returns the URL. */
  listen(): Promise<string>
  close(): Promise<void>
}

/** How often old idempotency keys are forgotten, and contents without evidence looked for. */
const TIDY_EVERY_MS = 10 * 60 * 1000

/** Puts an evidence server together from its settings: key, database, content store, access to the chain, server. */
export async function composeEvidence(config: EvidenceConfig, logger: Logger): Promise<RunningEvidence> {
  const chain = getChain(readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK), config.EVIDENCE_CHAIN_ID)
  const key = await loadKey(keySourceOf(config, [chain.chainId]))
  // What was opened, to be closed in reverse.
  const opened: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of opened.reverse()) await close()
  }
  try {
    const { db, close } = openEvidenceDatabase(config.EVIDENCE_DATABASE)
    opened.push(close)
    const contents = await openContentStore(contentStoreOf(config))
    opened.push(() => contents.close())
    const rpc = connectChain({
      chainId: chain.chainId,
      rpcUrls: chain.rpcUrls,
      genesisHash: chain.genesisHash,
      timeoutMs: config.EVIDENCE_RPC_TIMEOUT_MS,
    })
    opened.push(() => rpc.destroy())
    return await assemble({ config, logger, chain, key, db, contents, rpc, closeAll })
  } catch (error) {
    await closeAll()
    throw error
  }
}

interface Means {
  config: EvidenceConfig
  logger: Logger
  chain: ChainEntry
  key: PartyKey
  db: ReturnType<typeof openEvidenceDatabase>['db']
  contents: ContentStore
  rpc: ChainRpc
  closeAll: () => Promise<void>
}

async function assemble(means: Means): Promise<RunningEvidence> {
  const { config, logger, chain, key, db, contents, rpc, closeAll } = means
  const commits = new GroupCommit(db)
  const { address, startBlock } = getContract(chain, 'CredentialRegistry')
  const registry = { chainId: chain.chainId, registry: address }
  const tier = config.EVIDENCE_TIER
  const secrets = new EvidenceSecrets(config.EVIDENCE_SECRET, key.address)
  const storeId = await claimDatabase(db, { tier, secretCheck: secrets.check(), contents })
  const staging = await Staging.open(stagingFolderOf(config, storeId))
  const swept = await staging.sweep()
  const writer = createWriter(means, commits)
  const evidence = new EvidenceStore(db)
  const clients = new ClientStore(db)
  const idempotency = new IdempotencyStore(db)
  const anchors = new AnchorStore(db)
  const contentLocks = new KeyedLocks()
  const intents = new ContentIntents({ db, commits, contents, evidence, contentLocks, logger })
  const settled = await intents.settle()
  if (swept + settled > 0)
    logger.info({ staged: swept, contents: settled }, 'uploads that were never answered are removed')
  const recordWithin = config.EVIDENCE_RECORD_WITHIN
  const receipts = new RecordReceipts({ rpc, registry: address, issuer: key.address, tier, anchors })
  const upkeep = composeUpkeep({
    ...{
      db,
      logger,
      key,
      registry,
      tier,
      startBlock,
      rpc,
      commits,
      evidence,
      contents,
      contentLocks,
      secrets,
      writer,
    },
    ...{ anchors, receipts, finalityDepth: chain.finalityDepth },
    bytesPerSecond: config.EVIDENCE_RECHECK_BYTES_PER_SECOND,
    documentsPerSecond: config.EVIDENCE_RECHECK_DOCUMENTS_PER_SECOND,
    pauseMs: config.EVIDENCE_RECHECK_PAUSE_MS,
    maxBlockAge: config.EVIDENCE_MAX_BLOCK_AGE,
    webhookHosts: config.EVIDENCE_WEBHOOK_HOSTS,
  })
  const server = await createEvidenceServer({
    upkeep,
    ...{
      logger,
      key,
      registry,
      tier,
      finalityDepth: chain.finalityDepth,
      startBlock,
      rpc,
      commits,
      evidence,
    },
    ...{ clients, contents, contentLocks, secrets, writer, anchors, staging },
    apiKeys: new ApiKeyStore<EvidenceScope>(db),
    keeper: new EvidenceKeeper({
      ...{ key, registry, tier, recordWithin, commits, evidence, idempotency, contents, contentLocks },
      ...{ intents, secrets, writer },
    }),
    revocations: new RevocationKeeper({ commits, evidence, writer, recordWithin }),
    credentials: new CredentialFiles({ writer, receipts, logger }),
    quotas: new Quotas(clients, {
      bytes: config.EVIDENCE_CLIENT_BYTES,
      documents: config.EVIDENCE_CLIENT_DOCUMENTS,
      documentsADay: config.EVIDENCE_CLIENT_DOCUMENTS_A_DAY,
      uploads: config.EVIDENCE_CLIENT_UPLOADS,
    }),
    maxBytes: config.EVIDENCE_MAX_BYTES,
    maxJsonBytes: config.EVIDENCE_MAX_JSON_BYTES,
    uploadTimes: { totalMs: config.EVIDENCE_UPLOAD_MS, stallMs: config.EVIDENCE_UPLOAD_STALL_MS },
    waitMs: config.EVIDENCE_WAIT_MS,
    waits: new ClientPlaces(config.EVIDENCE_CLIENT_WAITS),
    downloads: new ClientPlaces(config.EVIDENCE_CLIENT_DOWNLOADS),
    waitingRoom: new WaitingRoom({
      count: () => {
        const { pending, submitted } = writer.status()
        return pending + submitted
      },
      countByClient: () => clients.waitingByClient(),
      places: config.EVIDENCE_MAX_WAITING,
      clientPlaces: config.EVIDENCE_CLIENT_MAX_WAITING,
    }),
    maxConnections: config.EVIDENCE_MAX_CONNECTIONS,
    ratePerMinute: config.EVIDENCE_RATE_PER_MINUTE,
    notReady: () => storeFaults(contents, storeId),
  })
  const tidying = setInterval(() => {
    commits
      .write(() => idempotency.purge(Date.now()))
      .then(() => intents.settle())
      .catch((err) => logger.error({ err }, 'what is old could not be removed'))
  }, TIDY_EVERY_MS)
  tidying.unref()
  return {
    server,
    key,
    listen: async () => {
      // One that cannot serve writes nothing either, and ends.
      const url = await listen(server, config.HOST, config.EVIDENCE_PORT)
      writer.start()
      upkeep.start()
      return url
    },
    close: async () => {
      clearInterval(tidying)
      await server.close()
      await upkeep.stop()
      await writer.stop()
      await commits.drain()
      await closeAll()
    },
  }
}

function createWriter({ config, logger, chain, key, db, rpc }: Means, commits: GroupCommit): BookWriter {
  const { address, startBlock } = getContract(chain, 'CredentialRegistry')
  return new BookWriter({
    ...{ db, commits, rpc, key, logger, startBlock },
    registry: { chainId: chain.chainId, registry: address },
    calls: credentialCalls(config.EVIDENCE_TIER, `${publicUrlOf(config)}/v1/anchors`),
    groups: { [REVOCATIONS]: revocationCalls },
    flushIntervalMs: config.EVIDENCE_FLUSH_MS,
    urgentEveryMs: config.EVIDENCE_FLUSH_MS,
    maxBatch: config.EVIDENCE_MAX_BATCH,
    maxInFlight: config.EVIDENCE_MAX_IN_FLIGHT,
    finalityDepth: chain.finalityDepth,
    resubmitAfterMs: config.EVIDENCE_RESUBMIT_AFTER_MS,
    ...(config.EVIDENCE_MAX_FEE_GWEI !== undefined && {
      maxFeePerGas: BigInt(Math.round(config.EVIDENCE_MAX_FEE_GWEI * 1e9)),
    }),
  })
}

function contentStoreOf(config: EvidenceConfig): Parameters<typeof openContentStore>[0] {
  const { EVIDENCE_S3_ENDPOINT: endpoint, EVIDENCE_S3_REGION: region } = config
  const { EVIDENCE_S3_ACCESS_KEY_ID: accessKeyId, EVIDENCE_S3_SECRET_ACCESS_KEY: secretAccessKey } = config
  return {
    store: config.EVIDENCE_STORE,
    ...(endpoint !== undefined &&
      accessKeyId !== undefined &&
      secretAccessKey !== undefined && {
        s3: { endpoint, region, accessKeyId, secretAccessKey, stallMs: config.EVIDENCE_S3_STALL_MS },
      }),
  }
}

const isObjectStore = (store: string): boolean => store.startsWith('s3:')

/** It is swept at every start, so it is always a folder of this database's alone. */
function stagingFolderOf(config: EvidenceConfig, storeId: string): string {
  const { EVIDENCE_STAGING, EVIDENCE_STORE, EVIDENCE_DATABASE } = config
  if (EVIDENCE_STAGING !== undefined) return path.join(EVIDENCE_STAGING, storeId)
  return isObjectStore(EVIDENCE_STORE) ? `${EVIDENCE_DATABASE}-staging` : path.join(EVIDENCE_STORE, 'staging')
}

async function storeFaults(contents: ContentStore, storeId: string): Promise<string[]> {
  try {
    return (await contents.identity()) === storeId ? [] : ['the content store is another one']
  } catch (error) {
    if (!isCountersignError(error)) throw error
    return [error.message]
  }
}

const publicUrlOf = ({ EVIDENCE_PUBLIC_URL, HOST, EVIDENCE_PORT }: EvidenceConfig): string =>
  (EVIDENCE_PUBLIC_URL ?? `http://${HOST}:${EVIDENCE_PORT}`).replace(/\/+$/, '')
