import type { IndexerConfig } from '../../../indexer/config.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { ROLES, roleMask } from '../../../protocol/roles.ts'
import { directoryAs } from '../../support/contracts.ts'
import { type CredentialWriter, credentialWriter } from '../../support/credential-writer.ts'
import { caughtUp } from '../../support/indexer.ts'
import { STORES, type StoreEngine } from '../../support/stores.ts'
import { type ApiFixture, startApi } from '../api/api-fixture.ts'

/** Further accounts of the test mnemonic: funded on every local chain. */
export const ISSUER_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
const STRANGER_KEY: Bytes32 = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'

/** An indexer of a chain with one registered issuer, and somebody else who writes credentials too. */
export interface CredentialBed extends ApiFixture {
  issuer: CredentialWriter
  stranger: CredentialWriter
  lookUp(credentialId: string, query?: string): ReturnType<ApiFixture['get']>
  reindexed(): Promise<void>
  /** Of the issuer, in the directory. */
  setStatus(status: number): Promise<void>
  /** Unix seconds of the newest block. */
  now(): Promise<number>
  /** Mines a block at a time. */
  mineAt(time: number): Promise<void>
}

export async function startCredentials(
  config: Partial<IndexerConfig> = {},
  { finalityDepth = 0, engine = STORES[0]! }: { finalityDepth?: number; engine?: StoreEngine } = {},
): Promise<CredentialBed> {
  const api = await startApi(config, { finalityDepth, engine })
  const { chain, contracts } = api
  const registry = contracts.CredentialRegistry
  const writerOf = (key: Bytes32) => credentialWriter(chain.url, { registry, chainId: chain.chainId, key })
  const issuer = writerOf(ISSUER_KEY)
  const stranger = writerOf(STRANGER_KEY)
  const asAdministrator = async (method: string, ...values: unknown[]) => {
    const { directory, provider } = directoryAs(chain.url, contracts.ParticipantDirectory)
    await (await directory.getFunction(method)(...values)).wait()
    provider.destroy()
  }
  await asAdministrator('register', issuer.issuer, roleMask(['credentialIssuer']), 'Evidence House', '', '')
  await asAdministrator('setBook', issuer.issuer, ROLES.credentialIssuer, chain.chainId, registry)
  const reindexed = () => caughtUp(api.indexer, chain)
  await reindexed()
  return {
    ...api,
    ...{ issuer, stranger, reindexed },
    setStatus: (status) => asAdministrator('setStatus', issuer.issuer, status),
    lookUp: (credentialId, query = '') => api.get(`/v1/credentials/${credentialId}${query}`),
    async now() {
      const block = await chain.request<{ timestamp: string }>('eth_getBlockByNumber', ['latest', false])
      return Number(block.timestamp)
    },
    async mineAt(time) {
      await chain.request('evm_setNextBlockTimestamp', [time])
      await chain.request('evm_mine')
      await reindexed()
    },
    async stop() {
      issuer.close()
      stranger.close()
      await api.stop()
    },
  }
}
