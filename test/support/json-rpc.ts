/** An error answer of a JSON-RPC server: its `code`, `message` and `data`. */
export class JsonRpcError extends Error {
  readonly code: number
  readonly data: unknown

  constructor(method: string, error: { code: number; message: string; data?: unknown }) {
    super(`${method}: ${error.message}`)
    this.name = 'JsonRpcError'
    this.code = error.code
    this.data = error.data
  }
}

/** Sends one JSON-RPC request and returns the raw `result`, as the server wrote it. */
export async function jsonRpc<T = unknown>(
  url: string,
  method: string,
  params: readonly unknown[] = [],
): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
  const answer = await response.json()
  if (answer.error) throw new JsonRpcError(method, answer.error)
  return answer.result as T
}
