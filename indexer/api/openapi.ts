import { pino } from 'pino'
import { addFeed } from '../feed/add-feed.ts'
import { addApiRoutes, createApiServer } from './server.ts'

/** The API's OpenAPI document, made of its routes alone: nothing is opened, listened to or asked. */
export async function openApiDocument(): Promise<object> {
  const logger = pino({ level: 'silent' })
  const { server, metrics } = await createApiServer({
    logger,
    notReady: () => [],
    ratePerMinute: 0,
    corsOrigins: [],
    trustedProxies: [],
  })
  addApiRoutes(server, { store: NOTHING, views: new Map(), directory: NOTHING, rpcOf: () => NOTHING })
  const feed = addFeed(server, {
    store: NOTHING,
    views: new Map(),
    directory: NOTHING,
    log: logger,
    registry: metrics,
    maxStreams: 1,
    adminToken: undefined,
  })
  await server.ready()
  const document = server.swagger()
  await server.close()
  await feed.stop()
  return document
}

/** As it is committed for the generated client. */
export const openApiText = async (): Promise<string> =>
  `${JSON.stringify(await openApiDocument(), null, 2)}\n`

/** Routes are described, none is asked. */
const NOTHING = {} as never
