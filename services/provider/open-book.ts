import type { DatabaseSync } from 'node:sqlite'
import type { Logger } from 'pino'
import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import { loadQueryTypes, type QueryType } from '../party/query-types.ts'
import { BookStore, type TableReport } from './book/book-store.ts'
import { type BookDeclaration, readBookDeclaration } from './book/declaration.ts'
import type { SourceRows } from './book/derive-answer.ts'
import { folderOfDeclaration, loadBook } from './book/load-book.ts'

export interface OpenBook {
  declaration: BookDeclaration
  declarationId: Bytes32
  queryType: QueryType
  rowsAbout(subject: string): SourceRows
  /** Unix seconds. */
  loadedAt(): number
  tables(): TableReport[]
  /** Loads the book again if its files have changed. */
  reload(): Promise<void>
}

export interface BookPlace {
  declarationFile: string
  queryTypeFolder: string
  dataFolder: string | undefined
}

/** Opens the declared book in the provider's database, loading what has changed. @throws BOOK_DECLARATION_INVALID, BOOK_FILE_UNUSABLE */
export async function openBook(db: DatabaseSync, place: BookPlace, logger: Logger): Promise<OpenBook> {
  const declaration = readBookDeclaration(place.declarationFile)
  const queryType = loadQueryTypes(place.queryTypeFolder).get(declaration.queryType)
  if (queryType === undefined)
    throw new CountersignError(
      'BOOK_DECLARATION_INVALID',
      `queryType ${declaration.queryType} is not declared in ${place.queryTypeFolder}`,
    )
  const store = new BookStore(db)
  const source = {
    declaration,
    folder: folderOfDeclaration(place.declarationFile),
    dataFolder: place.dataFolder,
  }
  const book: OpenBook = {
    declaration,
    declarationId: store.keepDeclaration(declaration),
    queryType,
    rowsAbout: (subject) => store.rowsAbout(subject),
    loadedAt: () => store.state()?.loadedAt ?? 0,
    tables: () => store.state()?.report ?? [],
    reload: async () => {
      const { outcome, state } = await loadBook(store, source)
      for (const { refusals, ...table } of state.report) {
        logger.info({ ...table, outcome }, 'book table loaded')
        if (outcome === 'loaded' && refusals.length > 0)
          logger.warn({ table: table.table, refusals }, 'broken rows refused')
      }
    },
  }
  await book.reload()
  return book
}
