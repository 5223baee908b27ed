import { CountersignError } from '../../../protocol/errors.ts'
import type { ContentStore } from './content-store.ts'
import { DiskStore } from './disk-store.ts'
import { S3Store } from './s3-store.ts'

export interface ContentStoreSettings {
  /** A folder, or `s3://bucket/prefix`. */
  store: string
  /** Needed for `s3://`. */
  s3?: { endpoint: string; region: string; accessKeyId: string; secretAccessKey: string; stallMs?: number }
}

const S3_URL = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]+)?\/?)?$/

/** Opens the store of the settings. @throws CONFIGURATION_INVALID, EVIDENCE_STORE_UNAVAILABLE */
export async function openContentStore({ store, s3 }: ContentStoreSettings): Promise<ContentStore> {
  if (!store.startsWith('s3:')) return DiskStore.open(store)
  const [, bucket, prefix] = S3_URL.exec(store) ?? []
  if (bucket === undefined || prefix?.split('/').some((part) => /^\.+$/.test(part)))
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'the object store is not of the form s3://bucket/prefix',
    )
  if (s3 === undefined)
    throw new CountersignError(
      'CONFIGURATION_INVALID',
      'an object store needs endpoint, region and access key',
    )
  return S3Store.open({ ...s3, bucket, prefix: prefix === undefined ? '' : `${prefix}/` })
}
