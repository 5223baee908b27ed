import type { RawLog } from './raw-log.ts'
import { LogScanner, UnknownForm } from './scan-logs.ts'

const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const CLOSE_OBJECT = 0x7d
const OPEN_OBJECT = 0x7b
const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Shorter bodies are parsed as soon as they are scanned. */
const MIN_BYTES = 4_096

interface Answer {
  jsonrpc?: unknown
  id?: unknown
  result?: unknown
}

/**
 * What JSON.parse makes of a body, only that of logs there are the members of `RawLog` alone. Long bodies are answers of logs,
 * and are scanned for them; whatever has another form goes to JSON.parse.
 * @returns undefined when it is not JSON
 */
export function parseBody(body: Buffer): unknown {
  const scanned = body.length < MIN_BYTES ? undefined : scanAnswers(body)
  if (scanned !== undefined) return scanned
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/** The answer or the batch of answers, at least one of them with logs; undefined when that is not what it is. */
export function scanAnswers(body: Buffer): Answer | Answer[] | undefined {
  const scanner = new LogScanner(body)
  try {
    const answers = scanner.space() === OPEN_ARRAY ? readBatch(scanner, body) : readAnswer(scanner, body)
    return scanner.space() === undefined ? answers : undefined
  } catch (error) {
    // Not JSON, or not what is known here: JSON.parse is to say which.
    if (error instanceof UnknownForm || error instanceof SyntaxError) return undefined
    throw error
  }
}

function readBatch(scanner: LogScanner, body: Buffer): Answer[] {
  const answers: Answer[] = []
  scanner.expect(OPEN_ARRAY)
  do answers.push(readAnswer(scanner, body))
  while (scanner.isAnother(CLOSE_ARRAY))
  return answers
}

function readAnswer(scanner: LogScanner, body: Buffer): Answer {
  const answer: Answer = {}
  scanner.expect(OPEN_OBJECT)
  do {
    const name = scanner.readName()
    if (name !== 'jsonrpc' && name !== 'id' && name !== 'result') throw new UnknownForm()
    if (name in answer) throw new UnknownForm()
    answer[name] = name === 'result' ? readResult(scanner, body) : readValue(scanner, body)
  } while (scanner.isAnother(CLOSE_OBJECT))
  return answer
}

/** An array is of logs; a header, say, is small. */
const readResult = (scanner: LogScanner, body: Buffer): RawLog[] | unknown =>
  body[scanner.at] === OPEN_ARRAY ? scanner.readLogs() : readValue(scanner, body)

/** Any value: its end is found, and the rest left to JSON.parse, which refuses what only looked like one. */
function readValue(scanner: LogScanner, body: Buffer): unknown {
  const from = scanner.at
  scanner.at = endOfValue(body, from)
  return JSON.parse(body.toString('utf8', from, scanner.at))
}

function endOfValue(body: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < body.length; at++) {
    const byte = body[at]!
    if (byte === QUOTE) at = endOfText(body, at)
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      // Of a bare value, the end of what it is in.
      if (depth === 0) return at
      depth--
    } else if (depth > 0 || byte !== COMMA) continue
    if (depth === 0) return byte === COMMA ? at : at + 1
  }
  return body.length
}

const COMMA = 0x2c

/** @returns where its closing quote is */
function endOfText(body: Buffer, from: number): number {
  let at = from + 1
  while (at < body.length && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
  return at
}
