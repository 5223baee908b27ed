import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RLP } from '@ethereumjs/rlp'

// biome-ignore lint/suspicious/noExplicitAny: the suites' files have many shapes, each test knows its own
export const readSuiteJson = (path: string): any => JSON.parse(readFileSync(path, 'utf8'))

export interface Exchange {
  file: string
  request: { method: string; params: unknown[] }
  /** Undefined when the answer is an error. */
  // biome-ignore lint/suspicious/noExplicitAny: as raw as a node's answer
  result: any
}

/** All request and answer pairs of the `.io` files in a folder of `suite-eth-jsonrpc`. */
export function readExchanges(suite: string, method: string): Exchange[] {
  const folder = join(suite, method)
  return readdirSync(folder).flatMap((name) => {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n')
    const sent = lines.filter((line) => line.startsWith('>> ')).map((line) => JSON.parse(line.slice(3)))
    const answers = lines.filter((line) => line.startsWith('<< ')).map((line) => JSON.parse(line.slice(3)))
    return sent.map((request, i) => ({ file: `${method}/${name}`, request, result: answers[i].result }))
  })
}

/** RLP of the headers of blocks 1, 2, … of the chain in `suite-eth-jsonrpc`; it has blocks of every fork up to Osaka. */
export function readChainHeaders(suite: string): Uint8Array[] {
  const headers: Uint8Array[] = []
  let rest: Uint8Array = readFileSync(join(suite, '_chain', 'chain.rlp'))
  while (rest.length > 0) {
    const { data, remainder } = RLP.decode(rest, true)
    headers.push(RLP.encode(data[0]!))
    rest = remainder
  }
  return headers
}
