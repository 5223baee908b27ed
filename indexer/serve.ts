import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { listen } from '../http/listen.ts'
import type { HttpServer } from '../http/server.ts'

/** Requests under way at a shutdown have so long to be answered. */
const CLOSE_MS = 10_000

export interface Served {
  /** `http://host:port` */
  url: string
  /** Stops accepting, and waits for the requests under way, but not for ever. */
  close(): Promise<void>
}

/** @throws PORT_TAKEN */
export async function serve(server: HttpServer, host: string, port: number, log: Logger): Promise<Served> {
  await listen(server, host, port)
  const { address, port: actual, family } = server.server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`,
    async close() {
      const closing = server.close()
      const timer = new AbortController()
      const late = sleep(CLOSE_MS, true, { signal: timer.signal }).catch(() => false)
      if (await Promise.race([closing.then(() => false), late])) {
        log.warn({ afterMs: CLOSE_MS }, 'requests under way are cut off')
        server.server.closeAllConnections()
      }
      timer.abort()
      await closing
    },
  }
}
