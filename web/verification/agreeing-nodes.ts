import type { RawObject, RawReceipt } from '../../protocol/raw-rpc.ts'
import type { ChainNode } from './chain-node.ts'

/** Nodes of one chain say different things: which of them is right cannot be told. */
export class NodesDisagree extends Error {
  readonly what: string

  constructor(what: string) {
    super(`the nodes disagree about ${what}`)
    this.what = what
  }
}

/**
 * One node out of several, which says only what all of them say; of two heads the lower. What any of them has on record by now is recorded:
 * one that lags or lies does not hide what another shows.
 * @param nodes at least one
 * @throws NodesDisagree from each method
 */
export function agreeingNodes(nodes: readonly ChainNode[]): ChainNode {
  const [first] = nodes
  if (first === undefined) throw new Error('no node to ask')
  if (nodes.length === 1) return first
  const all = async <Answer>(
    what: string,
    ask: (node: ChainNode) => Promise<Answer>,
    essence: (answer: Answer) => unknown = (answer) => answer,
  ): Promise<Answer> => {
    const answers = await Promise.all(nodes.map(ask))
    const said = answers.map((answer) => JSON.stringify(essence(answer)))
    if (said.some((text) => text !== said[0])) throw new NodesDisagree(what)
    return answers[0]!
  }
  return {
    chainId: () => all('the chain', (node) => node.chainId()),
    async headBlock() {
      const heads = await Promise.all(nodes.map((node) => node.headBlock()))
      return heads.reduce((lower, head) => (head.number < lower.number ? head : lower))
    },
    async finalizedBlock() {
      const said = await Promise.all(nodes.map((node) => node.finalizedBlock()))
      const blocks = said.filter((block) => block !== undefined)
      return blocks.length === 0 ? undefined : Math.min(...blocks)
    },
    block: (number) => all(`block ${number}`, (node) => node.block(number)),
    receipt: (hash) => all('the transaction', (node) => node.receipt(hash), essenceOfReceipt),
    transactionsOf: (number) => all(`block ${number}`, (node) => node.transactionsOf(number)),
    logsOf: (registry, number) =>
      all(`the logs of block ${number}`, (node) => node.logsOf(registry, number), essenceOfLogs),
    digestOf: (registry, author, key, atBlock) =>
      all('the registry', (node) => node.digestOf(registry, author, key, atBlock)),
    async isRecorded(registry, author, key) {
      const said = await Promise.all(nodes.map((node) => node.isRecorded(registry, author, key)))
      return said.includes(true)
    },
    async revocationReasons(registry, issuer, key) {
      const said = await Promise.all(nodes.map((node) => node.revocationReasons(registry, issuer, key)))
      return [...new Set(said.flat())]
    },
    participant: (directory, account) => all('the directory', (node) => node.participant(directory, account)),
    bookOf: (directory, account, role) =>
      all('the directory', (node) => node.bookOf(directory, account, role)),
    statusAt: (directory, account, time) =>
      all('the directory', (node) => node.statusAt(directory, account, time)),
  }
}

/** Nodes add members of their own to receipts. */
const essenceOfReceipt = (receipt: RawReceipt | null): unknown =>
  receipt && [receipt.blockHash, Number(receipt.blockNumber), essenceOfLogs(receipt.logs as RawObject[])]

const essenceOfLogs = (logs: readonly RawObject[]): unknown =>
  logs.map(({ address, topics, data, logIndex, transactionHash, blockHash, blockNumber }) => [
    ...[address, topics, data, Number(logIndex)],
    ...[transactionHash, blockHash, Number(blockNumber)],
  ])
