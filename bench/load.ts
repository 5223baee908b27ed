import autocannon from 'autocannon'

export interface Load {
  url: string
  apiKey: string
  /** Bodies to post in turn. */
  bodies: string[]
  connections: number
  seconds: number
}
export interface LoadResult {
  perSecond: number
  p50Ms: number
  p99Ms: number
  errors: number
}

/** Posts queries over real sockets for a while, as many at once as there are connections. */
export async function runLoad({ url, apiKey, bodies, connections, seconds }: Load): Promise<LoadResult> {
  const result = await autocannon({
    url: `${url}/v1/queries`,
    method: 'POST',
    connections,
    duration: seconds,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    requests: bodies.map((body) => ({ body })),
  })
  return {
    perSecond: result.requests.average,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    errors: result.errors + result.non2xx,
  }
}
