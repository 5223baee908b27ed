import { readFile, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { ContractTransactionResponse } from 'ethers'
import { keccak256Hex, utf8ToBytes } from '../../../protocol/hex.ts'

/** Gas depends on the bytes of calldata: the same every time, hardly a zero among them. */
export const seeded = (seed: string) => keccak256Hex(utf8ToBytes(seed))

/** What each call costs, compared to the unit with a committed file; `UPDATE_GAS=1` writes it anew. */
export class GasSnapshot {
  readonly #file: URL
  readonly #measured: Record<string, number> = {}

  /** @param name of the file under `snapshots/` */
  constructor(name: string) {
    this.#file = new URL(`../snapshots/${name}`, import.meta.url)
  }

  async measure(name: string, transaction: Promise<unknown>): Promise<number> {
    const gas = await gasOf(transaction)
    this.#measured[name] = gas
    return gas
  }

  /** @returns gas a record, not rounded; the snapshot has it rounded up */
  async measurePerRecord(name: string, size: number, transaction: Promise<unknown>): Promise<number> {
    const gas = await gasOf(transaction)
    this.#measured[`${name}, a record`] = Math.ceil(gas / size)
    return gas / size
  }

  async compare(): Promise<void> {
    if (process.env.UPDATE_GAS) await writeFile(this.#file, `${JSON.stringify(this.#measured, null, 2)}\n`)
    expect(
      this.#measured,
      'gas changed; if meant, run with UPDATE_GAS=1 and commit the snapshot',
    ).to.deep.equal(JSON.parse(await readFile(this.#file, 'utf8')))
  }
}

const gasOf = async (transaction: Promise<unknown>): Promise<number> =>
  Number((await (await (transaction as Promise<ContractTransactionResponse>)).wait())!.gasUsed)
