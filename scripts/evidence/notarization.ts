import { createHash } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyCredential } from '../../protocol/credentials/credential-verification.ts'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
  serializeCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import { CountersignError, type ErrorCode, isCountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { EvidenceClient } from '../cli/evidence-client.ts'
import { hashFile } from './content-of-file.ts'
import type { CredentialFolder, KeptCredential } from './credential-file.ts'
import { mediaTypeOf } from './media-type.ts'
import type { NamedDocument } from './named-documents.ts'

export interface NotarizationOptions {
  client: EvidenceClient
  folder: CredentialFolder
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  validUntil?: string
  /** Documents at once. */
  atOnce: number
  /** Milliseconds for which a server that cannot be reached, or has no room, is asked again. */
  patienceMs: number
  /** Told of bytes read and sent: twice a document's size in all. */
  onBytes: (bytes: number) => void
  onDocument: (outcome: DocumentOutcome) => void
}
export type DocumentOutcome = { document: NamedDocument } & (
  | {
      outcome: 'stored' | 'known'
      credentialId: string
      /** The credential's file. */
      credentialFile: string
      isPending: boolean
      /** Where one was put that the server does not know. */
      putAside?: string
    }
  | { outcome: 'failed'; error: CountersignError }
)

/** What is wrong with one document and says nothing of the others. */
const OF_ONE_DOCUMENT: ReadonlySet<ErrorCode> = new Set([
  'CREDENTIAL_INVALID',
  'EVIDENCE_ERASED',
  'EVIDENCE_INCOMPLETE',
  'EVIDENCE_METADATA_INVALID',
  'EVIDENCE_TOO_LARGE',
  'FILE_UNREADABLE',
  'IDEMPOTENCY_KEY_REUSED',
])
const FIRST_RETRY_MS = 100
const MAX_RETRY_MS = 2_000
const LOOK_EVERY_MS = 250

/** Hands documents in and keeps the credential of each. What was handed in before, by a run that was ended, is known again by its credential or its key. */
export class Notarization {
  readonly #options: NotarizationOptions
  readonly #abort = new AbortController()

  constructor(options: NotarizationOptions) {
    this.#options = options
  }

  /** @throws what ends all of it: EVIDENCE_SERVER_UNREACHABLE when out of patience, a key that is refused, a quota that is used up */
  async run(documents: readonly NamedDocument[]): Promise<void> {
    let next = 0
    const work = async (): Promise<void> => {
      for (let n = next++; n < documents.length; n = next++) {
        this.#abort.signal.throwIfAborted()
        this.#options.onDocument(await this.#attempt(documents[n]!))
      }
    }
    await this.#together(work)
  }

  /**
   * Waits until credentials are on chain, and completes their files.
   * @param pending file by credential id; what is done is taken out
   */
  async complete(pending: Map<string, string>, waitMs: number): Promise<void> {
    const deadline = Date.now() + waitMs
    while (pending.size > 0) {
      const ids = [...pending.keys()]
      let next = 0
      await this.#together(async () => {
        for (let n = next++; n < ids.length; n = next++) {
          const id = ids[n]!
          const credential = await this.#persist(() => this.#fetch(id))
          if (readCredential(credential).receipt === null) continue
          await this.#options.folder.replace(pending.get(id)!, credential)
          pending.delete(id)
        }
      })
      if (pending.size === 0 || Date.now() >= deadline) return
      await sleep(Math.min(LOOK_EVERY_MS, deadline - Date.now()))
    }
  }

  /** The first failure ends the others. */
  async #together(work: () => Promise<void>): Promise<void> {
    const workers = Array.from({ length: this.#options.atOnce }, () =>
      work().catch((error) => {
        this.#abort.abort(error)
        throw error
      }),
    )
    const [first] = (await Promise.allSettled(workers)).filter(({ status }) => status === 'rejected')
    if (first !== undefined) throw this.#abort.signal.reason
  }

  async #attempt(document: NamedDocument): Promise<DocumentOutcome> {
    try {
      return await this.#notarize(document)
    } catch (error) {
      if (isCountersignError(error) && OF_ONE_DOCUMENT.has(error.code))
        return { document, outcome: 'failed', error }
      throw error
    }
  }

  async #notarize(document: NamedDocument): Promise<DocumentOutcome> {
    const { folder, validUntil, onBytes } = this.#options
    const { contentHash, size } = await hashFile(document.file, onBytes)
    const kept = await folder.find(document.place, contentHash, validUntil)
    const known = kept && (await this.#current(kept))
    if (known) {
      onBytes(size)
      const { credentialId, isPending } = known
      return { document, outcome: 'known', credentialId, credentialFile: kept.file, isPending }
    }
    const putAside = kept && (await folder.putAside(kept.file))
    const credential = await this.#store(document, contentHash, size)
    const credentialFile = await folder.add(document.place, credential)
    const { credentialId, receipt } = readCredential(credential)
    return {
      ...{ document, outcome: 'stored', credentialId, credentialFile, isPending: receipt === null },
      ...(putAside !== undefined && { putAside }),
    }
  }

  /** What the server has of a credential, completed by its receipt where there is one now; undefined when it does not know it. */
  async #current({
    file,
    credential,
  }: KeptCredential): Promise<{ credentialId: string; isPending: boolean } | undefined> {
    const { credentialId, receipt } = readCredential(credential)
    try {
      const current = await this.#persist(() => this.#fetch(credentialId))
      const isPending = readCredential(current).receipt === null
      if (receipt === null && !isPending) await this.#options.folder.replace(file, current)
      return { credentialId, isPending }
    } catch (error) {
      if (isCountersignError(error, 'EVIDENCE_NOT_FOUND')) return undefined
      throw error
    }
  }

  async #store(document: NamedDocument, contentHash: Bytes32, size: number): Promise<EvidenceCredential> {
    const { client, validUntil, onBytes } = this.#options
    const metadata = {
      name: path.basename(document.place),
      ...(validUntil !== undefined && { validUntil }),
    }
    const mediaType = mediaTypeOf(document.file)
    const idempotencyKey = keyOf(await realpath(document.file), contentHash, { ...metadata, mediaType })
    const { credential } = await this.#persist(() =>
      client.store({
        ...{ file: document.file, size, mediaType, metadata, idempotencyKey, onBytes },
        signal: this.#abort.signal,
      }),
    )
    const parsed = parseCredential(serializeCredential(credential as EvidenceCredential))
    await requireOf(parsed, document, contentHash)
    return parsed
  }

  /** A credential as the server has it now. @throws CREDENTIAL_INVALID */
  async #fetch(credentialId: string): Promise<EvidenceCredential> {
    const credential = parseCredential(await this.#options.client.credential(credentialId))
    if (readCredential(credential).credentialId !== credentialId)
      throw new CountersignError('CREDENTIAL_INVALID', `the server has another credential as ${credentialId}`)
    await requireValid(credential)
    return credential
  }

  /** Asks again while the server cannot be reached or has no room now: what it took before a failure it knows again by its key. */
  async #persist<T>(ask: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + this.#options.patienceMs
    for (let attempt = 0; ; attempt++) {
      try {
        return await ask()
      } catch (error) {
        if (!isCountersignError(error) || !error.retryable || Date.now() > deadline) throw error
        const pause = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10))
        await sleep(pause, undefined, { signal: this.#abort.signal })
      }
    }
  }
}

/** The same for the same document, whichever way it was named and however often it is handed in. It says nothing of the path. */
function keyOf(file: string, contentHash: Bytes32, metadata: object): string {
  const named = JSON.stringify(['notarize', file, contentHash, metadata])
  return `notarize-${createHash('sha256').update(named).digest('hex')}`
}

/** Whether what the server gave is what was handed in. @throws CREDENTIAL_INVALID, FILE_UNREADABLE */
async function requireOf(
  credential: EvidenceCredential,
  { file }: NamedDocument,
  contentHash: Bytes32,
): Promise<void> {
  if (readCredential(credential).contentHash !== contentHash)
    throw new CountersignError('FILE_UNREADABLE', `${file} changed while it was handed in`, {
      action: 'Hand it in again when nobody writes to it.',
    })
  await requireValid(credential)
}

async function requireValid(credential: EvidenceCredential): Promise<void> {
  const { verdict, checks } = await verifyCredential(credential)
  if (verdict !== null) return
  const failed = checks.find(({ outcome }) => outcome === 'failed')
  throw new CountersignError('CREDENTIAL_INVALID', `the server's credential: ${failed?.detail}`)
}
