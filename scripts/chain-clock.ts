/**
 * Moves the clock of a simulated chain that lags up to the time of day. The simulator takes its clock from the first
 * block, in whole seconds and some milliseconds after it was asked to: off by a second either way, by chance.
 */
export async function setChainClock(url: string): Promise<void> {
  const lag = await lagOf(url)
  if (lag > 0) await request(url, 'evm_increaseTime', [lag])
}

/** Whole seconds that a block mined now would lie behind the clock. */
async function lagOf(url: string): Promise<number> {
  const before = wholeSeconds()
  const { timestamp } = await request<{ timestamp: string }>(url, 'eth_getBlockByNumber', ['pending', false])
  // Asked across the turn of a second, the answer would be for the one or the other.
  return before === wholeSeconds() ? before - Number(timestamp) : lagOf(url)
}

const wholeSeconds = () => Math.floor(Date.now() / 1000)

async function request<T>(url: string, method: string, params: unknown[]): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const answer = (await response.json()) as { result: T; error?: { message: string } }
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}
