import { CountersignError } from '../protocol/errors.ts'
import type { HttpServer } from './server.ts'

/** Begins to listen; returns the URL. @param port 0: a free one @throws PORT_TAKEN */
export async function listen(server: HttpServer, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new CountersignError('PORT_TAKEN', `somebody listens on ${host}:${port}`, { cause })
  }
}
