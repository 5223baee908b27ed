import { verifyCredential } from '../../protocol/credentials/credential-verification.ts'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import { serializeEvidenceStatement } from '../../protocol/credentials/evidence-statement.ts'
import { CountersignError, type ErrorCode, isCountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { Check } from '../../protocol/verification.ts'
import type { EvidenceClient } from '../cli/evidence-client.ts'
import { readProofFile } from '../verification/read-proof-file.ts'
import { askServer } from './ask-server.ts'
import type { CredentialChain } from './credential-chain.ts'
import type { CredentialOutcome, Scope } from './credential-outcome.ts'
import { writeDurably } from './durable-file.ts'

export interface VerifierOptions {
  /** Asked to verify what it keeps. */
  client?: EvidenceClient
  /** Nodes that are asked about the credential. */
  chain?: CredentialChain
  /** sha256 of the file that the credential is held against. */
  contentHash?: Bytes32
  /** Folder that signed statements go to. */
  statements?: string
}

/** What is wrong with one credential and says nothing of others. */
const OF_ONE_CREDENTIAL: ReadonlySet<ErrorCode> = new Set([
  'CHAIN_MISMATCH',
  'CREDENTIAL_FOREIGN',
  'EVIDENCE_STORE_UNAVAILABLE',
  'FILE_UNREADABLE',
  'PROOF_INVALID',
])
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'CREDENTIAL_INVALID',
  'PROOF_FILE_ALTERED',
  'PROOF_FILE_INVALID',
  'PROOF_FILE_MALFORMED',
])

/** Verifies credential files: each alone, then with whoever is there to be asked. */
export class CredentialVerifier {
  readonly #options: VerifierOptions

  constructor(options: VerifierOptions) {
    this.#options = options
  }

  /** @throws what hinders asking about any of them: EVIDENCE_SERVER_UNREACHABLE, CHAIN_UNREACHABLE, a key that is refused */
  async verify(file: string): Promise<CredentialOutcome> {
    let credential: EvidenceCredential | undefined
    try {
      credential = parseCredential(await readProofFile(file))
      return await this.#verify(file, credential)
    } catch (error) {
      if (!isCountersignError(error)) throw error
      const isRefusal = REFUSALS.has(error.code)
      if (!isRefusal && !OF_ONE_CREDENTIAL.has(error.code)) throw error
      const verdict = isRefusal ? 'refused' : 'error'
      return {
        ...subjectOf(file, credential),
        verdict,
        rule: error.code,
        scope: this.#scope,
        checks: [],
        error,
      }
    }
  }

  get #scope(): Scope {
    const { client, chain, contentHash } = this.#options
    if (client !== undefined && chain !== undefined) return 'everything'
    if (contentHash !== undefined) return 'file'
    if (client !== undefined) return 'server'
    return chain === undefined ? 'offline' : 'chain'
  }

  async #verify(file: string, credential: EvidenceCredential): Promise<CredentialOutcome> {
    const subject = { ...subjectOf(file, credential), scope: this.#scope }
    const { verdict, checks } = await verifyCredential(credential)
    if (verdict === null) return { ...subject, verdict: 'refused', rule: 'credential-invalid', checks }
    const { client, chain } = this.#options
    if (this.#scope === 'offline') return { ...subject, verdict, rule: offlineRule(verdict), checks }
    const asked = client && (await this.#askServer(client, file, credential, checks))
    if (chain === undefined) return { ...subject, ...asked! }
    const held = await chain.check(credential, this.#options.contentHash)
    return { ...subject, ...(asked === undefined ? held : weigh(asked, held)) }
  }

  async #askServer(
    client: EvidenceClient,
    file: string,
    credential: EvidenceCredential,
    checks: readonly Check[],
  ): Promise<Found> {
    const { statement, ...answer } = await askServer(client, credential)
    const { statements } = this.#options
    if (statements !== undefined && statement !== undefined)
      await writeDurably(
        `${statements}/${statement.credentialId}.statement.json`,
        serializeEvidenceStatement(statement),
      ).catch((cause) => {
        throw new CountersignError('FILE_UNREADABLE', `the statement of ${file} cannot be written`, { cause })
      })
    return { ...answer, checks: [...checks, ...answer.checks] }
  }
}

/** What whoever was asked found. */
export type Found = Pick<CredentialOutcome, 'verdict' | 'rule' | 'checks' | 'reason'>

/** A server's word counts as far as nodes that were asked beside it do not say worse. */
function weigh(server: Found, nodes: Found): Found {
  const checks = [...server.checks, ...nodes.checks.filter(({ name }) => !isOf(server.checks, name))]
  const isGood = server.verdict === 'intact'
  return { ...(isGood && nodes.verdict !== 'recorded' ? nodes : server), checks }
}

const isOf = (checks: readonly Check[], wanted: string): boolean => checks.some(({ name }) => name === wanted)

const offlineRule = (verdict: 'recorded' | 'unconfirmed'): string =>
  verdict === 'recorded' ? 'signed-and-recorded' : 'no-receipt-yet'

function subjectOf(
  file: string,
  credential: EvidenceCredential | undefined,
): Pick<CredentialOutcome, 'file' | 'credentialId' | 'name'> {
  if (credential === undefined) return { file, credentialId: null, name: null }
  const { credentialId, metadata } = readCredential(credential)
  return { file, credentialId, name: metadata.name ?? null }
}
