import type { Logger } from 'pino'
import { listen } from '../../http/listen.ts'
import { readAddressBook } from '../party/address-book-file.ts'
import { Directory } from '../party/directory.ts'
import { keySourceOf, loadKey, type PartyKey } from '../party/keys.ts'
import { loadQueryTypes } from '../party/query-types.ts'
import { type AnswerChecker, answerChecker } from './answer-check.ts'
import { RecordChains } from './chain/record-chains.ts'
import type { ProxyConfig } from './config.ts'
import { ProviderClient, type RequestSigner, requestSigner } from './provider-client.ts'
import { createProxy, type ProxyServer } from './proxy.ts'
import { openProxyStore, type ProxyStore } from './store/proxy-store.ts'

/** Parts that take the place of the usual ones, so that a measurement can leave one out. */
export interface ProxyReplacements {
  sign?: RequestSigner
  checkAnswer?: AnswerChecker
  store?: ProxyStore
}

export interface ComposedProxy extends Omit<ProxyServer, 'start'> {
  auditor: PartyKey
  directory: Directory
  store: ProxyStore
  /** Reads the directory, goes on with campaigns and listens; returns the URL. */
  listen(): Promise<string>
}

/** Seconds beyond the deadline for which a request may still be served: clocks differ. */
const REQUEST_LEEWAY_S = 30

/**
 * Makes a proxy and everything it stands on from its settings.
 * @throws ADDRESS_BOOK_INVALID, KEY_UNUSABLE, KEY_FOR_DEVELOPMENT_ONLY, QUERY_TYPE_FILE_INVALID, DATABASE_IN_USE, DATABASE_NEWER
 */
export async function composeProxy(
  config: ProxyConfig,
  logger: Logger,
  replacements: ProxyReplacements = {},
): Promise<ComposedProxy> {
  const book = readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK)
  const auditor = await loadKey(
    keySourceOf(
      config,
      book.chains.map(({ chainId }) => chainId),
    ),
  )
  const queryTypes = loadQueryTypes(config.PROXY_QUERY_TYPES)
  const store = replacements.store ?? openProxyStore(config.PROXY_DATABASE)
  const chains = new RecordChains(book, config.PROXY_RPC_TIMEOUT_MS, store)
  const directory = new Directory({
    rpc: chains.rpcOf(book.directory.chainId),
    address: book.directory.address,
    logger,
    refreshMs: config.PROXY_DIRECTORY_REFRESH_MS,
  })
  const client = new ProviderClient({
    sign: replacements.sign ?? requestSigner(auditor, lifetimeOf(config)),
    maxResponseBytes: config.PROXY_MAX_ANSWER_BYTES,
    maxInFlight: config.PROXY_MAX_IN_FLIGHT,
    connections: config.PROXY_CONNECTIONS,
  })
  const proxy = await createProxy({
    logger,
    store,
    directory,
    chains,
    queryTypes,
    client,
    checkAnswer: replacements.checkAnswer ?? checkerOf(config),
    auditor,
    providerDeadlineMs: config.PROXY_PROVIDER_DEADLINE_MS,
    auditDeadlineMs: config.PROXY_AUDIT_DEADLINE_MS,
    campaignConcurrency: config.PROXY_CAMPAIGN_CONCURRENCY,
    ratePerMinute: config.PROXY_RATE_PER_MINUTE,
  })
  return {
    server: proxy.server,
    auditor,
    directory,
    store,
    async listen() {
      await directory.start()
      proxy.start()
      return listen(proxy.server, config.HOST, config.PROXY_PORT)
    },
    async close() {
      await proxy.close()
      await Promise.all([directory.stop(), client.close()])
      chains.close()
      await store.close()
    },
  }
}

const lifetimeOf = (config: ProxyConfig): number =>
  Math.ceil(Math.max(config.PROXY_PROVIDER_DEADLINE_MS, config.PROXY_AUDIT_DEADLINE_MS) / 1000) +
  REQUEST_LEEWAY_S

const checkerOf = (config: ProxyConfig): AnswerChecker =>
  answerChecker({
    clockToleranceS: config.PROXY_CLOCK_TOLERANCE_S,
    maxPromiseS: config.PROXY_MAX_PROMISE_S,
  })
