import { LIMITS } from '../../http/limits.ts'
import type { HttpServer } from '../../http/server.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its requests may take long to arrive; the route bounds that itself. */
    takesTime?: boolean
  }
}

/** Holds every request but uploads to the usual time: as Node's own limit does, which has to leave uploads theirs. */
export function boundRequests(server: HttpServer): void {
  server.addHook('onRequest', (request, reply, done) => {
    const isForm = request.headers['content-type']?.startsWith('multipart/') === true
    if (request.routeOptions.config.takesTime && isForm) return done()
    const { raw } = request
    const timer = setTimeout(() => {
      if (raw.complete || raw.destroyed) return
      const late = Object.assign(new Error('request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
      server.server.emit('clientError', late, raw.socket)
    }, LIMITS.requestMs)
    timer.unref()
    reply.raw.once('close', () => clearTimeout(timer))
    done()
  })
}
