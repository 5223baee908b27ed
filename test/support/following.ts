import { expect } from 'chai'
import type { ChainView } from '../../indexer/chain/chain-view.ts'
import type { IndexerConfig } from '../../indexer/config.ts'
import type { RunningIndexer } from '../../indexer/indexer.ts'
import type { Address, Bytes32 } from '../../protocol/hex.ts'
import { type AnvilChain, startAnvil } from './anvil.ts'
import { type DeployedContracts, deployAll, registerProvider } from './contracts.ts'
import { caughtUp, dumpOf, replayDump, startTestIndexer, type TestChain, testChain } from './indexer.ts'
import { type RecordWriter, recordWriter } from './record-writer.ts'
import { type RpcRelay, startRpcRelay } from './rpc-relay.ts'

/**
 * A chain with contracts and an author, a relay in front of it, and the indexers that follow it, made anew for each test. What is
 * asked of an indexer is asked of the one started last, unless another is given.
 */
export interface Following {
  readonly chain: AnvilChain
  readonly contracts: DeployedContracts
  readonly writer: RecordWriter
  readonly relay: RpcRelay
  readonly indexer: RunningIndexer
  readonly view: ChainView
  /** Another author of the same chain; closed at the end. */
  newWriter(key: Bytes32): RecordWriter
  /** Writes somebody, or the author, into the directory. */
  register(author?: Address): Promise<void>
  /** As an indexer is told of it: behind these URLs, or directly. */
  chainOf(...rpcUrls: string[]): TestChain
  /** On a database of its own unless one is given. */
  start(chains: readonly TestChain[], overrides?: Partial<IndexerConfig>): Promise<RunningIndexer>
  /** Stopped at the end, unless it was before. */
  keep<Part extends { stop(): Promise<void> }>(part: Part): Part
  viewOf(indexer: RunningIndexer): ChainView
  headNumber(): Promise<number>
  /** The index stands at the chain's head, and every author's head is the chain's. */
  caughtUp(indexer?: RunningIndexer): Promise<void>
  /** What the index of this chain must be: made anew, with nothing between. */
  replayDump(): Promise<string[]>
  expectReplayEqual(indexer?: RunningIndexer): Promise<void>
  isOfRegistry(log: Record<string, string>): boolean
}

/** `describe`, with a chain that is followed for each of its tests. */
export function describeFollowing(
  what: string,
  { finalityDepth }: { finalityDepth: number },
  tests: (following: Following) => void,
): void {
  describe(what, () => {
    const following = {} as { -readonly [Name in keyof Following]: Following[Name] }
    let end: () => Promise<void>
    beforeEach(async () => {
      const begun = await begin(finalityDepth)
      end = begun.end
      Object.defineProperties(following, Object.getOwnPropertyDescriptors(begun.following))
    })
    afterEach(() => end())
    tests(following)
  })
}

async function begin(finalityDepth: number): Promise<{ following: Following; end(): Promise<void> }> {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const relay = await startRpcRelay(chain.url)
  const writers: RecordWriter[] = []
  const parts: { stop(): Promise<void> }[] = []
  let newest: RunningIndexer | undefined
  const newWriter = (key?: Bytes32) => {
    const writer = recordWriter(chain.url, contracts.QueryResultRegistry, key)
    writers.push(writer)
    return writer
  }
  const keep = <Part extends { stop(): Promise<void> }>(part: Part): Part => {
    parts.push(part)
    return part
  }
  const following: Following = {
    chain,
    contracts,
    writer: newWriter(),
    relay,
    get indexer() {
      return newest!
    },
    get view() {
      return following.viewOf(newest!)
    },
    newWriter,
    async register(author = following.writer.author) {
      const book = { directory: contracts.ParticipantDirectory, chainId: chain.chainId }
      await registerProvider(chain.url, { ...book, registry: contracts.QueryResultRegistry }, author)
      // The directory's administrator is the author too, and has sent transactions meanwhile.
      following.writer.reset()
    },
    chainOf: (...rpcUrls) => ({
      ...testChain(chain, contracts, { finalityDepth }),
      ...(rpcUrls.length === 0 ? {} : { rpcUrls }),
    }),
    async start(chains, overrides) {
      const indexer = await startTestIndexer(chains, overrides)
      let stopping: Promise<void> | undefined
      newest = keep({
        ...indexer,
        stop() {
          stopping ??= indexer.stop()
          return stopping
        },
      })
      return newest
    },
    keep,
    viewOf: (indexer) => indexer.views.get(chain.chainId)!,
    headNumber: async () => Number(await chain.request<string>('eth_blockNumber')),
    caughtUp: (indexer = newest!) => caughtUp(indexer, chain),
    replayDump: () => replayDump([{ chain, contracts, finalityDepth }]),
    expectReplayEqual: async (indexer = newest!) =>
      void expect(await dumpOf(indexer)).to.deep.equal(await following.replayDump()),
    isOfRegistry: ({ address }) => address!.toLowerCase() === contracts.QueryResultRegistry.toLowerCase(),
  }
  return {
    following,
    async end() {
      await Promise.all(parts.map((part) => part.stop()))
      await relay.stop()
      for (const writer of writers) writer.close()
      await chain.kill()
    },
  }
}
