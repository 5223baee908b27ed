import { stat } from 'node:fs/promises'
import { CountersignError } from '../../protocol/errors.ts'
import { CREDENTIAL_EXTENSION } from './credential-names.ts'
import { findDocuments, type LeftOut, reasonOf } from './named-documents.ts'

/** Files that are to be verified. */
export interface NamedFiles {
  files: string[]
  /** Folders that could not be read. */
  leftOut: LeftOut[]
  /** Whether a folder was named: then there may be any number. */
  hasFolder: boolean
}

/** Files as they are named, and all credentials in folders that are. @throws FILE_UNREADABLE */
export async function findCredentialFiles(args: readonly string[]): Promise<NamedFiles> {
  const named: NamedFiles = { files: [], leftOut: [], hasFolder: false }
  for (const arg of args) {
    const isFolder = await stat(arg).then(
      (stats) => stats.isDirectory(),
      (cause: Error) => {
        throw new CountersignError('FILE_UNREADABLE', `${arg}: ${reasonOf(cause)}`, { cause })
      },
    )
    if (!isFolder) {
      named.files.push(arg)
      continue
    }
    named.hasFolder = true
    const { documents, leftOut } = await findDocuments([arg])
    named.leftOut.push(...leftOut.filter(({ isFault }) => isFault))
    for (const { file } of documents) if (file.endsWith(CREDENTIAL_EXTENSION)) named.files.push(file)
  }
  return named
}
