import { CountersignError, isCountersignError } from '../../protocol/errors.ts'
import type { Address } from '../../protocol/hex.ts'
import { assembleReceipt, type Receipt, serializeReceipt } from '../../protocol/receipt.ts'
import { givenReceipt } from './audit-service.ts'
import type { RecordChains } from './chain/record-chains.ts'
import type { StoredQuery } from './store/query-store.ts'

/**
 * What the chain says to a receipt: `recorded` the same digest; `contradicted` another (then the receipt's proof proves that other one,
 * and verifying the file says `misreported`); `promised` none yet; `unknown` when the chain cannot be asked now.
 */
export type RecordState = 'recorded' | 'contradicted' | 'promised' | 'unknown'

export interface ReceiptFile {
  file: string
  state: RecordState
}

/**
 * The receipt of an answer, with the proof of its record as soon as there is one; before that the provider's signed promise.
 * Digest, content and signature stay as the provider gave them.
 * @throws PROVIDER_UNKNOWN, RECEIPT_UNKNOWN
 */
export async function readReceiptFile(
  query: StoredQuery,
  provider: Address,
  chains: RecordChains,
): Promise<ReceiptFile> {
  const given = givenReceipt(query, provider)
  if (given === null)
    throw new CountersignError(
      'RECEIPT_UNKNOWN',
      `${provider} gave no answer under ${query.serial} that could be accepted`,
    )
  try {
    return await withProof(given, chains)
  } catch (error) {
    if (!isCountersignError(error)) throw error
    return { file: serializeReceipt(given), state: given.proof === null ? 'unknown' : 'recorded' }
  }
}

async function withProof(given: Receipt, chains: RecordChains): Promise<ReceiptFile> {
  const { chainId, registry, author, serial } = given
  const chain = chains.get(chainId)
  const head = await chain.readHead()
  const [record, authorHead] = await Promise.all([
    chain.readRecord({ registry, author, serial }, head),
    chain.readAuthorHead(registry, author, head),
  ])
  if (record === null) return { file: serializeReceipt(given), state: 'promised' }
  const { integrity: _integrity, format: _format, version: _version, kind: _kind, ...content } = given
  const receipt = assembleReceipt({
    ...content,
    proof: record.proof,
    head: { value: authorHead, blockNumber: head.blockNumber },
  })
  return {
    file: serializeReceipt(receipt),
    state: record.digest === given.digest ? 'recorded' : 'contradicted',
  }
}
