import { constants } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  mkdir,
  open,
  readFile,
  realpath,
  rename,
  rm,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { CountersignError } from '../../../protocol/errors.ts'
import type { Bytes32 } from '../../../protocol/hex.ts'
import { lockFor } from '../../party/database.ts'
import type { ContentStore, HashOptions } from './content-store.ts'
import { contentStream } from './content-stream.ts'
import { type HashedContent, hashOfFile } from './hash-of.ts'
import { newFileName, removeLeftFiles } from './left-files.ts'
import { asIdentity, IDENTITY_NAME, objectPath } from './object-path.ts'
import type { StagedContent } from './staging.ts'
import { storeFailure } from './store-failure.ts'

const CHUNK_BYTES = 256 * 1024
/** A link is not followed, and a pipe in a content's place does not hold the reader up. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Contents as files of one folder: `objects/<2 hex>/<62 hex>`. One process has it at a time. */
export class DiskStore implements ContentStore {
  readonly lateMs = 0
  readonly #folder: string
  readonly #incoming: string
  /** Folders whose own entry in their parent is durable. */
  readonly #durableFolders = new Set<string>()
  #lock: { close(): void } | undefined

  private constructor(folder: string) {
    this.#folder = folder
    this.#incoming = join(folder, 'incoming')
  }

  /** Makes the folder where there is none. @throws DATABASE_IN_USE, EVIDENCE_STORE_UNAVAILABLE, EVIDENCE_STORE_FULL */
  static async open(folder: string): Promise<DiskStore> {
    const store = new DiskStore(folder)
    try {
      await asStore(() => store.#open())
      return store
    } catch (error) {
      await store.close()
      throw error
    }
  }

  async put(staged: StagedContent): Promise<void> {
    const path = this.#pathOf(staged.contentHash)
    await asStore(async () => {
      // It was synced when it was received: what is read here is what the disk was given.
      await requireContent(staged.path, staged)
      await this.#makeDurableFolder(dirname(path))
      await this.#moveIn(staged, path)
      await syncFolder(dirname(path))
    })
  }

  async open(contentHash: Bytes32, signal?: AbortSignal): Promise<Readable | undefined> {
    const file = await this.#openFile(contentHash)
    if (file === undefined) return undefined
    return contentStream(
      {
        read: async () => {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES)
          return bytesRead === 0 ? null : buffer.subarray(0, bytesRead)
        },
        close: () => file.close(),
      },
      signal,
    )
  }

  async hash(contentHash: Bytes32, options: HashOptions = {}): Promise<HashedContent | undefined> {
    const file = await this.#openFile(contentHash)
    if (file === undefined) return undefined
    try {
      return await hashOfFile(file, options)
    } catch (error) {
      options.signal?.throwIfAborted()
      throw storeFailure(error)
    } finally {
      await file.close()
    }
  }

  async remove(contentHash: Bytes32): Promise<boolean> {
    const path = this.#pathOf(contentHash)
    return asStore(async () => {
      try {
        await unlink(path)
      } catch (error) {
        if (!isAbsence(error)) throw error
        await this.identity()
        return false
      }
      await syncFolder(dirname(path))
      return true
    })
  }

  async identity(): Promise<string> {
    return asIdentity(await this.#readIdentity())
  }

  async identify(id: string): Promise<string> {
    const known = await this.#readIdentity()
    if (known !== undefined) return asIdentity(known)
    const path = join(this.#incoming, newFileName())
    await asStore(async () => {
      await writeFile(path, id, { mode: 0o600, flush: true })
      // Whole or not at all.
      await rename(path, join(this.#folder, IDENTITY_NAME))
      await syncFolder(this.#folder)
    })
    return this.identity()
  }

  describe(): string {
    return this.#folder
  }

  async close(): Promise<void> {
    this.#lock?.close()
    this.#lock = undefined
  }

  async #open(): Promise<void> {
    const folder = this.#folder
    for (const path of [folder, join(folder, 'objects'), this.#incoming])
      await mkdir(path, { recursive: true, mode: 0o700 })
    this.#lock = lockFolder(await realpath(folder))
    // What an earlier process was copying; no content refers to it.
    await removeLeftFiles(this.#incoming)
    for (const path of [folder, dirname(folder)]) await syncFolder(path)
  }

  #pathOf(contentHash: Bytes32): string {
    return join(this.#folder, objectPath(contentHash))
  }

  /** Nothing is taken for absent where the whole store is. */
  async #openFile(contentHash: Bytes32): Promise<FileHandle | undefined> {
    const file = await asStore(() => openIfThere(this.#pathOf(contentHash)))
    if (file === undefined) await this.identity()
    return file
  }

  #readIdentity(): Promise<string | undefined> {
    return asStore(() =>
      readFile(join(this.#folder, IDENTITY_NAME), 'utf8').catch((error) => {
        if (error.code === 'ENOENT') return undefined
        throw error
      }),
    )
  }

  async #makeDurableFolder(path: string): Promise<void> {
    // Not the folders above it: where those are gone, the disk is.
    const isNew = await mkdir(path, { mode: 0o700 }).then(
      () => true,
      (error) => {
        if (error.code === 'EEXIST') return false
        throw error
      },
    )
    if (!isNew && this.#durableFolders.has(path)) return
    await syncFolder(dirname(path))
    this.#durableFolders.add(path)
  }

  async #moveIn(staged: StagedContent, path: string): Promise<void> {
    try {
      await rename(staged.path, path)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EXDEV') throw error
      await this.#copyIn(staged, path)
    }
  }

  /** From another file system nothing can be renamed: it is copied, synced and read again beside its place. */
  async #copyIn(staged: StagedContent, path: string): Promise<void> {
    const copy = join(this.#incoming, newFileName())
    try {
      await copyFile(staged.path, copy, constants.COPYFILE_EXCL)
      await sync(copy)
      await requireContent(copy, staged)
      await rename(copy, path)
    } finally {
      await rm(copy, { force: true })
    }
  }
}

function lockFolder(folder: string): { close(): void } {
  try {
    return lockFor(join(folder, 'store'))
  } catch (cause) {
    throw new CountersignError('DATABASE_IN_USE', `another process has the content store ${folder}`, {
      cause,
      action: 'Stop the other process, or give this one a store of its own.',
    })
  }
}

async function requireContent(path: string, { contentHash, size }: StagedContent): Promise<void> {
  const file = await open(path, 'r')
  const found = await hashOfFile(file).finally(() => file.close())
  if (found.contentHash !== contentHash || found.size !== size)
    throw new CountersignError('EVIDENCE_STORE_UNAVAILABLE', 'the disk gave other bytes than it was given')
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, READ_FLAGS)
    const isFile = await file.stat().then(
      (stats) => stats.isFile(),
      async (error) => {
        await file.close()
        throw error
      },
    )
    if (isFile) return file
    await file.close()
    return undefined
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

/** Nothing of that name, or something that is no file of ours: a link, a socket, a folder on the way. */
const isAbsence = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EISDIR'].includes((error as { code?: string }).code ?? '')

async function sync(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

const syncFolder = sync

const asStore = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error) => {
    throw storeFailure(error)
  })
