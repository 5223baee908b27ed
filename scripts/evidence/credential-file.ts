import { readdir, readFile, rename } from 'node:fs/promises'
import path from 'node:path'
import {
  type EvidenceCredential,
  parseCredential,
  readCredential,
  serializeCredential,
} from '../../protocol/credentials/evidence-credential.ts'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { writeDurably } from './durable-file.ts'

export const CREDENTIAL_EXTENSION = '.credential.json'

/** The ending of a credential that its server does not know any more: `verify` passes over it in a folder. */
const UNKNOWN_EXTENSION = '.unknown'

/** A credential as it lies beside others. */
export interface KeptCredential {
  file: string
  credential: EvidenceCredential
}

/** Where credentials are kept: one file a document, named after it. */
export class CredentialFolder {
  readonly folder: string
  readonly #namesOf = new Map<string, string[]>()

  constructor(folder: string) {
    this.folder = folder
  }

  /** The credential of this very content that lies at a document's place; undefined when there is none, or only of other content. */
  async find(place: string, contentHash: Bytes32, validUntil?: string): Promise<KeptCredential | undefined> {
    for (const file of await this.#candidates(place)) {
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
    const isTaken = (await this.#candidates(place)).length > 0
    const name = isTaken ? `${place}.${readCredential(credential).credentialId}` : place
    const file = path.join(this.folder, `${name}${CREDENTIAL_EXTENSION}`)
    await this.replace(file, credential)
    this.#namesOf.delete(path.dirname(file))
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
    this.#namesOf.delete(path.dirname(file))
    return aside
  }

  /** The files of a place: its own, then those that have an id in their name. */
  async #candidates(place: string): Promise<string[]> {
    const folder = path.join(this.folder, path.dirname(place))
    let names = this.#namesOf.get(folder)
    if (names === undefined) {
      names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(CREDENTIAL_EXTENSION))
      // One folder at a time is worked on; the last one is enough to remember.
      this.#namesOf.clear()
      this.#namesOf.set(folder, names)
    }
    const base = path.basename(place)
    const own = `${base}${CREDENTIAL_EXTENSION}`
    const isLater = (name: string): boolean =>
      name.length === own.length + 27 &&
      name.startsWith(`${base}.`) &&
      /\.[0-9A-Z]{26}\.credential\.json$/.test(name)
    return [...names.filter((name) => name === own), ...names.filter(isLater)].map((name) =>
      path.join(folder, name),
    )
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
