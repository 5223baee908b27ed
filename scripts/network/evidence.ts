import path from 'node:path'
import type { AddressBook } from '../../protocol/address-book.ts'
import { CountersignError } from '../../protocol/errors.ts'
import { type Address, keccak256Hex, utf8ToBytes } from '../../protocol/hex.ts'
import { developmentKey } from '../../services/party/development-keys.ts'
import type { Registration } from '../registration.ts'
import type { PartyProcess, ProcessDeclaration } from './child-process.ts'
import { ACCOUNTS } from './parties.ts'

export interface RunningEvidenceServer {
  url: string
  process: PartyProcess
  address: Address
  /** Of one who may store, read, verify and revoke. */
  apiKey: string
  databaseFile: string
  /** Where contents lie, each under its hash. */
  contentFolder: string
}

interface EvidencePlace {
  folder: string
  addressBookFile: string
  host: string
  port: number
  chainId: number
}

const key = () => developmentKey(ACCOUNTS.evidence)

/** How the local network's evidence server is started, and reached. */
export function evidenceDeclaration({
  folder,
  addressBookFile,
  host,
  port,
  chainId,
}: EvidencePlace): Required<Pick<ProcessDeclaration, 'command' | 'env'>> &
  Omit<RunningEvidenceServer, 'process' | 'apiKey'> {
  const databaseFile = path.join(folder, 'evidence.db')
  const contentFolder = path.join(folder, 'evidence')
  return {
    url: `http://${host}:${port}`,
    address: key().address,
    databaseFile,
    contentFolder,
    command: ['--max-semi-space-size=2', 'services/evidence/main.ts'],
    env: {
      COUNTERSIGN_ADDRESS_BOOK: addressBookFile,
      COUNTERSIGN_PRIVATE_KEY: key().privateKey,
      HOST: host,
      EVIDENCE_PORT: String(port),
      EVIDENCE_CHAIN_ID: String(chainId),
      EVIDENCE_DATABASE: databaseFile,
      EVIDENCE_STORE: contentFolder,
      // Not secret at all.
      EVIDENCE_SECRET: keccak256Hex(utf8ToBytes('countersign development secret of the evidence server')),
    },
  }
}

/** What the directory shall say of it. @throws CHAIN_UNKNOWN */
export function evidenceRegistration(
  addressBook: AddressBook,
  { chainId, endpoint }: { chainId: number; endpoint: string },
): Registration {
  const registry = addressBook.chains.find((chain) => chain.chainId === chainId)?.contracts.CredentialRegistry
    ?.address
  if (registry === undefined)
    throw new CountersignError('CHAIN_UNKNOWN', `chain ${chainId} has no CredentialRegistry`)
  return {
    account: key().address,
    roles: ['credentialIssuer'],
    name: 'Evidence Server',
    endpoint,
    queryTypes: [],
    book: { role: 'credentialIssuer', chainId, registry },
  }
}
