import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes32 } from '../../../../protocol/hex.ts'
import type { ContentStore } from '../../../../services/evidence/content-store/content-store.ts'
import { DiskStore } from '../../../../services/evidence/content-store/disk-store.ts'
import { S3Store } from '../../../../services/evidence/content-store/s3-store.ts'
import { startS3Server } from '../../../support/s3-server.ts'

export interface StoreUnderTest {
  store: ContentStore
  /** A folder for anything else. */
  folder: string
  /** The file in which a content's bytes lie now. */
  fileOf(contentHash: Bytes32): string
  /** The file of the store's identity. */
  identityFile: string
  /** The same place, opened again: close the store before. */
  reopen(): Promise<ContentStore>
  drop(): Promise<void>
}

const keyOf = (hash: Bytes32): string => `objects/${hash.slice(2, 4)}/${hash.slice(4)}`

/** A content store of each kind, on a real disk and a real server. */
export const CONTENT_STORES: Record<string, () => Promise<StoreUnderTest>> = {
  disk: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-contents-'))
    const place = join(folder, 'store')
    const reopen = () => DiskStore.open(place)
    const store = await reopen()
    await store.identify(randomUUID())
    return {
      store,
      folder,
      fileOf: (hash) => join(place, keyOf(hash)),
      identityFile: join(place, 'store-id'),
      reopen,
      drop: async () => rmSync(folder, { recursive: true, force: true }),
    }
  },
  S3: async () => {
    const folder = mkdtempSync(join(tmpdir(), 'countersign-contents-'))
    const server = await startS3Server()
    const reopen = () => S3Store.open({ ...server.options, prefix: 'kept/here/' })
    const store = await reopen()
    await store.identify(randomUUID())
    return {
      store,
      folder,
      fileOf: (hash) => server.fileOf(`kept/here/${keyOf(hash)}`),
      identityFile: server.fileOf('kept/here/store-id'),
      reopen,
      drop: async () => {
        await store.close()
        await server.drop()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  },
}
