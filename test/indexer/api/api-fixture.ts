import type { IndexerConfig } from '../../../indexer/config.ts'
import type { RunningIndexer } from '../../../indexer/indexer.ts'
import type { Address } from '../../../protocol/hex.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { DEPLOYER_KEY, type DeployedContracts, deployAll, registerProvider } from '../../support/contracts.ts'
import { caughtUp, startTestIndexer, testChain } from '../../support/indexer.ts'
import { type AnswerChecker, openApiAnswers } from '../../support/openapi-answers.ts'
import { type RecordWriter, recordWriter } from '../../support/record-writer.ts'
import { STORES, type StoreEngine } from '../../support/stores.ts'

const SQLITE = STORES[0]!

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into answers as they come
  body: any
}

/** An indexer of a chain with one provider, whose every answer is held to the OpenAPI document. */
export interface ApiFixture {
  chain: AnvilChain
  contracts: DeployedContracts
  database: string
  /** Of the registered provider. */
  writer: RecordWriter
  provider: Address
  indexer: RunningIndexer
  checker: AnswerChecker
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
  /** Waits until what was written is indexed. */
  written<T>(write: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

export async function startApi(
  config: Partial<IndexerConfig> = {},
  { finalityDepth = 0, engine = SQLITE }: { finalityDepth?: number; engine?: StoreEngine } = {},
): Promise<ApiFixture> {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const provider = addressOf(DEPLOYER_KEY)
  const directory = {
    directory: contracts.ParticipantDirectory,
    ...chain,
    registry: contracts.QueryResultRegistry,
  }
  await registerProvider(chain.url, directory, provider, 'Lender A')
  const writer = recordWriter(chain.url, contracts.QueryResultRegistry)
  const { database, drop } = await engine.newDatabase()
  const indexer = await startTestIndexer([testChain(chain, contracts, { finalityDepth })], {
    database,
    ...config,
  })
  await caughtUp(indexer, chain)
  const checker = await openApiAnswers()
  const send = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(indexer.url + path, init)
    const text = await response.text()
    const contentType = response.headers.get('content-type') ?? ''
    checker.check(init.method ?? 'GET', path, { status: response.status, contentType, text })
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? undefined : JSON.parse(text),
    }
  }
  return {
    chain,
    contracts,
    database,
    writer,
    provider,
    indexer,
    checker,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, body) =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    async written(write) {
      writer.reset()
      const result = await write()
      await caughtUp(indexer, chain)
      return result
    },
    async stop() {
      await indexer.stop()
      await drop()
      writer.close()
      await chain.kill()
    },
  }
}
