import type { FastifyHttpOptions, RawServerDefault } from 'fastify'

/**
 * What one caller may take of a server. Past each of them the answer is a problem document, where the connection still carries one:
 * a body too large 413, headers too large 431, a request that does not arrive in time 408.
 */
export const LIMITS = {
  /** Default; routes and servers may set their own. */
  bodyBytes: 64 * 1024,
  /** Request line and headers together, so a URL is shorter. */
  headerBytes: 16 * 1024,
  /** Of one parameter in a path. */
  pathParameterLength: 256,
  /** From the first byte of a request to the end of its headers. */
  headersMs: 15_000,
  /** From the first byte of a request to its last. */
  requestMs: 30_000,
  /** Without a byte either way while a request is under way. */
  silenceMs: 60_000,
  /** Of a connection between two requests; above the minute that load balancers keep theirs. */
  keepAliveMs: 72_000,
  /** How often the times above are looked at. */
  checkMs: 5_000,
} as const

type HttpOptions = Pick<
  FastifyHttpOptions<RawServerDefault>,
  'requestTimeout' | 'connectionTimeout' | 'keepAliveTimeout' | 'http'
>

/** For Fastify. */
export const limitOptions: HttpOptions = {
  requestTimeout: LIMITS.requestMs,
  connectionTimeout: LIMITS.silenceMs,
  keepAliveTimeout: LIMITS.keepAliveMs,
  http: {
    maxHeaderSize: LIMITS.headerBytes,
    headersTimeout: LIMITS.headersMs,
    connectionsCheckingInterval: LIMITS.checkMs,
  },
}
