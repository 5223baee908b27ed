import type { Dirent, Stats } from 'node:fs'
import { lstat, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { CountersignError } from '../../protocol/errors.ts'

/** A file that is to be notarized. */
export interface NamedDocument {
  /** As it can be opened from here. */
  file: string
  /** Where its credential goes under the output folder: of a folder's file the path in that folder, else the file's name. */
  place: string
  /** Bytes, when it was looked at. */
  size: number
}
/** What was come across and left out, and why. */
export interface LeftOut {
  file: string
  reason: string
  /** It should have been read and could not be. */
  isFault: boolean
}
export interface FoundDocuments {
  documents: NamedDocument[]
  leftOut: LeftOut[]
}

/** So many paths are kept in memory. */
const MAX_DOCUMENTS = 200_000
const MAX_DEPTH = 64

/**
 * The files that arguments name: files themselves, and everything in folders and the folders within. A symbolic link is followed where it
 * was named, and left out where it was come across: it may lead out of the folder, or in circles.
 * @param except a folder that is passed over, wherever it is come across
 * @throws FILE_UNREADABLE when an argument names nothing, when two would get the same place, or past 200,000 files
 */
export async function findDocuments(args: readonly string[], except?: string): Promise<FoundDocuments> {
  const found: FoundDocuments = { documents: [], leftOut: [] }
  const walk: Walk = { found, except: except === undefined ? undefined : path.resolve(except) }
  for (const arg of args) {
    const stats = await statOf(arg)
    if (stats.isDirectory()) await walkFolder(arg, '', walk, 0)
    else take(found, arg, path.basename(path.resolve(arg)), stats)
  }
  requireOwnPlaces(found.documents)
  return found
}

async function statOf(arg: string): Promise<Stats> {
  try {
    return await stat(arg)
  } catch (cause) {
    throw new CountersignError('FILE_UNREADABLE', `${arg}: ${reasonOf(cause)}`, { cause })
  }
}

interface Walk {
  found: FoundDocuments
  except: string | undefined
}

async function walkFolder(folder: string, within: string, walk: Walk, depth: number): Promise<void> {
  const { found, except } = walk
  const leaveOut = (file: string, reason: string, isFault = false): void => {
    found.leftOut.push({ file, reason, isFault })
  }
  if (path.resolve(folder) === except) return
  let entries: Dirent[]
  try {
    entries = await readdir(folder, { withFileTypes: true })
  } catch (cause) {
    return leaveOut(folder, reasonOf(cause), true)
  }
  if (entries.length === 0) leaveOut(folder, 'an empty folder')
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name)
    const place = path.join(within, entry.name)
    if (entry.isSymbolicLink()) leaveOut(file, 'a symbolic link, which is not followed')
    else if (entry.isDirectory() && depth >= MAX_DEPTH)
      leaveOut(file, `more than ${MAX_DEPTH} folders deep`, true)
    else if (entry.isDirectory()) await walkFolder(file, place, walk, depth + 1)
    else
      try {
        take(found, file, place, await lstat(file))
      } catch (cause) {
        if (cause instanceof CountersignError) throw cause
        leaveOut(file, reasonOf(cause), true)
      }
  }
}

function take(found: FoundDocuments, file: string, place: string, stats: Stats): void {
  if (!stats.isFile()) found.leftOut.push({ file, reason: 'a device, pipe or socket', isFault: false })
  else found.documents.push({ file, place, size: stats.size })
  if (found.documents.length > MAX_DOCUMENTS)
    throw new CountersignError('FILE_UNREADABLE', `there are more than ${MAX_DOCUMENTS} files`, {
      action: 'Hand them in folder by folder.',
    })
}

function requireOwnPlaces(documents: readonly NamedDocument[]): void {
  const byPlace = new Map<string, string>()
  for (const { file, place } of documents) {
    const other = byPlace.get(place)
    if (other !== undefined)
      throw new CountersignError(
        'FILE_UNREADABLE',
        `the credentials of ${other} and ${file} would both be ${place}`,
        { action: 'Hand them in one after the other, each with another --out.' },
      )
    byPlace.set(place, file)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'it may not be read',
  EPERM: 'it may not be read',
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EMFILE: 'too many files are open',
  ELOOP: 'a symbolic link that leads in circles',
}

/** Why a file could not be read, for people. */
export const reasonOf = (error: unknown): string => {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
