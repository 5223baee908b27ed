import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
  serializeCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { CREDENTIAL_EXTENSION, CredentialNames } from './credential-names.ts'
import { writeDurably } from './durable-file.ts'

/** The ending of a credential that its server does not know any more: `verify` passes over it in a folder. */
const UNKNOWN_EXTENSION = '.unknown'
/** A file name has 255 bytes at most, and what follows takes up to 60 of them. */
const MAX_BASE_BYTES = 190

/** A credential as it lies beside others. */
export interface KeptCredential {
  file: string
  credential: EvidenceCredential
}

/** Where credentials are kept: one file a document, named after it. */
export class CredentialFolder {
  readonly folder: string
  readonly #names = new CredentialNames()

  constructor(folder: string) {
    this.folder = folder
  }

  /** The credential of this very content that lies at a document's place; undefined when there is none, or only of other content. */
  async find(place: string, contentHash: Bytes32, validUntil?: string): Promise<KeptCredential | undefined> {
    const { folder, base } = this.#at(place)
    for (const name of await this.#names.of(folder, base)) {
      const file = path.join(folder, name)
      const credential = await readCredentialFile(file).catch(() => undefined)
      if (credential === undefined) continue
      const said = readCredential(credential)
      if (said.contentHash === contentHash && said.metadata.validUntil === validUntil)
        return { file, credential }
    }
    return undefined
  }

  /** Writes a new credential. One that is there already is of other content and stays: the new one has its id in its name. */
  async add(place: string, credential: EvidenceCredential): Promise<string> {
    const { folder, base } = this.#at(place)
    const { credentialId } = readCredential(credential)
    const own = path.join(folder, `${base}${CREDENTIAL_EXTENSION}`)
    // Another run may have written it meanwhile: the same credential then, as its key is the same.
    const there = existsSync(own) ? await readCredentialFile(own).catch(() => null) : undefined
    const isFree = there === undefined || (there && readCredential(there).credentialId === credentialId)
    const file = isFree ? own : path.join(folder, `${base}.${credentialId}${CREDENTIAL_EXTENSION}`)
    await this.replace(file, credential)
    await this.#names.add(folder, path.basename(file))
    return file
  }

  /** Writes a credential over the same one without its receipt. @throws FILE_UNREADABLE */
  replace(file: string, credential: EvidenceCredential): Promise<void> {
    return writeDurably(file, serializeCredential(credential))
  }

  /** Puts a credential aside that its server does not know; it is not destroyed. */
  async putAside(file: string): Promise<string> {
    const aside = `${file}${UNKNOWN_EXTENSION}`
    await rename(file, aside)
    await this.#names.remove(path.dirname(file), path.basename(file))
    return aside
  }

  /** The folder of a place, and what its credentials' names begin with. */
  #at(place: string): { folder: string; base: string } {
    const name = path.basename(place)
    const folder = path.join(this.folder, path.dirname(place))
    if (Buffer.byteLength(name) <= MAX_BASE_BYTES) return { folder, base: name }
    const hash = createHash('sha256').update(name).digest('hex').slice(0, 16)
    const beginning = Buffer.from(name)
      .subarray(0, MAX_BASE_BYTES - 20)
      .toString('utf8')
    return { folder, base: `${beginning.replaceAll('\ufffd', '')}-${hash}` }
  }
}

/** @throws FILE_UNREADABLE, PROOF_FILE_*, CREDENTIAL_INVALID */
export async function readCredentialFile(file: string): Promise<EvidenceCredential> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${file}: ${(cause as Error).message}`, { cause })
  }
  return parseCredential(bytes)
}
