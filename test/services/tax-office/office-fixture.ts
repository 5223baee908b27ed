import { Contract, NonceManager, Wallet } from 'ethers'
import { PAYMENT_RECORD_REGISTRY_ABI } from '../../../protocol/abi/payment-record-registry.ts'
import { type Address, type Bytes32, bytesToHex } from '../../../protocol/hex.ts'
import { type PaymentOnChain, paymentEntry } from '../../../protocol/payments/payment-entry.ts'
import { unpackPayments } from '../../../protocol/payments/payment-publication.ts'
import type { PaymentRecord } from '../../../protocol/payments/payment-record.ts'
import { addressOf } from '../../../protocol/signature.ts'
import { TaxOfficeClient } from '../../../scripts/cli/tax-office-client.ts'
import { OFFICE_SCOPES, type OfficeScope } from '../../../services/tax-office/api-key-scopes.ts'
import { joinOfficeDatabase } from '../../../services/tax-office/store/database.ts'
import { type AnvilChain, startAnvil } from '../../support/anvil.ts'
import { type DeployedContracts, deployAll, localProvider } from '../../support/contracts.ts'
import { type PartyNetwork, PartyProcess, type PartyProgram } from '../party/party-process.ts'

export { PROJECT } from '../party/party-process.ts'

/** Third account of the test mnemonic: funded on every local chain. */
export const OFFICE_KEY: Bytes32 = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'
export const OFFICE = addressOf(OFFICE_KEY)
export const OTHER_OFFICE_KEY: Bytes32 = '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6'
export const OFFICE_SECRET: Bytes32 = bytesToHex(new Uint8Array(32).fill(0x5e))

/** A payment as it is handed in. */
export type PaymentRequest = Omit<PaymentRecord, 'version'> & {
  follows?: number
  visibility?: 'sealed' | 'public'
}

export const paymentRequest = (change: Partial<PaymentRequest> = {}): PaymentRequest => ({
  orderId: 'ORDER-1',
  kind: 'payment',
  category: 'income-tax',
  period: '2025',
  amountMinor: 123_45,
  currency: 'EUR',
  paidAt: '2025-03-31',
  authority: 'Tax Office North',
  ...change,
})

export const paymentRequests = (count: number, prefix = 'ORDER'): PaymentRequest[] =>
  Array.from({ length: count }, (_, i) =>
    paymentRequest({ orderId: `${prefix}-${i + 1}`, amountMinor: 100 + i }),
  )

const PROGRAM: PartyProgram<OfficeScope> = {
  name: 'tax-office',
  main: 'services/tax-office/main.ts',
  portVariable: 'TAX_OFFICE_PORT',
  registry: 'PaymentRecordRegistry',
  scopes: OFFICE_SCOPES,
  joinDatabase: joinOfficeDatabase,
}

export class OfficeProcess extends PartyProcess<OfficeScope> {
  readonly env: Record<string, string>
  readonly apiKey: string

  constructor(network: PartyNetwork, env: Record<string, string> = {}) {
    super(PROGRAM, network)
    this.env = {
      COUNTERSIGN_ADDRESS_BOOK: this.addressBookFile,
      COUNTERSIGN_PRIVATE_KEY: OFFICE_KEY,
      TAX_OFFICE_DATABASE: this.databaseFile,
      TAX_OFFICE_SECRET: OFFICE_SECRET,
      TAX_OFFICE_CHAIN_ID: String(network.chainId),
      TAX_OFFICE_FLUSH_MS: '20',
      TAX_OFFICE_RPC_TIMEOUT_MS: '2000',
      TAX_OFFICE_RESUBMIT_AFTER_MS: '1500',
      TAX_OFFICE_RATE_PER_MINUTE: '1000000',
      ...env,
    }
    this.apiKey = this.issueKey('test')
  }

  get client(): TaxOfficeClient {
    return new TaxOfficeClient(this.url, this.apiKey)
  }

  /** What a script needs to reach it. */
  get scriptEnv(): Record<string, string> {
    return { COUNTERSIGN_TAX_OFFICE_URL: this.url, COUNTERSIGN_TAX_OFFICE_API_KEY: this.apiKey }
  }
}

export interface Neighbourhood {
  chain: AnvilChain
  contracts: DeployedContracts
  office: OfficeProcess
  end(): Promise<void>
}

/** A chain with the registries on it, and an office that is not started yet. */
export async function settleOffice(env: Record<string, string> = {}): Promise<Neighbourhood> {
  const chain = await startAnvil()
  const contracts = await deployAll(chain.url)
  const office = new OfficeProcess({ chainId: chain.chainId, rpcUrl: chain.url, contracts }, env)
  return {
    chain,
    contracts,
    office,
    end: async () => {
      await office.remove()
      await chain.kill()
    },
  }
}

/** The registry as `key` writes to it. Destroy `provider` when done. */
export function paymentRegistry(rpcUrl: string, registry: Address, key = OFFICE_KEY) {
  const provider = localProvider(rpcUrl)
  const signer = new NonceManager(new Wallet(key, provider))
  return { registry: new Contract(registry, [...PAYMENT_RECORD_REGISTRY_ABI], signer), provider }
}

/** What an office's events say, in the order of the chain. */
export async function recordedPayments(
  rpcUrl: string,
  registryAddress: Address,
  office: Address = OFFICE,
): Promise<PaymentOnChain[]> {
  const { registry, provider } = paymentRegistry(rpcUrl, registryAddress)
  try {
    const recorded = await registry.queryFilter(registry.filters.PaymentRecorded!(null, office), 0)
    const published = await registry.queryFilter(registry.filters.PaymentsPublished!(null, office), 0)
    return [
      ...recorded.map((log) => {
        const { args } = log as unknown as { args: { version: bigint; digest: Bytes32; payload: Bytes32 } }
        return {
          orderKey: log.topics[1] as Bytes32,
          version: Number(args.version),
          digest: args.digest,
          payload: args.payload,
        }
      }),
      ...published.flatMap((log) =>
        unpackPayments((log as unknown as { args: { payments: Bytes32 } }).args.payments),
      ),
    ]
  } finally {
    provider.destroy()
  }
}

/** Comparable whatever the order: key and digest in the book. */
export const entriesOf = (payments: readonly PaymentOnChain[]): string[] =>
  payments
    .map(paymentEntry)
    .map(({ key, digest }) => `${key} ${digest}`)
    .sort()
