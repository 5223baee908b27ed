import { isUtf8 } from 'node:buffer'
import { type Json, parseJson } from '../../../protocol/canonical-json.ts'
import { CountersignError } from '../../../protocol/errors.ts'
import { hasDuplicateNames } from './duplicate-names.ts'

/**
 * Reads JSON that is to be kept: nothing of it may be lost on the way. Whether a canonical form carries it, that form's writer says.
 * @throws JSON_MALFORMED, JSON_NOT_CANONICALISABLE for two members of one name
 */
export function readJson(bytes: Uint8Array): Json {
  if (!isUtf8(bytes)) throw new CountersignError('JSON_MALFORMED', 'the JSON is not UTF-8')
  const text = Buffer.from(bytes).toString('utf8')
  const value = parseJson(text)
  if (hasDuplicateNames(text, value))
    throw new CountersignError('JSON_NOT_CANONICALISABLE', 'two members of one object have the same name')
  return value
}
