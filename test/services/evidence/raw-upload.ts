import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { EvidenceProcess } from './evidence-fixture.ts'

export const BOUNDARY = 'countersign-test-boundary'

export interface Part {
  name: string
  filename?: string
  type?: string
  /** Further lines of its headers. */
  headers?: readonly string[]
  content: string | Buffer
}

/** The bytes of a form, without what its end needs when `isOpen`. */
export function formOf(parts: readonly Part[], { isOpen = false } = {}): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ name, filename, type, headers = [], content }, i) => [
      Buffer.from(
        `${i === 0 ? '' : '\r\n'}--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"` +
          `${filename === undefined ? '' : `; filename="${filename}"`}\r\n` +
          `${type === undefined ? '' : `content-type: ${type}\r\n`}${headers.map((line) => `${line}\r\n`).join('')}\r\n`,
      ),
      Buffer.from(content as string),
    ]),
    Buffer.from(isOpen ? '' : `\r\n--${BOUNDARY}--\r\n`),
  ])
}

export const filePart = (content: string | Buffer, filename = 'a.bin'): Part => ({
  name: 'file',
  filename,
  type: 'application/octet-stream',
  content,
})

/** Request line and headers of an upload. */
export const uploadHead = (server: EvidenceProcess, ...headers: string[]): string =>
  [
    'POST /v1/evidence HTTP/1.1',
    `host: ${new URL(server.url).host}`,
    `authorization: Bearer ${server.apiKey}`,
    ...(headers.some((line) => line.startsWith('content-type'))
      ? []
      : [`content-type: multipart/form-data; boundary=${BOUNDARY}`]),
    ...headers,
    '',
    '',
  ].join('\r\n')

export interface OpenUpload {
  socket: Socket
  /** Everything that came back so far. */
  received: () => string
  /** The status of the answer; undefined when the connection ended without one. */
  status: Promise<number | undefined>
}

/** Begins an upload; what is sent is the test's affair. */
export async function openUpload(server: EvidenceProcess): Promise<OpenUpload> {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  let text = ''
  socket.on('error', () => {})
  const status = new Promise<number | undefined>((resolve) => {
    const read = () => {
      const [, code] = /^HTTP\/1\.1 (\d{3})[\s\S]*?\r\n\r\n/.exec(text) ?? []
      if (code !== undefined) resolve(Number(code))
    }
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      read()
    })
    socket.on('close', () => resolve(undefined))
  })
  return { socket, received: () => text, status }
}

/** Writes as fast as the other side takes it, until `bytes` are gone or the connection is. Returns how many were. */
export async function pour(socket: Socket, bytes: number, chunkSize = 64 * 1024): Promise<number> {
  const chunk = Buffer.alloc(chunkSize, 0x61)
  const closed = once(socket, 'close').catch(() => {})
  let sent = 0
  while (sent < bytes && !socket.destroyed && socket.writable) {
    const next = chunk.subarray(0, Math.min(chunkSize, bytes - sent))
    sent += next.length
    if (socket.write(next)) continue
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.once('drain', resolve)
    await Promise.race([promise, closed])
    socket.off('drain', resolve)
  }
  return sent
}
