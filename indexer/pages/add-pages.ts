import type { FastifyReply, FastifyRequest } from 'fastify'
import type { HttpServer } from '../../http/server.ts'
import type { AddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { BuiltFile, Pages } from './build-pages.ts'
import { PAGES, type PagePath } from './page-list.ts'

/** Their names change with their content. */
const ASSET_CACHING = 'public, max-age=31536000, immutable'

/**
 * Serves the pages of payers and of holders of evidence. They are bundled when one is first asked for, and kept in memory: most indexers start without anybody
 * looking, and none waits for that.
 */
export function addPages(server: HttpServer, addressBook: AddressBook): void {
  let pages: Promise<Pages> | undefined
  const built = (): Promise<Pages> => {
    pages ??= import('./build-pages.ts')
      .then(({ buildPages }) => buildPages(addressBook))
      .catch((error) => {
        pages = undefined
        throw error
      })
    return pages
  }
  for (const path of Object.keys(PAGES) as PagePath[])
    server.get(path, { schema: { hide: true } }, async (request, reply) =>
      answer((await built()).pages[path], 'no-cache', request, reply),
    )
  server.get<{ Params: { name: string } }>(
    '/pay/assets/:name',
    { schema: { hide: true } },
    async (request, reply) => {
      const asset = (await built()).assets.get(request.params.name)
      if (asset === undefined)
        throw new CountersignError('ROUTE_UNKNOWN', 'there is no file of that name; load the page again')
      return answer(asset, ASSET_CACHING, request, reply)
    },
  )
}

function answer(
  { headers, etag, body, zipped }: BuiltFile,
  caching: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  reply.headers({ ...headers, etag, 'cache-control': caching, vary: 'accept-encoding' })
  const known = request.headers['if-none-match']
  if (known?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag.replace(/^W\//, '')))
    return reply.code(304).send()
  const isZipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))
  if (isZipped) reply.header('content-encoding', 'gzip')
  return reply.send(isZipped ? zipped : body)
}
