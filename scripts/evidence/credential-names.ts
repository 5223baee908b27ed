import { readdir } from 'node:fs/promises'

export const CREDENTIAL_EXTENSION = '.credential.json'

/** As many folders as are worked on at once. */
const MAX_FOLDERS = 32
/** An id before the extension: of a credential that is not the first of its document. */
const WITH_ID = /\.[0-9A-HJKMNP-TV-Z]{26}$/

/** Which credentials lie in a folder, by the document that they are named after. Each folder is listed once. */
export class CredentialNames {
  readonly #folders = new Map<string, Promise<Map<string, Set<string>>>>()

  /** The first of a document, then those with an id in their name. */
  async of(folder: string, base: string): Promise<string[]> {
    const names = (await this.#list(folder)).get(base) ?? []
    return [...names].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  }

  async add(folder: string, name: string): Promise<void> {
    put(await this.#list(folder), name)
  }

  async remove(folder: string, name: string): Promise<void> {
    const byBase = await this.#list(folder)
    for (const base of basesOf(name)) byBase.get(base)?.delete(name)
  }

  #list(folder: string): Promise<Map<string, Set<string>>> {
    const known = this.#folders.get(folder)
    if (known !== undefined) return known
    const listed = list(folder)
    this.#folders.set(folder, listed)
    if (this.#folders.size > MAX_FOLDERS) this.#folders.delete(this.#folders.keys().next().value!)
    return listed
  }
}

async function list(folder: string): Promise<Map<string, Set<string>>> {
  const byBase = new Map<string, Set<string>>()
  // There is no folder before the first credential.
  for (const name of await readdir(folder).catch(() => [])) put(byBase, name)
  return byBase
}

function put(byBase: Map<string, Set<string>>, name: string): void {
  for (const base of basesOf(name)) {
    const names = byBase.get(base)
    if (names === undefined) byBase.set(base, new Set([name]))
    else names.add(name)
  }
}

/** A document may itself be named as if it had an id. */
function basesOf(name: string): string[] {
  if (!name.endsWith(CREDENTIAL_EXTENSION)) return []
  const base = name.slice(0, -CREDENTIAL_EXTENSION.length)
  return WITH_ID.test(base) ? [base, base.replace(WITH_ID, '')] : [base]
}
