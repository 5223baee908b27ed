import { CountersignError } from '../../protocol/errors.ts'
import type { Bytes32 } from '../../protocol/hex.ts'
import type { Disclosure, Receipt } from '../../protocol/receipt.ts'
import { parseSerial } from '../../protocol/serial.ts'
import type { QueryType } from '../party/query-types.ts'
import type { AnswerKeeper } from './answers/answer-keeper.ts'
import type { BookDeclaration } from './book/declaration.ts'
import { deriveAnswer, type Query, type SourceRows } from './book/derive-answer.ts'

export interface AnsweringDeps {
  book: {
    declaration: BookDeclaration
    declarationId: Bytes32
    rowsAbout(subject: string): SourceRows
  }
  /** The one that the book serves. */
  queryType: QueryType
  keeper: AnswerKeeper
}

/**
 * Answers from the book, and has the answer kept and vouched for. A subject that no row is about is an answer too.
 * @throws SERIAL_MALFORMED, QUERY_TYPE_UNKNOWN, QUERY_INVALID, RESULT_OFF_SCHEMA, and what the keeper throws
 */
export async function answerQuery(
  query: Query & { disclosure: Disclosure },
  { book, queryType, keeper }: AnsweringDeps,
): Promise<Receipt> {
  const { disclosure, ...asked } = query
  parseSerial(asked.serial)
  if (asked.type !== book.declaration.queryType)
    throw new CountersignError(
      'QUERY_TYPE_UNKNOWN',
      `this provider answers ${book.declaration.queryType} queries`,
    )
  queryType.checkQuery(asked.subject, asked.parameters)
  const sourceRows = book.rowsAbout(asked.subject)
  const result = deriveAnswer(book.declaration, asked, sourceRows)
  const receipt = await keeper.keep({
    query: asked,
    disclosure,
    result: checked(result, queryType),
    sourceRows,
    declarationId: book.declarationId,
  })
  return receipt
}

function checked<T extends ReturnType<typeof deriveAnswer>>(result: T, queryType: QueryType): T {
  const fault = queryType.faultOfResult(result)
  if (fault !== undefined) throw new CountersignError('RESULT_OFF_SCHEMA', fault)
  return result
}
