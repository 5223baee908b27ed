import { Type } from '../../http/schema.ts'
import type { HttpServer } from '../../http/server.ts'
import { type ChainView, STORAGE_ROOT_STATES } from '../chain/chain-view.ts'
import { answer } from './answer-schema.ts'
import { hexAddress } from './records.ts'
import { PROBLEM_RESPONSES, StandingRef } from './schemas.ts'
import { standingOf } from './standing.ts'

const WholenessSchema = Type.Object(
  {
    storageRoot: Type.Enum([...STORAGE_ROOT_STATES], { type: 'string' }),
    wholeAt: Type.Optional(
      Type.Object({
        block: Type.Integer(),
        storageRoot: Type.String(),
        isProven: Type.Boolean({ description: "Up to the block's hash; otherwise it is an endpoint's word" }),
      }),
    ),
  },
  {
    description:
      'Of a record book, held against the root of its storage on chain: at `wholeAt` the index had all there is, of every author',
  },
)

const OmissionSchema = Type.Object({
  fromBlock: Type.Integer(),
  toBlock: Type.Integer(),
  logs: Type.Integer(),
})

const ChainStatusSchema = Type.Object({
  chainId: Type.Integer(),
  name: Type.String(),
  state: Type.String(),
  standing: Type.Union([StandingRef, Type.Null()]),
  lagBlocks: Type.Union([Type.Integer(), Type.Null()]),
  finalityDepth: Type.Integer(),
  incompleteAuthors: Type.Array(
    Type.Object({ author: Type.String(), registry: Type.String(), since: Type.Integer() }),
  ),
  reorganisations: Type.Integer({ description: 'Since start' }),
  contracts: Type.Array(
    Type.Object({
      kind: Type.String(),
      address: Type.String(),
      startBlock: Type.Integer(),
      wholeness: Type.Optional(WholenessSchema),
    }),
  ),
  endpoints: Type.Array(
    Type.Object({
      name: Type.String(),
      healthy: Type.Boolean(),
      failures: Type.Integer(),
      distrusts: Type.Integer({ description: "How often the chain's heads showed that it left logs out" }),
      omissions: Type.Optional(
        Type.Object(
          { logs: Type.Integer(), last: OmissionSchema },
          { description: 'Logs that it left out or altered, since start, and where it did so last' },
        ),
      ),
      lastFailure: Type.Optional(Type.String()),
      aside: Type.Optional(Type.String({ description: 'Why it is asked last' })),
      head: Type.Optional(Type.Integer({ description: 'Newest block it is known to have' })),
    }),
  ),
  wakeUp: Type.Optional(
    Type.String({ description: 'How new heads are learnt of: `websocket` or `polling`' }),
  ),
  alarm: Type.Union([
    Type.Object({ code: Type.String(), message: Type.String(), action: Type.String() }),
    Type.Null(),
  ]),
  lastError: Type.Union([Type.String(), Type.Null()]),
})

const MAX_LISTED_AUTHORS = 100

export function addStatusRoute(server: HttpServer, views: ReadonlyMap<number, ChainView>): void {
  server.get(
    '/v1/status',
    {
      schema: {
        tags: ['status'],
        operationId: 'getStatus',
        summary: 'Each chain: where it is indexed to, lag, finality, completeness, endpoints, alarms',
        response: {
          ...answer(
            'Every chain of the address book.',
            Type.Object({ chains: Type.Array(ChainStatusSchema) }),
          ),
          ...PROBLEM_RESPONSES,
        },
      },
    },
    () => ({ chains: [...views.values()].map(statusOf) }),
  )
}

function statusOf(view: ChainView) {
  const { config, checkpoint, tip } = view
  return {
    chainId: config.chainId,
    name: config.name,
    state: view.state,
    standing: standingOf(view) ?? null,
    lagBlocks:
      checkpoint === undefined || tip === undefined ? null : Math.max(tip.number - checkpoint.number, 0),
    finalityDepth: config.finalityDepth,
    incompleteAuthors: incompleteAuthors(view),
    reorganisations: view.reorganisations,
    contracts: view.contracts.map(({ stored }) => ({
      kind: stored.kind,
      address: hexAddress(stored.address),
      startBlock: stored.startBlock,
      ...wholenessOf(view, stored.contractId),
    })),
    endpoints: view.endpoints(),
    ...(view.wakeUp === undefined ? {} : { wakeUp: view.wakeUp() }),
    alarm: view.alarm ?? null,
    lastError: view.lastError ?? null,
  }
}

function wholenessOf({ books }: ChainView, contractId: number) {
  const book = books?.get(contractId)
  if (book === undefined) return {}
  const { storageRoot, wholeAt } = book
  return { wholeness: { storageRoot, ...(wholeAt === undefined ? {} : { wholeAt }) } }
}

function incompleteAuthors({ heads, contracts }: ChainView) {
  const found = []
  for (const { author, contractId, incompleteSince } of heads.all()) {
    if (incompleteSince === undefined) continue
    const contract = contracts.find(({ stored }) => stored.contractId === contractId)
    if (contract === undefined) continue
    found.push({
      author: hexAddress(author),
      registry: hexAddress(contract.stored.address),
      since: Math.floor(incompleteSince / 1000),
    })
    if (found.length === MAX_LISTED_AUTHORS) break
  }
  return found
}

/** What keeps the indexer from answering for its chains; one chain's trouble is named, and the others go on. */
export function notReadyReasons(views: ReadonlyMap<number, ChainView>): string[] {
  return [...views.values()].flatMap(({ config, state, alarm, checkpoint, lastError }) => {
    const name = `chain ${config.chainId} (${config.name})`
    if (alarm !== undefined) return [`${name} is stopped: ${alarm.message}. ${alarm.action}`]
    if (state === 'unreachable') return [`${name} cannot be read: ${lastError}`]
    if (checkpoint === undefined || state === 'starting') return [`${name} has not been read yet`]
    return []
  })
}
