import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

/** The server's end of one WebSocket (RFC 6455): text messages, small ones, without extensions. */
export interface ServerSocket {
  send(text: string): void
  onMessage: (text: string) => void
  onClose: () => void
  /** Ends the connection without a word, as a cut line does. */
  cut(): void
}

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10

/** Answers the upgrade request. */
export function acceptWebSocket(request: IncomingMessage, stream: Duplex, head: Buffer): ServerSocket {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${MAGIC}`).digest('base64')
  stream.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let buffered = head
  let fragments: Buffer[] = []
  const socket: ServerSocket = {
    send: (text) => void (stream.writable && stream.write(frame(TEXT, Buffer.from(text)))),
    onMessage: () => {},
    onClose: () => {},
    cut: () => stream.destroy(),
  }
  function read(): void {
    for (let next = parseFrame(buffered); next !== undefined; next = parseFrame(buffered)) {
      buffered = buffered.subarray(next.size)
      if (next.opcode === CLOSE) {
        if (stream.writable) stream.end(frame(CLOSE, next.payload))
        return
      }
      if (next.opcode === PING) stream.write(frame(PONG, next.payload))
      if (next.opcode > 2) continue
      fragments.push(next.payload)
      if (!next.isLast) continue
      const text = Buffer.concat(fragments).toString('utf8')
      fragments = []
      socket.onMessage(text)
    }
  }
  stream.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    read()
  })
  stream.on('error', () => {})
  stream.once('close', () => socket.onClose())
  if (head.length > 0) queueMicrotask(read)
  return socket
}

/** A server's frame is whole and not masked. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), uint32(length)])
  return Buffer.concat([head, payload])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A client's frame is masked. Undefined until it is there as a whole. */
function parseFrame(
  bytes: Buffer,
): { opcode: number; isLast: boolean; payload: Buffer; size: number } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes[1]! & 0x7f
  const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0
  if (bytes.length < 2 + lengthSize) return undefined
  const length =
    lengthSize === 0 ? short : lengthSize === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const maskSize = (bytes[1]! & 0x80) === 0 ? 0 : 4
  const start = 2 + lengthSize + maskSize
  if (bytes.length < start + length) return undefined
  const payload = Buffer.from(bytes.subarray(start, start + length))
  if (maskSize > 0)
    for (let i = 0; i < length; i++) payload[i] = payload[i]! ^ bytes[2 + lengthSize + (i & 3)]!
  return { opcode: bytes[0]! & 0x0f, isLast: (bytes[0]! & 0x80) !== 0, payload, size: start + length }
}
