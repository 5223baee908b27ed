import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseCredential, readCredential } from '../../protocol/credentials/evidence-credential.ts'
import { EvidenceClient, type Notice } from '../cli/evidence-client.ts'
import { CREDENTIAL_EXTENSION } from '../evidence/credential-names.ts'
import type { LocalNetwork } from '../network/local-network.ts'
import { documentOf, type EndedScript, runScript } from './run-script.ts'

const WAIT_MS = 60_000
const POLL_MS = 100

export const SAMPLE_DOCUMENTS = fileURLToPath(new URL('../../sample/evidence/documents', import.meta.url))

/** What those who take part in evidence do: a client with documents, a holder of a credential, somebody at the server's disk. */
export class EvidenceScene {
  readonly #network: LocalNetwork
  readonly #client: EvidenceClient

  constructor(network: LocalNetwork) {
    this.#network = network
    this.#client = new EvidenceClient(network.evidence.url, network.evidence.apiKey)
  }

  /** Runs a script of the client's, who has the key of the server. */
  clientScript(name: string, ...args: string[]): Promise<EndedScript> {
    const { url, apiKey } = this.#network.evidence
    const variables = { COUNTERSIGN_EVIDENCE_URL: url, COUNTERSIGN_EVIDENCE_API_KEY: apiKey }
    return runScript(name, [...args, '--json'], { variables })
  }

  /** Verifies as a holder does, who knows file, credential and nodes, and no server. */
  async holderVerdict(document: string, file: string): Promise<string> {
    const { addressBookFile } = this.#network
    const args = ['--file', path.join(SAMPLE_DOCUMENTS, file), '--address-book', addressBookFile, '--json']
    const ended = await runScript('verify', [this.credentialFile(document), ...args])
    return documentOf<{ verdict: string }>(ended).verdict
  }

  /** Has the server verify what it keeps of these documents: `name: verdict` of each. */
  async verdicts(...documents: string[]): Promise<string[]> {
    const files = documents.map((document) => this.credentialFile(document))
    const ended = await this.clientScript('verify', ...files)
    const answer = documentOf<VerifyDocument>(ended)
    return (answer.credentials ?? [answer]).map(({ name, verdict }) => `${name}: ${verdict}`)
  }

  /** What the indexer says of a credential, once it says it. */
  async untilIndexedAs(document: string, state: string): Promise<string> {
    const url = `${this.#network.indexer.url}/v1/credentials/${this.#read(document).credentialId}`
    return this.#until(`the indexer to say ${state}`, async () => {
      const answer = (await (await fetch(url)).json()) as IndexedCredentials
      const [credential] = answer.credentials ?? []
      return credential?.state === state ? credential.state : undefined
    })
  }

  /** Waits until the server has told of a document by itself. */
  async untilTold(document: string, verdict: string): Promise<string> {
    const { credentialId } = this.#read(document)
    return this.#until(`a notice of ${document}`, async () => {
      for (let cursor: string | null = null; ; ) {
        const page: { notices: Notice[]; nextCursor: string | null } = await this.#client.notices(cursor)
        const found = page.notices.find((notice) => notice.credentialId === credentialId)
        if (found?.verdict === verdict) return found.verdict
        if (page.nextCursor === null || page.notices.length === 0) return undefined
        cursor = page.nextCursor
      }
    })
  }

  /** Changes one byte of what the server has of a document on its disk, in the middle; again, and it is as it was. */
  alterStored(document: string): void {
    const file = this.#storedFile(document)
    const bytes = readFileSync(file)
    const middle = Math.floor(bytes.length / 2)
    bytes[middle] = bytes[middle]! ^ 1
    writeFileSync(file, bytes)
  }

  deleteStored(document: string): void {
    rmSync(this.#storedFile(document))
  }

  credentialFile(document: string): string {
    return path.join(this.credentials, `${document}${CREDENTIAL_EXTENSION}`)
  }

  /** Folder of the client's credentials, which goes with the demonstration. */
  get credentials(): string {
    return `${this.#network.folder}/credentials`
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  #read(document: string) {
    return readCredential(parseCredential(readFileSync(this.credentialFile(document))))
  }

  #storedFile(document: string): string {
    const hash = this.#read(document).contentHash.slice(2)
    return path.join(this.#network.evidence.contentFolder, 'objects', hash.slice(0, 2), hash.slice(2))
  }

  async #until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    for (const deadline = Date.now() + WAIT_MS; Date.now() < deadline; ) {
      const found = await look()
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    throw new Error(`waited ${WAIT_MS / 1000} s for ${what}`)
  }
}

interface VerifyDocument {
  name: string
  verdict: string
  credentials?: { name: string; verdict: string }[]
}
interface IndexedCredentials {
  credentials?: { state: string }[]
}
