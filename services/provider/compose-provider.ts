import type { Logger } from 'pino'
import { listen } from '../../http/listen.ts'
import type { HttpServer } from '../../http/server.ts'
import { type AddressBook, type ChainEntry, getChain, getContract } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { hexToBytes } from '../../protocol/hex.ts'
import { serialToKey } from '../../protocol/serial.ts'
import { readAddressBook } from '../party/address-book-file.ts'
import { authenticateParty } from '../party/authenticate-party.ts'
import { BookWriter } from '../party/book-writer/book-writer.ts'
import { openPartyDatabase, type PartyDatabase } from '../party/database.ts'
import { Directory } from '../party/directory.ts'
import { GroupCommit } from '../party/group-commit.ts'
import { keySourceOf, loadKey, type PartyKey } from '../party/keys.ts'
import { NonceStore } from '../party/nonce-store.ts'
import { type ChainRpc, connectChain } from '../party/rpc.ts'
import { type AnswerKeeperOptions, DurableAnswerKeeper } from './answers/answer-keeper.ts'
import { AnswerStore } from './answers/answer-store.ts'
import { answerAudit } from './answers/audit-answer.ts'
import { type OpenBook, openBook } from './open-book.ts'
import { createProvider, type ProviderDeps } from './provider.ts'
import type { ProviderConfig } from './provider-config.ts'

export interface RunningProvider {
  server: HttpServer
  key: PartyKey
  /** Begins to serve; returns the URL. */
  listen(): Promise<string>
  /** Loads the book again if its files have changed. */
  reloadBook(): Promise<void>
  close(): Promise<void>
}

/** Parts that a measurement does without. */
export interface Replacements extends Partial<Pick<ProviderDeps, 'keeper' | 'authenticate'>> {
  /** Parts of the usual keeper. */
  keeping?: Partial<Pick<AnswerKeeperOptions, 'sign' | 'writer'>>
}

/** Puts a provider together from its settings: key, database, book, access to the chains, server. */
export async function composeProvider(
  config: ProviderConfig,
  logger: Logger,
  replacements: Replacements = {},
): Promise<RunningProvider> {
  if (config.PROVIDER_FLUSH_MS >= config.PROVIDER_RECORD_WITHIN_S * 1_000)
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'PROVIDER_FLUSH_MS is not below PROVIDER_RECORD_WITHIN_S: no promise could be kept',
    )
  const addressBook = readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK)
  const chain = getChain(addressBook, config.PROVIDER_CHAIN_ID)
  const key = await loadKey(keySourceOf(config, [chain.chainId]))
  const database = openPartyDatabase(config.PROVIDER_DATABASE)
  try {
    const place = {
      declarationFile: config.PROVIDER_BOOK,
      queryTypeFolder: config.PROVIDER_QUERY_TYPES,
      dataFolder: config.COUNTERSIGN_DATA,
    }
    const book = await openBook(database.db, place, logger)
    return await assemble({ config, logger, addressBook, chain, key, database, book, replacements })
  } catch (error) {
    database.close()
    throw error
  }
}

interface Parts {
  config: ProviderConfig
  logger: Logger
  addressBook: AddressBook
  chain: ChainEntry
  key: PartyKey
  database: PartyDatabase
  book: OpenBook
  replacements: Replacements
}

async function assemble(parts: Parts): Promise<RunningProvider> {
  const { config, logger, addressBook, chain, key, database, book, replacements } = parts
  const { db } = database
  const commits = new GroupCommit(db)
  const connect = (entry: ChainEntry): ChainRpc =>
    connectChain({
      chainId: entry.chainId,
      rpcUrls: entry.rpcUrls,
      genesisHash: entry.genesisHash,
      timeoutMs: config.PROVIDER_RPC_TIMEOUT_MS,
    })
  const rpc = connect(chain)
  const directoryRpc = connect(getChain(addressBook, addressBook.directory.chainId))
  const directory = new Directory({
    rpc: directoryRpc,
    address: addressBook.directory.address,
    logger,
    refreshMs: config.PROVIDER_DIRECTORY_REFRESH_MS,
  })
  const contract = getContract(chain, 'QueryResultRegistry')
  const author = {
    key,
    registry: { chainId: chain.chainId, registry: contract.address },
    saltSecret: hexToBytes(`0x${config.PROVIDER_SALT_SECRET.replace(/^0x/, '')}`),
  }
  const writer = new BookWriter({
    ...author,
    db,
    commits,
    rpc,
    startBlock: contract.startBlock,
    logger,
    flushIntervalMs: config.PROVIDER_FLUSH_MS,
    maxBatch: config.PROVIDER_MAX_BATCH,
    finalityDepth: chain.finalityDepth,
    resubmitAfterMs: config.PROVIDER_RESUBMIT_AFTER_MS,
    ...(config.PROVIDER_MAX_FEE_GWEI !== undefined && {
      maxFeePerGas: BigInt(Math.round(config.PROVIDER_MAX_FEE_GWEI * 1e9)),
    }),
  })
  const store = new AnswerStore(db)
  const nonces = new NonceStore({ db, commits })
  const mode = config.PROVIDER_MODE
  const server = await createProvider({
    logger,
    mode,
    book,
    queryType: book.queryType,
    keeper: new DurableAnswerKeeper({
      ...author,
      store,
      commits,
      writer,
      ...replacements.keeping,
      mode,
      recordWithinS: config.PROVIDER_RECORD_WITHIN_S,
      strictTimeoutMs: config.PROVIDER_STRICT_TIMEOUT_MS,
    }),
    authenticate: (scope) =>
      authenticateParty(scope, { directory, role: 'proxy', self: key.address, nonces }),
    audit: (request) =>
      answerAudit(request, {
        ...author,
        store,
        locationOf: (serial) => writer.locationOf(serialToKey(serial)),
      }),
    status: () => ({
      provider: key.address,
      name: book.declaration.name,
      queryType: book.declaration.queryType,
      ...author.registry,
      mode,
      recordWithinSeconds: config.PROVIDER_RECORD_WITHIN_S,
      book: { loadedAt: book.loadedAt(), tables: book.tables() },
      outbox: writer.status(),
    }),
    notReady: () => [
      ...directory.notReady(),
      ...(mode === 'strict' && !writer.status().isChainUsable ? ['the chain cannot be used'] : []),
    ],
    maxWaiting: config.PROVIDER_MAX_WAITING,
    ...replacements,
  })
  return {
    server,
    key,
    reloadBook: () => book.reload(),
    listen: async () => {
      await directory.start()
      // One that cannot serve writes nothing either, and ends.
      const url = await listen(server, config.HOST, config.PROVIDER_PORT)
      writer.start()
      return url
    },
    close: async () => {
      await server.close()
      await directory.stop()
      await writer.stop()
      await commits.drain()
      rpc.destroy()
      directoryRpc.destroy()
      database.close()
    },
  }
}
