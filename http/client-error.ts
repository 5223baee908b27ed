import type { Socket } from 'node:net'
import { CountersignError, toProblem } from '../protocol/errors.ts'
import { PROBLEM_MEDIA_TYPE } from './problem.ts'

/** Answers what Node could not read as a request at all, and ends the connection: nothing after it can be told apart. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // An answer that was begun cannot be taken back; this would be read as a part of it.
  if (!socket.writable || (socket.bytesWritten > 0 && socket.writableLength > 0)) {
    socket.destroy()
    return
  }
  const problem = toProblem(ofClientError(error.code))
  const body = JSON.stringify(problem)
  socket.end(
    `HTTP/1.1 ${problem.status} ${REASONS[problem.status]}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
}

function ofClientError(code: string | undefined): CountersignError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new CountersignError('REQUEST_TIMED_OUT', 'the request did not arrive in time')
  if (code === 'HPE_HEADER_OVERFLOW')
    return new CountersignError('HEADERS_TOO_LARGE', 'URL and headers are too large')
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return new CountersignError('BODY_TOO_LARGE', 'the chunks of the body have too large extensions')
  return new CountersignError('REQUEST_INVALID', 'the request is no HTTP')
}
