import { buildEventProof, type EventProof } from '../../protocol/event-proof.ts'
import { type Address, type Bytes32, type Hex, toAddress } from '../../protocol/hex.ts'
import type { AnvilChain } from './anvil.ts'

/**
 * Emits what it is called with: three words of topics, then the data.
 * log3(0, calldatasize - 0x60, calldata[0x00], calldata[0x20], calldata[0x40]), behind a constructor that returns it.
 */
const BYTECODE = '0x60188060093d393df360603603806060600037604035602035600035836000a300'

/** A contract under no rules: it logs any event, also those that a registry never would. */
export async function deployLogEmitter({ request }: AnvilChain) {
  const [sender] = await request<[Address]>('eth_accounts')
  // The answer comes with the block; a receipt asked for after `eth_sendTransaction` may not be there yet.
  const send = (transaction: object) =>
    request<{ contractAddress: Address; blockHash: Bytes32; transactionHash: Bytes32 }>(
      'eth_sendTransactionSync',
      [{ from: sender, ...transaction }],
    )
  const { contractAddress } = await send({ data: BYTECODE })

  /** The proof of a log with these topics and this data. */
  async function emit(topics: [Bytes32, Bytes32, Bytes32], data: Hex): Promise<EventProof> {
    const input = `0x${[...topics, data].map((part) => part.slice(2)).join('')}`
    const { blockHash, transactionHash } = await send({ to: contractAddress, data: input })
    const block = await request<never>('eth_getBlockByHash', [blockHash, false])
    const receipts = await request<never>('eth_getBlockReceipts', [blockHash])
    return buildEventProof({ block, receipts, transactionHash, logPosition: 0 })
  }
  return { address: toAddress(contractAddress), emit }
}
