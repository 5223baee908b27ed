import type { Contract, JsonRpcProvider, NonceManager } from 'ethers'
import { type Address, type Bytes32, randomBytes32 } from '../../protocol/hex.ts'
import type { Entry } from '../../protocol/record-book.ts'
import { newSerial, type Serial, serialToKey } from '../../protocol/serial.ts'
import { addressOf } from '../../protocol/signature.ts'
import { DEPLOYER_KEY, registryAs } from './contracts.ts'

export interface WrittenResult extends Entry {
  serial: Serial
}

/** One author writing to a registry. */
export interface RecordWriter {
  readonly author: Address
  /** Records one result in a transaction of its own. */
  record(digest?: Bytes32): Promise<WrittenResult>
  /** Records `count` results in one transaction. */
  recordBatch(count: number): Promise<WrittenResult[]>
  publish(entries: readonly Entry[]): Promise<void>
  anchor(root: Bytes32, leafCount: bigint): Promise<void>
  /** After a chain was reverted: the next transaction's number is asked for anew. */
  reset(): void
  close(): void
}

export function recordWriter(
  rpcUrl: string,
  registryAddress: Address,
  key: Bytes32 = DEPLOYER_KEY,
): RecordWriter {
  const { registry, provider }: { registry: Contract; provider: JsonRpcProvider } = registryAs(
    rpcUrl,
    registryAddress,
    key,
  )
  const send = async (method: string, ...args: unknown[]) => {
    const sent = await registry.getFunction(method)(...args)
    await sent.wait()
  }
  const newResult = (digest = randomBytes32()): WrittenResult => {
    const serial = newSerial()
    return { serial, key: serialToKey(serial), digest }
  }
  return {
    author: addressOf(key),
    async record(digest) {
      const result = newResult(digest)
      await send('record', result.key, result.digest)
      return result
    },
    async recordBatch(count) {
      const results = Array.from({ length: count }, () => newResult())
      await send('recordBatch', results)
      return results
    },
    publish: (entries) => send('publish', entries),
    anchor: (root, leafCount) => send('anchor', root, leafCount, 'https://example.org/manifest'),
    reset: () => (registry.runner as NonceManager).reset(),
    close: () => provider.destroy(),
  }
}
