import path from 'node:path'
import type { AddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import { developmentKey } from '../../services/party/development-keys.ts'
import type { Registration } from '../registration.ts'
import type { PartyProcess, ProcessDeclaration } from './child-process.ts'
import { ACCOUNTS } from './parties.ts'

export interface RunningTaxOffice {
  url: string
  process: PartyProcess
  address: Address
  /** Of one who may upload and print slips. */
  apiKey: string
  /** What a look into its books needs, by the names of its settings. */
  variables: Record<'TAX_OFFICE_DATABASE' | 'TAX_OFFICE_SECRET' | 'COUNTERSIGN_ADDRESS_BOOK', string>
}

interface TaxOfficePlace {
  folder: string
  addressBookFile: string
  host: string
  port: number
  indexerPort: number
  chainId: number
}

const key = () => developmentKey(ACCOUNTS.taxOffice)

/** How the local network's tax office is started, and reached. */
export function taxOfficeDeclaration({
  folder,
  addressBookFile,
  host,
  port,
  indexerPort,
  chainId,
}: TaxOfficePlace): Required<Pick<ProcessDeclaration, 'command' | 'env'>> &
  Pick<RunningTaxOffice, 'url' | 'address' | 'variables'> {
  const variables = {
    TAX_OFFICE_DATABASE: path.join(folder, 'tax-office.db'),
    // Not secret at all.
    TAX_OFFICE_SECRET: keccak256Hex(utf8ToBytes('countersign development secret of the tax office')),
    COUNTERSIGN_ADDRESS_BOOK: addressBookFile,
  }
  return {
    url: `http://${host}:${port}`,
    address: key().address,
    variables,
    // An upload makes much that is forgotten at once; a small nursery keeps memory flat and costs no time.
    command: ['--max-semi-space-size=8', 'services/tax-office/main.ts'],
    env: {
      ...variables,
      COUNTERSIGN_PRIVATE_KEY: key().privateKey,
      HOST: host,
      TAX_OFFICE_PORT: String(port),
      TAX_OFFICE_CHAIN_ID: String(chainId),
      TAX_OFFICE_PAY_PAGE: `http://${host}:${indexerPort}/pay`,
    },
  }
}

/** What the directory shall say of it. @throws CHAIN_UNKNOWN */
export function taxOfficeRegistration(
  addressBook: AddressBook,
  { chainId, endpoint }: { chainId: number; endpoint: string },
): Registration {
  const registry = addressBook.chains.find((chain) => chain.chainId === chainId)?.contracts
    .PaymentRecordRegistry?.address
  if (registry === undefined)
    throw new CountersignError('CHAIN_UNKNOWN', `chain ${chainId} has no PaymentRecordRegistry`)
  return {
    account: key().address,
    roles: ['taxOffice'],
    name: 'Tax Office',
    endpoint,
    queryTypes: [],
    book: { role: 'taxOffice', chainId, registry },
  }
}
