import { bytesToHex, hexToBytes, keccak256, utf8ToBytes } from '../../../protocol/hex.ts'
import { merkleRootBytes } from '../../../protocol/merkle-root.ts'
import type { CallEntry, RegistryCalls } from './registry-calls.ts'

const WORD = 32
const ANCHOR = keccak256(utf8ToBytes('anchor(bytes32,uint64,string)')).subarray(0, 4)

const padded = (length: number): number => Math.ceil(length / WORD) * WORD

const rootOf = (entries: readonly CallEntry[]): string =>
  bytesToHex(
    merkleRootBytes({
      length: entries.length,
      key: (i) => hexToBytes(entries[i]!.key, 32),
      digest: (i) => hexToBytes(entries[i]!.digest, 32),
    }),
  )

/** All but the URI; the first anchor of an author takes the most. */
const GAS_OF_ANCHOR = 70_000
/** Call data and event. */
const GAS_PER_URI_BYTE = 30

/**
 * `anchor(root, leafCount, manifestURI)` of any book: only a root goes on chain, of the entries' keys and digests.
 * @param manifests URL under which the author serves what is under its roots; the manifest is `<manifests>/<root>`
 */
export const anchorCalls = (manifests: string): RegistryCalls => ({
  keepsSlots: false,
  checksOrder: false,
  gasOfCall: GAS_OF_ANCHOR + GAS_PER_URI_BYTE * (Buffer.byteLength(manifests) + 1 + 66),
  rootOf,
  encode(entries) {
    const root = rootOf(entries)
    const uri = utf8ToBytes(`${manifests}/${root}`)
    const data = Buffer.alloc(4 + 4 * WORD + padded(uri.length))
    data.set(ANCHOR)
    data.set(hexToBytes(root, 32), 4)
    writeWord(data, 4 + WORD, entries.length)
    writeWord(data, 4 + 2 * WORD, 3 * WORD)
    writeWord(data, 4 + 3 * WORD, uri.length)
    data.set(uri, 4 + 4 * WORD)
    return data
  },
  gasOf: () => 0,
  bytesOf: () => 0,
})

const writeWord = (data: Buffer, at: number, value: number): void => {
  data.writeUInt32BE(value, at + WORD - 4)
}
