import fastify, { type FastifyInstance } from 'fastify'
import type { HttpServer } from './server.ts'

/**
 * Serves `/docs`: the interactive reference of `/openapi.json`. The page is four megabytes of JavaScript that most processes never show, so
 * it is loaded when it is first asked for, by a server of its own behind this one.
 */
export function addReferencePage(server: HttpServer): void {
  let page: Promise<FastifyInstance> | undefined
  for (const url of ['/docs', '/docs/*'])
    server.get(url, { schema: { hide: true } }, async (request, reply) => {
      page ??= loadPage().catch((error) => {
        page = undefined
        throw error
      })
      const { routing } = await page
      reply.hijack()
      routing(request.raw, reply.raw)
    })
  server.addHook('onClose', async () => {
    await (await page?.catch(() => undefined))?.close()
  })
}

/** The page shows the document and sends requests to this server; what it would offer of its maker's services is off. */
const CONFIGURATION = {
  url: '/openapi.json',
  tagsSorter: 'alpha',
  telemetry: false,
  withDefaultFonts: false,
  showDeveloperTools: 'never',
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
} as const

async function loadPage(): Promise<FastifyInstance> {
  const { default: apiReference } = await import('@scalar/fastify-api-reference')
  const page = fastify()
  await page.register(apiReference, { routePrefix: '/docs', configuration: CONFIGURATION })
  await page.ready()
  return page
}
