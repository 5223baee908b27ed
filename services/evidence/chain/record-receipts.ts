import {
  ANCHORED_TOPIC,
  CREDENTIAL_ISSUED_TOPIC,
  type CredentialTier,
  PUBLISHED_TOPIC,
} from '../../../protocol/credentials/credential-event.ts'
import { credentialKey } from '../../../protocol/credentials/credential-key.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import type { EventProof, EventProver } from '../../../protocol/event-proof.ts'
import { type Address, type Bytes32, bytesToHex, hexToBytes, isSameAddress } from '../../../protocol/hex.ts'
import { merkleNodes, merkleProofFrom } from '../../../protocol/merkle-root.ts'
import { toQuantity } from '../../../protocol/quantity.ts'
import type { RawBlock, RawReceipt } from '../../../protocol/raw-rpc.ts'
import type { Entry } from '../../../protocol/record-book.ts'
import type { Serial } from '../../../protocol/serial.ts'
import type { JsonRpc, RecordLocation } from '../../party/book-writer/chain-access.ts'
import { ProvenBlocks } from '../../party/proven-blocks.ts'
import type { RecordingTier } from '../book/credential-calls.ts'
import type { AnchorStore } from '../store/anchor-store.ts'

/** Where a credential stands on chain, with its proof. */
export interface BuiltReceipt {
  tier: CredentialTier
  event: EventProof
  leafProof?: Bytes32[]
}

export interface RecordReceiptOptions {
  rpc: JsonRpc
  registry: Address
  issuer: Address
  tier: RecordingTier
  anchors: AnchorStore
}

/** An event of the issuer's in a block. */
interface IssuerEvent {
  /** Key of a credential, or root. */
  subject: Bytes32
  transactionHash: Bytes32
  /** Among the logs of its transaction, from 0. */
  logPosition: number
}

interface IssuerBlock {
  events: readonly IssuerEvent[]
  prover: EventProver
}

interface RawLog {
  address: string
  topics: Bytes32[]
}

/** Trees of anchored roots that are kept: their credentials come back for receipts one after the other. */
const MAX_TREES = 4

const TOPIC_OF: Record<RecordingTier, Bytes32> = {
  record: CREDENTIAL_ISSUED_TOPIC,
  publish: PUBLISHED_TOPIC,
  anchor: ANCHORED_TOPIC,
}
const TIER_OF: Record<RecordingTier, CredentialTier> = {
  record: 'recorded',
  publish: 'published',
  anchor: 'anchored',
}

/** Builds the record receipts of one issuer from the chain: blocks are read whole and held against their headers. */
export class RecordReceipts {
  readonly #options: RecordReceiptOptions
  readonly #blocks: ProvenBlocks<IssuerBlock>
  readonly #trees = new Map<Bytes32, { nodes: Uint8Array; indexOf: Map<Bytes32, number> }>()

  constructor(options: RecordReceiptOptions) {
    this.#options = options
    this.#blocks = new ProvenBlocks(options.rpc, (block, receipts, prover) => ({
      events: this.#eventsIn(block, receipts),
      prover,
    }))
  }

  /**
   * @param location where the book writer saw it mined
   * @throws CHAIN_UNREACHABLE, PROOF_UNBUILDABLE, RECORD_NOT_LOCATED
   */
  async build(credentialId: Serial, location: RecordLocation): Promise<BuiltReceipt> {
    const { tier, rpc } = this.#options
    const block = await rpc.send('eth_getBlockByNumber', [toQuantity(location.blockNumber), false])
    if (block === null) throw notLocated(credentialId)
    const { events, prover } = await this.#blocks.get(block)
    const key = credentialKey(credentialId)
    const event = events.find(
      ({ subject, transactionHash }) =>
        transactionHash === location.transactionHash && (tier !== 'record' || subject === key),
    )
    if (event === undefined) throw notLocated(credentialId)
    const proof = await prover.prove(event.transactionHash, event.logPosition)
    if (tier !== 'anchor') return { tier: TIER_OF[tier], event: proof }
    return { tier: 'anchored', event: proof, leafProof: this.#leafProof(event.subject, key, credentialId) }
  }

  #eventsIn(_block: RawBlock, receipts: readonly RawReceipt[]): IssuerEvent[] {
    const { registry, issuer, tier } = this.#options
    return receipts.flatMap((receipt) =>
      (receipt.logs as RawLog[]).flatMap(({ address, topics }, logPosition) =>
        isSameAddress(address, registry) &&
        topics.length === 3 &&
        topics[0] === TOPIC_OF[tier] &&
        isSameAddress(`0x${topics[2]!.slice(26)}`, issuer)
          ? [{ subject: topics[1]!, transactionHash: receipt.transactionHash as Bytes32, logPosition }]
          : [],
      ),
    )
  }

  #leafProof(root: Bytes32, key: Bytes32, credentialId: Serial): Bytes32[] {
    const { nodes, indexOf } = this.#treeOf(root)
    const index = indexOf.get(key)
    if (index === undefined) throw notLocated(credentialId)
    return merkleProofFrom(nodes, index).map((node) => bytesToHex(node))
  }

  #treeOf(root: Bytes32): { nodes: Uint8Array; indexOf: Map<Bytes32, number> } {
    let tree = this.#trees.get(root)
    if (tree === undefined) {
      const leaves = this.#options.anchors.leavesUnder(root)
      const nodes = nodesOf(leaves)
      if (nodes === undefined || bytesToHex(nodes.subarray(0, 32)) !== root)
        throw new CountersignError('PROOF_UNBUILDABLE', `the leaves that are kept do not hash to ${root}`)
      tree = { nodes, indexOf: new Map(leaves.map(({ key }, i) => [key, i])) }
    } else this.#trees.delete(root)
    this.#trees.set(root, tree)
    if (this.#trees.size > MAX_TREES) this.#trees.delete(this.#trees.keys().next().value!)
    return tree
  }
}

const nodesOf = (leaves: readonly Entry[]): Uint8Array | undefined =>
  leaves.length === 0
    ? undefined
    : merkleNodes({
        length: leaves.length,
        key: (i) => hexToBytes(leaves[i]!.key, 32),
        digest: (i) => hexToBytes(leaves[i]!.digest, 32),
      })

const notLocated = (credentialId: Serial): CountersignError =>
  new CountersignError('RECORD_NOT_LOCATED', `no event of ${credentialId} was found where it was recorded`)
