import type { IndexerConfig } from '../../../indexer/config.ts'
import type { Address, Bytes32 } from '../../../protocol/hex.ts'
import { PARTICIPANT_STATUSES, type ParticipantStatus, ROLES, roleMask } from '../../../protocol/roles.ts'
import { directoryAs } from '../../support/contracts.ts'
import { caughtUp } from '../../support/indexer.ts'
import { type PaymentWriter, paymentWriter } from '../../support/payment-writer.ts'
import { STORES, type StoreEngine } from '../../support/stores.ts'
import { type ApiFixture, startApi } from '../api/api-fixture.ts'

/** Further accounts of the test mnemonic: funded on every local chain. */
export const OFFICE_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
export const STRANGER_KEY: Bytes32 = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

/** An indexer of a chain with one registered tax office, and somebody else who writes payments too. */
export interface PaymentBed extends ApiFixture {
  office: PaymentWriter
  stranger: PaymentWriter
  setStatus(status: ParticipantStatus): Promise<void>
  /** Of an order id, or whatever stands for one. */
  lookUp(orderId: string, query?: string): ReturnType<ApiFixture['get']>
  reindexed(): Promise<void>
}

export async function startPayments(
  config: Partial<IndexerConfig> = {},
  { finalityDepth = 0, engine = STORES[0]! }: { finalityDepth?: number; engine?: StoreEngine } = {},
): Promise<PaymentBed> {
  const api = await startApi(config, { finalityDepth, engine })
  const { chain, contracts } = api
  const registry = contracts.PaymentRecordRegistry
  const writerOf = (key: Bytes32) => paymentWriter(chain.url, { registry, chainId: chain.chainId, key })
  const office = writerOf(OFFICE_KEY)
  const stranger = writerOf(STRANGER_KEY)
  const asAdministrator = async (method: string, ...values: unknown[]) => {
    const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
    try {
      await (await directory.getFunction(method)(...values)).wait()
    } finally {
      provider.destroy()
    }
  }
  await asAdministrator('register', office.office, roleMask(['taxOffice']), 'Tax Office North', '', '')
  await asAdministrator('setBook', office.office, ROLES.taxOffice, chain.chainId, registry)
  const reindexed = () => caughtUp(api.indexer, chain)
  await reindexed()
  return {
    ...api,
    office,
    stranger,
    setStatus: (status) =>
      asAdministrator('setStatus', office.office as Address, PARTICIPANT_STATUSES.indexOf(status)),
    lookUp: (orderId, query = '') => api.get(`/v1/payments/${encodeURIComponent(orderId)}${query}`),
    reindexed,
    async stop() {
      office.close()
      stranger.close()
      await api.stop()
    },
  }
}
