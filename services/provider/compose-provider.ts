import { readFileSync } from 'node:fs'
import type { Logger } from 'pino'
import type { HttpServer } from '../../http/server.ts'
import { type AddressBook, getChain, getContract, parseAddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { hexToBytes } from '../../protocol/hex.ts'
import { serialToKey } from '../../protocol/serial.ts'
import { authenticateParty } from '../party/authenticate-party.ts'
import { BookWriter } from '../party/book-writer/book-writer.ts'
import { openPartyDatabase } from '../party/database.ts'
import { Directory } from '../party/directory.ts'
import { GroupCommit } from '../party/group-commit.ts'
import { loadKey, type PartyKey } from '../party/keys.ts'
import { NonceStore } from '../party/nonce-store.ts'
import { loadQueryTypes } from '../party/query-types.ts'
import { connectChain } from '../party/rpc.ts'
import { DurableAnswerKeeper } from './answers/answer-keeper.ts'
import { AnswerStore } from './answers/answer-store.ts'
import { answerAudit } from './answers/audit-answer.ts'
import { BookStore } from './book/book-store.ts'
import { readBookDeclaration } from './book/declaration.ts'
import { folderOfDeclaration, loadBook } from './book/load-book.ts'
import { createProvider } from './provider.ts'
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

/** Puts a provider together from its settings: database, book, keys, chain access, server. */
export async function composeProvider(config: ProviderConfig, logger: Logger): Promise<RunningProvider> {
  const addressBook = readAddressBook(config.COUNTERSIGN_ADDRESS_BOOK)
  const chain = getChain(addressBook, config.PROVIDER_CHAIN_ID)
  const contract = getContract(chain, 'QueryResultRegistry')
  const registry = { chainId: chain.chainId, registry: contract.address }
  const key = await loadKey({
    privateKey: config.COUNTERSIGN_PRIVATE_KEY,
    keystoreFile: config.COUNTERSIGN_KEYSTORE_FILE,
    keystorePassword: config.COUNTERSIGN_KEYSTORE_PASSWORD,
    chainIds: [chain.chainId],
  })
  const declaration = readBookDeclaration(config.PROVIDER_BOOK)
  const queryType = loadQueryTypes(config.PROVIDER_QUERY_TYPES).get(declaration.queryType)
  if (queryType === undefined)
    throw new CountersignError(
      'BOOK_DECLARATION_INVALID',
      `queryType ${declaration.queryType} is not declared in ${config.PROVIDER_QUERY_TYPES}`,
    )

  const { db, close: closeDatabase } = openPartyDatabase(config.PROVIDER_DATABASE)
  const bookStore = new BookStore(db)
  const declarationId = bookStore.keepDeclaration(declaration)
  const reloadBook = async (): Promise<void> => {
    const { outcome, state } = await loadBook(bookStore, {
      declaration,
      folder: folderOfDeclaration(config.PROVIDER_BOOK),
      dataFolder: config.COUNTERSIGN_DATA,
    })
    for (const { refusals, ...table } of state.report) {
      logger.info({ ...table, outcome }, 'book table loaded')
      if (outcome === 'loaded' && refusals.length > 0)
        logger.warn({ table: table.table, refusals }, 'broken rows refused')
    }
  }
  try {
    await reloadBook()
  } catch (error) {
    closeDatabase()
    throw error
  }

  const commits = new GroupCommit(db)
  const rpc = connectChain({
    chainId: chain.chainId,
    rpcUrls: chain.rpcUrls,
    timeoutMs: config.PROVIDER_RPC_TIMEOUT_MS,
  })
  const directoryChain = getChain(addressBook, addressBook.directory.chainId)
  const directoryRpc = connectChain({
    chainId: directoryChain.chainId,
    rpcUrls: directoryChain.rpcUrls,
    timeoutMs: config.PROVIDER_RPC_TIMEOUT_MS,
  })
  const directory = new Directory({
    rpc: directoryRpc,
    address: addressBook.directory.address,
    logger,
    refreshMs: config.PROVIDER_DIRECTORY_REFRESH_MS,
  })
  const writer = new BookWriter({
    db,
    commits,
    rpc,
    registry,
    startBlock: contract.startBlock,
    key,
    logger,
    flushIntervalMs: config.PROVIDER_FLUSH_MS,
    maxBatch: config.PROVIDER_MAX_BATCH,
    finalityDepth: chain.finalityDepth,
    resubmitAfterMs: config.PROVIDER_RESUBMIT_AFTER_MS,
    ...(config.PROVIDER_MAX_FEE_GWEI !== undefined && {
      maxFeePerGas: BigInt(Math.round(config.PROVIDER_MAX_FEE_GWEI * 1e9)),
    }),
  })
  const saltSecret = hexToBytes(`0x${config.PROVIDER_SALT_SECRET.replace(/^0x/, '')}`)
  const store = new AnswerStore(db)
  const nonces = new NonceStore({ db, commits })
  const mode = config.PROVIDER_MODE
  const server = await createProvider({
    logger,
    mode,
    book: { declaration, declarationId, rowsAbout: (subject) => bookStore.rowsAbout(subject) },
    queryType,
    keeper: new DurableAnswerKeeper({
      store,
      commits,
      writer,
      key,
      registry,
      saltSecret,
      mode,
      recordWithinS: config.PROVIDER_RECORD_WITHIN_S,
      strictTimeoutMs: config.PROVIDER_STRICT_TIMEOUT_MS,
    }),
    authenticate: (scope) =>
      authenticateParty(scope, { directory, role: 'proxy', self: key.address, nonces }),
    audit: (request) =>
      answerAudit(request, {
        store,
        locationOf: (serial) => writer.locationOf(serialToKey(serial)),
        key,
        registry,
        saltSecret,
      }),
    status: () => ({
      provider: key.address,
      name: declaration.name,
      queryType: declaration.queryType,
      ...registry,
      mode,
      recordWithinSeconds: config.PROVIDER_RECORD_WITHIN_S,
      book: { loadedAt: bookStore.state()?.loadedAt ?? 0, tables: bookStore.state()?.report ?? [] },
      outbox: writer.status(),
    }),
    notReady: () => [
      ...directory.notReady(),
      ...(mode === 'strict' && !writer.status().isChainUsable ? ['the chain cannot be used'] : []),
    ],
    maxWaiting: config.PROVIDER_MAX_WAITING,
  })

  return {
    server,
    key,
    reloadBook,
    listen: async () => {
      await directory.start()
      writer.start()
      return server.listen({ host: config.HOST, port: config.PROVIDER_PORT })
    },
    close: async () => {
      await server.close()
      await directory.stop()
      await writer.stop()
      await commits.drain()
      rpc.destroy()
      directoryRpc.destroy()
      closeDatabase()
    },
  }
}

function readAddressBook(file: string): AddressBook {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new CountersignError('ADDRESS_BOOK_INVALID', `${file} cannot be read as JSON`, { cause })
  }
  return parseAddressBook(json)
}
