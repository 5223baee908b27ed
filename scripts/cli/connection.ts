import { existsSync, readFileSync } from 'node:fs'
import { CountersignError } from '../../protocol/errors.ts'
import { EvidenceClient } from './evidence-client.ts'
import { ProxyClient } from './proxy-client.ts'
import { TaxOfficeClient } from './tax-office-client.ts'

/** Where `npm start` leaves how to reach what it started. */
export const LOCAL_STATE_FILE = '.countersign/local.json'

export interface LocalState {
  proxyUrl: string
  indexerUrl: string
  /** Of a user who may ask and audit, on local chains only. */
  apiKey: string
  taxOffice?: {
    url: string
    /** Of one who may upload and print slips. */
    apiKey: string
    /** What a look into its books needs, by the names of its settings. */
    variables: Record<'TAX_OFFICE_DATABASE' | 'TAX_OFFICE_SECRET' | 'COUNTERSIGN_ADDRESS_BOOK', string>
  }
  evidence?: {
    url: string
    /** Of one who may store, read, verify and revoke. */
    apiKey: string
  }
}

/**
 * The proxy to ask: `COUNTERSIGN_PROXY_URL` and `COUNTERSIGN_API_KEY`, or else the network that `npm start` runs.
 * @throws CONNECTION_UNKNOWN
 */
export function connectProxy(env: NodeJS.ProcessEnv = process.env): ProxyClient {
  const { COUNTERSIGN_PROXY_URL: url, COUNTERSIGN_API_KEY: apiKey } = env
  if (url !== undefined && apiKey !== undefined) return new ProxyClient(url, apiKey)
  const local = url === undefined && apiKey === undefined ? localState() : undefined
  if (local !== undefined) return new ProxyClient(local.proxyUrl, local.apiKey)
  throw new CountersignError(
    'CONNECTION_UNKNOWN',
    'it is not known which proxy to ask, or with which API key',
  )
}

/**
 * The tax office to hand payments to: `COUNTERSIGN_TAX_OFFICE_URL` and `COUNTERSIGN_TAX_OFFICE_API_KEY`, or else the one that
 * `npm start` runs.
 * @throws CONNECTION_UNKNOWN
 */
export function connectTaxOffice(env: NodeJS.ProcessEnv = process.env): TaxOfficeClient {
  const { COUNTERSIGN_TAX_OFFICE_URL: url, COUNTERSIGN_TAX_OFFICE_API_KEY: apiKey } = env
  if (url !== undefined && apiKey !== undefined) return new TaxOfficeClient(url, apiKey)
  const local = url === undefined && apiKey === undefined ? localOffice() : undefined
  if (local !== undefined) return new TaxOfficeClient(local.url, local.apiKey)
  throw new CountersignError(
    'CONNECTION_UNKNOWN',
    'it is not known which tax office to ask, or with which API key',
    {
      action:
        'Set COUNTERSIGN_TAX_OFFICE_URL and COUNTERSIGN_TAX_OFFICE_API_KEY, or run npm start in another terminal.',
    },
  )
}

/**
 * The evidence server to ask: `COUNTERSIGN_EVIDENCE_URL` and `COUNTERSIGN_EVIDENCE_API_KEY`, or else the one that `npm start` runs.
 * @throws CONNECTION_UNKNOWN
 */
export function connectEvidence(env: NodeJS.ProcessEnv = process.env): EvidenceClient {
  const client = findEvidence(env)
  if (client !== undefined) return client
  throw new CountersignError(
    'CONNECTION_UNKNOWN',
    'it is not known which evidence server to ask, or with which API key',
    {
      action:
        'Set COUNTERSIGN_EVIDENCE_URL and COUNTERSIGN_EVIDENCE_API_KEY, or run npm start in another terminal.',
    },
  )
}

/** The same; undefined when none is known. */
export function findEvidence(env: NodeJS.ProcessEnv = process.env): EvidenceClient | undefined {
  const { COUNTERSIGN_EVIDENCE_URL: url, COUNTERSIGN_EVIDENCE_API_KEY: apiKey } = env
  if (url !== undefined && apiKey !== undefined) return new EvidenceClient(url, apiKey)
  const local = url === undefined && apiKey === undefined ? localState()?.evidence : undefined
  return local && new EvidenceClient(local.url, local.apiKey)
}

/** The environment, with what the office that `npm start` runs would be given where it says nothing of one. */
export function localOfficeVariables(env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const { TAX_OFFICE_DATABASE, TAX_OFFICE_SECRET, TAX_OFFICE_SECRET_FILE } = env
  if (TAX_OFFICE_DATABASE ?? TAX_OFFICE_SECRET ?? TAX_OFFICE_SECRET_FILE) return env
  return { ...localOffice()?.variables, ...env }
}

const localOffice = (): LocalState['taxOffice'] => localState()?.taxOffice

const localState = (): LocalState | undefined =>
  existsSync(LOCAL_STATE_FILE)
    ? (JSON.parse(readFileSync(LOCAL_STATE_FILE, 'utf8')) as LocalState)
    : undefined
