import type { Logger } from 'pino'
import { listen } from '../../http/listen.ts'
import type { HttpServer } from '../../http/server.ts'
import { type ChainEntry, getChain, getContract } from '../../protocol/address-book.ts'
import { readAddressBook } from '../party/address-book-file.ts'
import { ApiKeyStore } from '../party/api-keys/api-key-store.ts'
import { BookWriter } from '../party/book-writer/book-writer.ts'
import type { PartyDatabase } from '../party/database.ts'
import { GroupCommit } from '../party/group-commit.ts'
import { keySourceOf, loadKey, type PartyKey } from '../party/keys.ts'
import { connectChain } from '../party/rpc.ts'
import type { OfficeScope } from './api-key-scopes.ts'
import { paymentCalls } from './book/payment-calls.ts'
import type { OfficeConfig } from './config.ts'
import { createOffice } from './office.ts'
import { OfficeSecrets } from './office-secrets.ts'
import { PaymentKeeper } from './payment-keeper.ts'
import { AnchorStore } from './store/anchor-store.ts'
import { openOfficeDatabase } from './store/database.ts'
import { IdempotencyStore } from './store/idempotency-store.ts'
import { PaymentStore } from './store/payment-store.ts'

export interface RunningOffice {
  server: HttpServer
  key: PartyKey
  /** Begins to serve; returns the URL. */
  listen(): Promise<string>
  close(): Promise<void>
}

/** How often old idempotency keys are forgotten. */
const PURGE_EVERY_MS = 10 * 60 * 1000

/** Puts a tax office together from its settings: key, database, access to the chain, server. */
export async function composeOffice(config: OfficeConfig, logger: Logger): Promise<RunningOffice> {
  const chain = getChain(readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK), config.TAX_OFFICE_CHAIN_ID)
  const key = await loadKey(keySourceOf(config, [chain.chainId]))
  const database = openOfficeDatabase(config.TAX_OFFICE_DATABASE)
  try {
    return await assemble(config, logger, chain, key, database)
  } catch (error) {
    database.close()
    throw error
  }
}

async function assemble(
  config: OfficeConfig,
  logger: Logger,
  chain: ChainEntry,
  key: PartyKey,
  { db, close }: PartyDatabase,
): Promise<RunningOffice> {
  const commits = new GroupCommit(db)
  const rpc = connectChain({
    chainId: chain.chainId,
    rpcUrls: chain.rpcUrls,
    genesisHash: chain.genesisHash,
    timeoutMs: config.TAX_OFFICE_RPC_TIMEOUT_MS,
  })
  const contract = getContract(chain, 'PaymentRecordRegistry')
  const registry = { chainId: chain.chainId, registry: contract.address }
  const tier = config.TAX_OFFICE_TIER
  const payments = new PaymentStore(db)
  const secrets = new OfficeSecrets(config.TAX_OFFICE_SECRET, key.address)
  payments.claim(tier, secrets.check())
  const writer = new BookWriter({
    db,
    commits,
    rpc,
    registry,
    calls: paymentCalls(tier, `${publicUrlOf(config)}/v1/anchors`),
    startBlock: contract.startBlock,
    key,
    logger,
    flushIntervalMs: config.TAX_OFFICE_FLUSH_MS,
    maxBatch: config.TAX_OFFICE_MAX_BATCH,
    maxInFlight: config.TAX_OFFICE_MAX_IN_FLIGHT,
    finalityDepth: chain.finalityDepth,
    resubmitAfterMs: config.TAX_OFFICE_RESUBMIT_AFTER_MS,
    ...(config.TAX_OFFICE_MAX_FEE_GWEI !== undefined && {
      maxFeePerGas: BigInt(Math.round(config.TAX_OFFICE_MAX_FEE_GWEI * 1e9)),
    }),
  })
  const idempotency = new IdempotencyStore(db)
  const place = { ...registry, office: key.address }
  const server = await createOffice({
    logger,
    office: key.address,
    registry,
    tier,
    payPage: config.TAX_OFFICE_PAY_PAGE,
    keeper: new PaymentKeeper({ store: payments, commits, writer, secrets, place }),
    payments,
    anchors: new AnchorStore(db),
    idempotency,
    apiKeys: new ApiKeyStore<OfficeScope>(db),
    secrets,
    writer,
    maxWaiting: config.TAX_OFFICE_MAX_WAITING,
    ratePerMinute: config.TAX_OFFICE_RATE_PER_MINUTE,
  })
  const purging = setInterval(() => {
    commits
      .write(() => idempotency.purge(Date.now()))
      .catch((err) => logger.error({ err }, 'old idempotency keys could not be removed'))
  }, PURGE_EVERY_MS)
  purging.unref()
  return {
    server,
    key,
    listen: async () => {
      // One that cannot serve writes nothing either, and ends.
      const url = await listen(server, config.HOST, config.TAX_OFFICE_PORT)
      writer.start()
      return url
    },
    close: async () => {
      clearInterval(purging)
      await server.close()
      await writer.stop()
      await commits.drain()
      rpc.destroy()
      close()
    },
  }
}

const publicUrlOf = ({ TAX_OFFICE_PUBLIC_URL, HOST, TAX_OFFICE_PORT }: OfficeConfig): string =>
  (TAX_OFFICE_PUBLIC_URL ?? `http://${HOST}:${TAX_OFFICE_PORT}`).replace(/\/+$/, '')
