import { Interface } from 'ethers'
import { QUERY_RESULT_REGISTRY_ABI } from '../../protocol/abi/query-result-registry.ts'
import { type Address, randomBytes32 } from '../../protocol/hex.ts'
import { toQuantity } from '../../protocol/quantity.ts'
import { newSerial, type Serial, serialToKey } from '../../protocol/serial.ts'
import { type AnvilChain, startAnvil } from '../../test/support/anvil.ts'
import { type DeployedContracts, deployAll } from '../../test/support/contracts.ts'

/** A local chain with many records, all of the same tier: each has an event and a storage slot of its own. */
export interface FilledChain {
  chain: AnvilChain
  contracts: DeployedContracts
  /** The accounts that wrote, in turn. */
  authors: Address[]
  /** Some of the records: what lookups ask for. */
  samples: { serial: Serial; author: Address }[]
  /** Number of the newest block. */
  head: number
  /** Mines one block with one record of the first author in it. */
  recordOne(): Promise<Serial>
}

const EVENTS_A_BLOCK = 1_000
const RECORDS_A_TRANSACTION = 100
const TRANSACTIONS_A_BLOCK = EVENTS_A_BLOCK / RECORDS_A_TRANSACTION
const MAX_SAMPLES = 100_000
const REGISTRY = new Interface(QUERY_RESULT_REGISTRY_ABI)

/** Writes `events` records in blocks of 1,000 by ten authors. A million takes some minutes: the chain makes a state root for each block. */
export async function fillChain(events: number, progress: (done: number) => void): Promise<FilledChain> {
  // Without a bound it writes the state after every block to disk: for a million records some hundred gigabytes.
  const chain = await startAnvil({ flags: ['--gas-limit', '1000000000', '--prune-history', '16'] })
  const contracts = await deployAll(chain.url)
  await chain.request('evm_setAutomine', [false])
  const accounts = await chain.request<Address[]>('eth_accounts')
  const authors = accounts.slice(0, TRANSACTIONS_A_BLOCK)
  const samples: FilledChain['samples'] = []
  const keepEvery = Math.max(Math.floor(events / MAX_SAMPLES), 1)

  const send = (author: Address, count: number) => {
    const entries = Array.from({ length: count }, () => ({ serial: newSerial(), digest: randomBytes32() }))
    const data = REGISTRY.encodeFunctionData('recordBatch', [
      entries.map(({ serial, digest }) => [serialToKey(serial), digest]),
    ])
    const gas = toQuantity(200_000 + 40_000 * count)
    const sent = chain.request('eth_sendTransaction', [
      { from: author, to: contracts.QueryResultRegistry, data, gas },
    ])
    return { entries, sent }
  }
  for (let done = 0; done < events; done += EVENTS_A_BLOCK) {
    const batches = authors.map((author) => ({ author, ...send(author, RECORDS_A_TRANSACTION) }))
    await Promise.all(batches.map(({ sent }) => sent))
    await chain.request('evm_mine')
    for (const { author, entries } of batches)
      for (const [i, { serial }] of entries.entries())
        if (i % keepEvery === 0) samples.push({ serial, author })
    progress(done + EVENTS_A_BLOCK)
  }
  const head = Number(await chain.request<string>('eth_blockNumber'))
  return {
    chain,
    contracts,
    authors,
    samples,
    head,
    async recordOne() {
      const { entries, sent } = send(authors[0]!, 1)
      await sent
      await chain.request('evm_mine')
      return entries[0]!.serial
    },
  }
}
